"""A run that carries the latch: does the steps that the core tells, until there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .core import Confirm, Look, Read, State, Write, after_confirm, after_look, after_read, after_write, next_step
from .errors import LatchError

if TYPE_CHECKING:
    from .core import Shown, Want

#: Whoever writes and doesn't find it written, or reads and finds another newer epoch, again and again, isn't getting anywhere.
_MOST_STEPS = 40


class Table(Protocol):
    """Where it is written which region holds the traffic."""

    def read(self) -> tuple[Want, Want | None]:
        """What the table says, and what was confirmed last."""
        ...

    def confirm(self, want: Want) -> bool:
        """Notes that the latch was carried, if the table still says so. Whether it does."""
        ...


class Carrier(Protocol):
    """What Route 53's health checks see of the latch."""

    def look(self) -> Shown:
        """What it shows."""
        ...

    def write(self, want: Want) -> None:
        """Has it show another thing."""
        ...


@dataclass
class Outcome:
    """What a run did, as far as it came.

    Attributes:
        want: What the table says.
        before: What was confirmed before.
        found: What the carrier showed when it was first looked at.
        writes: How often the carrier was written.
        delivered: Whether it is confirmed that the carrier shows what the table says.
    """

    want: Want | None = None
    before: Want | None = None
    found: Shown | None = None
    writes: int = 0
    delivered: bool = False

    @property
    def repaired(self) -> bool:
        """Whether the carrier showed another thing than was confirmed, with no newer epoch."""
        return bool(
            self.writes
            and self.want is not None
            and self.want == self.before
            and self.found is not None
            and self.found.held_by_dr == (not self.want.held_by_dr)
        )


def carry(table: Table, carrier: Carrier, outcome: Outcome) -> None:
    """Carries the latch to where Route 53 sees it.

    Args:
        table: Where it is written which region holds the traffic.
        carrier: What Route 53 sees.
        outcome: Filled in as the run goes on, so that a run that fails tells how far it came.

    Raises:
        LatchError: It couldn't be done, or not yet.
    """
    state = State()
    for _ in range(_MOST_STEPS):
        step = next_step(state)
        if step is None:
            outcome.delivered = True
            return
        if isinstance(step, Read):
            outcome.want, outcome.before = table.read()
            state = after_read(outcome.want, outcome.before)
        elif isinstance(step, Look):
            shown = carrier.look()
            outcome.found = outcome.found or shown
            state = after_look(state, shown)
        elif isinstance(step, Write):
            outcome.writes += 1
            carrier.write(step.want)
            state = after_write(state)
        elif isinstance(step, Confirm):
            state = after_confirm(state, table.confirm(step.want))
    raise LatchError(f"the latch does not show what was written to it {outcome.writes} times")
