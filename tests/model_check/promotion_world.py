"""Moves between two regions, in a world where workers stall and die, steps are run twice, and people act at any time.

What is so outside the records: who is primary of the mirror, who was made a failover member for a planned move, and how large
the instance is. A worker that has begun a step acts at any later time within `SETTLE_SECONDS`, as a function's run and a
command that waits for its host do, whether or not another worker has done the same step meanwhile.
"""

from collections.abc import Callable, Iterator
from typing import Any

from region_promotion.core import SETTLE_SECONDS
from region_promotion.events import (
    Cancel,
    Commit,
    Complete,
    Event,
    Expire,
    Latch,
    Refuse,
    StepDone,
    StepFailed,
    StepNoted,
    StepStarted,
    Writes,
)
from region_promotion.records import COMMITTED, FAILBACK, PROMOTION, REQUESTED, SWITCHOVER, Region
from region_promotion.records import Move as Record

from .exploration import Move
from .promotion_core import PRODUCTION, PromotionCore
from .promotion_effects import could_hand_over, effect, home_lost
from .promotion_invariants import PromotionInvariants
from .promotion_records import ANNE, APPROVERS, HOME, NOW, REQUESTERS, approval, boundaries, checked, request
from .promotion_state import ACTING, Flight, Outside, State, in_order
from .promotion_table import PromotionTable


class PromotionWorld:
    """The world.

    Args:
        core: The core.
        moves: How many moves are asked for at most.
        faults: How many faults there are at most on the way to a state.
        flights: How many workers act at once at most.
        kinds: The kinds of moves asked for.
        late: Whether somebody who has decided may write later.
        losses: Whether the home region may be lost, at any moment and for good.
        first: The region that serves at first.
    """

    def __init__(
        self,
        core: PromotionCore = PRODUCTION,
        *,
        moves: int = 1,
        faults: int = 1,
        flights: int = 2,
        kinds: tuple[str, ...] = (PROMOTION, SWITCHOVER, FAILBACK),
        late: bool = False,
        losses: bool = False,
        first: str = HOME,
    ) -> None:
        self.core, self.most, self.faults, self.flights, self.kinds, self.late = core, moves, faults, flights, kinds, late
        self.losses, self.first = losses, first
        self.table = PromotionTable(core)
        self._must = PromotionInvariants(self.table)

    def records(self, state: State) -> tuple[Region, Record | None]:
        """The two records of a state."""
        return self.table[state.records]

    def at_rest(self, state: State) -> bool:
        """Whether nothing is under way."""
        return self._must.at_rest(state)

    def broken_at(self, state: State) -> str:
        """What doesn't hold in a state; empty if all does."""
        return self._must.broken_at(state)

    def broken_by(self, before: State, move: Move, after: State) -> str:
        """What doesn't hold from one state to the next; empty if all does."""
        return self._must.broken_by(before, move, after)

    # --- What happens ---------------------------------------------------------------------------------------------------------

    def initial(self) -> State:
        epoch = 0 if self.first == HOME else 1
        outside = Outside(frozenset({self.first}), "", self.first == HOME, "", False)
        return State(self.table.number(Region(self.first, epoch, epoch), None), 0, outside, (), None, self.faults)

    def moves(self, state: State) -> Iterator[tuple[Move, State]]:
        for kind, event in self._events(state):
            yield from self._told_by(state, kind, event)
        yield from self._begin(state)
        for index, flight in enumerate(state.flights):
            if not index or state.flights[index - 1] != flight:
                yield from self._fly(state, index, flight)
        if state.pending:
            yield self._written(state)
        yield from self._pass(state)
        if self.losses and not state.outside.lost:
            yield ("the home region is lost",), state._replace(outside=home_lost(state.outside))

    def _events(self, state: State) -> Iterator[tuple[tuple[Any, ...], Event]]:
        """What people and workers tell the records that isn't about a step that changes the world."""
        region, move = self.records(state)
        if state.made < self.most:
            for kind in self.kinds:
                yield ("asks for", kind, state.made + 1), request(state.made + 1, kind)
        if move is None:
            return
        if state.made <= self.most and self.losses and (move.state, move.plan.kind) == (COMMITTED, FAILBACK):
            # One more than are asked for otherwise; whether the home region is lost or not: a person may be wrong.
            yield ("asks for", "a promotion in its place", state.made + 1), request(state.made + 1, PROMOTION, loss=True)
        if move.state == REQUESTED:
            yield from self._preflight(state, region, move)
        # Whenever they like; it is for the core to refuse.
        yield ("approves", move.id), approval(move)
        yield ("cancels", move.id), Cancel(move.id, ANNE, (*APPROVERS, *REQUESTERS))
        yield ("refuses", move.id), Refuse(move.id, "no")
        yield ("expires", move.id), Expire(move.id)
        yield ("commits", move.id), Commit(move.id)
        yield ("completes", move.id), Complete(move.id)
        yield from self._looking_steps(state, region, move)

    def _looking_steps(self, state: State, region: Region, move: Record) -> Iterator[tuple[tuple[Any, ...], Event]]:
        for name in self.table.names(state.records):
            record = move.step(name)
            if name in ACTING or name in ("preflight", "approval", "expire", "commit", "report"):
                continue
            if record is None:
                yield ("begins", name, move.id), StepStarted(move.id, name)
            elif name == "latch" and region.latch_epoch != move.epoch:
                yield ("turns the latch", move.id), Latch(move.id)
            elif name != "await_primary" or move.plan.target in state.outside.primaries:
                yield ("does", name, move.id), StepDone(move.id, name)

    def _preflight(self, state: State, region: Region, move: Record) -> Iterator[tuple[tuple[Any, ...], Event]]:
        # Planned: both regions are seen, and there is one primary.
        if move.plan.kind == PROMOTION or state.outside.primaries == {region.serving}:
            yield ("checks", move.id), checked(move)
        yield ("finds what stands against", move.id), checked(move, ("no",))

    def _told_by(self, state: State, kind: tuple[Any, ...], event: Event) -> Iterator[tuple[Move, State]]:
        after = self.table.apply(state.records, event)
        if after is None:
            return
        yield kind, self._write(state, after, kind)
        if self.late and not state.pending and state.faults:
            yield ("has decided, writes later:", *kind), state._replace(pending=(kind[0], after, True), faults=state.faults - 1)

    def _write(self, state: State, records: int, kind: tuple[Any, ...]) -> State:
        pending = state.pending and (state.pending[0], state.pending[1], False)
        made = state.made + (kind[0] == "asks for")
        return state._replace(records=records, pending=pending, made=made)

    def _written(self, state: State) -> tuple[Move, State]:
        assert state.pending
        kind, records, unchanged = state.pending
        after = state._replace(pending=None)
        if not unchanged and self.core.conditional:
            return ("isn't written, as the records have changed:", kind), after
        return ("writes at last:", kind), self._write(after, records, (kind,))

    def _begin(self, state: State) -> Iterator[tuple[Move, State]]:
        """A worker begins a step that changes the world; it has looked what there is to do when it acts."""
        _, move = self.records(state)
        if move is None or len(state.flights) >= self.flights:
            return
        for name in self.table.names(state.records):
            if name not in ACTING:
                continue
            again = any((each.move, each.step) == (move.id, name) for each in state.flights)
            after = self.table.apply(state.records, StepStarted(move.id, name))
            if after is None and move.step(name) is None:
                continue
            if after is None and not self.table.may_begin(state.records, move, name):
                continue
            faults = state.faults - again
            if faults < 0:
                continue
            small = state.outside.small
            # Who hands over says so first: from then on the move can't be taken back.
            acts = small if name == "resize" else not small if name == "lower" else name != "hand_over"
            flight = Flight(move.id, name, move.plan.target, acts, False, 0.0)
            told = state if after is None else self._write(state, after, ("begins",))
            kind = "another begins" if again else "begins"
            yield (kind, name, move.id), told._replace(flights=in_order((*state.flights, flight)), faults=faults)

    def _fly(self, state: State, index: int, flight: Flight) -> Iterator[tuple[Move, State]]:
        others = (*state.flights[:index], *state.flights[index + 1 :])
        gone = state._replace(flights=others)
        what = (flight.step, flight.move)
        if state.faults:
            yield ("dies", *what), gone._replace(faults=state.faults - 1)
        if not flight.landed:
            yield from self._land(state, gone, flight)
            if (
                state.faults
                and (after := self.table.apply(state.records, StepFailed(flight.move, flight.step, "no"))) is not None
            ):
                failed = self._write(gone, after, ("fails",))
                yield ("fails", *what), failed._replace(faults=state.faults - 1)
            elif state.faults:
                yield ("fails", *what), gone._replace(faults=state.faults - 1)
            return
        after = self.table.apply(state.records, StepDone(flight.move, flight.step))
        yield ("does", *what), gone if after is None else self._write(gone, after, ("does",))

    def _land(self, state: State, gone: State, flight: Flight) -> Iterator[tuple[Move, State]]:
        if flight.step == "hand_over" and not flight.acts and could_hand_over(state.outside, flight.target):
            yield self._say_it_stops(state, gone, flight)
            return
        after = effect(self.records(state)[1], state.outside, flight)
        if after is None:
            # It can't be done as things are, and says so.
            failed = self.table.apply(state.records, StepFailed(flight.move, flight.step, "not so"))
            yield ("can't do", flight.step, flight.move), gone if failed is None else self._write(gone, failed, ("fails",))
            return
        landed = in_order((*gone.flights, flight._replace(landed=True)))
        yield ("acts:", flight.step, flight.move), gone._replace(outside=after, flights=landed)
        if flight.step == "fence":
            # Best effort: the old region can't be reached.
            yield ("can't reach the old region", flight.move), gone._replace(flights=landed)

    def _say_it_stops(self, state: State, gone: State, flight: Flight) -> tuple[Move, State]:
        region, move = self.records(state)
        made = self.core.apply(StepNoted(flight.move, flight.step, "", stops=True), region, move, NOW)
        what = ("says that it stops the primary", flight.move)
        if not isinstance(made, Writes):
            return what, gone
        after = self.table.number(made.region or region, made.move or move)
        return what, self._write(gone, after, what)._replace(flights=in_order((*gone.flights, flight._replace(acts=True))))

    def _pass(self, state: State) -> Iterator[tuple[Move, State]]:
        region, move = self.records(state)
        for seconds in boundaries(move)[:1]:
            if any(flight.age + seconds >= SETTLE_SECONDS for flight in state.flights) or state.pending:
                return
            flights = in_order(tuple(each._replace(age=each.age + seconds) for each in state.flights))
            yield ("seconds pass:", seconds), state._replace(records=self.table.later(state.records, seconds), flights=flights)
        region, _ = self.records(state)
        if region.epoch and region.latch_epoch == region.epoch and state.outside.primaries - {region.serving}:
            # What held the mirror before starts again, reads who does now, and doesn't begin to.
            outside = state.outside._replace(primaries=frozenset({region.serving}) & state.outside.primaries)
            yield ("the old region's members restart",), state._replace(outside=outside)

    # --- Towards rest ---------------------------------------------------------------------------------------------------------

    def towards_rest(self, state: State) -> tuple[Move, State] | None:
        if state.pending:
            return self._written(state)
        calm = state._replace(faults=0)
        if state.flights:
            move, after = next(iter(self._fly(calm, 0, state.flights[0])))
            return move, after._replace(faults=state.faults)
        steps: list[Callable[[State], Iterator[tuple[Move, State]]]] = [self._begin, self._good_events, self._pass]
        for each in steps:
            for move, after in each(calm):
                hopeless = after.flights and self._hopeless(after, after.flights[0])
                if move[0] != "the old region's members restart" and not hopeless:
                    return move, after._replace(faults=state.faults)
        # What can't be done any more a person takes back, or asks for a promotion in its place.
        record = self.records(calm)[1]
        if record is None:
            return None
        instead: list[tuple[tuple[Any, ...], Event]] = [(("cancels",), Cancel(record.id, ANNE, (*APPROVERS, *REQUESTERS)))]
        if state.outside.lost and state.made <= self.most:
            in_place = request(state.made + 1, PROMOTION, loss=True)
            instead.append((("asks for", "a promotion in its place", state.made + 1), in_place))
        for kind, event in instead:
            for move, after in self._told_by(calm, kind, event):
                return move, after._replace(faults=state.faults)
        return None

    def _hopeless(self, state: State, flight: Flight) -> bool:
        could = flight.step == "hand_over" and could_hand_over(state.outside, flight.target)
        return not could and effect(self.records(state)[1], state.outside, flight) is None

    def _good_events(self, state: State) -> Iterator[tuple[Move, State]]:
        wanted = ("checks", "expires", "commits", "completes", "begins", "turns the latch", "does", "finds what stands against")
        for kind, event in self._events(state):
            if kind[0] in wanted:
                yield from self._told_by(state, kind, event)

    def told(self, steps: list[tuple[State, Move, State]]) -> list[str]:
        lines = []
        for _, move, after in steps:
            region, record = self.records(after)
            what = " ".join(f"{each:g}" if isinstance(each, float) else str(each) for each in move)
            now = "no move" if record is None else f"{record.id} {record.state}"
            held = f"epoch {region.epoch} {region.serving}, latch {region.latch_epoch}"
            lines.append(f"{what:56} | {now}, {held}, primary in {' and '.join(sorted(after.outside.primaries))}")
        return lines
