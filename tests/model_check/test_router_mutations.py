"""Each simplification of the router's core is caught, with a shortest trace."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from mirror_router import core
from mirror_router.core import Claim, Confirm, Look, Point, State

from .exploration import explore
from .router_core import PRODUCTION, RouterCore
from .router_world import RouterWorld


@dataclass(frozen=True)
class _Overwrite(Confirm):
    """A confirmation that is recorded whatever the newest epoch is."""

    conditional = False


def _check_first(state: State) -> Any:
    """Confirms, then writes, then has a look and ends: checks, then acts."""
    if state.ended or state.claim is None:
        return core.next_step(state)
    if state.wrong is None:
        return Look(state.claim)
    if state.routed != state.claim:
        return Confirm(state.claim)
    return Point(state.claim, state.wrong)


def _checked(state: State, newer: Claim | None) -> State:
    return replace(state, routed=state.claim, ended=not state.wrong) if newer is None else State(claim=newer)


def _ended_after_writing(state: State, wrong: tuple[str, ...]) -> State:
    return replace(state, wrong=wrong, ended=not wrong and (state.wrote or state.routed == state.claim))


def _overwriting(state: State) -> Any:
    step = core.next_step(state)
    return _Overwrite(step.claim) if isinstance(step, Confirm) else step


def _clearing_first(state: State) -> Any:
    step = core.next_step(state)
    if isinstance(step, Point) and not state.wrote:
        return Point(replace(step.claim, instance_id=""), step.places)
    return step


def _the_events(_: State, newer: Claim | None) -> State:
    del newer
    return State(ended=True)


MUTATIONS: dict[str, tuple[RouterCore, str]] = {
    "check then act": (
        replace(PRODUCTION, next_step=_check_first, after_confirm=_checked, after_look=_ended_after_writing),
        "I2",
    ),
    "no confirmation after the write": (replace(PRODUCTION, after_look=_ended_after_writing), "I3"),
    "last event wins": (
        replace(PRODUCTION, begin=lambda claim: State(claim=claim), after_confirm=_the_events, next_step=_overwriting),
        "I",
    ),
    "message deleted before the confirmation": (
        replace(PRODUCTION, done=lambda state: state.ended or state.wrong is not None),
        "I2",
    ),
    "delete then create": (replace(PRODUCTION, next_step=_clearing_first), "I5"),
    "confirmation without condition": (replace(PRODUCTION, next_step=_overwriting), "I"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_caught(name: str) -> None:
    mutated, invariant = MUTATIONS[name]
    found = explore(RouterWorld(2, mutated, places=1, epochs=2, flights=0, ticks=False, again=False))
    print(f"{name}: {found}")
    assert found.broken.startswith(invariant), f"{name} goes unnoticed: {found}"
    assert 4 <= len(found.trace) <= 25
    assert all("newest" in line for line in found.trace)


def test_the_unchanged_core_is_not() -> None:
    found = explore(RouterWorld(2, places=1, epochs=2, flights=0, ticks=False, again=False))
    assert not found.broken, str(found)


def test_the_trace_of_check_then_act_is_the_known_one() -> None:
    """A worker checks, is overtaken, and writes: what emptied a regional DNS record in October 2025."""
    mutated, _ = MUTATIONS["check then act"]
    trace = explore(RouterWorld(2, mutated, places=1, epochs=2, flights=0, ticks=False, again=False)).trace
    told = "\n".join(trace)
    assert (
        told.index("confirms 1") < told.index("a member takes epoch 2") < told.index("points 0 2") < told.rindex("points 0 1")
    )
