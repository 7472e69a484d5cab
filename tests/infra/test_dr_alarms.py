"""No alarm of the failover automation burns because the DR region has no primary, and none is silent once it serves."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.infra.dr_app import DrApp
from tests.infra.failover_app import VIP
from tests.infra.metric_math import breaches, metrics_of, returned
from tests.infra.templates import by_id

#: What only a region that serves has to have. Alarm -> its own metric, and what that is while the region waits.
_SERVING = {"NoPrimary": ("NoPrimary", 1), "RoutedMemberNotPrimary": ("RoutedMemberNotPrimary", 1)}
_FAILS_OPEN = "LoadBalancerFailsOpen"
_MINUTES = 5


def _alarms(template: Any) -> dict[str, dict[str, Any]]:
    return {logical_id.partition("FailoverAlarms")[2][:-8]: each for logical_id, each in by_id(template, "CloudWatch::Alarm")}


@pytest.fixture(scope="module")
def polling() -> Mapping[str, Any]:
    return _alarms(DrApp(strategies=["route_vip", "polling"], vip=VIP).templates()["trak"])


@pytest.fixture(scope="module")
def listener() -> Mapping[str, Any]:
    return _alarms(DrApp(strategies=["listener"]).templates()["trak"])


def _minutes(value: float | None) -> list[float | None]:
    return [value] * _MINUTES


def test_the_region_s_state_is_read_where_the_watch_writes_it(polling: Mapping[str, Any], listener: Mapping[str, Any]) -> None:
    for alarms in (polling, listener):
        for name in (*_SERVING, _FAILS_OPEN):
            metric = metrics_of(alarms[name])["holds"]["MetricStat"]["Metric"]
            assert (metric["Namespace"], metric["MetricName"]) == ("cdk-intersystems", "DrHoldsTraffic")
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            assert dimensions == {"deployment": "one", "mirror_set": "TRAK"}


@pytest.mark.parametrize("name", _SERVING)
@pytest.mark.parametrize(("holds", "burns"), [(0, False), (1, True)])
def test_a_missing_primary_is_wrong_only_while_the_region_serves(
    polling: Mapping[str, Any], name: str, holds: int, burns: bool
) -> None:
    metric, waiting = _SERVING[name]
    given = {metric: _minutes(waiting), "DrHoldsTraffic": _minutes(holds)}
    assert breaches(polling[name], given) is burns
    assert not breaches(polling[name], {**given, metric: _minutes(0)})


@pytest.mark.parametrize(("holds", "burns"), [(0, False), (1, True)])
def test_failing_open_is_wrong_only_while_the_region_serves(
    polling: Mapping[str, Any], listener: Mapping[str, Any], holds: int, burns: bool
) -> None:
    for alarms in (polling, listener):
        given = {"HealthyHostCount": _minutes(0), "DrHoldsTraffic": _minutes(holds)}
        assert breaches(alarms[_FAILS_OPEN], given) is burns
        assert not breaches(alarms[_FAILS_OPEN], {**given, "HealthyHostCount": _minutes(1)})


@pytest.mark.parametrize("name", [*_SERVING, _FAILS_OPEN])
def test_a_report_of_the_watch_that_is_late_changes_nothing(polling: Mapping[str, Any], name: str) -> None:
    metric, value = _SERVING.get(name, ("HealthyHostCount", 0))
    late: list[float | None] = [1, 1, 1, None, None]
    assert breaches(polling[name], {metric: _minutes(value), "DrHoldsTraffic": late})


@pytest.mark.parametrize("name", [*_SERVING, _FAILS_OPEN])
def test_nothing_is_asked_for_before_the_watch_has_reported(polling: Mapping[str, Any], name: str) -> None:
    """Between the deployment of the members and that of the watch."""
    metric, value = _SERVING.get(name, ("HealthyHostCount", 0))
    given = {metric: _minutes(value), "DrHoldsTraffic": _minutes(None)}
    assert returned(polling[name], given) == _minutes(None)
    assert not breaches(polling[name], given)


def test_a_member_that_isn_t_reported_healthy_for_a_minute_counts_as_not_healthy(polling: Mapping[str, Any]) -> None:
    gaps: list[float | None] = [0, 0, 0, None, None]
    assert breaches(polling[_FAILS_OPEN], {"HealthyHostCount": gaps, "DrHoldsTraffic": _minutes(1)})


def test_everything_else_is_as_in_the_primary_region(polling: Mapping[str, Any]) -> None:
    """Among it the canaries: members send them whether they are primary or not."""
    others = {name: alarm for name, alarm in polling.items() if name not in (*_SERVING, _FAILS_OPEN)}
    assert {"CallOutA", "CallOutB", "RouterSilent", "SeveralPrimaries", "RoutesRepaired", "DeadLetters"} <= others.keys()
    for name, alarm in others.items():
        assert "Metrics" not in alarm, name
