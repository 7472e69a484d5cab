"""Each simplification of the watch's core is caught, with a shortest trace."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from region_watch import core
from region_watch.core import Confirm, Shown, State, Want
from region_watch.records import RegionState

from .exploration import explore
from .watch_carriers import Carrier, Controls, LatchObject, Metric
from .watch_world import PRODUCTION, WatchCore, WatchWorld


@dataclass(frozen=True)
class _Overwrite(Confirm):
    """A confirmation that is recorded whatever the table says."""

    conditional = False


def _overwriting(state: State) -> Any:
    step = core.next_step(state)
    return _Overwrite(step.want) if isinstance(step, Confirm) else step


def _check_then_act(state: State) -> State:
    return replace(state, confirmed=state.want, ended=True)


def _ends_without_confirming(state: State, shown: Shown) -> State:
    after = core.after_look(state, shown)
    settled = after.want is not None and shown.held_by_dr == after.want.held_by_dr
    return replace(after, ended=after.ended or settled)


def _ignores_newer(state: State, shown: Shown) -> State:
    return core.after_look(state, Shown(shown.held_by_dr))


def _gives_up(state: State, is_current: bool) -> State:
    return replace(core.after_confirm(state, is_current), ended=True)


def _with_the_commit(region: RegionState) -> Want:
    return Want(region.epoch, region.serving == "dr")


def _never_back(region: RegionState) -> Want:
    return Want(region.latch_epoch, region.want.held_by_dr or region.latch_epoch > 0)


MUTATIONS: dict[str, tuple[WatchCore, Carrier, str]] = {
    "check then act": (replace(PRODUCTION, after_write=_check_then_act), LatchObject(), "I"),
    "no confirmation": (replace(PRODUCTION, after_look=_ends_without_confirming), Controls(), "I"),
    "confirmation without condition": (replace(PRODUCTION, next_step=_overwriting), Metric(), "I"),
    "ends when the table has changed": (replace(PRODUCTION, after_confirm=_gives_up), Metric(), "I"),
    "a newer epoch of the carrier is overlooked": (replace(PRODUCTION, after_look=_ignores_newer), LatchObject(), "I7"),
    "the latch goes with the commit": (replace(PRODUCTION, want=_with_the_commit), Metric(), "I6"),
    "the latch never goes back": (replace(PRODUCTION, want=_never_back), Metric(), "I7"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_caught(name: str) -> None:
    mutated, carrier, invariant = MUTATIONS[name]
    found = explore(WatchWorld(2, mutated, carrier=carrier, moves=2, faults=1))
    print(f"{name}: {found}")
    assert found.broken.startswith(invariant), f"{name} goes unnoticed: {found}"
    assert 3 <= len(found.trace) <= 20
    assert all("epoch" in line for line in found.trace)
