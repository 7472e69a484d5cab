"""The watch tells for how long a move has been under way, whoever works on it or nobody; and nothing it does waits for that."""

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from region_promotion import events as ev
from region_promotion.items import move_item
from region_promotion.records import KINDS
from tests.infra.region_failover_app import template
from tests.infra.templates import resources
from tests.lambda_.region_records import ANNE, REQUESTERS, Records
from tests.lambda_.region_watch_world import S3_OBJECT, TABLE, World, watch_world


@pytest.fixture
def world() -> Iterator[World]:
    with watch_world() as made:
        yield made


def _put(world: World, records: Records, **changes: Any) -> None:
    """Writes the move as the promotion writes it."""
    assert records.move is not None
    world.dynamodb.put_item(TableName=TABLE, Item={**move_item("TRAK#current", records.move), **changes})


def _told_at(world: World, now: float) -> float | None:
    """What a run at a time tells; None: nothing."""
    with mock.patch("region_watch.handler.time", mock.Mock(time=lambda: now)):
        world.invoke()
    return world.told.get("MoveSeconds")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", ["approved", "committed"])
def test_a_move_that_nothing_works_on_is_told_for_as_long_as_it_is_under_way(world: World, kind: str, state: str) -> None:
    records = Records(kind).until("approved")
    approved = records.now
    records.now += 60
    _put(world, records.until(state))
    assert [_told_at(world, approved + seconds) for seconds in (60, 1860, 90_000)] == [60, 1860, 90_000]


@pytest.mark.parametrize("home", ["primary", "on_premises"])
def test_the_alarm_rings_for_a_committed_move_whose_workflow_is_dead(
    world: World, home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half an hour after its approval, and stays on: name for name what the watch tells is what the alarm reads."""
    (alarm,) = (each for each in resources(template(home), "CloudWatch::Alarm") if each.get("MetricName") == "MoveSeconds")
    if home == "on_premises":
        world.others = {}
    records = Records()
    _put(world, records.until("committed"))
    _told_at(world, records.now + 30 * 60)
    (told,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if '"MoveSeconds"' in line)
    (stated,) = told["_aws"]["CloudWatchMetrics"]
    assert (stated["Namespace"], stated["Metrics"][0]["Name"]) == (alarm["Namespace"], alarm["MetricName"])
    assert sorted(stated["Dimensions"][0]) == sorted(each["Name"] for each in alarm["Dimensions"])
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Maximum", 60, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert told["MoveSeconds"] == [alarm["Threshold"]]
    assert alarm["TreatMissingData"] == "ignore"


def test_without_an_approved_move_none_is_told(world: World) -> None:
    """Told it is, so that silence is no end of a move, and the alarm goes off at one."""
    assert _told_at(world, 5000.0) == 0
    for state in ("requested", "checked", "completed"):
        _put(world, Records().until(state))
        assert _told_at(world, 90_000.0) == 0, state


@pytest.mark.parametrize("state", ["cancelled", "expired", "refused"])
def test_a_move_that_was_given_up_is_not_under_way(world: World, state: str) -> None:
    records = Records().until("approved")
    event: dict[str, ev.Event] = {
        "cancelled": ev.Cancel("m1", ANNE, REQUESTERS),
        "expired": ev.Expire("m1"),
        "refused": ev.Refuse("m1", "no"),
    }
    records.now += 90_000
    records.does(event[state])
    assert records.move is not None
    assert records.move.state == state
    _put(world, records)
    assert _told_at(world, records.now) == 0


def test_a_clock_that_is_behind_tells_no_time_before_the_approval(world: World) -> None:
    records = Records().until("committed")
    _put(world, records)
    assert _told_at(world, records.now - 5) == 0


REFUSALS = [
    ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetItem"),
    EndpointConnectionError(endpoint_url="https://dynamodb"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=["refused", "not reached"])
@pytest.mark.parametrize("latch", [{"kind": "metric"}, S3_OBJECT], ids=["metric", "s3_object"])
def test_a_move_that_cannot_be_read_keeps_the_watch_from_nothing(
    world: World, latch: dict[str, Any], refusal: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    from region_watch import handler

    world.latch = latch
    world.state(1, "dr", 1)
    world.answers = {"da": "primary"}
    with mock.patch.object(handler.client("dynamodb"), "get_item", side_effect=refusal):
        answer = world.invoke()
    assert (answer["delivered"], answer["members"]["dr a"], world.noted()) == (True, "primary", (1, True))
    assert (world.told["DrRegionServes"], world.told["LatchNotDelivered"]) == (1, 0)
    assert "MoveSeconds" not in world.told
    assert '"not told"' in capsys.readouterr().out


@pytest.mark.parametrize("approved", [{"S": "yesterday"}, {"N": "1000"}, {"NULL": True}], ids=["text", "a number", "null"])
def test_nor_does_a_record_that_was_set_by_hand(world: World, approved: dict[str, Any]) -> None:
    _put(world, Records().until("committed"), approved_at=approved)
    assert _told_at(world, 5000.0) is None
    assert world.told["LatchNotDelivered"] == 0
    assert world.noted() == (0, False)


def test_all_else_is_done_and_told_before_the_move_is_read(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """So that a run whose time is over while it reads has lost nothing else."""
    from region_watch import handler

    said: list[str] = []

    def read(**_: Any) -> dict[str, Any]:
        said.append(capsys.readouterr().out)
        return {}

    with mock.patch.object(handler.client("dynamodb"), "get_item", side_effect=read):
        world.invoke()
    told = {name for line in said[0].splitlines() if '"_aws"' in line for name in json.loads(line)}
    assert {"LatchNotDelivered", "DrRegionServes", "RegionEpoch"} <= told


@pytest.mark.parametrize("why", ["a damaged state", "no table of the latch"])
def test_a_latch_that_cannot_be_carried_keeps_no_move_from_being_told(world: World, why: str) -> None:
    from region_watch import handler

    records = Records().until("committed")
    _put(world, records)
    if why == "a damaged state":
        world.state(1, "moon", 1)
        told = _told_at(world, records.now + 1800)
    else:
        refusal = EndpointConnectionError(endpoint_url="https://dynamodb")
        with mock.patch.object(handler.client("dynamodb"), "transact_get_items", side_effect=refusal):
            told = _told_at(world, records.now + 1800)
    assert told == 1800
    assert world.told["LatchNotDelivered"] == 1


def test_a_move_that_has_its_latch_carried_does_not_wait_for_it(world: World) -> None:
    from region_watch import handler

    with mock.patch.object(handler.client("dynamodb"), "get_item") as read:
        assert world.invoke({"kind": "latch"})["done"]
    assert read.call_count == 0
