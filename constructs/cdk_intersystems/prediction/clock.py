"""A clock that nobody waits for: what happens in the simulated world, in the order of its time.

A process is a generator. It yields seconds to let pass, or a `Wait` for a signal, and is resumed with `True` when the signal
was fired and `False` when the limit came first. Two things due at the same time happen in the order in which they were asked
for, and all chance comes from streams that are seeded by name: the same seed gives the same run, and one more stream changes
no other.
"""

import heapq
import random
from collections.abc import Callable, Generator, Iterator
from inspect import GEN_RUNNING, getgeneratorstate
from typing import Any, NamedTuple, TypeAlias


class Timer:
    """Something that is due.

    Args:
        action: What is done then; None: nothing, it was cancelled.
    """

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Nothing is done any more."""
        self.action = None


class Signal:
    """Something that processes wait for, and that others are told of."""

    __slots__ = ("_told", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[Callable[[bool], None]] = []
        self._told: list[Callable[[], None]] = []

    def fire(self) -> None:
        """Resume every process that waits now, and call everybody who is to be told."""
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
            resume(True)
        for tell in self._told:
            tell()

    def tell(self, action: Callable[[], None]) -> None:
        """Call this each time the signal is fired."""
        self._told.append(action)

    def add(self, resume: Callable[[bool], None]) -> None:
        """Resume a process the next time the signal is fired."""
        self._waiting.append(resume)

    def remove(self, resume: Callable[[bool], None]) -> None:
        """Forget a process that waits no longer."""
        if resume in self._waiting:
            self._waiting.remove(resume)


class Wait(NamedTuple):
    """What a process yields to wait for a signal.

    Args:
        signal: The signal.
        limit: Seconds after which it goes on without. Default: it waits for ever.
    """

    signal: Signal
    limit: float | None = None


Process: TypeAlias = Generator[float | Wait, bool, Any]


class Task:
    """A process under way.

    Args:
        clock: The clock it runs on.
        process: The process.
    """

    __slots__ = ("_clock", "_due", "_frozen", "_process", "_timer", "_waits_for", "done", "ended", "result")

    def __init__(self, clock: "Clock", process: Process) -> None:
        self._clock = clock
        self._process = process
        self._timer: Timer | None = None
        self._waits_for: Signal | None = None
        self._frozen = False
        self._due: bool | None = None
        self.done = False
        self.result: Any = None
        self.ended = Signal()

    def kill(self) -> None:
        """End it where it is, as the death of its host does. What it has asked others for goes on."""
        if self.done:
            return
        self._rest()
        self._process.close()
        self._finish(None)

    def freeze(self) -> None:
        """Let it stand still. What comes due meanwhile reaches it when it is thawed."""
        self._frozen = True

    def thaw(self) -> None:
        """Let it go on."""
        self._frozen = False
        if self._due is not None:
            due, self._due = self._due, None
            self.step(due)

    def step(self, fired: bool) -> None:
        """Resume it.

        Args:
            fired: What its `yield` answers.
        """
        self._rest()
        if self.done or getgeneratorstate(self._process) == GEN_RUNNING:
            # Running: it is being closed, and hears of what it closes.
            return
        if self._frozen:
            self._due = fired
            return
        try:
            asked = self._process.send(fired)
        except StopIteration as end:
            self._finish(end.value)
            return
        self._wait(asked)

    def begin(self) -> None:
        """Run it until its first `yield`."""
        try:
            asked = next(self._process)
        except StopIteration as end:
            self._finish(end.value)
            return
        self._wait(asked)

    def _wait(self, asked: float | Wait) -> None:
        if isinstance(asked, Wait):
            self._waits_for = asked.signal
            asked.signal.add(self.step)
            if asked.limit is not None:
                self._timer = self._clock.call_after(asked.limit, self._late)
        else:
            self._timer = self._clock.call_after(asked, self._late)

    def _late(self) -> None:
        self.step(False)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waits_for is not None:
            self._waits_for.remove(self.step)
            self._waits_for = None

    def _finish(self, result: Any) -> None:
        self.done = True
        self.result = result
        self.ended.fire()


class Clock:
    """Simulated time, in seconds from 0.

    Args:
        seed: What all chance follows from. Default: 0.
    """

    def __init__(self, seed: int | str = 0) -> None:
        self.now = 0.0
        self._seed = seed
        self._due: list[tuple[float, int, Timer]] = []
        self._asked = 0
        self._streams: dict[str, random.Random] = {}

    def random(self, name: str) -> random.Random:
        """The stream of chance of this name: the same numbers for the same seed, whatever other streams there are."""
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = random.Random(f"{self._seed}/{name}")  # noqa: S311 - chance, no secret
        return stream

    def call_at(self, when: float, action: Callable[[], None]) -> Timer:
        """Have something done at a time; a time that is past means now."""
        timer = Timer(action)
        self._asked += 1
        heapq.heappush(self._due, (max(when, self.now), self._asked, timer))
        return timer

    def call_after(self, delay: float, action: Callable[[], None]) -> Timer:
        """Have something done after some seconds."""
        return self.call_at(self.now + delay, action)

    def start(self, process: Process) -> Task:
        """Start a process. It runs until its first `yield` at once."""
        task = Task(self, process)
        task.begin()
        return task

    def run_until(self, when: float, enough: Callable[[], bool] | None = None) -> None:
        """Let time pass.

        Args:
            when: Until then.
            enough: Asked after each thing done; time stands where it was first true. Default: never.
        """
        while self._due and self._due[0][0] <= when:
            due, _, timer = heapq.heappop(self._due)
            if timer.action is None:
                continue
            self.now = due
            timer.action()
            if enough is not None and enough():
                return
        self.now = max(self.now, when)

    def run_for(self, seconds: float) -> None:
        """Let some seconds pass."""
        self.run_until(self.now + seconds)

    def pending(self) -> Iterator[float]:
        """The times at which something is due, in no order."""
        return (when for when, _, timer in self._due if timer.action is not None)
