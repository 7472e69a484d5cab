"""Health counting, failing open, resets, and the listener that keeps what is connected."""

import pytest

from cdk_intersystems.prediction import constants
from cdk_intersystems.prediction.aws_api import Api
from cdk_intersystems.prediction.clock import Clock
from cdk_intersystems.prediction.load_balancer import HealthCheck, HealthCount, Listener, TargetGroup


def test_only_as_many_in_a_row_as_the_threshold_change_the_state() -> None:
    count = HealthCount(2, healthy=True)
    assert [count.record(passed) for passed in (False, True, False, False, True, False, True, True)] == [
        False, False, False, True, False, False, False, True,
    ]  # fmt: skip
    assert count.healthy


@pytest.mark.parametrize(("interval", "threshold"), [(4, 2), (301, 2), (5, 1), (5, 11)])
def test_what_the_api_refuses(interval: float, threshold: int) -> None:
    with pytest.raises(ValueError, match="a health check has an"):
        HealthCheck(interval, threshold)


class _Targets:
    def __init__(self, seed: int, check: HealthCheck, *, propagates: bool = False, terminates: bool = True) -> None:
        self.clock = Clock(seed)
        self.good = {"a"}
        self.resets: list[str] = []
        self.group = TargetGroup(
            self.clock, ("a", "b"), lambda target: target in self.good, check, propagates=propagates, terminates=terminates
        )
        self.group.on_reset.append(self.resets.append)
        self.clock.run_for(60)

    def until(self, healthy: tuple[str, ...]) -> float:
        since = self.clock.now
        self.clock.run_until(since + 300, lambda: self.group.healthy == healthy)
        assert self.group.healthy == healthy
        return self.clock.now - since


@pytest.mark.parametrize("check", [HealthCheck(5, 2), HealthCheck(10, 3)], ids=["5 s x 2", "10 s x 3"])
def test_a_change_is_found_after_threshold_less_one_to_threshold_intervals(check: HealthCheck) -> None:
    times = []
    for seed in range(100):
        targets = _Targets(seed, check)
        targets.good = {"a", "b"}
        times.append(targets.until(("a", "b")))
    least, most = check.interval * (check.threshold - 1), check.interval * check.threshold
    assert least <= min(times) < least + check.interval * 0.1
    assert most - check.interval * 0.1 < max(times) <= most


def test_what_was_found_is_in_force_up_to_forty_seconds_later() -> None:
    times = []
    for seed in range(100):
        targets = _Targets(seed, HealthCheck(), propagates=True)
        targets.good = {"a", "b"}
        times.append(targets.until(("a", "b")))
    assert 5 + constants.HEALTH_PROPAGATION.lower <= min(times)
    assert 10 < max(times) <= 10 + constants.HEALTH_PROPAGATION.upper == 50


def test_with_no_healthy_target_all_get_connections_and_nothing_is_reset() -> None:
    targets = _Targets(0, HealthCheck())
    targets.good = set()
    targets.until(())
    assert targets.group.failed_open
    assert targets.group.routable == ("a", "b")
    assert targets.resets == []
    targets.good = {"b"}
    targets.until(("b",))
    assert targets.group.routable == ("b",)
    assert targets.resets == ["a"], "no longer failed open, it ends the connections of what is unhealthy"


def test_connections_of_a_target_that_turns_unhealthy_are_reset_if_another_is_healthy() -> None:
    targets = _Targets(0, HealthCheck())
    targets.good = {"a", "b"}
    targets.until(("a", "b"))
    targets.good = {"b"}
    targets.until(("b",))
    assert targets.resets == ["a"]
    without = _Targets(0, HealthCheck(), terminates=False)
    without.good = {"b"}
    without.until(("b",))
    assert without.resets == []


def test_a_listener_s_new_action_takes_two_to_sixty_seconds_and_the_last_one_lasts() -> None:
    times = []
    for seed in range(100):
        clock = Clock(seed)
        listener = Listener(clock, Api(clock, "elb", constants.ELB_CALL))
        listener.modify("b")
        clock.run_until(300, lambda listener=listener: listener.in_force == "b")
        times.append(clock.now)
    assert min(times) >= 2
    assert 10 < max(times) <= 60
    clock = Clock(0)
    listener = Listener(clock, Api(clock, "elb", constants.ELB_CALL))
    listener.modify("b")
    listener.modify("a")
    clock.run_until(300)
    assert listener.in_force == "a"
