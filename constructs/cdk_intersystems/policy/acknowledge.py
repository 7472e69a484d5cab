"""How this library acknowledges a finding of a policy pack: on the exact construct, with what compensates for it."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge findings on one construct.

    Args:
        construct: The exact construct the findings are about, never a stack.
        reasons: Per finding id (with its details in brackets where the rule has them, as cdk-nag 3 prints them without the
            pack's name) what compensates for it, or "not yet" and what will.
    """
    Validations.of(construct).acknowledge(*(Acknowledgment(id=finding, reason=reason) for finding, reason in reasons.items()))


def wildcard_finding(scope: IConstruct, resource: str) -> str:
    """The id of AwsSolutions' finding about an IAM policy that names a resource with a wildcard in it.

    Args:
        scope: A construct of the policy's stack.
        resource: The resource as the policy names it.
    """
    return f"AwsSolutions-IAM5[Resource::{_flat(Stack.of(scope).resolve(resource))}]"


def _flat(value: object) -> str:
    """A CloudFormation value in the words of cdk-nag: references in angle brackets."""
    if isinstance(value, dict) and len(value) == 1:
        function, argument = next(iter(value.items()))
        if function == "Fn::Join":
            separator, parts = argument
            return str(separator).join(_flat(part) for part in parts)
        if function == "Fn::GetAtt":
            return f"<{_flat(argument[0])}.{_flat(argument[1])}>"
        if function == "Ref":
            return f"<{argument}>"
        if function == "Fn::ImportValue":
            return _flat(argument)
    return str(value)
