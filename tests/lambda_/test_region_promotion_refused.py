"""Moves between regions that are refused, and records that were damaged: nothing is changed."""

from collections.abc import Iterator
from typing import Any

import pytest

from region_promotion.errors import MoveRefusedError
from tests.lambda_.region_moves import moved, report_of
from tests.lambda_.region_workflow import Workflow
from tests.lambda_.region_world import HOME, WARM, World, region_world


@pytest.fixture
def world() -> Iterator[World]:
    with region_world() as made:
        yield made


class TestRefused:
    """Whatever is refused changes nothing."""

    @pytest.mark.parametrize("kind", ["promotion", "switchover"])
    def test_lag_beyond_the_limit(self, world: World, kind: str) -> None:
        for name in ("TRAKC", "TRAKD"):
            world.mirror.members[name].lag = 61
        assert world.request(kind)[0] == 202
        assert Workflow(world, world.approve).run() == "given up"
        item = world.item("#current")
        assert item is not None
        assert item["state"]["S"] == "refused"
        assert ("61 s" if kind == "promotion" else "has not caught up") in item["why"]["S"]
        self._changed_nothing(world)

    def test_lag_that_is_not_known(self, world: World) -> None:
        for name in ("TRAKC", "TRAKD"):
            world.mirror.members[name].lag = None
        assert world.request()[0] == 202
        assert Workflow(world, world.approve).run() == "given up"
        self._changed_nothing(world)

    def test_unless_the_loss_was_accepted(self, world: World) -> None:
        world.lose_home()
        for name in ("TRAKC", "TRAKD"):
            world.mirror.members[name].lag = 61
        moved(world, loss=True)
        report = report_of(world)
        assert report["accepted_data_loss"] is True
        assert report["rpo_s"] == 61.0

    def test_no_partner_and_no_accepted_loss(self, world: World) -> None:
        world.lose_home()
        before = world.mirror.members["TRAKC"].status
        assert world.request()[0] == 202
        assert Workflow(world, world.approve).run() == "given up"
        assert world.mirror.members["TRAKC"].status == before
        assert world.item() is None

    def test_nobody_answers(self, world: World) -> None:
        world.silent = set(world.hosts)
        assert world.request(loss=True)[0] == 202
        assert Workflow(world, world.approve).run() == "given up"
        self._changed_nothing(world)

    def test_no_member_whose_instance_runs(self, world: World) -> None:
        """It would refuse to be promoted when nothing can be taken back any more."""
        for name in ("TRAKC", "TRAKD"):
            world.mirror.members[name].status = "Down"
        world.request(loss=True)
        with pytest.raises(MoveRefusedError, match="IRIS does not run on TRAKC"):
            world.step("preflight")
        self._changed_nothing(world)

    def test_a_planned_move_without_a_primary(self, world: World) -> None:
        world.mirror.lose(HOME)
        assert world.request("switchover")[0] == 202
        assert Workflow(world, world.approve).run() == "given up"
        assert world.mirror.primaries == []
        assert world.item() is None

    def test_nobody_approves(self, world: World) -> None:
        began = world.now
        assert world.request()[0] == 202
        assert Workflow(world).run() == "given up"
        item = world.item("#current")
        assert item is not None
        assert item["state"]["S"] == "expired"
        assert 1800 <= world.now - began < 1900
        self._changed_nothing(world)

    def test_cancelled_while_it_waits(self, world: World) -> None:
        assert world.request()[0] == 202
        workflow = Workflow(world, lambda: world.ask("POST /moves/{id}/cancellation"))
        assert workflow.run() == "given up"
        # It was woken, and did not wait for its minute.
        assert workflow.ran.count("approval") == 1
        self._changed_nothing(world)

    def test_a_step_of_a_mirror_set_that_is_not_ours(self, world: World) -> None:
        from region_promotion import handler

        before = world.everything()
        with world._functions(), pytest.raises(MoveRefusedError, match="moves TRAK, not OTHER"):
            handler.handler({"step": "promote", "mirror_set": "OTHER", "promotion": "m-1"})
        assert world.everything() == before

    @staticmethod
    def _changed_nothing(world: World) -> None:
        assert world.mirror.primaries == ["TRAKA"]
        assert world.item() is None
        assert world.tier() == (1, 2, 1)
        assert world.host("TRAKC")["InstanceType"] == WARM
        assert not world.parameters
        changing = {"StopInstances", "StartInstances", "ModifyInstanceAttribute", "UpdateAutoScalingGroup", "PutParameter"}
        assert not [action for _, action, _, _ in world.calls if action in changing]


class TestRecord:
    @pytest.mark.parametrize(
        ("suffix", "damage"),
        [
            ("", {"epoch": {"S": "many"}}),
            ("", {"epoch": {"N": "5"}}),
            ("", {"serving": {"S": "moon"}}),
            ("#current", {"state": {"S": "promoted"}}),
            ("#current", {"requester": {"S": "arn:aws:iam::123456789012:root"}}),
            ("#current", {"plan": {"S": "?"}}),
        ],
    )
    def test_one_that_is_damaged_stops_everything(self, world: World, suffix: str, damage: dict[str, Any]) -> None:
        from region_promotion.errors import DamagedRecordError

        moved(world)
        item = world.item(suffix)
        assert item is not None
        world.dynamodb.put_item(TableName="trakcare-TRAK-region-state", Item={**item, **damage})
        with pytest.raises(DamagedRecordError):
            world.step("latch", item.get("id", {}).get("S") or report_of(world)["id"])
        assert world.request("failback")[0] == 503

    def test_an_approval_that_was_written_by_hand_is_none(self, world: World) -> None:
        assert world.request()[0] == 202
        world.step("preflight")
        item = world.item("#current")
        assert item is not None
        world.dynamodb.put_item(TableName="trakcare-TRAK-region-state", Item={**item, "state": {"S": "approved"}})
        with pytest.raises(MoveRefusedError):
            world.step("commit")
        assert world.item() is None
