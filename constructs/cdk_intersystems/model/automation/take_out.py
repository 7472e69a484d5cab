"""The document that takes a failover member out in good order, before its host is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cdk_intersystems.model.topology import FAILOVER_MEMBERS

from .members import ask, hand_over, needs_parameter, stop, suffices, told
from .roll import CHANGING
from .steps import branch, chosen, document, done, every, find_members, one_at_a_time, refusal

if TYPE_CHECKING:
    from cdk_intersystems.model.topology import FailoverMemberId

    from .steps import Condition, Document, Mirror, Step

# A day: whoever approves may have to wait for the evening.
_APPROVAL_SECONDS: Final = 86_400


def take_out_document(mirror: Mirror) -> Document:
    """Makes sure that the other member is the primary, and stops IRIS on this one, after somebody approved.

    What comes after it is done by `cdk deploy`: see docs/how-to/upgrade-the-image.md.

    Args:
        mirror: The mirror.
    """
    return document(
        mirror,
        f"Takes a member of mirror {mirror.name} of {mirror.deployment} out: the other one becomes the primary if it isn't, "
        "and IRIS is stopped on this one, so that its host can be replaced. Asks for an approval before it changes anything.",
        {
            "Member": {
                "type": "String",
                "allowedValues": list(FAILOVER_MEMBERS),
                "description": "The member whose host is to be replaced.",
            },
            "Approvers": {
                "type": "StringList",
                "minItems": 1,
                "maxItems": 10,
                "description": "Who may approve: ARNs of IAM roles or users, or names of users. One approval is enough.",
            },
            **needs_parameter(),
        },
        [
            *one_at_a_time(mirror, CHANGING, then="FindA"),
            *find_members(mirror, then="AskA"),
            ask("a", "AskA", then="AskB"),
            ask("b", "AskB", then="WhichMember"),
            branch(
                "WhichMember",
                "The member that was chosen.",
                [(chosen("Member", member), f"IsTheMirrorReadyWithout{member.upper()}") for member in FAILOVER_MEMBERS],
                default="RefusedNoSuchMember",
            ),
            refusal(mirror, "RefusedNoSuchMember", "a member is a or b"),
            *_before(mirror, "a", "b"),
            *_after(mirror, "a", "b"),
            *_before(mirror, "b", "a"),
            *_after(mirror, "b", "a"),
        ],
    )


def _before(mirror: Mirror, member: FailoverMemberId, other: FailoverMemberId) -> list[Step]:
    """Refuses a mirror that isn't ready, and asks for an approval."""
    x, y = member.upper(), other.upper()
    backup, primary, stopped = _cases(f"Ask{x}", f"Ask{y}")
    return [
        branch(
            f"IsTheMirrorReadyWithout{x}",
            f"Goes on if the mirror is ready, or if member {member} was stopped by an earlier run.",
            [(case, f"Approve{x}") for case in (*backup, *primary, stopped)],
            default=f"RefusedMirrorNotReadyFor{x}",
        ),
        refusal(mirror, f"RefusedMirrorNotReadyFor{x}", _NEEDED.format(member)),
        {
            "name": f"Approve{x}",
            "description": f"Waits for an approval: then the mirror has no backup until member {member} is back.",
            "action": "aws:approve",
            "timeoutSeconds": _APPROVAL_SECONDS,
            "onFailure": "Abort",
            "inputs": {
                "Message": (
                    f"Take member {member} of mirror {mirror.name} of {mirror.deployment} out? Member {other} will be the "
                    "primary, without a backup, until the new host has joined."
                ),
                "MinRequiredApprovals": 1,
                "Approvers": "{{ Approvers }}",
            },
            "nextStep": f"Ask{x}Approved",
        },
    ]


def _after(mirror: Mirror, member: FailoverMemberId, other: FailoverMemberId) -> list[Step]:
    """Looks again, hands over or stops, and makes sure that the other member is the primary."""
    x, y = member.upper(), other.upper()
    asked_x, asked_y = f"Ask{x}Approved", f"Ask{x}{y}Approved"
    backup, primary, stopped = _cases(asked_x, asked_y)
    return [
        ask(member, asked_x, then=asked_y),
        ask(other, asked_y, then=f"WhatIs{x}Now"),
        branch(
            f"WhatIs{x}Now",
            "Looks again, since the approval may have taken hours.",
            [
                *((case, f"Stop{x}") for case in (*backup, stopped)),
                *((case, f"HandOverTo{y}") for case in primary),
            ],
            default=f"RefusedMirrorChangedBefore{x}",
        ),
        refusal(mirror, f"RefusedMirrorChangedBefore{x}", f"{_NEEDED.format(member)}; it was so before the approval"),
        *hand_over(mirror, member, other, f"HandOverTo{y}", then=f"Done{x}"),
        stop(member, f"Stop{x}", then=f"Ask{y}AtTheEnd"),
        ask(other, f"Ask{y}AtTheEnd", then=f"Is{y}ThePrimary"),
        branch(
            f"Is{y}ThePrimary",
            f"Ends well if member {other} is the primary.",
            [(told(f"Ask{y}AtTheEnd", "role", "primary"), f"Done{x}")],
            default=f"Refused{y}IsNotThePrimary",
        ),
        refusal(mirror, f"Refused{y}IsNotThePrimary", f"member {other} is not the primary: keep the host of member {member}"),
        done(f"Done{x}", f"IRIS is stopped on member {member}. Its host can be replaced now, by cdk deploy."),
    ]


def _cases(this: str, other: str) -> tuple[list[Condition], list[Condition], Condition]:
    """The states in which a member may be taken out: the backup, the primary, or stopped by an earlier run."""
    backup = suffices(other, told(this, "role", "backup"), told(other, "role", "primary"))
    primary = suffices(this, told(this, "role", "primary"), told(other, "role", "backup"))
    stopped = every(told(this, "unfinished", "yes"), told(this, "role", "none"), told(other, "role", "primary"))
    return backup, primary, stopped


_NEEDED: Final = (
    "before member {} is taken out, one member has to be the primary, the other an active backup, caught up, and the arbiter "
    "connected to both"
)
