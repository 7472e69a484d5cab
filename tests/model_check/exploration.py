"""Breadth-first exploration of every state a world can get into, with the shortest way to whatever is wrong."""

import gc
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

State = Any
# What happened, first its kind; the rest is for the person who reads a trace.
Move = tuple[Any, ...]


class World(Protocol):
    """What can be explored. States are hashable, and equal if nothing that follows can tell them apart."""

    def initial(self) -> State: ...

    def moves(self, state: State) -> Iterable[tuple[Move, State]]:
        """Everything that can happen next, faults included."""

    def broken_at(self, state: State) -> str:
        """The invariant that doesn't hold in a state, with what is wrong; empty if all hold."""

    def broken_by(self, before: State, move: Move, after: State) -> str:
        """The invariant that a step breaks; empty if all hold."""

    def at_rest(self, state: State) -> bool: ...

    def towards_rest(self, state: State) -> tuple[Move, State] | None:
        """What happens next if nothing goes wrong any more; None if nothing is left to happen."""

    def told(self, steps: list[tuple[State, Move, State]]) -> list[str]:
        """A trace as a person reads it, a line a step."""


@dataclass
class Exploration:
    """What was found.

    Args:
        states: Each reachable state, with the step that reached it first.
        happened: The kinds of steps that have occurred.
        at_rest: The states at rest.
        broken: The first invariant that was found broken, empty if none.
        trace: The shortest way there, a line a step.
    """

    states: dict[Hashable, tuple[State, Move] | None] = field(default_factory=dict)
    happened: set[str] = field(default_factory=set)
    at_rest: list[State] = field(default_factory=list)
    broken: str = ""
    trace: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        if not self.broken:
            return f"{len(self.states)} states, {len(self.at_rest)} at rest, no invariant broken"
        return "\n".join([self.broken, *(f"{number:3} {line}" for number, line in enumerate(self.trace, 1))])


def explore(world: World, most: int = 2_000_000) -> Exploration:
    """Goes through every reachable state, nearest first, until an invariant is broken or none is left.

    Args:
        world: The world.
        most: So many states are too many; that is an error of the model, not of what is checked.

    Raises:
        RuntimeError: There were too many.
    """
    found = Exploration()
    gc.disable()  # Everything is kept, and looking through it for what is not costs as much as the exploration.
    try:
        _explore(world, found, most)
    finally:
        gc.enable()
    return found


def _explore(world: World, found: Exploration, most: int) -> None:
    states = found.states
    first = world.initial()
    states[first] = None
    level = [first]
    moves, broken_at, broken_by, happened = world.moves, world.broken_at, world.broken_by, found.happened
    while level:
        following = []
        for state in level:
            for move, after in moves(state):
                happened.add(move[0])
                if wrong := broken_by(state, move, after):
                    _fail(world, found, wrong, [*_way(states, state), (state, move, after)])
                    return
                if after in states:
                    continue
                states[after] = (state, move)
                if wrong := broken_at(after):
                    _fail(world, found, wrong, _way(states, after))
                    return
                if world.at_rest(after):
                    found.at_rest.append(after)
                following.append(after)
        level = following
        if len(states) > most:
            raise RuntimeError(f"more than {most} states")
    if world.at_rest(first):
        found.at_rest.append(first)


def never_at_rest(world: World, found: Exploration) -> str:
    """A state from which no rest is reached though nothing goes wrong any more, as a trace; empty if there is none."""
    gc.disable()
    try:
        return _never_at_rest(world, found)
    finally:
        gc.enable()


def _never_at_rest(world: World, found: Exploration) -> str:
    good = set(found.at_rest)
    for start in found.states:
        if start in good:
            continue
        way, state = [], start
        seen = set()
        while state not in good:
            if state in seen:
                return "\n".join(["goes round for ever after:", *world.told(_way(found.states, start))])
            seen.add(state)
            way.append(state)
            following = world.towards_rest(state)
            if following is None:
                return "\n".join(["stuck after:", *world.told(_way(found.states, start))])
            state = following[1]
        good.update(way)
    return ""


def _way(states: dict[Hashable, tuple[State, Move] | None], state: State) -> list[tuple[State, Move, State]]:
    way = []
    while (came := states[state]) is not None:
        way.append((came[0], came[1], state))
        state = came[0]
    return way[::-1]


def _fail(world: World, found: Exploration, wrong: str, way: list[tuple[State, Move, State]]) -> None:
    found.broken = wrong
    found.trace = world.told(way)
