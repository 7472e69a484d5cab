"""Five hundred route tables: as fast as EC2 lets anybody write them, though no run of the function lives long enough."""

import pytest

from cdk_intersystems.prediction import constants
from cdk_intersystems.prediction.automation import Automation
from cdk_intersystems.prediction.aws_api import Api
from cdk_intersystems.prediction.route_tables import RouteTables
from tests.unit.prediction.mirrors import Lab

_TABLES = 500
_SIZE, _RATE = constants.EC2_MUTATING
#: Nobody can be faster: a full bucket, and then its rate.
_LEAST = (_TABLES - _SIZE) / _RATE


@pytest.mark.parametrize("reconcile", [False, True], ids=["by the message alone", "with the schedule beside it"])
@pytest.mark.parametrize("seed", range(6))
def test_five_hundred_tables_are_led_within_a_fifth_more_than_ec2_permits(seed: int, reconcile: bool) -> None:
    """From the epoch until all are written and that is confirmed: runs are killed at their timeout, and the next goes on."""
    lab = Lab(seed)
    ec2 = Api(lab.clock, "ec2", constants.EC2_CALL, limit=5.0)
    routes = RouteTables(lab.clock, ec2, [f"rtb-{number}" for number in range(_TABLES)])
    automation = Automation(lab.clock, lab.network, lab.mirror, routes, reconcile=reconcile)
    table = automation.table
    lab.mirror.kill("a")
    lab.clock.run_until(100, lambda: table.claim is not None and table.claim.epoch > 1)
    taken = lab.clock.now
    lab.clock.run_until(taken + 1.2 * _LEAST, lambda: table.routed is not None and table.routed.epoch > 1)
    print(f"confirmed after {lab.clock.now - taken:.1f} s, {_LEAST:.0f} s are the least; {dict(ec2.calls)}")
    assert table.routed == table.claim
    assert set(routes.written.values()) == {"b"}
    assert lab.clock.now - taken >= _LEAST
    assert automation.function.failures >= 2, "the runs were long enough: this shows nothing"
