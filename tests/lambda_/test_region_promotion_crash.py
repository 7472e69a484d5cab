"""Moves between regions when something goes wrong on the way: what is killed, lost, or comes late."""

from collections.abc import Iterator
from typing import Any

import pytest

from region_promotion.errors import MoveRefusedError
from tests.lambda_.region_moves import STEPS, moved, report_of, serving_of
from tests.lambda_.region_workflow import KilledError, Workflow
from tests.lambda_.region_world import BOB, DR, FULL, SENTENCE, TABLE, World, region_world


@pytest.fixture
def world() -> Iterator[World]:
    with region_world() as made:
        yield made


def _promotes(name: str, given: dict[str, Any]) -> bool:
    return name == "SendCommand" and given["Parameters"]["Command"] == ["promote"]


class TestCrash:
    """A move of which every step, one after the other, meets the same accident once."""

    @pytest.mark.parametrize("kind", STEPS)
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_each_step_is_killed_once(self, world: World, kind: str, when: str) -> None:
        """The function dies as it begins, or when it has done all and nobody was told."""
        killed = set()

        def kills(name: str, moment: str) -> None:
            if moment == when and name not in killed:
                killed.add(name)
                raise KilledError(f"{name} is killed")

        moved(world, kind, kills=kills)
        assert set(STEPS[kind]) <= killed
        self._moved_once(world)

    @pytest.mark.parametrize("kind", STEPS)
    def test_each_step_is_done_twice(self, world: World, kind: str) -> None:
        """By Step Functions, when the answer of the first run was lost."""
        twice = set()

        def kills(name: str, moment: str) -> None:
            if moment == "after" and name not in twice:
                twice.add(name)
                if name != "approval":
                    world.step(name)

        moved(world, kind, kills=kills)
        assert set(STEPS[kind]) <= twice
        self._moved_once(world)

    @pytest.mark.parametrize("kind", STEPS)
    def test_the_execution_is_lost_at_each_step_and_the_move_resumed(self, world: World, kind: str) -> None:
        class LostError(BaseException):
            pass

        lost: set[str] = set()

        def kills(name: str, when: str) -> None:
            if when == "before" and name in STEPS[kind] and name not in lost:
                lost.add(name)
                raise LostError

        assert world.request(kind)[0] == 202
        ended = ""
        while not ended:
            try:
                ended = Workflow(world, world.approve, kills).run()
            except LostError:
                status, said = world.ask("POST /moves/{id}/resumption")
                assert status == 200, said
                assert said["move"]["execution"] in world.executions
        assert ended == "completed"
        assert lost == set(STEPS[kind])
        assert len(world.executions) == len(lost) + 1
        self._moved_once(world)

    def test_an_execution_that_was_followed_by_another_ends_and_refuses_nothing(self, world: World) -> None:
        assert world.request()[0] == 202

        def kills(step: str, when: str) -> None:
            if (step, when) == ("fence", "after"):
                assert world.ask("POST /moves/{id}/resumption")[0] == 200

        assert Workflow(world, world.approve, kills).run() == "given up"
        assert Workflow(world, world.approve).run() == "completed"
        self._moved_once(world)

    @staticmethod
    def _moved_once(world: World) -> None:
        assert world.mirror.primaries == ["TRAKC"]
        assert serving_of(world) == ("dr", 1, 1)
        assert (world.host("TRAKC")["InstanceType"], world.host("TRAKC")["State"]["Name"]) == (FULL, "running")
        # Who was stopped once is not stopped again.
        assert sum(action == "StopInstances" for _, action, _, _ in world.calls) == 1

    @pytest.mark.parametrize("late", ["a", "b"])
    def test_one_host_whose_agent_is_gone_keeps_nobody_from_asking_the_other(self, world: World, late: str) -> None:
        world.agentless = {{"a": "TRAKA", "b": "TRAKB"}[late], "TRAKD"}
        world.mirror.members[{"a": "TRAKA", "b": "TRAKB"}[late]].status = "Connected"
        moved(world)
        other = {"a": "TRAKB", "b": "TRAKA"}[late]
        assert world.mirror.members[other].fenced == 1
        assert report_of(world)["results"]["fence"]["fenced"] is False

    def test_the_former_members_go_after_the_plan_was_made(self, world: World) -> None:
        """Approved with their journals, which then aren't there: it waits for somebody who accepts the loss."""
        assert world.request()[0] == 202
        asked = []

        def kills(step: str, when: str) -> None:
            if (step, when) == ("commit", "after"):
                world.lose_home()
            if (step, when) == ("promote", "before"):
                asked.append(1)
                if len(asked) == 4:
                    assert world.ask("POST /moves/{id}/resumption", {"accept_data_loss": SENTENCE})[0] == 403
                    assert world.ask("POST /moves/{id}/resumption", {"accept_data_loss": SENTENCE}, arn=BOB)[0] == 200

        assert Workflow(world, world.approve, kills).run() == "given up"
        assert world.mirror.primaries == []
        assert Workflow(world, world.approve, kills).run() == "completed"
        assert world.mirror.primaries == ["TRAKC"]
        report = report_of(world)
        assert report["loss_accepted_later_by"] == "bob"
        assert "no partner" in report["results"]["promote"]["without_partner"]

    def test_a_step_that_is_refused_after_the_commit_stops_the_workflow_and_is_no_good_end(self, world: World) -> None:
        """The alarm on failed executions rings, and the move can be resumed when it is repaired."""
        assert world.request()[0] == 202
        good: list[Any] = []

        def kills(step: str, when: str) -> None:
            if (step, when) == ("latch", "before") and not good:
                good.append(world.item())
                world.dynamodb.put_item(TableName=TABLE, Item={**good[0], "epoch": {"N": "3"}, "latch_epoch": {"N": "2"}})

        assert Workflow(world, world.approve, kills).run() == "stopped"
        world.dynamodb.put_item(TableName=TABLE, Item=good[0])
        assert world.ask("POST /moves/{id}/resumption", {})[0] == 200
        assert Workflow(world, world.approve, kills).run() == "completed"

    def test_a_refusal_is_no_loss_while_the_former_members_are_reached(self, world: World) -> None:
        """Loss is accepted, and the member refuses for a while: it is still to have their newest journals."""
        world.mirror.refuses = ["IRIS is starting", "another iris-region is under way"]
        moved(world, loss=True)
        asked = [given["Parameters"]["Arguments"][0] for _, name, given, _ in world.calls if _promotes(name, given)]
        assert len(asked) > 2
        assert all("--partner auto" in each for each in asked)
        assert "without_partner" not in report_of(world)["results"]["promote"]

    def test_the_region_is_lost_in_the_middle_of_a_switchover(self, world: World) -> None:
        """The target takes over by itself, and the move goes on without the other region."""
        assert world.request("switchover")[0] == 202

        def kills(step: str, when: str) -> None:
            if (step, when) == ("commit", "after"):
                world.lose_home()
                world.mirror.members["TRAKC"].status = "Primary"

        assert Workflow(world, world.approve, kills).run() == "completed"
        assert serving_of(world) == ("dr", 1, 1)

    def test_and_in_the_middle_of_one_that_is_given_up(self, world: World) -> None:
        assert world.request("switchover")[0] == 202

        def kills(step: str, when: str) -> None:
            if (step, when) == ("commit", "before"):
                assert world.ask("POST /moves/{id}/cancellation")[0] == 200
                world.lose_home()
                world.mirror.members["TRAKC"].status = "Primary"

        assert Workflow(world, world.approve, kills).run() == "given up"
        moved(world, loss=True)
        assert serving_of(world) == ("dr", 1, 1)
        # And the primary was not stopped to be given its size.
        assert sum(action == "StopInstances" for _, action, _, _ in world.calls) == 1

    def test_a_committed_switchover_whose_target_dies_is_taken_back(self, world: World) -> None:
        assert world.request("switchover")[0] == 202

        def kills(step: str, when: str) -> None:
            if (step, when) == ("commit", "after"):
                world.mirror.members["TRAKC"].lag = None
            if (step, when) == ("hand_over", "after"):
                assert world.ask("POST /moves/{id}/cancellation")[0] == 200

        assert Workflow(world, world.approve, kills).run() == "given up"
        assert world.mirror.primaries == ["TRAKA"]
        assert serving_of(world) == ("primary", 2, 2)
        # The region that goes on serving has its backup again.
        assert world.mirror.members["TRAKB"].status == "Backup"
        assert world.mirror.members["TRAKC"].kind == "DR"

    def test_without_a_second_member_the_former_primary_is_no_partner_any_more(self, world: World) -> None:
        world.ec2[DR].terminate_instances(InstanceIds=[world.hosts["TRAKD"]])
        world.mirror.members["TRAKD"].status = "Down"
        moved(world, "switchover")
        assert world.mirror.members["TRAKA"].kind == "DR"
        assert report_of(world)["results"]["second_member"]["backup"] is None

    def test_a_primary_is_not_stopped_to_be_given_its_size(self, world: World) -> None:
        """Somebody has promoted it by hand."""
        world.lose_home()
        world.mirror.members["TRAKC"].kind, world.mirror.members["TRAKC"].status = "Failover", "Primary"
        moved(world, loss=True)
        assert not [action for _, action, _, _ in world.calls if action == "StopInstances"]
        assert "primary already" in report_of(world)["results"]["resize"]["why"]

    @pytest.mark.parametrize("command", ["promote", "await-primary"])
    def test_a_host_that_fails_once_is_asked_again(self, world: World, command: str) -> None:
        failed = []

        def fails(name: str, asked: str) -> None:
            if asked == command and name == "TRAKC" and not failed:
                failed.append(1)
                raise RuntimeError("iris: cannot attach")

        world.fails = fails
        moved(world)
        assert failed
        steps = report_of(world)["tries"]
        assert steps == {command.replace("-", "_"): 2}

    def test_a_late_step_of_a_move_that_was_followed_does_nothing(self, world: World) -> None:
        moved(world)
        first = world.current()
        for name in ("TRAKA", "TRAKB"):
            world.mirror.members[name].status, world.mirror.members[name].kind = "Connected", "DR"
        world.now += 1000
        moved(world, "failback")
        before = world.everything()
        for step in (*STEPS["promotion"], "hand_over", "prepare", "undo", "refuse", "lower"):
            with pytest.raises(MoveRefusedError, match="not the one that is under way"):
                world.step(step, first, task_token="x")
        assert world.everything() == before
