"""What carries the latch, as `region_watch` looks at it and writes it: a metric, an object, routing controls.

A carrier's state is a tuple. A write is a tuple, too, and takes effect when it arrives, with its condition looked at then. What
a run remembers of its last look or write is its `memory`: None at first.
"""

from typing import Any, Protocol

from region_watch.core import Shown, Want

State = tuple[Any, ...]


class Carrier(Protocol):
    """A carrier. `steady`: while DR holds the traffic no older run gives it back, not even until the next one looks."""

    steady: bool

    def initial(self) -> State: ...

    def look(self, state: State, memory: Any) -> tuple[Shown, Any]:
        """What a look shows, and what the run remembers of it."""

    def writes(self, want: Want, memory: Any) -> tuple[State, ...]:
        """The calls that one write is made of, in their order."""

    def written(self, want: Want, memory: Any) -> Any:
        """What a run remembers that has written."""

    def after(self, state: State, write: State) -> State: ...

    def broken(self, state: State) -> str: ...

    def held_by_dr(self, state: State) -> bool | None: ...


class Metric:
    """Each run tells the metric once at least; what it has told is all it knows of it."""

    steady = False

    def initial(self) -> State:
        return (False,)

    def look(self, state: State, memory: Any) -> tuple[Shown, Any]:
        return Shown(memory), memory

    def writes(self, want: Want, memory: Any) -> tuple[State, ...]:
        return ((want.held_by_dr,),)

    def written(self, want: Want, memory: Any) -> Any:
        return want.held_by_dr

    def after(self, state: State, write: State) -> State:
        return write

    def broken(self, state: State) -> str:
        return ""

    def held_by_dr(self, state: State) -> bool | None:
        return bool(state[0])


class LatchObject:
    """The object holds the epoch, or is not there (-1); writes are on condition that it is as it was looked at.

    Args:
        conditional: Whether they are. Otherwise whoever writes last has the last word.
    """

    def __init__(self, *, conditional: bool = True) -> None:
        self.conditional = self.steady = conditional

    def initial(self) -> State:
        return (-1,)

    def look(self, state: State, memory: Any) -> tuple[Shown, Any]:
        return (Shown(False) if state[0] < 0 else Shown(True, state[0])), state[0]

    def writes(self, want: Want, memory: Any) -> tuple[State, ...]:
        return (("put" if want.held_by_dr else "delete", memory, want.epoch),)

    def written(self, want: Want, memory: Any) -> Any:
        return memory

    def after(self, state: State, write: State) -> State:
        how, memory, epoch = write
        if self.conditional and memory != state[0]:
            return state
        return (epoch,) if how == "put" else (-1,)

    def broken(self, state: State) -> str:
        return ""

    def held_by_dr(self, state: State) -> bool | None:
        return bool(state[0] >= 0)


class Controls:
    """Two routing controls: that of the primary region, that of DR.

    Args:
        at_once: Whether one call sets both.
    """

    steady = False

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once

    def initial(self) -> State:
        return (True, False)

    def look(self, state: State, memory: Any) -> tuple[Shown, Any]:
        return Shown(self.held_by_dr(state)), None

    def writes(self, want: Want, memory: Any) -> tuple[State, ...]:
        held = want.held_by_dr
        if self.at_once:
            return ((not held, held),)
        return ((None, True), (False, None)) if held else ((True, None), (None, False))

    def written(self, want: Want, memory: Any) -> Any:
        return None

    def after(self, state: State, write: State) -> State:
        return tuple(old if new is None else new for old, new in zip(state, write, strict=True))

    def broken(self, state: State) -> str:
        return "" if any(state) else "I5: both routing controls are off"

    def held_by_dr(self, state: State) -> bool | None:
        return bool(state[1]) if state[0] is not state[1] else None
