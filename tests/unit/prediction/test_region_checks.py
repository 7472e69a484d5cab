"""Route 53's health checks without an endpoint: metric, calculated, routing control; and what name servers hear of them."""

import pytest

from cdk_intersystems.prediction import constants
from cdk_intersystems.prediction.clock import Clock
from cdk_intersystems.prediction.region_checks import CalculatedCheck, MetricCheck, NameServers, RoutingControlCheck

#: Of a metric's period and of what follows it until the checkers know.
LATEST = constants.METRIC_PERIOD + constants.METRIC_TO_HEALTH_CHECK.upper


def _holds(clock: Clock, value: int = 0, **options: bool) -> MetricCheck:
    return MetricCheck(clock, lambda value: value >= 1, value, **options)


def test_a_metric_counts_when_its_period_has_ended_and_not_before() -> None:
    clock = Clock(0)
    check = _holds(clock)
    clock.run_until(70)
    check.record(1)
    clock.run_until(120)
    assert check.healthy, "the period goes on until 120"
    clock.run_until(120 + constants.METRIC_TO_HEALTH_CHECK.upper)
    assert not check.healthy


def test_a_metric_s_largest_value_of_a_period_counts() -> None:
    clock = Clock(0)
    check = _holds(clock)
    check.record(1)
    clock.run_until(30)
    check.record(0)
    clock.run_until(LATEST)
    assert not check.healthy, "an older run's 0 in the same minute changes nothing"


def test_without_data_it_is_what_it_was() -> None:
    for value in (0, 1):
        clock = Clock(0)
        check = _holds(clock, value)
        clock.run_for(10_000)
        assert check.healthy is (value == 0)


def test_inverted_it_is_the_opposite() -> None:
    clock = Clock(0)
    check, opposite = _holds(clock), _holds(clock, inverted=True)
    assert (check.healthy, opposite.healthy) == (True, False)
    for each in (check, opposite):
        each.record(1)
    clock.run_until(LATEST)
    assert (check.healthy, opposite.healthy) == (False, True)


@pytest.mark.parametrize(
    ("healthy", "threshold", "inverted", "is_healthy"),
    [
        ((True, True), None, False, True),
        ((True, False), None, False, False),
        ((True, False), 1, False, True),
        ((False, False), 0, False, True),
        ((True, True), 3, False, False),
        ((True,), 1, True, False),
        ((False,), 1, True, True),
    ],
)
def test_a_calculated_check(healthy: tuple[bool, ...], threshold: int | None, inverted: bool, is_healthy: bool) -> None:
    clock = Clock(0)
    children = [RoutingControlCheck(clock, on=each) for each in healthy]
    assert CalculatedCheck(children, threshold, inverted=inverted).healthy is is_healthy


def test_a_routing_control_keeps_what_was_set_last_whichever_is_slower() -> None:
    for seed in range(20):
        clock = Clock(seed)
        check = RoutingControlCheck(clock, on=False)
        check.set(True)
        check.set(False)
        clock.run_for(constants.ROUTING_CONTROL.upper)
        assert not check.healthy


def test_name_servers_follow_a_little_later() -> None:
    clock = Clock(0)
    control = RoutingControlCheck(clock, on=True)
    servers = NameServers(clock, lambda: "one" if control.healthy else "other", [control])
    control.set(False)
    clock.run_until(100, lambda: not control.healthy)
    turned = clock.now
    assert servers.answer == "one"
    clock.run_for(constants.HEALTH_TO_ANSWER.upper)
    assert servers.answer == "other"
    (_, first), (since, second) = servers.history
    assert (first, second) == ("one", "other")
    assert constants.HEALTH_TO_ANSWER.lower <= since - turned <= constants.HEALTH_TO_ANSWER.upper
