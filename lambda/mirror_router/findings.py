"""What a run and the members' answers mean, as metrics. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .mirror_status import PRIMARY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .core import Claim
    from .run import Outcome


def of_run(outcome: Outcome, members: Sequence[str]) -> dict[str, float]:
    """The metrics of a run that came to its end.

    Args:
        outcome: What it did.
        members: The failover members in their order.
    """
    found: dict[str, float] = {"RoutesChanged": len(outcome.written), "RoutesRepaired": outcome.repaired}
    if outcome.claim is None:
        return found
    found |= {"RouteEpoch": outcome.claim.epoch, "RoutedMember": members.index(outcome.claim.member)}
    # Each takeover takes one. Two that follow each other faster than the router runs look like a jump, too.
    found["EpochJump"] = max(0, outcome.claim.epoch - (outcome.before.epoch if outcome.before else 0) - 1)
    return found


def of_members(claim: Claim | None, answers: Mapping[str, str]) -> dict[str, float]:
    """The metrics of what members answered.

    Args:
        claim: The claim that clients are led by.
        answers: Member -> what it says it is.
    """
    primaries = [member for member, answer in answers.items() if answer == PRIMARY]
    routed_is_primary = claim is not None and claim.member in primaries
    return {
        "NoPrimary": float(not primaries),
        "SeveralPrimaries": float(len(primaries) > 1),
        "RoutedMemberNotPrimary": float(claim is not None and not routed_is_primary),
    }
