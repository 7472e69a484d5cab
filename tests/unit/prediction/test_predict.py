"""Runs and what they sum up to."""

import pytest

from cdk_intersystems.prediction import Settings, constants, figures, predict
from cdk_intersystems.prediction.experiment import STAGES, Outcome, run
from cdk_intersystems.prediction.faults import FAULT_NAMES, fault_of
from cdk_intersystems.prediction.span import Span
from cdk_intersystems.prediction.world import BASELINES, STRATEGIES

NAMES = (*STRATEGIES, *BASELINES)


def _runs(fault: str, strategy: str, number: int = 40, **settings: bool) -> list[Outcome]:
    return [run(fault_of(fault), Settings(**settings), seed)[strategy] for seed in range(number)]  # type: ignore[arg-type]


def _median(outcomes: list[Outcome]) -> float:
    return figures([outcome.outage for outcome in outcomes]).p50 or 0.0


def test_the_same_seed_gives_the_same_figures() -> None:
    faults = [fault_of("host-lost")]
    one, same, other = (predict(Settings(), faults, runs=5, seed=seed) for seed in (3, 3, 4))
    assert one == same != other


@pytest.mark.parametrize("fault", FAULT_NAMES)
def test_the_stages_of_an_outage_are_the_outage(fault: str) -> None:
    for name, outcome in run(fault_of(fault), Settings(), 1).items():
        assert name in NAMES
        assert outcome.outage is None or outcome.outage >= 0
        if outcome.outage:
            assert len(outcome.stages) == len(STAGES)
            assert min(outcome.stages) >= 0
            assert sum(outcome.stages) == pytest.approx(outcome.outage)


def test_the_order_of_the_ways_when_a_host_is_lost() -> None:
    medians = [_median(_runs("host-lost", name)) for name in ("route_vip", "polling", "polling 10 s x 3", "register targets")]
    assert medians == sorted(medians)
    assert medians[0] < 20 < medians[2]
    assert medians[3] > 100, "never in a failover"


def test_without_propagation_the_address_follows_within_a_second_and_polling_within_its_checks() -> None:
    for name, budget in (("route_vip", 1.0), ("polling", 5 * 2 + 1.0)):
        after_opening = sorted(sum(outcome.stages[2:]) for outcome in _runs("host-lost", name, propagation=False))
        assert after_opening[len(after_opening) // 2] <= budget


def test_what_the_mirror_does_not_survive_needs_a_person_whatever_leads_clients() -> None:
    (prediction,) = predict(Settings(), [fault_of("arbiter-and-backup-lost")], runs=3)
    assert [each.unresolved for each in prediction.expected] == [1.0] * len(NAMES)
    assert prediction.expected[0].outage.p50 is None


def test_losing_the_arbiter_s_link_costs_nothing() -> None:
    (prediction,) = predict(Settings(), [fault_of("arbiter-link")], runs=5)
    assert all(each.outage.longest == 0 for each in prediction.expected)


def test_a_backup_lost_is_a_pause_of_a_qos_timeout() -> None:
    for outcome in _runs("backup-lost", "route_vip"):
        assert outcome.patient is not None
        assert constants.QOS_TIMEOUT / 2 - 0.1 <= outcome.patient <= constants.QOS_TIMEOUT + 0.1


def test_a_client_that_leaves_all_to_tcp_hangs_a_quarter_of_an_hour_where_nobody_resets() -> None:
    assert {outcome.patient for outcome in _runs("host-lost", "listener", 5)} == {924.6}
    assert all((outcome.patient or 0) < 60 for outcome in _runs("host-lost", "polling", 20)), "the load balancer resets"
    assert all((outcome.patient or 0) < 60 for outcome in _runs("host-lost", "route_vip", 20)), "the new host resets"


def test_polling_needs_no_api_of_aws_and_the_call_out_waits_for_it() -> None:
    assert _median(_runs("api-unreachable", "polling")) < 40 < _median(_runs("api-unreachable", "route_vip"))


def test_a_dead_run_costs_the_visibility_timeout_or_the_minute_of_the_reconciler() -> None:
    plain, killed = _runs("host-lost", "route_vip"), _runs("function-killed", "route_vip")
    assert _median(killed) > _median(plain) + 5
    assert all(outcome.outage is not None and outcome.outage < 100 for outcome in killed)


def test_who_does_not_try_again_needs_a_person_when_apis_are_throttled() -> None:
    assert any(outcome.outage is None for outcome in _runs("api-throttled", "routes one by one"))
    assert all(outcome.outage is not None for outcome in _runs("api-throttled", "route_vip"))


def test_figures_by_nearest_rank_with_those_that_need_a_person_last() -> None:
    found = figures([float(value) for value in range(100, 0, -1)])
    assert (found.p5, found.p50, found.p95, found.longest) == (5, 50, 95, 100)
    found = figures([1.0, None, 2.0, 3.0])
    assert (found.p5, found.p50, found.p95, found.longest) == (1, 2, None, None)


def test_no_run_is_no_prediction() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        predict(Settings(), runs=0)


def test_every_number_has_a_source_and_an_order() -> None:
    spans = [value for value in vars(constants).values() if isinstance(value, Span)]
    assert len(spans) > 15
    assert all(span.source for span in spans)
    chance = __import__("random").Random(0)
    for span in spans:
        drawn = [span.draw(chance) for _ in range(200)]
        assert span.lower <= min(drawn) <= max(drawn) <= span.upper
    with pytest.raises(ValueError, match="lower <= typical <= upper"):
        Span(2, 1, 3, "estimate", "nobody")
    with pytest.raises(ValueError, match="source"):
        Span(1, 2, 3, "estimate", "")
