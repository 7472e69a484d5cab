"""A run of the router: does the steps that the core tells, until there is none."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from .core import Confirm, Look, Point, Read, State, after_confirm, after_look, after_point, after_read, next_step
from .errors import RoutingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .core import Claim
    from .epochs import Epochs

#: Whoever writes and doesn't find it written, again and again, isn't getting anywhere.
_MOST_WRITES = 10


class Places(Protocol):
    """What leads clients: route tables, or listeners."""

    def look(self, claim: Claim) -> tuple[str, ...]:
        """The places that don't lead to the claim's member."""
        ...

    def point(self, claim: Claim, places: tuple[str, ...]) -> None:
        """Leads places to the claim's member."""
        ...


@dataclass
class Outcome:
    """What a run did.

    Attributes:
        claim: The claim that clients are led by. None: no member has taken an epoch.
        before: What was confirmed before.
        written: The places that were written, each once.
        stages: Name of each step -> when it was last done, in seconds since the run began.
    """

    claim: Claim | None = None
    before: Claim | None = None
    written: list[str] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Whether the claim wasn't confirmed before."""
        return self.claim is not None and self.claim != self.before

    @property
    def repaired(self) -> int:
        """How many places had been led elsewhere though the claim was confirmed."""
        return 0 if self.is_new else len(self.written)


def run(
    epochs: Epochs,
    gateways: Sequence[Places],
    check: Callable[[Claim], None],
    outcome: Outcome,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Leads clients to the member that holds the newest epoch.

    Args:
        epochs: The route epoch table.
        gateways: What leads clients; none with polling alone.
        check: Refuses a claim that names another instance than its member's.
        outcome: Filled in as the run goes on, so that a run that fails tells how far it came.
        clock: Tells seconds.

    Raises:
        RoutingError: It couldn't be done, or not yet.
    """
    began, writes, state = clock(), 0, State()
    while (step := next_step(state)) is not None:
        if isinstance(step, Read):
            claim, outcome.before = epochs.read()
            state = after_read(claim, outcome.before)
        elif isinstance(step, Look):
            check(step.claim)
            outcome.claim = step.claim
            state = after_look(state, tuple(place for gateway in gateways for place in gateway.look(step.claim)))
        elif isinstance(step, Point):
            writes += 1
            if writes > _MOST_WRITES:
                raise RoutingError(f"{len(step.places)} places are not led where they were written to")
            for gateway, places in _by_gateway(gateways, step):
                gateway.point(step.claim, places)
            outcome.written += [place for place in step.places if place not in outcome.written]
            state = after_point(state)
        elif isinstance(step, Confirm):
            state = after_confirm(state, epochs.confirm(step.claim))
        outcome.stages[type(step).__name__.lower()] = clock() - began


def _by_gateway(gateways: Sequence[Places], step: Point) -> list[tuple[Places, tuple[str, ...]]]:
    """The places of a step, with what leads them."""
    if len(gateways) == 1:
        return [(gateways[0], step.places)]
    is_listener = [place.startswith("arn:") for place in step.places]
    tables = tuple(place for place, other in zip(step.places, is_listener, strict=True) if not other)
    listeners = tuple(place for place, other in zip(step.places, is_listener, strict=True) if other)
    return [(gateway, places) for gateway, places in zip(gateways, (tables, listeners), strict=True) if places]
