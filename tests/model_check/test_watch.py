"""The watch's core carries the latch to what the table says, in every order of runs, deaths and late writes."""

import pytest

from .exploration import explore, never_at_rest
from .watch_carriers import Carrier, Controls, LatchObject, Metric
from .watch_world import FAULTS, ORDINARY, WatchWorld

CARRIERS: dict[str, tuple[Carrier, int]] = {
    "metric": (Metric(), 50_000),
    "object": (LatchObject(), 5_000),
    "controls": (Controls(), 30_000),
}


@pytest.mark.parametrize("name", CARRIERS)
def test_it_comes_to_rest_with_the_latch_where_the_table_says(name: str) -> None:
    carrier, floor = CARRIERS[name]
    world = WatchWorld(2, carrier=carrier, moves=2, faults=1)
    found = explore(world)
    assert not found.broken, str(found)
    assert (stuck := never_at_rest(world, found)) == "", stuck
    assert len(found.states) > floor
    assert found.happened >= FAULTS | ORDINARY
    assert {(state.latch, carrier.held_by_dr(state.carrier)) for state in found.at_rest} == {(0, False), (1, True), (2, False)}
    print(name, found)


def test_an_object_is_never_taken_away_while_dr_holds_the_traffic() -> None:
    found = explore(WatchWorld(2, carrier=LatchObject(), moves=3, flights=0, faults=0))
    assert not found.broken, str(found)
    assert len(found.states) > 5_000


def test_three_runs_at_once() -> None:
    world = WatchWorld(3, carrier=LatchObject(), moves=1, flights=0, faults=1)
    found = explore(world)
    assert not found.broken, str(found)
    assert (stuck := never_at_rest(world, found)) == "", stuck
    assert len(found.states) > 10_000
    print(found)


def test_controls_set_one_after_the_other_can_both_be_off() -> None:
    """Why both are set by one call: two runs with opposite orders cross."""
    found = explore(WatchWorld(2, carrier=Controls(at_once=False), moves=1, flights=0, faults=0))
    assert found.broken.startswith("I5")


def test_an_object_without_condition_can_be_taken_away_by_an_older_run() -> None:
    """Why it is changed on condition only: until the next run looks, the old region would be given traffic."""
    carrier = LatchObject(conditional=False)
    carrier.steady = True
    found = explore(WatchWorld(2, carrier=carrier, moves=3, flights=0, faults=0))
    assert found.broken.startswith("I7")


@pytest.mark.parametrize("carrier", [Metric(), Controls()], ids=["metric", "controls"])
def test_the_other_carriers_can_be_turned_back_until_the_next_run(carrier: Carrier) -> None:
    """A limit that the documentation names. A metric's largest value of a minute hides it; controls have no condition."""
    carrier.steady = True
    found = explore(WatchWorld(2, carrier=carrier, moves=1, flights=0, faults=1))
    assert found.broken.startswith("I7")
