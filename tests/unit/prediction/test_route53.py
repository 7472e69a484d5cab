"""Route 53: the checkers' quorum of 18 %, both unhealthy, taking back, TTL."""

import pytest

from cdk_intersystems.prediction import constants
from cdk_intersystems.prediction.clock import Clock
from cdk_intersystems.prediction.route53 import FailoverRecord, HealthCheck, Resolver


def _check(clock: Clock, well: set[int], **options: int) -> HealthCheck:
    return HealthCheck(clock, lambda checker: checker in well, **options)


def test_more_than_eighteen_percent_of_the_checkers_make_it_healthy() -> None:
    for number, healthy in ((0, False), (1, False), (2, True), (constants.CHECKERS, True)):
        clock = Clock(0)
        check = _check(clock, set(range(number)))
        clock.run_for(60)
        assert check.healthy is healthy, f"{number} of {constants.CHECKERS}"


@pytest.mark.parametrize(("interval", "threshold"), [(10, 1), (10, 3), (30, 3)])
def test_a_loss_is_found_after_threshold_less_one_to_threshold_intervals(interval: int, threshold: int) -> None:
    clock = Clock(1)
    well = set(range(constants.CHECKERS))
    check = _check(clock, well, interval=interval, threshold=threshold)
    clock.run_for(100)
    well.clear()
    clock.run_until(1000, lambda: not check.healthy)
    assert interval * (threshold - 1) <= clock.now - 100 <= interval * threshold


@pytest.mark.parametrize("options", [{"interval": 5}, {"threshold": 0}, {"threshold": 11}])
def test_what_the_api_refuses(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a health check of Route 53 has"):
        _check(Clock(), set(), **options)


def test_new_disabled_and_inverted_health_checks() -> None:
    clock = Clock(0)
    check = _check(clock, set())
    assert check.healthy, "new, it counts as healthy"
    clock.run_for(60)
    assert not check.healthy
    check.inverted = True
    assert check.healthy
    check.inverted, check.disabled = False, True
    assert check.healthy


def _failover(primary: bool, secondary: bool | None) -> str:
    clock = Clock(0)
    everybody = set(range(constants.CHECKERS))
    checks = [None if well is None else _check(clock, everybody if well else set()) for well in (primary, secondary)]
    clock.run_for(60)
    assert checks[0] is not None
    return FailoverRecord(checks[0], checks[1]).answer()


def test_the_answer_of_a_failover_record() -> None:
    assert _failover(True, True) == "primary"
    assert _failover(False, True) == "secondary"
    assert _failover(False, False) == "primary", "both unhealthy"
    assert _failover(False, None) == "secondary", "without a health check it is always eligible"
    assert _failover(True, None) == "primary", "it takes traffic back by itself"


def test_a_resolver_keeps_an_answer_for_its_ttl() -> None:
    clock, answers = Clock(), ["old"]
    resolver = Resolver(clock, lambda: answers[0])
    assert resolver.resolve() == "old"
    answers[0] = "new"
    clock.run_for(59.9)
    assert resolver.resolve() == "old"
    clock.run_for(0.1)
    assert resolver.resolve() == "new"
