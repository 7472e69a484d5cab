"""What the simulated worlds would find: each of these changes breaks an invariant that they check."""

from collections.abc import Generator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import Phase

from cdk_intersystems.prediction import router
from cdk_intersystems.prediction.clock import Wait
from cdk_intersystems.prediction.production import Claim
from cdk_intersystems.prediction.route_tables import RouteTables
from mirror_router import core

from .runs import run
from .simulated_world import SimulatedWorld

_WORLDS = 150


def _changed(module: Any, **names: Any) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(module), **names})


def _found(make: type[SimulatedWorld] = SimulatedWorld) -> str:
    """What the first world that breaks something says."""
    try:
        run(1, _WORLDS, make, phases=[Phase.generate])
    except AssertionError as error:
        return str(error)
    except BaseExceptionGroup as errors:
        return "\n".join(str(each) for each in errors.exceptions)
    return "nothing"


def _check_first(state: core.State) -> core.Step | None:
    """Confirms that it is the newest, then writes, and ends: checks, then acts."""
    if state.ended or state.claim is None:
        return core.next_step(state)
    if state.wrong is None:
        return core.Look(state.claim)
    if state.wrong and state.routed == state.claim:
        return core.Point(state.claim, state.wrong)
    return core.Confirm(state.claim)


def _checked(state: core.State, newer: Claim | None) -> core.State:
    return core.State(claim=newer) if newer else replace(state, routed=state.claim, ended=not state.wrong)


def _written(state: core.State) -> core.State:
    return replace(state, wrong=None, wrote=True, ended=True)


def test_check_then_act_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "core", _changed(core, next_step=_check_first, after_confirm=_checked, after_point=_written))
    assert _found().startswith("I2: no run, no message")


def test_a_run_that_ends_with_its_write_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "core", _changed(core, after_point=_written))
    assert "is gone" in _found()


def test_a_route_that_is_deleted_and_then_created_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    point = RouteTables.point

    def clearing(self: RouteTables, claim: Claim, places: tuple[str, ...]) -> Generator[float | Wait, bool, None]:
        for name in places:
            yield from self._api.call_again("DeleteRoute", lambda name=name: self.replace(name, None))  # type: ignore[misc]
        yield from point(self, claim, places)

    monkeypatch.setattr(RouteTables, "point", clearing)
    assert _found().startswith("I5")


class _RoutesInTemplate(SimulatedWorld):
    template_has_routes = True


def test_routes_in_a_template_are_found() -> None:
    assert _found(_RoutesInTemplate).startswith("I13")


class _WithoutReconciler(SimulatedWorld):
    reconcile = False


def test_that_nobody_looks_each_minute_is_found() -> None:
    assert _found(_WithoutReconciler).startswith(("I1", "I2"))
