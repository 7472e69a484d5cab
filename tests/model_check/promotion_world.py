"""Moves between two regions, in a world where workers stall and die, steps are run twice, and people act at any time.

What is so outside the records: who is primary of the mirror, who was made a failover member for a planned move, and how large
the instance is. A worker that has begun a step acts at any later time within `SETTLE_SECONDS`, as a function's run and a
command that waits for its host do, whether or not another worker has done the same step meanwhile.
"""

# Each invariant that doesn't hold is a return, in the order in which they are looked at.
# ruff: noqa: PLR0911

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

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
from region_promotion.records import (
    APPROVED,
    CANCELLED,
    CHECKED,
    COMMITTED,
    COMPLETED,
    DR,
    FAILBACK,
    GIVEN_UP,
    PROMOTION,
    REQUESTED,
    SWITCHOVER,
    Region,
)
from region_promotion.records import Move as Record

from .exploration import Move
from .promotion_core import PRODUCTION, PromotionCore
from .promotion_records import ANNE, APPROVERS, HOME, NOW, REQUESTERS, approval, boundaries, checked, forged, normal, request

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
    ) -> None:
        self.core, self.most, self.faults, self.flights, self.kinds, self.late = core, moves, faults, flights, kinds, late
        self.losses = losses
        self._numbers: dict[tuple[Region, Record | None], int] = {}
        self._records: list[tuple[Region, Record | None]] = []
        self._applied: dict[tuple[int, Event], int | None] = {}
        self._forged: dict[int, str] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        self._later: dict[tuple[int, float], int] = {}

    # --- Records --------------------------------------------------------------------------------------------------------------

    def number(self, region: Region, move: Record | None, passed: float = 0.0) -> int:
        pair = normal(region, move, passed)
        if pair not in self._numbers:
            self._numbers[pair] = len(self._records)
            self._records.append(pair)
        return self._numbers[pair]

    def records(self, state: State) -> tuple[Region, Record | None]:
        return self._records[state.records]

    def apply(self, records: int, event: Event) -> int | None:
        """The records after an event; None if it is refused or changes nothing."""
        key = (records, event)
        if key not in self._applied:
            region, move = self._records[records]
            made = self.core.apply(event, region, move, NOW)
            after = None
            if isinstance(made, Writes) and (made.region or made.move):
                after = self.number(made.region or region, made.move or move)
            self._applied[key] = after
        return self._applied[key]

    def names(self, records: int) -> tuple[str, ...]:
        """The steps that may be done now."""
        if records not in self._names:
            region, move = self._records[records]
            self._names[records] = self.core.next_step(region, move, NOW).names
        return self._names[records]

    # --- What happens ---------------------------------------------------------------------------------------------------------

    def initial(self) -> State:
        outside = Outside(frozenset({HOME}), "", True, "", False)
        return State(self.number(Region(HOME), None), 0, outside, (), None, self.faults)

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
            yield ("the home region is lost",), state._replace(outside=_lost(state.outside))

    def _events(self, state: State) -> Iterator[tuple[tuple[Any, ...], Event]]:
        """What people and workers tell the records that isn't about a step that changes the world."""
        region, move = self.records(state)
        if state.made < self.most:
            for kind in self.kinds:
                yield ("asks for", kind, state.made + 1), request(state.made + 1, kind)
        if move is None:
            return
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
        for name in self.names(state.records):
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
        after = self.apply(state.records, event)
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
        for name in self.names(state.records):
            if name not in ACTING:
                continue
            again = any((each.move, each.step) == (move.id, name) for each in state.flights)
            after = self.apply(state.records, StepStarted(move.id, name))
            if after is None and move.step(name) is None:
                continue
            if after is None and not self._may_act(state.records, move, name):
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
            yield (kind, name, move.id), told._replace(flights=_sorted((*state.flights, flight)), faults=faults)

    def _may_act(self, records: int, move: Record, name: str) -> bool:
        """Whether the core has let a worker begin again: it changes nothing in the records that counts."""
        region, _ = self._records[records]
        return isinstance(self.core.apply(StepStarted(move.id, name), region, move, NOW), Writes)

    def _fly(self, state: State, index: int, flight: Flight) -> Iterator[tuple[Move, State]]:
        others = (*state.flights[:index], *state.flights[index + 1 :])
        gone = state._replace(flights=others)
        what = (flight.step, flight.move)
        if state.faults:
            yield ("dies", *what), gone._replace(faults=state.faults - 1)
        if not flight.landed:
            yield from self._land(state, gone, flight)
            if state.faults and (after := self.apply(state.records, StepFailed(flight.move, flight.step, "no"))) is not None:
                failed = self._write(gone, after, ("fails",))
                yield ("fails", *what), failed._replace(faults=state.faults - 1)
            elif state.faults:
                yield ("fails", *what), gone._replace(faults=state.faults - 1)
            return
        after = self.apply(state.records, StepDone(flight.move, flight.step))
        yield ("does", *what), gone if after is None else self._write(gone, after, ("does",))

    def _land(self, state: State, gone: State, flight: Flight) -> Iterator[tuple[Move, State]]:
        if flight.step == "hand_over" and not flight.acts and self._could_hand_over(state.outside, flight.target):
            yield self._say_it_stops(state, gone, flight)
            return
        after = self._effect(state, flight)
        if after is None:
            # It can't be done as things are, and says so.
            failed = self.apply(state.records, StepFailed(flight.move, flight.step, "not so"))
            yield ("can't do", flight.step, flight.move), gone if failed is None else self._write(gone, failed, ("fails",))
            return
        landed = _sorted((*gone.flights, flight._replace(landed=True)))
        yield ("acts:", flight.step, flight.move), gone._replace(outside=after, flights=landed)
        if flight.step == "fence":
            # Best effort: the old region can't be reached.
            yield ("can't reach the old region", flight.move), gone._replace(flights=landed)

    @staticmethod
    def _could_hand_over(outside: Outside, target: str) -> bool:
        return outside.prepared == target and outside.primaries != {target} and not outside.lost

    def _say_it_stops(self, state: State, gone: State, flight: Flight) -> tuple[Move, State]:
        region, move = self.records(state)
        made = self.core.apply(StepNoted(flight.move, flight.step, "", stops=True), region, move, NOW)
        what = ("says that it stops the primary", flight.move)
        if not isinstance(made, Writes):
            return what, gone
        after = self.number(made.region or region, made.move or move)
        return what, self._write(gone, after, what)._replace(flights=_sorted((*gone.flights, flight._replace(acts=True))))

    def _effect(self, state: State, flight: Flight) -> Outside | None:
        """What acting makes of the world; None if it can't be done."""
        move = self.records(state)[1]
        outside, target = state.outside, flight.target
        begun = move is not None and move.state in (APPROVED, COMMITTED) and move.not_before <= NOW
        if move is not None and move.id != flight.move and begun and flight.acts:
            return outside._replace(harm=f"I3: {flight.step} of move {flight.move} acts when move {move.id} is {move.state}")
        effect: dict[str, Callable[[], Outside | None]] = {
            "fence": lambda: outside._replace(primaries=outside.primaries - {_other(target)}),
            "resize": lambda: self._resized(outside, flight),
            "promote": lambda: outside._replace(primaries=outside.primaries | {target}, prepared=""),
            "prepare": lambda: self._prepared(outside, target),
            "hand_over": lambda: self._handed_over(outside, target, flight),
            "undo": lambda: self._undone(outside, target),
            "lower": lambda: self._resized(outside, flight),
        }
        return effect[flight.step]()

    def _resized(self, outside: Outside, flight: Flight) -> Outside:
        if not flight.acts:
            return outside
        if DR in outside.primaries:
            return outside._replace(harm=f"I10: {flight.step} stops the instance of the primary")
        return outside._replace(small=flight.step == "lower")

    def _handed_over(self, outside: Outside, target: str, flight: Flight) -> Outside | None:
        if outside.primaries == {target}:
            return outside
        if outside.lost or not flight.acts:
            return None
        return outside._replace(primaries=frozenset({target}), prepared="") if outside.prepared == target else None

    def _prepared(self, outside: Outside, target: str) -> Outside | None:
        if target in outside.primaries:
            return outside
        return None if outside.lost else outside._replace(prepared=target)

    def _undone(self, outside: Outside, target: str) -> Outside:
        # A primary refuses to be demoted, and has to be left as it is.
        return outside if target in outside.primaries else outside._replace(prepared="")

    def _pass(self, state: State) -> Iterator[tuple[Move, State]]:
        region, move = self.records(state)
        for seconds in boundaries(move)[:1]:
            if any(flight.age + seconds >= SETTLE_SECONDS for flight in state.flights) or state.pending:
                return
            key = (state.records, seconds)
            if key not in self._later:
                self._later[key] = self.number(region, move, seconds)
            flights = _sorted(tuple(each._replace(age=each.age + seconds) for each in state.flights))
            yield ("seconds pass:", seconds), state._replace(records=self._later[key], flights=flights)
        region, _ = self.records(state)
        if region.epoch and region.latch_epoch == region.epoch and state.outside.primaries - {region.serving}:
            # What held the mirror before starts again, reads who does now, and doesn't begin to.
            outside = state.outside._replace(primaries=frozenset({region.serving}) & state.outside.primaries)
            yield ("the old region's members restart",), state._replace(outside=outside)

    # --- What must hold -------------------------------------------------------------------------------------------------------

    def at_rest(self, state: State) -> bool:
        _, move = self.records(state)
        over = move is None or move.state == COMPLETED or (move.state in GIVEN_UP and not move.needs_undo)
        return over and not state.flights and not state.pending

    def broken_at(self, state: State) -> str:
        region, move = self.records(state)
        if state.outside.harm:
            return state.outside.harm
        if move is not None and move.state == CANCELLED and move.left and state.outside.primaries == {move.plan.target}:
            return "" if state.outside.lost else f"I12: move {move.id} was taken back, and its primary had stopped"
        if region.serving not in (HOME, DR) or region.latch_epoch not in (region.epoch, region.epoch - 1):
            return f"I5: no region has the traffic: {region}"
        latched = region.serving if region.latch_epoch == region.epoch else _other(region.serving)
        moving = move is not None and move.state == COMMITTED
        if latched not in state.outside.primaries and not (state.outside.lost and latched == HOME):
            if not moving:
                return f"I6: {latched} has the traffic and no primary"
            if region.latch_epoch == region.epoch:
                return f"I6: {latched} was given the traffic and has no primary"
        if not moving and region.latch_epoch != region.epoch:
            return "I6: no move is under way, and the latch has not followed"
        if state.outside.lost and latched == HOME and self.at_rest(state):
            # Members in DR are all there is: a person has to be able to have them promoted.
            made = self.core.apply(request(99, PROMOTION), region, move, NOW)
            return (
                "" if isinstance(made, Writes) else f"I12: the home region is lost, and a promotion is refused: {made.message}"
            )
        if state.outside.prepared and self.at_rest(state):
            return f"I6: at rest, a failover member of {state.outside.prepared} could take over by itself"
        if state.records not in self._forged:
            self._forged[state.records] = self._forgery(state)
        return self._forged[state.records]

    def _forgery(self, state: State) -> str:
        region, move = self.records(state)
        if move is None:
            return ""
        for what, event in forged(region, move):
            if self.apply(state.records, event) is not None:
                invariant = "I7" if what == "moved to where it is" else "I8"
                return f"{invariant}: {what}, and it was taken: move {move.id} was {move.state}"
        return ""

    def broken_by(self, before: State, move: Move, after: State) -> str:
        if move[0] in ("begins", "another begins") and move[1] == "promote":
            record = self.records(before)[1]
            if record is None or not record.is_done("fence"):
                return "I1: DR is promoted before the old region was fenced, or was found out of reach"
        if before.records == after.records:
            return ""
        (region, old), (newer, new) = self.records(before), self.records(after)
        if wrong := _region_broken(region, old, newer, new):
            return wrong
        if old is None or new is None:
            return "" if new is None or new.state == REQUESTED else f"I8: a move begins as {new.state}"
        if old.id != new.id:
            return (
                ""
                if new.state == REQUESTED and old.state != COMMITTED
                else f"I12: move {old.id} was {old.state}, and is forgotten"
            )
        if old.state != new.state:
            return _turn_broken(old, new, move)
        if old.approver != new.approver or (old.approver and old.plan_hash != new.plan_hash):
            return "I8: what was approved, or by whom, has changed"
        if new.state in (REQUESTED, CHECKED) and new.steps:
            return "I8: something was begun before the approval"
        return ""

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
        # What can't be done any more a person takes back.
        record = self.records(calm)[1]
        for move, after in (
            self._told_by(calm, ("cancels",), Cancel(record.id, ANNE, (*APPROVERS, *REQUESTERS))) if record else ()
        ):
            return move, after._replace(faults=state.faults)
        return None

    def _hopeless(self, state: State, flight: Flight) -> bool:
        could = flight.step == "hand_over" and self._could_hand_over(state.outside, flight.target)
        return not could and self._effect(state, flight) is None

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


def _region_broken(region: Region, old: Record | None, newer: Region, new: Record | None) -> str:
    if newer == region:
        return ""
    if newer.epoch == region.epoch and newer.serving == region.serving:
        given = new is not None and new.state == COMMITTED and newer.latch_epoch == newer.epoch == new.epoch
        return "" if given else "I6: the latch is turned by what is no committed move"
    if old is not None and new is not None and (old.state, new.state) == (COMMITTED, CANCELLED):
        # Taken back before its primary was being stopped: who served goes on to, with the traffic that it never lost.
        kept = region.latch_epoch == old.epoch - 1 and newer.serving == old.left == _other(region.serving)
        return "" if kept and newer.epoch == newer.latch_epoch == region.epoch + 1 else f"I7: taken back as {newer}"
    if newer.epoch != region.epoch + 1 or newer.serving == region.serving or newer.latch_epoch != region.latch_epoch:
        return f"I7: epoch {region.epoch} of {region.serving} became epoch {newer.epoch} of {newer.serving}"
    if old is None or new is None or old.id != new.id or old.state != APPROVED or new.state != COMMITTED:
        return "I8: the epoch was raised by what is no approved move"
    if old.approver is None or old.approver.is_same_person(old.requester):
        return "I8: the epoch was raised by a move that another person has not approved"
    if old.commit_before is None or old.commit_before <= NOW:
        return "I8: the epoch was raised when the approval was void"
    if newer.serving == HOME and new.plan.kind != FAILBACK:
        return "I7: the old region serves again, and not by a fail-back"
    return ""


def _turn_broken(old: Record, new: Record, move: Move) -> str:
    allowed = {
        REQUESTED: (CHECKED, *GIVEN_UP),
        CHECKED: (APPROVED, *GIVEN_UP),
        APPROVED: (COMMITTED, *GIVEN_UP),
        COMMITTED: (COMPLETED,),
    }
    taken_back = (old.state, new.state) == (COMMITTED, CANCELLED) and old.plan.kind != PROMOTION and not old.stopping
    if new.state not in allowed.get(old.state, ()) and not taken_back:
        return f"I8: move {old.id} was {old.state} and is {new.state}"
    if new.state == APPROVED and ("approves" not in move or old.expires_at <= NOW):
        return "I8: it was approved by nobody, or too late"
    if new.state == COMMITTED and new.plan.kind != PROMOTION and not old.is_done("prepare"):
        return f"I12: move {old.id} is committed, and its target can't take over"
    if new.state == COMPLETED:
        undone = [name for name in ("await_primary", "latch") if not new.is_done(name)]
        return f"I12: it is completed without {' and '.join(undone)}" if undone else ""
    return ""


def _lost(outside: Outside) -> Outside:
    """A failover member in DR takes over by itself, as any backup does."""
    if outside.prepared == DR:
        return outside._replace(lost=True, primaries=frozenset({DR}), prepared="")
    return outside._replace(lost=True, primaries=outside.primaries - {HOME}, prepared="")


def _other(region: str) -> str:
    return HOME if region == DR else DR


def _sorted(flights: tuple[Flight, ...]) -> tuple[Flight, ...]:
    return tuple(sorted(flights))
