"""The deployed automation leads clients to the member that took the newest epoch, and nothing else moves them."""

import json
from datetime import datetime
from typing import Any

import pytest

from local import cdk
from local.automation import automations
from local.server import EmbeddedAws
from local.verify import DIFFERENT, NOT_COMPARED, verify

from .conftest import Deploy
from .mirror_sets import MirrorSet, until

pytestmark = pytest.mark.embedded

# AWS tells EventBridge of a stack's update at once; the function is started anew when it was changed itself.
RESTORED_SECONDS = 10


def test_everything_is_reported_as_asked_for(embedded: EmbeddedAws, deploy: Deploy) -> None:
    found = verify(embedded, cdk.stacks(embedded.directory / "cdk.out", embedded.account))
    assert [finding for finding in found if finding.status in (DIFFERENT, NOT_COMPARED)] == []


def test_the_first_takeover_creates_the_routes_of_all_tables(by_route: MirrorSet) -> None:
    assert len(by_route.deployed_tables()) == 4
    assert by_route.vip_routes() == dict.fromkeys(by_route.deployed_tables(), by_route.instance("a"))
    assert by_route.routed()["instance_id"] == by_route.instance("a")


def test_a_takeover_leads_clients_to_the_other_member(by_route: MirrorSet) -> None:
    by_route.take_over("b")
    assert by_route.vip_routes() == dict.fromkeys(by_route.deployed_tables(), by_route.instance("b"))
    by_route.take_over("a")
    assert by_route.vip_routes() == dict.fromkeys(by_route.deployed_tables(), by_route.instance("a"))


def test_duplicates_and_older_messages_change_nothing(by_route: MirrorSet) -> None:
    by_route.take_over("b")
    routes, routed = by_route.routes(), by_route.routed()
    by_route.send(by_route.message("b", by_route.epoch))
    by_route.send(by_route.message("a", by_route.epoch - 1))
    until(lambda: by_route.waiting() == 0)
    assert (by_route.routes(), by_route.routed()) == (routes, routed)
    assert by_route.parked() == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no message", "not JSON"),
        ({"schema": 1, "kind": "claim", "mirror_set": "VIP", "member": "c", "epoch": 1}, "member that there is not"),
        ({"schema": 1, "kind": "claim", "mirror_set": "ANOTHER", "member": "a", "epoch": 1}, "another mirror set"),
        ({"schema": 1, "kind": "claim", "mirror_set": "VIP", "member": "a", "epoch": 1000000}, "epoch 1000000"),
    ],
    ids=["garbage", "unknown member", "another mirror set", "an epoch nobody took"],
)
def test_what_is_no_message_is_parked_with_its_reason_and_holds_nobody_up(
    by_route: MirrorSet, body: str | dict[str, Any], reason: str
) -> None:
    before = by_route.metric("MessagesParked")
    by_route.send(body)
    by_route.take_over("a" if by_route.routed()["member"] == "b" else "b")
    ((parked, why),) = until(by_route.parked)
    assert reason in why
    assert "1000000" in parked or parked == (body if isinstance(body, str) else json.dumps(body))
    until(lambda: by_route.waiting() == 0)
    until(lambda: by_route.metric("MessagesParked") == before + 1)


def test_a_route_moved_by_hand_is_led_back(by_route: MirrorSet) -> None:
    by_route.take_over("a")
    table = min(by_route.deployed_tables())
    before = by_route.metric("RoutesRepaired")
    by_route.clients("ec2").replace_route(
        RouteTableId=table, DestinationCidrBlock="10.255.0.1/32", InstanceId=by_route.instance("b")
    )
    answer = by_route.reconcile()
    assert answer["written"] == [table]
    assert answer["claim"]["epoch"] == by_route.epoch
    assert by_route.vip_routes() == dict.fromkeys(by_route.deployed_tables(), by_route.instance("a"))
    until(lambda: by_route.metric("RoutesRepaired") == before + 1)


def test_a_routed_member_that_is_not_primary_is_told_and_moves_nothing(by_route: MirrorSet) -> None:
    by_route.take_over("a")
    routes, before = by_route.routes(), by_route.metric("RoutedMemberNotPrimary")
    by_route.responders.primary = "b"
    answer = by_route.reconcile()
    by_route.responders.primary = "a"
    assert (answer["members"], answer["written"]) == ({"a": "not primary", "b": "primary"}, [])
    assert by_route.routes() == routes
    until(lambda: by_route.metric("RoutedMemberNotPrimary") > before)


# I13
def test_a_deployment_after_a_failover_changes_no_route(by_route: MirrorSet, deploy: Deploy) -> None:
    by_route.take_over("b")
    routes, routed, lines = by_route.routes(), by_route.routed(), len(by_route.decisions())
    deploy(memory="640", changed="yes")
    assert by_route.deployed_tables("changed") == by_route.deployed_tables()
    described = by_route.clients("lambda").get_function_configuration(FunctionName=by_route.outputs["OutFunction"])
    assert described["MemorySize"] == 640
    # The router is woken by the update, and finds nothing to do.
    woken = until(lambda: [line for line in by_route.decisions()[lines:] if line.get("on", "").startswith("CloudFormation")])
    assert {tuple(line["places"]) for line in woken} == {()}
    assert (by_route.routes(), by_route.routed()) == (routes, routed)


def test_the_table_tells_where_clients_are_led(by_route: MirrorSet, by_listener: MirrorSet) -> None:
    by_route.take_over("a")
    found = {entry["mirror_set"]: entry for entry in automations(by_route.clients)}
    assert set(found) == {"VIP", "LISTENER"}
    assert found["VIP"]["vip_routes"] == dict.fromkeys(by_route.deployed_tables(), by_route.instance("a"))
    assert found["VIP"]["claim"]["epoch"] == found["VIP"]["routed"]["epoch"] == str(by_route.epoch)
    assert list(found["LISTENER"]["listeners"].values()) == [by_listener.led_by_listener()]


def test_a_takeover_moves_the_listener_and_nothing_else(by_listener: MirrorSet) -> None:
    by_listener.take_over("b")
    assert by_listener.led_by_listener() == "b"
    groups = by_listener.groups()
    # DescribeTargetHealth, Target.NotInUse: only a group that a listener names has its targets checked, and so both are named.
    described = by_listener.clients("elbv2").describe_target_groups(TargetGroupArns=[groups["a"], groups["b"]])
    used = {group["TargetGroupArn"]: bool(group["LoadBalancerArns"]) for group in described["TargetGroups"]}
    assert used == {groups["a"]: True, groups["b"]: True}


def test_a_listener_that_an_update_has_reset_is_led_back_and_alarmed(by_listener: MirrorSet, deploy: Deploy) -> None:
    by_listener.take_over("b")
    before, lines = by_listener.metric("RoutesRepaired"), len(by_listener.decisions())
    deploy(memory="640", changed="yes", idle_seconds="600")
    until(lambda: by_listener.led_by_listener() == "b", RESTORED_SECONDS)
    attributes = by_listener.clients("elbv2").describe_listener_attributes(ListenerArn=by_listener.outputs["OutListener"])
    assert {"Key": "tcp.idle_timeout.seconds", "Value": "600"} in attributes["Attributes"]
    woken = until(lambda: [line for line in by_listener.decisions()[lines:] if line["places"]])
    # It was reset, and it was the update that woke the router.
    assert [line["places"] for line in woken] == [[by_listener.outputs["OutListener"]]]
    assert woken[0]["on"] == "CloudFormation Stack Status Change"
    assert _seconds_after_the_update(by_listener, woken[0]) < RESTORED_SECONDS
    until(lambda: by_listener.metric("RoutesRepaired") == before + 1)
    until(lambda: by_listener.alarm("RoutesRepaired") == "ALARM")


def _seconds_after_the_update(found: MirrorSet, line: dict[str, Any]) -> float:
    events = found.clients("cloudformation").describe_stack_events(StackName="fixture-listener")["StackEvents"]
    ended = max(each["Timestamp"] for each in events if each["ResourceStatus"] == "UPDATE_COMPLETE")
    # Powertools' logger writes "2026-01-31 10:00:00,123+0000".
    return float((datetime.strptime(line["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z") - ended).total_seconds())
