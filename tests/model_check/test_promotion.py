"""The promotion's core keeps I1, I3, I5 to I8, I10 and I12 in every order of what people, workers, and time do."""

from typing import Any

import pytest

from region_promotion.core import _AFTER, _BEFORE
from region_promotion.records import DR, FAILBACK, PROMOTION, SWITCHOVER

from .exploration import Exploration, explore, never_at_rest
from .promotion_world import PromotionWorld

#: What is explored, and how many states that are at least.
WORLDS: dict[str, tuple[dict[str, Any], int]] = {
    "a promotion, any three faults": ({"kinds": (PROMOTION,), "faults": 3, "late": True}, 10_000),
    "a switchover, any two faults": ({"kinds": (SWITCHOVER,), "faults": 2, "late": True}, 10_000),
    "two moves, any two faults": ({"moves": 2, "faults": 2}, 20_000),
    "the home region is lost for good at any moment": (
        {"kinds": (PROMOTION, SWITCHOVER), "moves": 2, "faults": 1, "losses": True},
        20_000,
    ),
    "the home region is lost for good at any moment of a fail-back": (
        {"kinds": (FAILBACK,), "moves": 2, "faults": 1, "losses": True, "first": DR},
        20_000,
    ),
    "three moves, any one fault": ({"moves": 3, "faults": 1}, 20_000),
}

ORDINARY = {
    "asks for", "checks", "finds what stands against", "approves", "cancels", "refuses", "expires", "commits", "begins",
    "acts:", "does", "turns the latch", "completes", "seconds pass:",
}  # fmt: skip
FAULTS = {"dies", "fails"}


@pytest.mark.parametrize("name", WORLDS)
def test_it_keeps_its_invariants_and_comes_to_rest(name: str) -> None:
    size, floor = WORLDS[name]
    world = PromotionWorld(**size)
    found = explore(world)
    assert not found.broken, str(found)
    # I12: whatever has happened, without a further fault every committed move completes, and every other one ends.
    assert (stuck := never_at_rest(world, found)) == "", stuck
    assert len(found.states) > floor, len(found.states)
    wanted = ORDINARY | (FAULTS if size["faults"] else set()) | ({"has decided, writes later:"} if size.get("late") else set())
    assert found.happened >= wanted, wanted - found.happened
    assert ("the home region is lost" in found.happened) == bool(size.get("losses"))
    _reached(world, found)
    print(name, found)


def _reached(world: PromotionWorld, found: Exploration) -> None:
    begun = world.records(world.initial())[0].epoch
    epochs = {world.records(state)[0].epoch - begun for state in found.at_rest}
    most = world.most if FAILBACK in world.kinds else 1
    assert epochs >= set(range(most + 1)), "not every number of moves was committed"


def test_an_approval_that_nobody_uses_is_void() -> None:
    """And so is a request that nobody approves: with nobody acting, time alone ends both."""
    world = PromotionWorld(kinds=(PROMOTION,), faults=0)
    found = explore(world)
    ends = {record.state for state in found.at_rest if (record := world.records(state)[1]) is not None}
    assert ends == {"completed", "cancelled", "expired", "refused"}


#: Steps of a promotion that ask something of the old region; all others go by what stands in DR alone.
_ASKS_THE_OLD_REGION = {"fence"}


def test_no_step_of_a_promotion_but_the_fence_has_to_do_with_the_old_region() -> None:
    """I11, by the plan of steps: those of a planned move that need both regions are not in it, and the fence comes first."""
    graph = _AFTER[PROMOTION]
    assert _BEFORE[PROMOTION] == {}
    assert not graph.keys() & {"prepare", "hand_over", "undo", "lower"}
    assert graph["fence"] == ()
    assert {name for name, first in graph.items() if not first} == _ASKS_THE_OLD_REGION


@pytest.mark.parametrize("kind", [PROMOTION, SWITCHOVER, FAILBACK])
def test_the_latch_comes_after_the_primary_and_before_what_waits_for_traffic(kind: str) -> None:
    graph = _AFTER[kind]

    def before(name: str) -> set[str]:
        return {each for first in graph[name] for each in ({first} | before(first))}

    assert "await_primary" in before("latch")
    assert {"latch", "await_primary"} <= before("await_health_check") <= before("report")
