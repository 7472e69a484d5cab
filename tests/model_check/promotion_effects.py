"""What a worker's step makes of the world outside the records."""

from region_promotion.records import APPROVED, COMMITTED, DR
from region_promotion.records import Move as Record

from .promotion_records import HOME, NOW
from .promotion_state import Flight, Outside, other_region


def effect(move: Record | None, outside: Outside, flight: Flight) -> Outside | None:
    """What acting makes of the world, with the move that there is by then; None if it can't be done."""
    target = flight.target
    begun = move is not None and move.state in (APPROVED, COMMITTED) and move.not_before <= NOW
    if move is not None and move.id != flight.move and begun and flight.acts:
        return outside._replace(harm=f"I3: {flight.step} of move {flight.move} acts when move {move.id} is {move.state}")
    made = {
        "fence": lambda: outside._replace(primaries=outside.primaries - {other_region(target)}),
        "resize": lambda: _resized(outside, flight),
        "promote": lambda: outside._replace(primaries=outside.primaries | {target}, prepared=""),
        "prepare": lambda: _prepared(outside, target),
        "hand_over": lambda: _handed_over(outside, target, flight),
        "undo": lambda: _undone(outside, target),
        "lower": lambda: _resized(outside, flight),
    }
    return made[flight.step]()


def could_hand_over(outside: Outside, target: str) -> bool:
    """Whether the primary would be stopped by a hand-over to a region."""
    return outside.prepared == target and outside.primaries != {target} and not outside.lost


def home_lost(outside: Outside) -> Outside:
    """The world when the home region is lost. A failover member in DR takes over by itself, as any backup does."""
    if outside.prepared == DR:
        return outside._replace(lost=True, primaries=frozenset({DR}), prepared="")
    return outside._replace(lost=True, primaries=outside.primaries - {HOME}, prepared="")


def _resized(outside: Outside, flight: Flight) -> Outside:
    if not flight.acts:
        return outside
    if DR in outside.primaries:
        return outside._replace(harm=f"I10: {flight.step} stops the instance of the primary")
    return outside._replace(small=flight.step == "lower")


def _handed_over(outside: Outside, target: str, flight: Flight) -> Outside | None:
    if outside.primaries == {target}:
        return outside
    if outside.lost or not flight.acts:
        return None
    return outside._replace(primaries=frozenset({target}), prepared="") if outside.prepared == target else None


def _prepared(outside: Outside, target: str) -> Outside | None:
    if target in outside.primaries:
        return outside
    return None if outside.lost else outside._replace(prepared=target)


def _undone(outside: Outside, target: str) -> Outside:
    # A primary refuses to be demoted, and has to be left as it is.
    return outside if target in outside.primaries else outside._replace(prepared="")
