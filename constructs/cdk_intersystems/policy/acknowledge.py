"""How this library acknowledges a finding of a policy pack: on the exact construct, with what compensates for it."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge findings on one construct.

    Args:
        construct: The exact construct the findings are about, never a stack.
        reasons: Per finding id (with its details in brackets where the rule has them, as cdk-nag 3 prints them without the
            pack's name) what compensates for it, or "not yet" and what will.
    """
    for finding, reason in reasons.items():
        Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))
