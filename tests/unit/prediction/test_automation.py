"""Table, call-out, router and route tables together: what conditional writes hold, and what deaths and throttling cost."""

import pytest

from cdk_intersystems.prediction import constants
from cdk_intersystems.prediction.automation import INSTANCES, Automation
from cdk_intersystems.prediction.aws_api import Api, ApiError, TokenBucket
from cdk_intersystems.prediction.clock import Clock
from cdk_intersystems.prediction.epoch_table import EpochTable
from cdk_intersystems.prediction.production import Claim
from cdk_intersystems.prediction.route_tables import RouteTables
from tests.unit.prediction.mirrors import Lab


def _claim(epoch: int, member: str = "b") -> Claim:
    return Claim(epoch, member, INSTANCES[member])


class _Automated(Lab):
    def __init__(self, seed: int = 0, tables: int = 3, **options: bool) -> None:
        super().__init__(seed)
        self.ec2 = Api(self.clock, "ec2", constants.EC2_CALL, limit=5.0)
        self.routes = RouteTables(self.clock, self.ec2, [f"rtb-{number}" for number in range(tables)])
        self.automation = Automation(self.clock, self.network, self.mirror, self.routes, **options)

    @property
    def led(self) -> set[str | None]:
        return set(self.routes.in_force.values())


def test_an_epoch_is_raised_by_one_from_the_one_that_was_seen_and_no_other() -> None:
    table = EpochTable(Clock())
    assert table.write_claim(_claim(1), 0)
    assert not table.write_claim(_claim(1), 0), "taken already"
    assert not table.write_claim(_claim(3), 1), "a jump"
    assert table.write_claim(_claim(2), 1)
    assert not table.write_routed(_claim(1)), "no longer the newest"
    assert table.write_routed(_claim(2))
    assert [(each.record, each.claim.epoch) for each in table.history] == [("claim", 1), ("claim", 2), ("routed", 2)]


def test_a_takeover_is_routed_with_four_calls_and_one_for_each_route_table() -> None:
    lab = _Automated(watch=False, reconcile=False)
    lab.mirror.kill("a")
    lab.clock.run_for(60)
    assert lab.led == {"b"}
    assert lab.automation.table.claim == lab.automation.table.routed == _claim(2)
    calls = lab.ec2.calls + lab.automation.router_dynamodb.calls
    assert calls == {"BatchGetItem": 1, "DescribeRouteTables": 2, "ReplaceRoute": 3, "TransactWriteItems": 1}


def test_the_takeover_waits_for_the_epoch_a_second_at_most() -> None:
    fast, cut_off = _Automated(watch=False), _Automated(watch=False)
    cut_off.automation.unreachable(True)
    for lab in (fast, cut_off):
        lab.mirror.kill("a")
        lab.clock.run_for(60)
    held = {lab: lab.when("open for users") - lab.when("asks CheckBecomePrimaryOK") for lab in (fast, cut_off)}
    assert held[fast] <= 0.5 + constants.TAKEOVER_END.upper
    assert 1.0 + constants.TAKEOVER_END.lower <= held[cut_off] <= 1.0 + constants.TAKEOVER_END.upper
    assert cut_off.led == {"a"}
    cut_off.automation.unreachable(False)
    cut_off.clock.run_for(30)
    assert cut_off.led == {"b"}, "the job goes on until it is routed"


def test_a_function_that_dies_before_it_writes_leaves_the_rest_to_the_redelivery() -> None:
    lab = _Automated(watch=False, reconcile=False)
    died: list[float] = []

    def die(step: object) -> None:
        if not died:
            died.append(lab.clock.now)
            lab.clock.call_after(0, lab.automation.function.kill)

    lab.automation.router.watchers.append(die)
    lab.mirror.kill("a")
    lab.clock.run_for(20)
    assert lab.led == {"a"}
    lab.clock.run_for(60)
    assert lab.led == {"b"}
    routed = lab.automation.table.history[-1]
    assert constants.VISIBILITY_TIMEOUT <= routed.when - died[0] <= constants.VISIBILITY_TIMEOUT + 5


def test_a_write_lands_after_its_caller_has_died() -> None:
    lab = _Automated(watch=False, reconcile=False)
    lab.ec2.delay = 2.0
    task = lab.clock.start(lab.routes.point(_claim(2), ("rtb-0",)))
    lab.clock.run_for(0.5)
    task.kill()
    assert lab.routes.written["rtb-0"] == "a"
    lab.clock.run_for(10)
    assert lab.routes.in_force["rtb-0"] == "b"


def test_the_reconciler_repairs_what_somebody_else_wrote_within_a_minute() -> None:
    lab = _Automated(watch=False)
    lab.clock.run_for(90)
    lab.routes.replace("rtb-1", "b")
    lab.clock.run_for(constants.RECONCILE_EVERY + 10)
    assert lab.led == {"a"}


def test_the_watch_claims_for_a_primary_that_is_not_routed() -> None:
    lab = _Automated(reconcile=False)
    lab.automation.table.claim = _claim(2)
    lab.clock.run_for(30)
    assert lab.automation.table.claim == lab.automation.table.routed == _claim(3, "a")


def test_of_two_writes_of_a_route_the_later_one_lasts() -> None:
    for seed in range(20):
        lab = _Automated(seed, watch=False, reconcile=False)
        lab.routes.replace("rtb-0", "b")
        lab.clock.run_for(0.1)
        lab.routes.replace("rtb-0", "a")
        lab.clock.run_for(10)
        assert lab.routes.in_force["rtb-0"] == "a"


def test_a_bucket_lets_in_its_tokens_and_then_its_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, 50, 5)
    assert sum(bucket.take() for _ in range(60)) == 50
    clock.run_for(2)
    assert sum(bucket.take() for _ in range(60)) == 10
    clock.run_for(1000)
    assert sum(bucket.take() for _ in range(60)) == 50


def test_five_hundred_route_tables_take_as_long_as_the_bucket_makes_them() -> None:
    lab = _Automated(tables=500, watch=False, reconcile=False)
    lab.clock.start(lab.routes.point(_claim(2), lab.routes.names))
    size, rate = constants.EC2_MUTATING
    least = (500 - size) / rate
    lab.clock.run_until(least - 1)
    assert any(member == "a" for member in lab.routes.written.values())
    lab.clock.run_until(1.2 * least)
    assert set(lab.routes.written.values()) == {"b"}


def test_what_is_forbidden_is_tried_once_and_what_has_no_answer_again() -> None:
    for code, tries in (("no permission", 1), ("throttled", 3)):
        clock = Clock()
        api = Api(clock, "ec2", constants.EC2_CALL)
        if code == "throttled":
            api.throttled = 1.0
        else:
            api.forbidden.add("ReplaceRoute")
        failed: list[str] = []

        def call(api: Api = api, failed: list[str] = failed) -> object:
            try:
                yield from api.call_again("ReplaceRoute", lambda: None, tries=3)
            except ApiError as error:
                failed.append(error.code)

        clock.start(call())  # type: ignore[arg-type]
        clock.run_for(60)
        assert (failed, api.calls["ReplaceRoute"]) == ([code], tries)


@pytest.mark.parametrize("seed", range(10))
def test_a_thawed_primary_doesn_t_keep_the_route(seed: int) -> None:
    lab = _Automated(seed)
    lab.network.freeze("a")
    lab.clock.run_for(60)
    lab.network.thaw("a")
    lab.clock.run_for(120)
    assert lab.mirror.primary == "b"
    assert lab.led == {"b"}
