"""What a state of the world of moves is made of."""

from typing import NamedTuple

from region_promotion.records import DR

from .promotion_records import HOME

#: Steps that change the world. The others only look, or what they change harms nobody twice.
ACTING = ("fence", "resize", "promote", "prepare", "hand_over", "undo", "lower")


class Flight(NamedTuple):
    """A worker that has begun a step that changes the world.

    Args:
        move: Of which move.
        step: Which step.
        target: The region that is to serve.
        acts: Whether it has seen that there is something to be done.
        landed: Whether it has done it.
        age: Seconds since it began.
    """

    move: str
    step: str
    target: str
    acts: bool
    landed: bool
    age: float


class Outside(NamedTuple):
    """What is so outside the records.

    Args:
        primaries: The regions that have a primary.
        prepared: The region whose member was made a failover member, so that it can be handed over to.
        small: Whether DR's member is small.
        harm: What was done that must never be; empty if nothing was.
        lost: Whether the home region is lost for good.
    """

    primaries: frozenset[str]
    prepared: str
    small: bool
    harm: str
    lost: bool


class State(NamedTuple):
    """A state of the world.

    Args:
        records: Number of the two records.
        made: How many moves were asked for.
        outside: What is so outside.
        flights: Workers that have begun a step, sorted.
        pending: What was made of the records by somebody who hasn't written it yet, and whether they are unchanged since.
        faults: How many faults there may still be.
    """

    records: int
    made: int
    outside: Outside
    flights: tuple[Flight, ...]
    pending: tuple[str, int, bool] | None
    faults: int


def other_region(region: str) -> str:
    """The one of two regions that isn't this one."""
    return HOME if region == DR else DR


def in_order(flights: tuple[Flight, ...]) -> tuple[Flight, ...]:
    """Workers in the one order that a state has them in."""
    return tuple(sorted(flights))
