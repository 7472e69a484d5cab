"""Members take epochs one by one; at rest the primary holds the highest one, whoever froze, woke up, or wrote late."""

from typing import Any

import pytest

from cdk_intersystems.bootstrap.call_out import core

from .exploration import Exploration, explore, never_at_rest
from .member_world import MemberCore, MemberWorld

_ORDINARY = {"takes over", "starts again as primary", "reads", "asks for its role", "raises", "is refused to raise",
             "sends a message", "awaits", "the router runs", "tick"}  # fmt: skip
_FAULTS = {"dies", "freezes", "thaws", "raises, and doesn't hear of it", "sends a raise", "arrives late: raise",
           "arrives late and is refused: raise"}  # fmt: skip


def _explored(**size: Any) -> Exploration:
    world = MemberWorld(**size)
    found = explore(world)
    print(found)
    assert not found.broken, str(found)
    assert (stuck := never_at_rest(world, found)) == "", stuck
    assert {state.routed for state in found.at_rest} >= {0, 1, 2, 3}, "an epoch never came to be routed"
    assert found.happened >= _ORDINARY
    return found


def test_however_slow_they_are_the_primary_is_routed_without_the_watch() -> None:
    found = _explored(faults=0, running=3)
    assert len(found.states) > 5_000
    assert not found.happened & _FAULTS


def test_any_fault_and_a_member_that_takes_itself_for_primary() -> None:
    """A call-out that dies, or is told of a role that it has lost, is made good by the primary's watch."""
    found = _explored(faults=1, misled=True)
    assert len(found.states) > 30_000
    assert found.happened >= _FAULTS | {"takes itself for primary", "its watch finds it routed", "its watch begins a call-out"}


class _Seize(core.Raise):
    """A raise without its condition."""

    conditional = False


def _unconditional(state: core.State) -> Any:
    step = core.next_step(state)
    return _Seize(step.claim, step.seen) if isinstance(step, core.Raise) else step


def _unasked(state: core.State) -> Any:
    step = core.next_step(state)
    return core.next_step(state._replace(entitled=True)) if isinstance(step, core.Ask) else step


def _asked_before(state: core.State) -> Any:
    """Asks first, then reads: a member that is frozen between the two doesn't notice that another took over."""
    if state.ended or state.mine is not None:
        return core.next_step(state)
    if state.entitled is None:
        return core.Ask()
    return core.Read() if state.newest is None else core.next_step(state)


def _keeps_the_answer(state: core.State, newest: core.Claim | None) -> core.State:
    return core.after_read(state, newest)._replace(entitled=state.entitled)


def _by_two(state: core.State) -> Any:
    step = core.next_step(state)
    return core.Raise(step.claim._replace(epoch=step.seen + 2), step.seen) if isinstance(step, core.Raise) else step


def _content_with_an_old_claim(state: core.State, newest: core.Claim | None) -> core.State:
    if newest is not None and newest[1:] == state.me[1:]:
        return state._replace(newest=newest, mine=newest)
    return core.after_read(state, newest)


MUTATIONS: dict[str, tuple[MemberCore, str]] = {
    "raises without condition": (MemberCore(next_step=_unconditional), "an epoch is one more"),
    "raises without asking for its role": (MemberCore(next_step=_unasked), "I2"),
    "asks for its role before it reads": (MemberCore(next_step=_asked_before, after_read=_keeps_the_answer), "I2"),
    "raises by two": (MemberCore(next_step=_by_two), "an epoch is one more"),
    "is content with an older claim of its own": (MemberCore(after_read=_content_with_an_old_claim), "I2"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_caught(name: str) -> None:
    mutated, invariant = MUTATIONS[name]
    found = explore(MemberWorld(mutated, faults=0))
    print(f"{name}: {found}")
    assert found.broken.startswith(invariant), f"{name} goes unnoticed: {found}"
    assert all("newest" in line for line in found.trace)
