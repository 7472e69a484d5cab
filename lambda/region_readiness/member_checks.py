"""Checks of what the members said: lag, agents, and their own certificates. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .result import FAILED, OK, UNKNOWN, WARNING, Result, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .hosts import Status

#: A certificate that ends within these days is to be renewed, or is too late for.
SOON, TOO_SOON = timedelta(days=30), timedelta(days=7)
_NOBODY = "no member of the DR region has said anything: look at runbook dr-member-down"


def lag_of(statuses: Sequence[Status]) -> float | None:
    """How many seconds the journals of the member that is nearest are behind; None if no member knows."""
    known = [_seconds(each.said.get("journal_lag_seconds")) for each in statuses if each.said]
    return min((each for each in known if each is not None), default=None)


def lag(statuses: Sequence[Status], limit: int) -> Result:
    """Whether the journals are near enough.

    Args:
        statuses: What members said.
        limit: What they may be behind, in seconds.
    """
    behind = lag_of(statuses)
    if behind is None:
        said = "; ".join(f"member {each.member}: {each.why or 'it does not know its lag'}" for each in statuses)
        return Result(UNKNOWN, f"how far the journals are behind isn't known ({said or _NOBODY}): look at runbook journal-lag")
    if behind > limit:
        return Result(FAILED, f"the journals are {behind:.0f} s behind, {limit} s are allowed: look at runbook journal-lag")
    return Result(OK, f"the journals are {behind:.0f} s behind")


def agents(statuses: Sequence[Status]) -> Result:
    """Whether the agents of the mirror's members elsewhere can be reached: a promotion asks them for the newest journals.

    Args:
        statuses: What members said.
    """
    reached: dict[str, bool] = {}
    for each in statuses:
        found = each.said.get("agents") if each.said else None
        for name, is_there in found.items() if isinstance(found, dict) else ():
            reached[str(name)] = reached.get(str(name), False) or is_there is True
    if not reached:
        return Result(UNKNOWN, f"no member has said which agents it reaches: {_NOBODY}")
    silent = sorted(name for name, is_there in reached.items() if not is_there)
    if not silent:
        return Result(OK, f"the agents of {', '.join(sorted(reached))} answer")
    says = f"the ISCAgent of {', '.join(silent)} isn't reached on port 2188: look at it, and at the way between the regions"
    return Result(WARNING if len(silent) < len(reached) else FAILED, says)


def member_certificates(statuses: Sequence[Status], now: datetime) -> Result:
    """Whether the members' own certificates last.

    Args:
        statuses: What members said.
        now: The time.
    """
    if not statuses:
        return Result(UNKNOWN, _NOBODY)
    return worst(_certificate_of(each, now) for each in statuses)


def _certificate_of(status: Status, now: datetime) -> Result:
    name = f"the mirror's certificate on member {status.member}"
    text = status.said.get("certificate_expires") if status.said else None
    try:
        end = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return Result(UNKNOWN, f"when {name} ends isn't known ({status.why or 'it does not say'})")
    return until(name, end if end.tzinfo else end.replace(tzinfo=UTC), now)


def until(name: str, end: datetime, now: datetime) -> Result:
    """What a certificate's end means.

    Args:
        name: The certificate.
        end: When it ends.
        now: The time.
    """
    left = end - now
    if left <= TOO_SOON:
        return Result(FAILED, f"{name} ends on {end:%Y-%m-%d}: renew it now")
    if left <= SOON:
        return Result(WARNING, f"{name} ends on {end:%Y-%m-%d}: renew it")
    return Result(OK, f"certificates last at least {SOON.days} days")


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)
