"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from cdk_intersystems.policy.rules.assembly import Assembly, Resource, Stack

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a rule doesn't allow.

    Args:
        where: The resource, or the stack if it is about the stack itself.
        message: What is wrong, in words.
        location: Where in the resource or template, e.g. `Properties.ImageId`.
    """

    where: Resource | Stack
    message: str
    location: str = "Properties"

    @property
    def stack(self) -> Stack:
        """The stack it is in."""
        return self.where if isinstance(self.where, Stack) else self.where.stack

    @property
    def logical_id(self) -> str | None:
        """The resource's logical id; None if it is about the stack."""
        return None if isinstance(self.where, Stack) else self.where.logical_id


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of `IrisChecks`.

    Args:
        id: Its id, by which findings are acknowledged; never given to another rule.
        title: What holds, in a sentence.
        fix: What to do about a finding.
        check: Finds what doesn't hold.
        severity: An error fails the synthesis; a warning is reported, and fails only where warnings do.
    """

    id: str
    title: str
    fix: str
    check: Callable[[Assembly], Iterator[Finding]]
    severity: Severity = "error"


def rule(
    id: str, title: str, *, fix: str, severity: Severity = "error"
) -> Callable[[Callable[[Assembly], Iterator[Finding]]], Rule]:
    """Make a rule of the function that checks it."""

    def make(check: Callable[[Assembly], Iterator[Finding]]) -> Rule:
        return Rule(id, title, fix, check, severity)

    return make
