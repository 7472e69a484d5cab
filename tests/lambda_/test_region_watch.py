"""The region watch against moto: it carries what the table says, until the table confirms it, and says what is where."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import botocore.session
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.lambda_.region_watch_world import S3_OBJECT, World, watch_world


@pytest.fixture
def world() -> Iterator[World]:
    with watch_world() as made:
        yield made


# What the table says.


@pytest.mark.parametrize(
    ("epoch", "serving", "latch_epoch", "held"),
    [
        (0, "primary", 0, False),
        (0, "on_premises", 0, False),
        (1, "dr", 0, False),  # committed; the new primary isn't there yet (I6)
        (1, "dr", None, False),
        (1, "dr", 1, True),
        (2, "primary", 1, True),  # on its way back: the DR region still holds
        (2, "primary", 2, False),
        (2, "on_premises", 1, True),
        (2, "on_premises", 2, False),
        (7, "dr", 7, True),
    ],
)
def test_the_latch_follows_the_moves_traffic_not_its_commit(
    world: World, epoch: int, serving: str, latch_epoch: int | None, held: bool
) -> None:
    world.state(epoch, serving, latch_epoch)
    answer = world.invoke({"kind": "latch", "mirror_set": "TRAK"})
    assert (answer["done"], answer["held_by_dr"], answer["epoch"]) == (True, held, latch_epoch or 0)
    assert world.held_by_metric() == [float(held)]
    assert world.noted() == (latch_epoch or 0, held)


def test_without_any_promotion_the_primary_region_holds(world: World) -> None:
    answer = world.invoke()
    assert answer["delivered"]
    assert world.held_by_metric() == [0.0]
    assert world.noted() == (0, False)
    assert world.told["RegionEpoch"] == 0


DAMAGED: list[tuple[str, dict[str, Any]]] = [
    ("no epoch", {"epoch": {"S": "1"}}),
    ("a negative epoch", {"epoch": {"N": "-1"}}),
    ("a latch of the future", {"latch_epoch": {"N": "3"}}),
    ("a latch of long ago", {"epoch": {"N": "5"}, "latch_epoch": {"N": "3"}}),
    ("nobody that serves", {"serving": {"S": "moon"}}),
    ("DR without a promotion", {"epoch": {"N": "0"}, "latch_epoch": {"N": "0"}}),
]


@pytest.mark.parametrize("changes", [each for _, each in DAMAGED], ids=[name for name, _ in DAMAGED])
@pytest.mark.parametrize("latch", [{"kind": "metric"}, S3_OBJECT], ids=["metric", "s3_object"])
def test_a_damaged_record_leaves_the_carrier_as_it_is(world: World, latch: dict[str, Any], changes: dict[str, Any]) -> None:
    world.latch = latch
    world.state(1, "dr", 1)
    world.invoke()
    metric, note = world.held_by_metric(), world.noted()
    world.state(1, "dr", 1, **changes)
    answer = world.invoke()
    assert not answer["delivered"]
    assert "DamagedRecordError" in answer["why"]
    assert (world.held_by_metric(), world.noted()) == (metric, note)
    assert world.object() == ("1" if latch is S3_OBJECT else None)
    assert world.told["LatchNotDelivered"] == 1
    assert "DrHoldsTraffic" not in world.told


@pytest.mark.parametrize("latch", [{"kind": "metric"}, S3_OBJECT], ids=["metric", "s3_object"])
@pytest.mark.parametrize(
    ("epoch", "serving", "latch_epoch"), [(0, "primary", 0), (1, "primary", 1), (2, "primary", 2)], ids=["0", "1", "2"]
)
def test_the_primary_region_gets_no_traffic_back_without_a_newer_epoch(
    world: World, latch: dict[str, Any], epoch: int, serving: str, latch_epoch: int
) -> None:
    """I7: a table that was restored, or set by hand."""
    world.latch = latch
    world.state(3, "dr", 2)
    world.state(3, "dr", 3)
    world.invoke()
    world.state(epoch, serving, latch_epoch)
    answer = world.invoke()
    assert not answer["delivered"]
    assert 0.0 not in world.held_by_metric()
    assert world.object() == ("3" if latch is S3_OBJECT else None)


def test_a_latch_that_turned_at_the_same_epoch_is_refused(world: World) -> None:
    world.state(3, "dr", 3)
    world.invoke()
    world.state(3, "primary", 3)
    assert "turned without a newer epoch" in world.invoke()["why"]
    assert world.held_by_metric() == [1.0]


# Carrying it.


def test_the_object_is_there_while_the_dr_region_holds(world: World) -> None:
    world.latch = S3_OBJECT
    for epoch, serving, latch_epoch, content in (
        (0, "primary", 0, None),
        (1, "dr", 0, None),
        (1, "dr", 1, "1"),
        (2, "primary", 1, "1"),
        (2, "primary", 2, None),
        (3, "dr", 3, "3"),
    ):
        world.state(epoch, serving, latch_epoch)
        assert world.invoke()["delivered"]
        assert world.object() == content
        assert world.told["DrHoldsTraffic"] == float(content is not None)
        assert world.told["LatchRepaired"] == 0


@pytest.mark.parametrize(("epoch", "serving", "by_hand"), [(1, "dr", None), (2, "primary", "by hand")])
def test_what_somebody_else_did_to_the_object_is_put_right_and_told(
    world: World, epoch: int, serving: str, by_hand: str | None
) -> None:
    world.latch = S3_OBJECT
    world.state(epoch, serving, epoch)
    world.invoke()
    right = world.object()
    if by_hand is None:
        world.s3.delete_object(Bucket="latch", Key="held-by-dr")
    else:
        world.put_object(by_hand)
    assert world.invoke()["delivered"]
    assert world.told["LatchRepaired"] == 1
    assert world.object() == right
    world.invoke()
    assert world.told["LatchRepaired"] == 0


def test_an_old_run_takes_no_newer_object_away(world: World) -> None:
    """It has read that the primary region holds, and meanwhile the DR region was promoted and its latch carried."""
    from region_watch.s3_object import S3Object

    world.latch = S3_OBJECT
    world.state(2, "primary", 2)
    look = S3Object.look

    def promoted_meanwhile(self: S3Object) -> Any:
        with mock.patch.object(S3Object, "look", look):
            world.state(3, "dr", 3)
            world.put_object("3")
            return look(self)

    with mock.patch.object(S3Object, "look", promoted_meanwhile), mock.patch.object(S3Object, "write") as write:
        answer = world.invoke()
    assert write.call_count == 0
    assert (answer["epoch"], answer["held_by_dr"], answer["delivered"]) == (3, True, True)


def _calls_of_s3(want: Any, *, there: bytes | None) -> list[tuple[str, dict[str, Any]]]:
    """What the carrier asks of S3 when the object has this content."""
    import io

    from region_watch.s3_object import S3Object

    s3 = mock.Mock()
    s3.get_object.side_effect = [{"Body": io.BytesIO(there), "ETag": '"tag"'}] if there is not None else [_error("NoSuchKey")]
    for call in (s3.put_object, s3.delete_object):
        call.side_effect = _error("PreconditionFailed")
    carrier = S3Object(s3, "latch", "held-by-dr")
    carrier.look()
    carrier.write(want)  # somebody was faster: that is no failure, and it looks again
    return [(name, kwargs) for name, _, kwargs in s3.method_calls if name != "get_object"]


def _error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "Anything")


def test_the_object_is_changed_only_if_it_is_what_was_looked_at() -> None:
    from region_watch.core import Want

    ((put, first),) = _calls_of_s3(Want(1, True), there=None)
    assert (put, first["IfNoneMatch"], first["Body"]) == ("put_object", "*", b"1")
    ((put, newer),) = _calls_of_s3(Want(3, True), there=b"1")
    assert (put, newer["IfMatch"]) == ("put_object", '"tag"')
    ((delete, taken),) = _calls_of_s3(Want(2, False), there=b"1")
    assert (delete, taken["IfMatch"]) == ("delete_object", '"tag"')


def test_a_state_that_changed_meanwhile_is_carried_instead(world: World) -> None:
    from region_watch.metric import Metric

    world.state(1, "dr", 1)
    write = Metric.write
    done = []

    def failed_back_meanwhile(self: Metric, want: Any) -> None:
        write(self, want)
        if not done:
            done.append(True)
            world.state(2, "primary", 2)

    with mock.patch.object(Metric, "write", failed_back_meanwhile):
        answer = world.invoke()
    assert world.held_by_metric() == [1.0, 0.0]
    assert (answer["epoch"], answer["held_by_dr"], answer["delivered"]) == (2, False, True)
    assert world.noted() == (2, False)


@pytest.mark.parametrize("code", ["AccessDenied", "InternalFailure", "Throttling"])
def test_a_carrier_that_refuses_is_told_and_tried_again(world: World, code: str) -> None:
    from region_watch import handler

    world.state(1, "dr", 1)
    refusal = ClientError({"Error": {"Code": code, "Message": "no"}}, "PutMetricData")
    with mock.patch.object(handler.client("cloudwatch"), "put_metric_data", side_effect=refusal):
        answer = world.invoke({"kind": "latch"})
    assert (answer["done"], answer["wait_seconds"]) == (False, 5)
    assert world.noted() is None
    assert world.told["LatchNotDelivered"] == 1
    assert world.invoke({"kind": "latch"})["done"]


def test_a_table_that_cannot_be_read_changes_nothing(world: World) -> None:
    from region_watch import handler

    refusal = EndpointConnectionError(endpoint_url="https://dynamodb")
    with mock.patch.object(handler.client("dynamodb"), "transact_get_items", side_effect=refusal):
        answer = world.invoke()
    assert not answer["delivered"]
    assert world.held_by_metric() == []
    assert world.told["DrRegionServes"] == 0, "members are asked nevertheless"


def test_another_mirror_sets_latch_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="OTHER"):
        world.invoke({"kind": "latch", "mirror_set": "OTHER"})
    assert world.held_by_metric() == []


def test_a_promotion_is_answered_without_asking_members(world: World) -> None:
    from region_watch import probe

    with mock.patch.object(probe, "ask_all") as asked:
        assert "members" not in world.invoke({"kind": "latch"})
    assert asked.call_count == 0


# Routing controls.


class Cluster:
    """Five endpoints of an ARC cluster: the calls they got, and which of them answer."""

    def __init__(self, *, down: int = 0, refuse: str = "") -> None:
        self.states = {"P": "On", "D": "Off"}
        self.calls: list[str] = []
        self.down = down
        self.refuse = refuse
        self.clients = [self._client(at) for at in range(5)]

    def _client(self, at: int) -> Any:
        made = mock.Mock()
        made.meta.endpoint_url = f"https://{at}"

        def get(RoutingControlArn: str) -> dict[str, str]:  # noqa: N803 (AWS's name)
            self._answer(at, "get")
            return {"RoutingControlState": self.states[RoutingControlArn]}

        def update(UpdateRoutingControlStateEntries: list[dict[str, str]]) -> None:  # noqa: N803 (AWS's name)
            self._answer(at, "update")
            if self.refuse:
                raise ClientError({"Error": {"Code": self.refuse, "Message": "a safety rule"}}, "UpdateRoutingControlStates")
            self.states |= {each["RoutingControlArn"]: each["RoutingControlState"] for each in UpdateRoutingControlStateEntries}
            assert list(self.states.values()).count("On") == 1

        made.get_routing_control_state.side_effect = get
        made.update_routing_control_states.side_effect = update
        return made

    def _answer(self, at: int, call: str) -> None:
        self.calls.append(f"{call} {at}")
        if at < self.down:
            raise EndpointConnectionError(endpoint_url=f"https://{at}")


def _with(world: World, cluster: Cluster) -> dict[str, Any]:
    from region_watch import handler

    world.latch = {"kind": "routing_control", "primary": "P", "dr": "D", "endpoints": []}
    with mock.patch.object(handler, "cluster_clients", return_value=tuple(cluster.clients)):
        return world.invoke()


@pytest.mark.parametrize("down", [0, 1, 4])
def test_routing_controls_are_set_through_whichever_endpoint_answers(world: World, down: int) -> None:
    world.state(1, "dr", 1)
    cluster = Cluster(down=down)
    assert _with(world, cluster)["delivered"]
    assert cluster.states == {"P": "Off", "D": "On"}
    world.state(2, "primary", 2)
    assert _with(world, cluster)["delivered"]
    assert cluster.states == {"P": "On", "D": "Off"}


def test_no_endpoint_answers(world: World) -> None:
    world.state(1, "dr", 1)
    cluster = Cluster(down=5)
    answer = _with(world, cluster)
    assert not answer["delivered"]
    assert [f"https://{at}" in answer["why"] for at in range(5)] == [True] * 5


def test_a_safety_rule_is_not_argued_with(world: World) -> None:
    world.state(1, "dr", 1)
    cluster = Cluster(refuse="ConflictException")
    answer = _with(world, cluster)
    assert not answer["delivered"]
    assert "safety rule" in answer["why"]
    assert sum(call.startswith("update") for call in cluster.calls) == 1
    assert world.noted() is None


@pytest.mark.parametrize("states", [{"P": "On", "D": "On"}, {"P": "Off", "D": "Off"}], ids=["both on", "both off"])
def test_controls_that_say_both_or_neither_are_put_right(world: World, states: dict[str, str]) -> None:
    cluster = Cluster()
    cluster.states = states
    assert _with(world, cluster)["delivered"]
    assert cluster.states == {"P": "On", "D": "Off"}


def test_the_calls_are_those_of_the_api() -> None:
    model = botocore.session.get_session().get_service_model("route53-recovery-cluster")
    update = model.operation_model("UpdateRoutingControlStates").input_shape.members
    assert set(update) >= {"UpdateRoutingControlStateEntries"}
    entry = update["UpdateRoutingControlStateEntries"].member.members
    assert set(entry) == {"RoutingControlArn", "RoutingControlState"}
    assert entry["RoutingControlState"].enum == ["On", "Off"]


# What members say.


CASES = [
    ("both regions wait", (0, "primary", 0), {}, {"PrimaryRegionServes": 0, "DrRegionServes": 0, "HolderNotServing": 1}),
    (
        "as it should be",
        (0, "primary", 0),
        {"pa": "primary"},
        {"PrimaryRegionServes": 1, "SplitRegions": 0, "HolderNotServing": 0},
    ),
    ("split", (0, "primary", 0), {"pb": "primary", "da": "primary"}, {"SplitRegions": 1, "HeldByOtherRegion": 1}),
    ("the old region is back", (1, "dr", 1), {"pa": "primary", "da": "primary"}, {"SplitRegions": 1, "HeldByOtherRegion": 1}),
    ("promoted", (1, "dr", 1), {"da": "primary"}, {"HeldByOtherRegion": 0, "HolderNotServing": 0, "PrimaryRegionServes": 0}),
    ("promoted, failing over", (1, "dr", 1), {"da": "not primary"}, {"HolderNotServing": 1, "DrMembersDown": 1}),
    ("members well", (0, "primary", 0), {"da": "not primary", "db": "not primary"}, {"DrMembersDown": 0}),
]


@pytest.mark.parametrize(("state", "answers", "told"), [each[1:] for each in CASES], ids=[each[0] for each in CASES])
def test_what_members_say_is_told(
    world: World, state: tuple[int, str, int], answers: dict[str, str], told: dict[str, float]
) -> None:
    world.state(*state)
    world.answers = answers
    world.invoke()
    assert {name: world.told[name] for name in told} == told


def test_what_members_say_moves_no_latch(world: World) -> None:
    world.state(0, "primary", 0)
    world.answers = {"da": "primary", "db": "primary"}
    world.invoke()
    assert world.held_by_metric() == [0.0]


def test_where_nobody_can_be_asked_nothing_is_told(world: World) -> None:
    world.others = {}
    world.invoke()
    assert {"PrimaryRegionServes", "SplitRegions"}.isdisjoint(world.told)
    assert world.told["HolderNotServing"] == 0
