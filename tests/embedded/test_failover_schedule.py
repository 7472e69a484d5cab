"""The router looks each minute, with nobody telling it to."""

import pytest

from .mirror_sets import VIP, MirrorSet, until

pytestmark = pytest.mark.embedded


# In a file of its own after the other tests of the automation, which take most of the minute.
def test_a_route_moved_by_hand_is_led_back_within_a_minute(by_route: MirrorSet) -> None:
    by_route.take_over("a")
    lines, table = len(by_route.decisions()), min(by_route.deployed_tables())
    by_route.clients("ec2").replace_route(RouteTableId=table, DestinationCidrBlock=VIP, InstanceId=by_route.instance("b"))
    until(lambda: by_route.vip_routes()[table] == by_route.instance("a"), 75)
    woken = until(lambda: [line for line in by_route.decisions()[lines:] if line["places"]])
    assert [(line["on"], line["places"]) for line in woken] == [("Scheduled Event", [table])]
