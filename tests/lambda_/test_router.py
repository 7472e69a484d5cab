"""The router leads clients to the member with the newest epoch, whatever woke it and whatever it finds."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lambda_.router_world import World, leading_to, message


def metrics_of(printed: str) -> dict[str, float]:
    """The metrics in what a function has printed, the last value of each."""
    found: dict[str, float] = {}
    for line in printed.splitlines():
        said = json.loads(line)
        for directive in said.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in directive["Metrics"]:
                value = said[metric["Name"]]
                found[metric["Name"]] = value[-1] if isinstance(value, list) else value
    return found


def lines_of(printed: str) -> list[dict[str, Any]]:
    return [said for said in map(json.loads, printed.splitlines()) if "decision" in said]


def test_the_first_claim_creates_the_routes(world: World) -> None:
    world.add_tables("application", "data")
    world.claim(1, "a")
    assert world.send(message(1, "a")) == []
    assert world.leads() == ["a", "a"]
    assert world.routed() == (1, "a")
    assert (world.count("CreateRoute"), world.count("ReplaceRoute")) == (2, 0)


def test_a_failover_replaces_them_clients_first(world: World) -> None:
    world.add_tables("data", "web", "application", "public")
    world.claim(1, "a")
    world.send(message(1, "a"))
    world.claim(2, "b")
    world.calls.clear()
    world.send(message(2))
    assert world.leads() == ["b"] * 4
    assert world.routed() == (2, "b")
    written = [params["RouteTableId"] for _, action, params in world.calls if action == "ReplaceRoute"]
    data, web, application, public = world.tables
    # Several at a time, begun in this order.
    assert sorted(written) == sorted(world.tables)
    assert written.index(public) < written.index(data)
    assert {web, application} <= set(written)


def test_an_ordinary_failover_takes_four_calls_and_one_for_each_table(world: World) -> None:
    world.add_tables(*["application"] * 15)
    world.claim(1, "a")
    world.invoke({"kind": "reconcile"})
    world.claim(2, "b")
    world.calls.clear()
    world.send(message(2))
    assert world.leads() == ["b"] * 15
    actions = [action for _, action, _ in world.calls]
    assert sorted(actions) == sorted(
        ["BatchGetItem", "DescribeRouteTables", *["ReplaceRoute"] * 15, "DescribeRouteTables", "TransactWriteItems"]
    )


def test_hundreds_of_tables_are_led_in_rounds_clients_first(world: World) -> None:
    """Between two rounds the run looks: another one may have led some. Two runs don't take the same ones first."""
    world.add_tables(*["data"] * 30, *["application"] * 60)
    data = set(world.tables[:30])
    world.claim(1, "a")
    assert world.send(message(1, "a")) == []
    assert world.leads() == ["a"] * 90
    made = [params["RouteTableId"] for _, action, params in world.calls if action == "CreateRoute"]
    assert sorted(made) == sorted(world.tables), "each once"
    assert not data & set(made[:50])
    assert world.count("DescribeRouteTables") == 3
    world.claim(2, "b")
    world.calls.clear()
    world.send(message(2))
    again = [params["RouteTableId"] for _, action, params in world.calls if action == "ReplaceRoute"]
    assert set(again[:50]) != set(made[:50])


def test_what_is_right_already_is_only_looked_at(world: World) -> None:
    world.add_tables("application")
    world.claim(3, "a")
    world.send(message(3, "a"))
    world.calls.clear()
    assert world.send(message(3, "a"), message(2, "b"), message(1, "a")) == []
    assert [action for _, action, _ in world.calls] == ["BatchGetItem", "DescribeRouteTables"]
    assert world.leads() == ["a"]


def test_a_route_that_somebody_has_moved_is_repaired_and_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (table,) = world.add_tables("application")
    world.claim(1, "a")
    world.send(message(1, "a"))
    world.ec2.replace_route(RouteTableId=table, DestinationCidrBlock="10.255.0.1/32", InstanceId=world.instances["b"])
    capsys.readouterr()
    answer = world.invoke({"detail-type": "Scheduled Event"})
    assert world.leads() == ["a"]
    assert answer["written"] == [table]
    assert metrics_of(capsys.readouterr().out)["RoutesRepaired"] == 1


def test_a_table_that_is_new_gets_its_route_from_the_reconciler(world: World) -> None:
    world.add_tables("application")
    world.claim(1, "a")
    world.send(message(1, "a"))
    world.add_tables("web")
    world.invoke({"detail-type": "CloudFormation Stack Status Change"})
    assert world.leads() == ["a", "a"]


def test_tables_named_by_id_are_written_and_no_others(world: World) -> None:
    named = world.add_tables("application", "web")
    world.tables = [*named, "rtb-0123456789abcdef0"]
    world.claim(1, "a")
    environment = world.environment(explicit=True)
    world.tables = named
    world.add_tables("data")
    world.environment = lambda **_kwargs: environment  # type: ignore[method-assign]
    world.send(message(1, "a"))
    assert world.leads() == ["a", "a", ""]


def test_listeners_are_moved_and_moved_back_after_a_stack_update(world: World) -> None:
    listeners = [world.add_listener(1972), world.add_listener(6661)]
    world.claim(2, "b")
    world.send(message(2), vip=False)
    assert world.listener_leads() == ["b", "b"]
    world.elbv2.modify_listener(ListenerArn=listeners[0], DefaultActions=[leading_to("a", world.listeners[listeners[0]])])
    assert world.listener_leads() == ["a", "b"]
    answer = world.invoke({"detail-type": "CloudFormation Stack Status Change"}, vip=False)
    assert (world.listener_leads(), answer["written"]) == (["b", "b"], [listeners[0]])


def test_a_listener_keeps_the_idle_members_group_so_that_it_is_health_checked(world: World) -> None:
    listener = world.add_listener(1972)
    world.claim(2, "b")
    world.send(message(2), vip=False)
    alone = {"Type": "forward", "TargetGroupArn": world.listeners[listener]["b"]}
    world.elbv2.modify_listener(ListenerArn=listener, DefaultActions=[alone])
    assert world.invoke({"kind": "reconcile"}, vip=False)["written"] == [listener]
    assert world.listener_leads() == ["b"]
    assert world.invoke({"kind": "reconcile"}, vip=False)["written"] == []


def test_routes_and_listeners_together(world: World) -> None:
    world.add_tables("application")
    world.add_listener(1972)
    world.claim(2, "b")
    world.send(message(2))
    assert (world.leads(), world.listener_leads(), world.routed()) == (["b"], ["b"], (2, "b"))


def test_with_polling_alone_it_only_confirms(world: World) -> None:
    world.claim(2, "b")
    world.send(message(2), vip=False)
    assert world.routed() == (2, "b")
    assert not [action for _, action, _ in world.calls if "Route" in action or "Listener" in action]


def test_a_newer_claim_on_the_way_is_followed_in_the_same_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from mirror_router.route_tables import RouteTables

    world.add_tables("application", "web")
    world.claim(1, "a")
    point = RouteTables.point

    def overtaken(self: RouteTables, claim: Any, tables: tuple[str, ...]) -> None:
        point(self, claim, tables)
        if claim.epoch == 1:
            world.claim(2, "b")

    monkeypatch.setattr(RouteTables, "point", overtaken)
    assert world.send(message(1, "a")) == []
    assert (world.leads(), world.routed()) == (["b", "b"], (2, "b"))


def test_no_route_is_ever_deleted_and_the_code_cannot(world: World) -> None:
    from pathlib import Path

    import mirror_router

    folder = Path(str(mirror_router.__file__)).parent
    assert not [path.name for path in folder.glob("*.py") if "delete" in path.read_text().replace("deleted", "")]


def test_a_failed_probe_moves_nothing_back_and_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add_tables("application")
    world.answers = {"a": "primary", "b": "unknown"}
    world.claim(2, "b")
    assert world.send(message(2)) == []
    assert world.leads() == ["b"]
    assert metrics_of(capsys.readouterr().out)["RoutedMemberNotPrimary"] == 1


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({"a": "primary", "b": "not primary"}, (0, 0, 0)),
        ({"a": "not primary", "b": "primary"}, (0, 0, 1)),
        ({"a": "unknown", "b": "not primary"}, (1, 0, 1)),
        ({"a": "primary", "b": "primary"}, (0, 1, 0)),
    ],
)
def test_the_reconciler_tells_how_many_primaries_there_are(
    world: World, capsys: pytest.CaptureFixture[str], answers: dict[str, str], found: tuple[int, int, int]
) -> None:
    world.answers = answers
    world.claim(1, "a")
    world.invoke({"kind": "reconcile"}, vip=False)
    metrics = metrics_of(capsys.readouterr().out)
    assert (metrics["NoPrimary"], metrics["SeveralPrimaries"], metrics["RoutedMemberNotPrimary"]) == found


def test_a_jump_of_the_epoch_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.claim(1, "a")
    world.send(message(1, "a"), vip=False)
    assert metrics_of(capsys.readouterr().out)["EpochJump"] == 0
    world.claim(7, "b")
    world.send(message(7), vip=False)
    assert metrics_of(capsys.readouterr().out)["EpochJump"] == 5


def test_a_run_says_what_it_did_in_one_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    tables = world.add_tables("application")
    world.claim(1, "a")
    world.send(message(1, "a"))
    (line,) = [line for line in lines_of(capsys.readouterr().out) if line["decision"] == "routed"]
    assert (line["epoch"], line["member"], line["why"], line["places"]) == (1, "a", "newer epoch", tables)
    assert set(line["stages"]) == {"read", "look", "point", "confirm"}


def test_canaries_are_counted_for_each_member_and_wake_nobody(
    world: World, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    canary = {"schema": 1, "kind": "canary", "mirror_set": "TRAK", "member": "b", "sent_at": "2026-01-31T10:00:00.123Z"}
    assert world.send(canary) == []
    assert world.calls == []
    assert not recwarn.list, "Powertools warns of metrics that are empty"
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["member"] for line in said if line.get("CallOutCanary")] == ["b"]


def test_metrics_have_the_dimensions_that_the_alarms_look_for(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """And no other, such as the name of the service: an alarm would never see them."""
    world.claim(1, "a")
    world.send(message(1, "a"), vip=False)
    canary = {"schema": 1, "kind": "canary", "mirror_set": "TRAK", "member": "b", "sent_at": "2026-01-31T10:00:00.123Z"}
    world.send(canary, vip=False)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [each["Dimensions"] for line in said if "_aws" in line for each in line["_aws"]["CloudWatchMetrics"]]
    assert found == [[["deployment", "mirror_set"]], [["deployment", "mirror_set", "member"]]]


def test_a_throttled_write_is_repeated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from mirror_router import handler

    world.add_tables("application")
    world.claim(1, "a")
    refusals = [ClientError({"Error": {"Code": "RequestLimitExceeded", "Message": ""}}, "CreateRoute")] * 2
    create = handler.client("ec2").create_route

    def throttled(**request: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return create(**request)

    monkeypatch.setattr(handler.client("ec2"), "create_route", throttled)
    assert world.send(message(1, "a")) == []
    assert (world.leads(), refusals) == (["a"], [])
