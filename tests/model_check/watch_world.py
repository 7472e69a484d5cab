"""Several runs of the watch at once, which carry the region latch, while moves between the regions are committed and latched.

A run may begin at any time, die at each step, and have each write refused, or sent and arriving at any later time, its run dead
or not. The table's record of a move changes in two steps, as the promotion changes it: a commit raises the epoch and turns who
serves, the latch follows later. Epochs alone make a state: by odd ones DR holds the traffic, by even ones the primary region.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from region_watch import core
from region_watch.core import Confirm, Look, Read, Want, Write
from region_watch.records import RegionState

from .exploration import Move
from .watch_carriers import Carrier, Metric


@dataclass(frozen=True)
class WatchCore:
    """The functions of `region_watch.core`, so that a changed one can take its place."""

    next_step: Any = field(default=core.next_step)
    after_read: Any = field(default=core.after_read)
    after_look: Any = field(default=core.after_look)
    after_write: Any = field(default=core.after_write)
    after_confirm: Any = field(default=core.after_confirm)
    want: Any = field(default=lambda state: state.want)


PRODUCTION = WatchCore()


class Run(NamedTuple):
    """A run.

    Args:
        state: The core's state.
        read: The epochs that it has read.
        memory: What it remembers of the carrier.
        left: The calls that are left of its write.
        fresh: Whether it began after the last disturbance.
    """

    state: Any
    read: tuple[int, int]
    memory: Any
    left: tuple[Any, ...]
    fresh: bool


class State(NamedTuple):
    """A state of the world.

    Args:
        epoch: The epoch of the last committed move.
        latch: The epoch by which the traffic was given.
        confirmed: The epoch whose latch was confirmed; -1: none.
        carrier: The carrier's state.
        runs: Numbers of the runs, sorted: which is which makes no difference.
        flights: Writes that were sent and haven't arrived.
        owed: Whether something has happened that only a run notices that begins from now on.
        faults: How many faults there may still be.
    """

    epoch: int
    latch: int
    confirmed: int
    carrier: tuple[Any, ...]
    runs: tuple[int, ...]
    flights: tuple[Any, ...]
    owed: bool
    faults: int


def want_of(latch: int) -> Want:
    return Want(latch, latch % 2 == 1)


class WatchWorld:
    """The world.

    Args:
        workers: How many runs at once.
        core: The core they run.
        carrier: The carrier.
        moves: How many moves are committed, back and forth.
        flights: How many writes are on their way at most at once.
        faults: How many faults there are at most on the way to a state.
    """

    def __init__(
        self,
        workers: int = 2,
        core: WatchCore = PRODUCTION,
        *,
        carrier: Carrier | None = None,
        moves: int = 2,
        flights: int = 1,
        faults: int = 2,
    ) -> None:
        self.workers, self.core, self.carrier = workers, core, carrier or Metric()
        self.most, self.flights, self.faults = moves, flights, faults
        self._numbers: dict[Run, int] = {}
        self._runs: list[Run] = []

    def number(self, run: Run) -> int:
        if run not in self._numbers:
            self._numbers[run] = len(self._runs)
            self._runs.append(run)
        return self._numbers[run]

    def initial(self) -> State:
        return State(0, 0, -1, self.carrier.initial(), (), (), True, self.faults)

    def moves(self, state: State) -> Iterator[tuple[Move, State]]:
        if state.epoch < self.most and state.latch == state.epoch:
            yield ("a move is committed", state.epoch + 1), state._replace(epoch=state.epoch + 1)
        if state.latch < state.epoch:
            yield ("the latch is turned", state.epoch), self._owe(state._replace(latch=state.epoch))
            if state.epoch < self.most:
                # Who served goes on to, by a newer epoch and with the traffic.
                back = state.epoch + 1
                yield ("the move is taken back", back), self._owe(state._replace(epoch=back, latch=back))
        if len(state.runs) < self.workers:
            # Nobody can tell when a run began until it reads: it does both at once.
            run = Run(self._after_read(state), (state.epoch, state.latch), None, (), True)
            yield ("begins",), self._with(state, run)
        for index, flight in enumerate(state.flights):
            yield self._arrive(state, index, flight)
        for index, number in enumerate(state.runs):
            if index and state.runs[index - 1] == number:
                continue
            yield from self._advance(state, index, self._runs[number])

    def _after_read(self, state: State) -> Any:
        serving = "dr" if state.epoch % 2 else "primary"
        want = self.core.want(RegionState(state.epoch, serving, state.latch))
        return self.core.after_read(want, None if state.confirmed < 0 else want_of(state.confirmed))

    def _advance(self, state: State, index: int, run: Run) -> Iterator[tuple[Move, State]]:
        rest = state._replace(runs=(*state.runs[:index], *state.runs[index + 1 :]))
        if state.faults:
            yield ("dies", index), self._owe(rest._replace(faults=state.faults - 1))
        step = self.core.next_step(run.state)
        if step is None:
            yield ("ends", index), self._ended(rest, run)
        elif isinstance(step, Read):
            read = run._replace(state=self._after_read(state), read=(state.epoch, state.latch))
            yield ("reads again", index, state.latch), self._with(rest, read)
        elif isinstance(step, Look):
            shown, memory = self.carrier.look(state.carrier, run.memory)
            seen = run._replace(state=self.core.after_look(run.state, shown), memory=memory)
            yield ("looks", index, shown.held_by_dr), self._with(rest, seen)
        elif isinstance(step, Write):
            yield from self._write(state, rest, index, run, step.want)
        else:
            assert isinstance(step, Confirm)
            yield from self._confirm(state, rest, index, run, step)

    def _write(self, state: State, rest: State, index: int, run: Run, want: Want) -> Iterator[tuple[Move, State]]:
        calls = run.left or self.carrier.writes(want, run.memory)
        call, left = calls[0], calls[1:]
        if left:
            after = run._replace(left=left)
        else:
            after = Run(self.core.after_write(run.state), run.read, self.carrier.written(want, run.memory), (), run.fresh)
        yield ("writes", index, call), self._with(rest._replace(carrier=self.carrier.after(state.carrier, call)), after)
        if not state.faults:
            return
        rest = rest._replace(faults=state.faults - 1)
        # A write that fails ends the run.
        yield ("is refused the write of", index, call), self._owe(rest)
        if len(state.flights) < self.flights:
            yield ("sends the write of", index, call), self._owe(rest._replace(flights=(*state.flights, call)))

    def _confirm(self, state: State, rest: State, index: int, run: Run, step: Confirm) -> Iterator[tuple[Move, State]]:
        current = run.read == (state.epoch, state.latch) or not getattr(step, "conditional", True)
        after = run._replace(state=self.core.after_confirm(run.state, current))
        if current:
            yield ("confirms", index, step.want.epoch), self._with(rest._replace(confirmed=step.want.epoch), after)
        else:
            yield ("can't confirm", index, step.want.epoch), self._with(rest, after)

    def _arrive(self, state: State, index: int, write: Any) -> tuple[Move, State]:
        flights = (*state.flights[:index], *state.flights[index + 1 :])
        carrier = self.carrier.after(state.carrier, write)
        return ("arrives late: write", write), self._owe(state._replace(flights=flights, carrier=carrier))

    def _owe(self, state: State) -> State:
        """Only a run that begins from now on counts as having looked."""
        stale = (self.number(self._runs[each]._replace(fresh=False)) for each in state.runs)
        return state._replace(owed=True, runs=tuple(sorted(stale)))

    def _ended(self, state: State, run: Run) -> State:
        if not (run.fresh and state.owed):
            return state
        # With nothing owed there is nothing that a run could have begun too early for.
        fresh = (self.number(self._runs[each]._replace(fresh=True)) for each in state.runs)
        return state._replace(owed=False, runs=tuple(sorted(fresh)))

    def _with(self, state: State, run: Run) -> State:
        if not state.owed and not run.fresh:
            run = run._replace(fresh=True)
        return state._replace(runs=tuple(sorted((*state.runs, self.number(run)))))

    def at_rest(self, state: State) -> bool:
        return not (state.runs or state.flights or state.owed) and state.latch == state.epoch

    def broken_at(self, state: State) -> str:
        if wrong := self.carrier.broken(state.carrier):
            return wrong
        if state.latch == 0 and self.carrier.held_by_dr(state.carrier):
            return "I6: DR is given traffic before a move has reached its latch"
        if not self.at_rest(state):
            return ""
        want = want_of(state.latch)
        if self.carrier.held_by_dr(state.carrier) is not want.held_by_dr:
            invariant = "I2" if want.held_by_dr else "I7"
            return f"{invariant}: at rest, epoch {state.latch} is latched, and the carrier shows {state.carrier}"
        if state.confirmed != state.latch:
            return f"I3: at rest, epoch {state.latch} is latched, and confirmed is {state.confirmed}"
        return ""

    def broken_by(self, before: State, move: Move, after: State) -> str:
        if after.confirmed < before.confirmed:
            return f"I3: epoch {after.confirmed} is confirmed after epoch {before.confirmed}"
        if self.carrier.steady and before.confirmed == before.latch == after.latch and want_of(before.latch).held_by_dr:
            was, is_now = (self.carrier.held_by_dr(state.carrier) for state in (before, after))
            if was and not is_now:
                return f"I7: epoch {before.latch} was delivered, and an older run gives the old region its traffic back"
        return ""

    def towards_rest(self, state: State) -> tuple[Move, State] | None:
        if state.flights:
            return self._arrive(state, 0, state.flights[0])
        calm = state._replace(faults=0)
        if state.runs:
            move, after = next(iter(self._advance(calm, 0, self._runs[state.runs[0]])))
            return move, after._replace(faults=state.faults)
        if state.latch < state.epoch:
            return ("the latch is turned", state.epoch), self._owe(state._replace(latch=state.epoch))
        return next((step for step in self.moves(state) if step[0][0] == "begins"), None)

    def told(self, steps: list[tuple[State, Move, State]]) -> list[str]:
        lines = []
        for _, move, after in steps:
            what = " ".join(str(each) for each in move)
            lines.append(f"{what:56} | epoch {after.epoch}, latch {after.latch}, confirmed {after.confirmed}, {after.carrier}")
        return lines


FAULTS = frozenset({"dies", "is refused the write of", "sends the write of", "arrives late: write"})
ORDINARY = frozenset({
    "a move is committed", "the latch is turned", "begins", "looks", "writes", "confirms", "can't confirm", "reads again",
    "ends",
})  # fmt: skip
