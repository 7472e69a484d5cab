"""What a run that carries the latch does next. Pure: no clock, no network, no state of its own.

The table says which region holds the traffic, and by which epoch. The carrier (a metric, an object, routing controls) is what
Route 53's health checks see of it, and takes any write, however old what it rests on. So a run never ends with a write: it
writes, looks whether it took effect, and has DynamoDB confirm, in one transaction, that what it carried is still what the table
says; if it isn't, the run begins again. A run that dies on the way has confirmed nothing, and the next minute's run does the
same. A carrier that tells of a newer epoch than the run knows is not written, but the table read again.

Nothing here says "primary" of its own: what is carried is what the table says of the newest epoch. A table that can't be read
leaves the carrier as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Want:
    """Where the latch is to stand.

    Args:
        epoch: The region epoch that put it there; 0 before the first promotion.
        held_by_dr: Whether the DR region holds the traffic.
    """

    epoch: int
    held_by_dr: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What the carrier shows.

    Args:
        held_by_dr: Whether it says that the DR region holds the traffic. None: neither, or it can't be seen.
        epoch: The epoch it was written by, where it carries one.
    """

    held_by_dr: bool | None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """How far a run has come.

    Args:
        want: What the table says. None: not read yet.
        confirmed: What was confirmed last, by this run or an earlier one. None: nothing was.
        shown: What the carrier shows. None: to be looked at.
        wrote: Whether this run has written since it read the table.
        ended: Whether there is nothing left to do.
    """

    want: Want | None = None
    confirmed: Want | None = None
    shown: Shown | None = None
    wrote: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """Read what the table says and what was confirmed last, consistently: answer with `after_read`."""


@dataclass(frozen=True, slots=True)
class Look:
    """Look at the carrier: answer with `after_look`."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write the latch to its carrier: answer with `after_write`.

    Args:
        want: Where it is to stand.
    """

    want: Want


@dataclass(frozen=True, slots=True)
class Confirm:
    """Record that the latch was carried, only if the table still says the same: answer with `after_confirm`.

    Args:
        want: What was carried.
    """

    want: Want


Step: TypeAlias = Read | Look | Write | Confirm


def next_step(state: State) -> Step | None:
    """What a run does next; None when it has ended."""
    if state.ended:
        return None
    if state.want is None:
        return Read()
    if state.shown is None:
        return Look()
    if not _shows(state.shown, state.want):
        return Write(state.want)
    return Confirm(state.want)


def after_read(want: Want, confirmed: Want | None) -> State:
    """The state after `Read`.

    Args:
        want: What the table says.
        confirmed: What was confirmed last.
    """
    return State(want=want, confirmed=confirmed)


def after_look(state: State, shown: Shown) -> State:
    """The state after `Look`.

    Args:
        state: The state before.
        shown: What the carrier shows.
    """
    assert state.want is not None
    if shown.epoch is not None and shown.epoch > state.want.epoch:
        # Somebody knows of a newer epoch, so that what this run has read is old.
        return State(confirmed=state.confirmed)
    # Who has written nothing, and finds everything as it was confirmed, has nothing to confirm.
    settled = _shows(shown, state.want) and not state.wrote and state.confirmed == state.want
    return replace(state, shown=shown, ended=settled)


def after_write(state: State) -> State:
    """The state after `Write`: what counts is what the next look finds."""
    return replace(state, shown=None, wrote=True)


def after_confirm(state: State, is_current: bool) -> State:
    """The state after `Confirm`.

    Args:
        state: The state before.
        is_current: Whether the table still says what was carried, and has recorded it. If not, the run begins again.
    """
    if is_current:
        return replace(state, confirmed=state.want, ended=True)
    return State(confirmed=state.confirmed)


def _shows(shown: Shown, want: Want) -> bool:
    """Whether the carrier shows what is wanted, and by that epoch where it carries one."""
    return shown.held_by_dr == want.held_by_dr and shown.epoch in (None, want.epoch)
