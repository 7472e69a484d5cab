"""Records of the regions' state, checked: what is there was written by promotions, and by hands that repair."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .core import Want
from .errors import DamagedRecordError, MoveError

if TYPE_CHECKING:
    from collections.abc import Mapping

DR = "dr"
HOMES = ("primary", "on_premises")
#: An epoch is taken at each committed move between regions, and has few digits.
_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class RegionState:
    """What the table says of a mirror set.

    Args:
        epoch: The newest region epoch.
        serving: The region that holds the mirror by it: `primary`, `on_premises` or `dr`.
        latch_epoch: The epoch by which the traffic was given: one behind while a committed move hasn't come so far.
    """

    epoch: int
    serving: str
    latch_epoch: int

    @property
    def want(self) -> Want:
        """Where the latch is to stand.

        A committed move changes who holds the mirror at once, so that the other region's members are fenced; its traffic comes
        later, when the new primary is there. Each committed move leads to the other region.
        """
        given = self.latch_epoch == self.epoch
        return Want(self.latch_epoch, (self.serving == DR) == given)


def state_of(item: Mapping[str, Any] | None) -> RegionState:
    """The state that a record holds; a record that isn't there: no region was ever promoted.

    Args:
        item: The record as DynamoDB gives it.

    Raises:
        DamagedRecordError: It holds none.
    """
    if not item:
        return RegionState(0, HOMES[0], 0)
    epoch, latch_epoch = _number(item, "epoch"), _number(item, "latch_epoch", missing=0)
    serving = item.get("serving", {}).get("S", "")
    if serving not in (DR, *HOMES):
        raise DamagedRecordError(f"the regions' state names no region that serves but {serving!r}")
    if not epoch - 1 <= latch_epoch <= epoch:
        raise DamagedRecordError(f"the latch has epoch {latch_epoch} and the regions {epoch}: one was set by hand")
    if epoch == 0 and serving == DR:
        raise DamagedRecordError("the DR region is said to serve, and no promotion has given it that")
    return RegionState(epoch, serving, latch_epoch)


def confirmed_of(item: Mapping[str, Any] | None) -> Want | None:
    """What was confirmed last by a record of the watch; None if nothing was, or the record can't be read."""
    if not item or not _NUMBER.fullmatch(item.get("epoch", {}).get("N", "")) or "BOOL" not in item.get("held_by_dr", {}):
        # It is the watch's own note, and written anew.
        return None
    return Want(int(item["epoch"]["N"]), bool(item["held_by_dr"]["BOOL"]))


def approved_at_of(item: Mapping[str, Any] | None) -> float | None:
    """When the move was approved that is under way, in seconds since 1970; None: none is, or it wasn't approved yet.

    Args:
        item: The record of the move that is under way or was the last, as DynamoDB gives it.

    Raises:
        MoveError: It doesn't say.
    """
    if not item or "approved_at" not in item or "ended_at" in item:
        return None
    try:
        return datetime.fromisoformat(item["approved_at"]["S"]).timestamp()
    except (KeyError, TypeError, ValueError) as error:
        raise MoveError(f"the record of the move has {item['approved_at']} as the time of its approval") from error


def _number(item: Mapping[str, Any], name: str, missing: int | None = None) -> int:
    if name not in item and missing is not None:
        return missing
    text = item.get(name, {}).get("N", "")
    if not _NUMBER.fullmatch(text):
        raise DamagedRecordError(f"the regions' state has no {name} but {text!r}")
    return int(text)
