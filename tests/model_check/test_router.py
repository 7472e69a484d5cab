"""The router's core keeps I1, I2, I3 and I5 in every order of what can happen, and always comes to rest."""

from typing import Any

import pytest

from .configurations import WITH_TICKS, WITHOUT_TICKS
from .exploration import Exploration, explore, never_at_rest
from .router_world import FAULTS, RouterWorld

_CALLS_ALONE = {"reads the claim", "reads what is routed"}
_ORDINARY = {"a member takes epoch", "delivered", "looks at", "points", "confirms", "can't confirm", "deletes its message"}


def _explored(size: dict[str, Any]) -> tuple[RouterWorld, Exploration]:
    world = RouterWorld(**size)
    found = explore(world)
    assert not found.broken, str(found)
    assert (stuck := never_at_rest(world, found)) == "", stuck
    epochs = size.get("epochs", 3)
    assert {state.seen.routed for state in found.at_rest} >= set(range(1, epochs + 1)), "an epoch never came to be routed"
    assert found.happened >= _ORDINARY
    print(found)
    return world, found


@pytest.mark.parametrize("name", WITHOUT_TICKS)
def test_rest_needs_no_reconciler_if_no_write_is_late(name: str) -> None:
    _, found = _explored(WITHOUT_TICKS[name])
    assert len(found.states) > 10_000
    assert found.happened >= {"dies", "is refused the write of"}
    assert "tick" not in found.happened
    assert (found.happened >= _CALLS_ALONE) == bool(WITHOUT_TICKS[name].get("paged"))


@pytest.mark.parametrize("name", WITH_TICKS)
def test_rest_with_late_writes_is_after_a_tick(name: str) -> None:
    size = WITH_TICKS[name]
    _, found = _explored(size)
    assert len(found.states) > 10_000
    missing = {"repeated"} if size.get("messages") == 0 else set()
    missing |= {"delivered to another as well"} if size["workers"] == 1 else set()
    assert found.happened >= (FAULTS | {"tick", "ends"}) - missing


def test_without_that_tick_a_late_write_lasts() -> None:
    """So the reconciler is not there for nothing: this is the state in which the next tick finds the world."""
    world = RouterWorld(1, epochs=2, places=1)
    world.at_rest = lambda state: not (state.queue or state.runs or state.flights)  # type: ignore[method-assign]
    found = explore(world)
    assert found.broken.startswith("I2")
    assert any("arrives late: write 0 1" in line for line in found.trace)


def test_without_that_tick_a_run_whose_message_another_deleted_lasts() -> None:
    """The other case that only the reconciler notices: one message with two runs, and the one that wrote last dies."""
    world = RouterWorld(2, epochs=2, places=1, flights=0, ticks=False)
    world.at_rest = lambda state: not (state.queue or state.runs or state.flights)  # type: ignore[method-assign]
    found = explore(world)
    assert found.broken.startswith("I2")
    assert any("delivered to another as well" in line for line in found.trace)
