"""Several runs of the router at once, in a world where each of them may die anywhere and a write may arrive late.

The world is larger than the real one where that is simpler: the queue hands out any message at any time, also while another run
has it, in any order and as often as it likes; a run may die at each step; each write may be refused, or be sent and arrive at
any later time, its run dead or not. None of this is limited in number but by `faults`, only in how much of it there is at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from mirror_router.core import Claim, Read
from mirror_router.core import State as CoreState

from .exploration import Move
from .router_core import PRODUCTION, RouterCore
from .runs import TICK, Outcome, Run, Runs, Seen


class State(NamedTuple):
    """A state of the world.

    Args:
        seen: The records and the places.
        queue: The epochs of the messages that are not deleted, sorted.
        runs: Numbers of the runs, sorted: which is which makes no difference.
        flights: Writes that were sent and haven't arrived.
        owed: Whether something happened that nobody alive will notice, and no run has begun since and ended.
        faults: How many faults there may still be, if they are limited.
    """

    seen: Seen
    queue: tuple[int, ...]
    runs: tuple[int, ...]
    flights: tuple[tuple[Any, ...], ...]
    owed: bool
    faults: int


OLDER = Claim(-1, "", "")


def forgetting(state: CoreState) -> CoreState:
    """A core's state without which older claim was confirmed. The core asks only whether it is the newest: see test_core.py."""
    if state.claim is None or state.routed is None or state.routed.epoch >= state.claim.epoch:
        return state
    return replace(state, routed=OLDER)


class RouterWorld:
    """The world.

    Args:
        workers: How many runs there are at most at once.
        core: The core they run.
        epochs: How many epochs are taken.
        places: How many places there are to lead to the holder.
        flights: How many writes are on their way at most at once; 0: none arrives late.
        messages: How many messages there are at most at once, when one is repeated.
        ticks: Whether the reconciler runs.
        faults: How many faults there are at most on the way to a state. Default: as many as there can be.
        settled: Whether it begins with the first epoch routed; otherwise with nothing.
        again: Whether a message is handed out again while a run has it.
        paged: Whether reading and looking are made of several calls.
    """

    def __init__(
        self,
        workers: int,
        core: RouterCore = PRODUCTION,
        *,
        epochs: int = 3,
        places: int = 2,
        flights: int = 1,
        messages: int = 3,
        ticks: bool = True,
        paged: bool = False,
        again: bool = True,
        faults: int = 0,
        settled: bool = False,
    ) -> None:
        self.workers, self.epochs, self.flights, self.messages, self.ticks = workers, epochs, flights, messages, ticks
        self.places, self.again, self.faults, self.settled = places, again, faults, settled
        claims = tuple(Claim(epoch, "ab"[(epoch + 1) % 2], f"i-{epoch}") for epoch in range(1, epochs + 1))
        self.engine = Runs(core, claims, paged=paged, late=flights > 0)
        self._numbers: dict[Run, int] = {}
        self._runs: list[Run] = []
        self._outcomes: dict[tuple[int, Seen], list[tuple[Outcome, int]]] = {}

    def number(self, run: Run) -> int:
        run = run._replace(state=forgetting(run.state))
        if run not in self._numbers:
            self._numbers[run] = len(self._runs)
            self._runs.append(run)
        return self._numbers[run]

    def initial(self) -> State:
        first = int(self.settled)
        return State(Seen(first, first, (first,) * self.places), (), (), (), False, self.faults)

    def moves(self, state: State) -> Iterator[tuple[Move, State]]:
        if not self.faults:
            yield from self._moves(state)
            return
        for move, after in self._moves(state):
            if move[0] not in COUNTED:
                yield move, after
            elif state.faults:
                yield move, State(*after[:-1], state.faults - 1)

    def _moves(self, state: State) -> Iterator[tuple[Move, State]]:
        seen, queue, runs, flights, owed, faults = state
        if seen.claim < self.epochs:
            epoch = seen.claim + 1
            told = tuple(sorted((*queue, epoch)))
            yield ("a member takes epoch", epoch), State(seen._replace(claim=epoch), told, runs, flights, owed, faults)
        if len(runs) < self.workers:
            yield from self._begin(state)
        if len(queue) < self.messages:
            for epoch in range(1, seen.claim + 1):
                if epoch not in queue:
                    yield ("repeated", epoch), State(seen, tuple(sorted((*queue, epoch))), runs, flights, owed, faults)
        for index, flight in enumerate(flights):
            yield self._arrive(state, index, flight)
        for index, number in enumerate(runs):
            if index and runs[index - 1] == number:
                continue
            yield from self._advance(state, index, number)

    def _begin(self, state: State) -> Iterator[tuple[Move, State]]:
        seen, queue, runs, flights, owed, faults = state
        for epoch in dict.fromkeys(queue):
            again = any(self._runs[each].begun_by == epoch for each in runs)
            if again and not self.again:
                continue
            begun = self._begun(epoch, seen)
            kind = "delivered to another as well" if again else "delivered"
            yield (kind, epoch), State(seen, queue, tuple(sorted((*runs, begun))), flights, owed, faults)
        if self.ticks and not any(self._runs[each].begun_by == TICK for each in runs):
            begun = self._begun(TICK, seen)
            yield ("tick",), State(seen, queue, tuple(sorted((*runs, begun))), flights, owed, faults)

    def _begun(self, message: int, seen: Seen) -> int:
        """A run that has begun. Nobody can tell when it did, until it reads: without `paged` it does both at once."""
        run = self.engine.begin(message)
        if not self.engine.paged and isinstance(self.engine.core.next_step(run.state), Read):
            run = run._replace(state=self.engine.core.after_read(self.engine.claim(seen.claim), self.engine.claim(seen.routed)))
        return self.number(run)

    def _arrive(self, state: State, index: int, flight: tuple[Any, ...]) -> tuple[Move, State]:
        seen, rest = state.seen, (*state.flights[:index], *state.flights[index + 1 :])
        if flight[0] == "confirm":
            # Its condition is looked at when it arrives.
            routed = flight[1] if seen.claim == flight[1] else seen.routed
            return ("arrives late: confirmation", flight[1]), state._replace(seen=seen._replace(routed=routed), flights=rest)
        _, place, epoch = flight
        places = (*seen.places[:place], epoch, *seen.places[place + 1 :])
        after = state._replace(seen=seen._replace(places=places), flights=rest)
        return ("arrives late: write", place, epoch), self._owe(after)

    def _owe(self, state: State) -> State:
        """Nobody alive may notice: what began before doesn't count as having looked."""
        stale = (self.number(self._runs[each]._replace(fresh=False)) for each in state.runs)
        return state._replace(runs=tuple(sorted(stale)), owed=True)

    def _advance(self, state: State, index: int, number: int) -> Iterator[tuple[Move, State]]:
        seen, queue, runs, flights, owed, faults = state
        others = (*runs[:index], *runs[index + 1 :])
        for outcome, following in self._known(number, seen):
            if outcome.sent and (len(flights) >= self.flights or outcome.sent in flights):
                continue
            run = self._runs[number]
            left = queue
            if outcome.deletes and run.begun_by in queue:
                cut = queue.index(run.begun_by)
                left = (*queue[:cut], *queue[cut + 1 :])
            after = State(
                outcome.seen,
                left,
                tuple(sorted((*others, following))) if following >= 0 else others,
                tuple(sorted((*flights, outcome.sent))) if outcome.sent else flights,
                owed and not (outcome.lasting and run.fresh),
                faults,
            )
            if outcome.run is None and not outcome.lasting and not self._comes_again(run, queue, others):
                after = self._owe(after)
            elif owed and not after.owed:
                after = self._fresh(after)
            yield (outcome.move[0], index, *outcome.move[1:]), after

    def _comes_again(self, run: Run, queue: tuple[int, ...], others: tuple[int, ...]) -> bool:
        """Whether a run that dies is done again: not the reconciler's, and not if another that has the message deletes it."""
        if run.deleted:
            return True  # The core said so.
        return run.begun_by in queue and all(self._runs[each].begun_by != run.begun_by for each in others)

    def _fresh(self, state: State) -> State:
        """With nothing owed there is nothing a run could have begun too early for."""
        fresh = (self.number(self._runs[each]._replace(fresh=True)) for each in state.runs)
        return state._replace(runs=tuple(sorted(fresh)))

    def _known(self, number: int, seen: Seen) -> list[tuple[Outcome, int]]:
        key = (number, seen)
        if key not in self._outcomes:
            outcomes = self.engine.steps(self._runs[number], seen)
            self._outcomes[key] = [(each, -1 if each.run is None else self.number(each.run)) for each in outcomes]
        return self._outcomes[key]

    def at_rest(self, state: State) -> bool:
        return not (state.queue or state.runs or state.flights or state.owed)

    def broken_at(self, state: State) -> str:
        if not self.at_rest(state) or not state.seen.claim:
            return ""
        claim, routed, places = state.seen
        if len(set(places)) > 1:
            return f"I1: at rest, places lead to different members: {_holders(places)}"
        if places[0] != claim:
            return f"I2: at rest, epoch {claim} is the highest, and places lead to the holder of {_holders(places[:1])}"
        if routed != claim:
            return f"I3: at rest, epoch {claim} is the highest, and confirmed is still {routed}"
        return ""

    def broken_by(self, before: State, move: Move, after: State) -> str:
        for place, (was, is_now) in enumerate(zip(before.seen.places, after.seen.places, strict=True)):
            if was and not is_now:
                return f"I5: place {place}, which led to the holder of epoch {was}, leads nowhere"
        if after.seen.routed < before.seen.routed:
            return f"I3: epoch {after.seen.routed} is confirmed after epoch {before.seen.routed}"
        return ""

    def towards_rest(self, state: State) -> tuple[Move, State] | None:
        if state.flights:
            return self._arrive(state, 0, state.flights[0])
        if state.runs:
            return next(step for step in self._advance(state, 0, state.runs[0]) if step[0][0] not in FAULTS)
        return next(iter(self._begin(state)), None)

    def told(self, steps: list[tuple[State, Move, State]]) -> list[str]:
        return list(_told(self, steps))


FAULTS = frozenset({
    "dies",
    "is refused the write of",
    "sends the write of",
    "sends the confirmation and dies",
    "repeated",
    "delivered to another as well",
    "arrives late: write",
    "arrives late: confirmation",
})  # fmt: skip

# A write that was sent late arrives; the fault was to send it.
COUNTED = FAULTS - {"arrives late: write", "arrives late: confirmation"}


def _holders(places: Iterable[int]) -> str:
    return " and ".join(str(each) if each else "nobody" for each in places)


def _told(world: RouterWorld, steps: list[tuple[State, Move, State]]) -> Iterator[str]:
    names: list[str] = []
    made = 0
    for before, move, after in steps:
        text = [str(each) for each in move[1:]]
        if move[0] in ("delivered", "delivered to another as well", "tick"):
            made += 1
            kept = list(zip(names, before.runs, strict=True))
            line = f"{move[0]} {' '.join(text)}: run {made} begins"
            (begun,) = _without(after.runs, before.runs)
            names = _in_order([*kept, (f"run {made}", begun)])
        elif len(after.runs) == len(before.runs) and move[0] not in RUN_MOVES:
            line = f"{move[0]} {' '.join(text)}"
        else:
            line = f"{names[move[1]]} {move[0]} {' '.join(text[1:])}"
            changed = _without(after.runs, before.runs)
            kept = [(name, run) for index, (name, run) in enumerate(zip(names, before.runs, strict=True)) if index != move[1]]
            if len(after.runs) == len(before.runs):
                kept.append((names[move[1]], changed[0] if changed else before.runs[move[1]]))
            names = _in_order(kept)
        claim, routed, places = after.seen
        yield f"{line.strip():64} | newest {claim}, confirmed {routed}, places lead to {_holders(places)}"


RUN_MOVES = FAULTS - {"repeated", "delivered to another as well", "arrives late: write", "arrives late: confirmation"} | {
    "deletes its message", "ends", "reads", "reads the claim", "reads what is routed", "looks at", "points", "confirms",
    "can't confirm",
}  # fmt: skip


def _without(runs: tuple[int, ...], others: tuple[int, ...]) -> list[int]:
    left = list(runs)
    for each in others:
        if each in left:
            left.remove(each)
    return left


def _in_order(named: list[tuple[str, int]]) -> list[str]:
    return [name for name, _ in sorted(named, key=lambda each: each[1])]
