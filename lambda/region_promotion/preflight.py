"""What stands against a move. Pure: from what members say of themselves and of each other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .records import DR, PROMOTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records import Plan
    from .settings import Settings


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of the mirror.

    Args:
        target: System name -> what a member of the region that is to serve says of itself; those that answered.
        former: The same of the region that serves now. None: it was not asked, or not reached.
    """

    target: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    former: Mapping[str, Mapping[str, Any]] | None = None


def judge(plan: Plan, seen: Seen, settings: Settings) -> tuple[Plan, tuple[str, ...]]:
    """The plan with who becomes primary and how, and what stands against it.

    Args:
        plan: What was asked for.
        seen: What was seen.
        settings: The function's settings.
    """
    if not seen.target:
        return plan, (f"no member in {plan.target} runs and answers: bring one up, see docs/runbooks/promotion-failed.md",)
    member = min(seen.target, key=lambda name: _fitness(seen.target[name], name))
    says = seen.target[member]
    lag = _lag(says)
    known = None if lag == float("inf") else round(lag, 1)
    agents = says.get("agents") or {}
    former = settings.others if plan.target == DR else settings.system_names.values()
    # A planned move has the former members up. Without a primary, who has the newest journals is known by all of them together.
    partner = "auto" if plan.kind != PROMOTION or all(agents.get(name) for name in former) else "none"
    plan = replace(plan, member=member, partner=partner, lag_seconds=known)
    return plan, tuple(_problems(plan, seen, settings))


def _problems(plan: Plan, seen: Seen, settings: Settings) -> list[str]:
    found = []
    says = seen.target[plan.member]
    if says.get("running") is False:
        found.append(f"IRIS does not run on {plan.member}, nor on the other one: iris-region start on it, then ask again")
    if plan.kind == PROMOTION:
        far = plan.lag_seconds is None or plan.lag_seconds > settings.lag_limit_seconds
        if far and not plan.accept_data_loss:
            behind = "it isn't known how far" if plan.lag_seconds is None else f"{plan.lag_seconds:g} s"
            found.append(
                f"{plan.member} is behind ({behind}; the limit is {settings.lag_limit_seconds} s): wait until it has caught "
                "up, or ask again with the acceptance of loss"
            )
        if plan.partner == "none" and not plan.accept_data_loss:
            found.append(
                "not all former members' agents can be reached for the newest journals: ask again with the acceptance "
                "of loss, or bring them up"
            )
        return found
    if not says.get("caught_up"):
        found.append(f"{plan.member} has not caught up, and a {plan.kind} loses nothing: wait until it has")
    if plan.target == DR and not settings.old_region:
        serves = any(each.get("type") == "Failover" and each.get("status") == "Primary" for each in says.get("members") or ())
    else:
        serves = any(each.get("is_primary") for each in (seen.former or {}).values())
    if not serves:
        found.append(
            f"no primary is seen in the region that serves, and a {plan.kind} takes over from a running one: see why, or ask "
            "for a promotion"
        )
    return found


def _fitness(says: Mapping[str, Any], name: str) -> tuple[bool, float, bool, str]:
    """The less the better: one that runs, then who is behind least."""
    return says.get("running") is False, _lag(says), not says.get("caught_up"), name


def _lag(says: Mapping[str, Any]) -> float:
    """How many seconds a member is behind with its journals; infinity if that isn't known."""
    if says.get("is_primary"):
        return 0.0
    lag = says.get("journal_lag_seconds")
    return float(lag) if isinstance(lag, (int, float)) else float("inf")
