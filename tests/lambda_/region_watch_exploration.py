"""Every order of the watch's steps: several runs at once, deaths, late writes, and a table that moves on meanwhile."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from region_watch import core
from region_watch.core import Confirm, Look, Read, Shown, State, Want, Write

#: What the table says, one after the other: a promotion, a fail-back, another promotion.
TABLE = tuple(Want(epoch, epoch % 2 == 1) for epoch in range(4))

_Carrier = tuple[bool | None, int | None]


@dataclass(frozen=True)
class Run:
    """One run of the function.

    Args:
        state: How far it has come.
        seen: What it saw of a carrier with an epoch when it last looked, by which a conditional write goes.
        dead: Whether it died.
    """

    state: State = field(default_factory=State)
    seen: _Carrier = (None, None)
    dead: bool = False

    @property
    def is_over(self) -> bool:
        return self.dead or self.state.ended


@dataclass(frozen=True)
class World:
    """All there is.

    Args:
        at: How far the table has moved on.
        shown: What the carrier shows, and by which epoch.
        note: What was confirmed last.
        runs: The runs.
        late: Writes that were sent and have not arrived.
        deaths: How many may still happen.
        too_old: Whether an object of a newer epoch was taken away by a run that knew an older one.
    """

    runs: tuple[Run, ...]
    at: int = 0
    shown: _Carrier = (False, None)
    note: Want | None = None
    late: tuple[Want, ...] = ()
    deaths: int = 1
    too_old: bool = False

    @property
    def is_quiet(self) -> bool:
        return all(run.is_over for run in self.runs) and not self.late and self.at == len(TABLE) - 1

    @property
    def is_right(self) -> bool:
        return self.shown[0] == TABLE[self.at].held_by_dr and self.note == TABLE[self.at]


def explore(steps: Any = core, *, conditional: bool, runs: int = 2, deaths: int = 1) -> tuple[int, list[str]]:
    """Goes through every state there is.

    Args:
        steps: The core's functions, or a mutation's.
        conditional: Whether the carrier is an object that carries its epoch and takes conditional writes, or takes any write.
        runs: How many runs there are at the same time.
        deaths: How many of them may die.

    Returns:
        How many states there are, and what is wrong in them.
    """
    start = World(runs=tuple(Run() for _ in range(runs)), deaths=deaths)
    seen, todo, wrong = {start}, [start], set()
    while todo:
        world = todo.pop()
        if world.too_old:
            wrong.add("an old run took away what a newer one had put there")
        if world.is_quiet:
            # Whoever moves the table on wakes a run; the others have read what was there before.
            woken = any(run.state.want == TABLE[-1] for run in world.runs)
            if woken and world.deaths == deaths and not world.is_right:
                wrong.add("all runs have ended, and the latch is wrong")
            if not _after_a_run(world, steps, conditional).is_right:
                wrong.add("the next minute's run has ended, and the latch is wrong")
        for after in _next(world, steps, conditional):
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return len(seen), sorted(wrong)


def _after_a_run(world: World, steps: Any, conditional: bool) -> World:
    """The world after the run of the next minute, alone."""
    at = len(world.runs)
    alone = replace(world, runs=(*world.runs, Run()))
    for _ in range(50):
        if alone.runs[at].is_over:
            return alone
        alone = _step(alone, at, steps, conditional)
    raise AssertionError("a run alone comes to no end")


def _next(world: World, steps: Any, conditional: bool) -> Iterator[World]:
    if world.at + 1 < len(TABLE):
        yield replace(world, at=world.at + 1)
    for at, run in enumerate(world.runs):
        if run.is_over:
            continue
        yield _step(world, at, steps, conditional)
        if world.deaths:
            dying = replace(world, runs=_with(world.runs, at, replace(run, dead=True)), deaths=world.deaths - 1)
            yield dying
            step = steps.next_step(run.state)
            if isinstance(step, Write) and not conditional:
                # It dies, and what it sent arrives later.
                yield replace(dying, late=(*world.late, step.want))
    for at, want in enumerate(world.late):
        yield replace(world, shown=(want.held_by_dr, None), late=world.late[:at] + world.late[at + 1 :])


def _step(world: World, at: int, steps: Any, conditional: bool) -> World:
    run, step = world.runs[at], steps.next_step(world.runs[at].state)
    now = TABLE[world.at]
    if isinstance(step, Read):
        return _moved(world, at, replace(run, state=steps.after_read(now, world.note)))
    if isinstance(step, Look):
        held, epoch = world.shown
        shown = Shown(held, epoch if conditional else None)
        return _moved(world, at, replace(run, state=steps.after_look(run.state, shown), seen=world.shown))
    if isinstance(step, Write):
        after = replace(run, state=steps.after_write(run.state))
        if conditional and world.shown != run.seen:
            return _moved(world, at, after)
        too_old = bool(world.shown[0] and not step.want.held_by_dr and (world.shown[1] or 0) > step.want.epoch)
        shown = (step.want.held_by_dr, step.want.epoch if conditional and step.want.held_by_dr else None)
        return replace(_moved(world, at, after), shown=shown, too_old=world.too_old or too_old)
    assert isinstance(step, Confirm)
    is_current = step.want == now
    moved = _moved(world, at, replace(run, state=steps.after_confirm(run.state, is_current)))
    return replace(moved, note=step.want) if is_current else moved


def _moved(world: World, at: int, run: Run) -> World:
    return replace(world, runs=_with(world.runs, at, run))


def _with(runs: tuple[Run, ...], at: int, run: Run) -> tuple[Run, ...]:
    return (*runs[:at], run, *runs[at + 1 :])


def mutated(**changes: Callable[..., Any]) -> SimpleNamespace:
    """The core with some of its functions replaced."""
    names = ("next_step", "after_read", "after_look", "after_write", "after_confirm")
    return SimpleNamespace(**{name: changes.get(name, getattr(core, name)) for name in names})
