"""What a run and the members' answers mean, as metrics. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .probe import PRIMARY, UNKNOWN
from .records import DR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records import RegionState
    from .run import Outcome


def of_run(outcome: Outcome, state: RegionState | None, *, carrier_is_metric: bool) -> dict[str, float]:
    """The metrics of a run, whether it came to its end or not.

    Args:
        outcome: What it did.
        state: What it read. None: it could read nothing, and says nothing of it.
        carrier_is_metric: Whether the latch's own metric is told by its carrier, and not here.
    """
    found: dict[str, float] = {
        "LatchNotDelivered": float(not outcome.delivered),
        "LatchRepaired": float(outcome.repaired),
    }
    if state is not None:
        found["RegionEpoch"] = state.epoch
        if not carrier_is_metric:
            found["DrHoldsTraffic"] = float(state.want.held_by_dr)
    return found


def of_members(state: RegionState | None, members: Mapping[str, str], others: Mapping[str, str]) -> dict[str, float]:
    """The metrics of what members answered.

    Args:
        state: What the table says. None: it isn't known.
        members: DR member -> what it says it is.
        others: The same of members elsewhere; empty where they can't be asked.
    """
    here, there = PRIMARY in members.values(), PRIMARY in others.values()
    found = {
        "DrRegionServes": float(here),
        "DrMembersDown": float(sum(answer == UNKNOWN for answer in members.values())),
    }
    if others:
        found["PrimaryRegionServes"] = float(there)
        found["SplitRegions"] = float(here and there)
    if state is not None:
        # A primary where, by the newest epoch, the mirror isn't.
        found["HeldByOtherRegion"] = float(there if state.serving == DR else here)
        found["HolderNotServing"] = float(not here) if state.want.held_by_dr else float(bool(others) and not there)
    return found
