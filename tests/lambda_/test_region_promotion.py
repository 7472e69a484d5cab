"""Moves between regions, from the request to the report: what they do, and what they do when things go wrong on the way."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from region_promotion.errors import MoveRefusedError
from tests.lambda_.region_workflow import KilledError, Workflow
from tests.lambda_.region_world import BOB, DR, FALLBACK, FULL, HOME, SENTENCE, WARM, World, region_world


@pytest.fixture
def world() -> Iterator[World]:
    with region_world() as made:
        yield made


def _moved(world: World, kind: str = "promotion", *, loss: bool = False, **how: Any) -> Workflow:
    """Asks for a move, and has the workflow do it."""
    status, said = world.request(kind, loss=loss)
    assert status == 202, said
    workflow = Workflow(world, world.approve, **how)
    assert workflow.run() == "completed"
    return workflow


def _report(world: World) -> dict[str, Any]:
    item = world.item("#current")
    assert item is not None
    report: dict[str, Any] = json.loads(item["report"]["S"])
    return report


def _serving(world: World) -> tuple[str, int, int]:
    item = world.item()
    assert item is not None
    return item["serving"]["S"], int(item["epoch"]["N"]), int(item["latch_epoch"]["N"])


class TestPromotion:
    def test_of_a_region_that_is_lost(self, world: World) -> None:
        world.lose_home()
        _moved(world, loss=True)
        assert world.mirror.primaries == ["TRAKC"]
        assert world.mirror.members["TRAKD"].status == "Backup"
        assert world.host("TRAKC")["InstanceType"] == FULL
        assert world.tier() == (3, 6, 3)
        assert _serving(world) == ("dr", 1, 1)
        report = _report(world)
        assert report["partner"] == "none"
        assert report["rpo_s"] == 0.0
        assert report["results"]["fence"]["fenced"] is False
        assert 0 < report["rto_s"] < 1000
        assert world.item(f"#move#{report['id']}") is not None

    def test_needs_no_endpoint_of_the_lost_region(self, world: World) -> None:
        """I11, by record: what was called there was not required, and nothing was called anywhere else."""
        world.lose_home()
        _moved(world, loss=True)
        called = {each["endpoint"]: each["required"] for each in _report(world)["endpoints_called"]}
        assert {f"{service}.{DR}" for service in ("dynamodb", "ec2", "ssm", "autoscaling")} <= called.keys()
        assert {endpoint for endpoint in called if not endpoint.endswith(f".{DR}")} == {f"ec2.{HOME}", f"ssm.{HOME}"}
        assert not [endpoint for endpoint, required in called.items() if required and not endpoint.endswith(f".{DR}")]

    def test_fences_what_it_reaches(self, world: World) -> None:
        _moved(world)
        assert world.parameters[HOME] == {"epoch": 1, "serving": "dr"}
        assert {world.mirror.members[name].fenced for name in ("TRAKA", "TRAKB")} == {1}
        assert world.mirror.primaries == ["TRAKC"]
        report = _report(world)
        assert (report["partner"], report["rpo_s"]) == ("auto", 0.0)
        assert report["results"]["fence"]["tried"] == {"parameter": "written", "a": "fenced", "b": "fenced"}

    def test_a_host_that_does_not_answer_holds_nothing_up(self, world: World) -> None:
        # From the approval on: asked before, it would have been left out of the plan.
        status, _ = world.request()
        assert status == 202

        def approve() -> None:
            world.silent.add("TRAKB")
            world.approve()

        assert Workflow(world, approve).run() == "completed"
        assert _report(world)["results"]["fence"]["fenced"] is False
        assert world.mirror.members["TRAKA"].fenced == 1

    def test_takes_the_member_that_is_less_behind(self, world: World) -> None:
        world.mirror.members["TRAKC"].lag = 40
        _moved(world)
        assert world.mirror.primaries == ["TRAKD"]
        assert world.host("TRAKD")["InstanceType"] == FULL
        assert world.host("TRAKC")["InstanceType"] == WARM

    def test_waits_until_the_latch_is_delivered(self, world: World) -> None:
        world.watch_works = False

        def kills(step: str, when: str) -> None:
            if (step, when) == ("latch", "after"):
                assert _serving(world) == ("dr", 1, 1)
                world.watch_works = True

        workflow = _moved(world, kills=kills)
        assert workflow.ran.count("latch") == 2

    def test_no_traffic_before_the_database_is_there(self, world: World) -> None:
        """I6: until the latch's step the latch is held by who held it, whatever else was done."""
        world.lose_home()
        seen = {}

        def kills(step: str, when: str) -> None:
            if when == "before" and world.item() is not None and step not in seen:
                seen[step] = (_serving(world), list(world.mirror.primaries))

        _moved(world, loss=True, kills=kills)
        assert seen["promote"] == (("dr", 1, 0), [])
        assert seen["latch"] == (("dr", 1, 0), ["TRAKC"])
        assert seen["await_tiers"] == (("dr", 1, 1), ["TRAKC"])

    def test_tiers_and_a_second_member_that_never_come_are_reported(self, world: World) -> None:
        world.mirror.lose(HOME)
        world.silent.add("TRAKD")
        world.changes["tiers"] = [{"name": "app", "min": 3, "max": 6, "warm_min": 1, "warm_max": 2}]
        for instance in world.autoscaling.describe_auto_scaling_instances()["AutoScalingInstances"]:
            world.autoscaling.set_instance_health(InstanceId=instance["InstanceId"], HealthStatus="Unhealthy")
        _moved(world, loss=True)
        results = _report(world)["results"]
        assert results["second_member"]["backup"] is None
        assert "no answer in time" in results["second_member"]["why"]


class TestCapacity:
    def test_the_next_type_if_there_is_no_capacity_for_one(self, world: World) -> None:
        world.short = {FULL}
        _moved(world)
        assert world.host("TRAKC")["InstanceType"] == FALLBACK
        assert _report(world)["results"]["resize"] == {"type": FALLBACK, "no_capacity": [FULL]}

    def test_as_it_was_if_there_is_none_for_any(self, world: World) -> None:
        world.short = {FULL, FALLBACK}
        _moved(world)
        host = world.host("TRAKC")
        assert (host["InstanceType"], host["State"]["Name"]) == (WARM, "running")
        assert "no capacity" in _report(world)["results"]["resize"]["why"]

    def test_never_left_stopped_even_if_there_is_none_for_what_it_was(self, world: World) -> None:
        world.short = {FULL, FALLBACK, WARM}
        tried = []

        def kills(step: str, when: str) -> None:
            if (step, when) == ("resize", "after"):
                tried.append(world.host("TRAKC")["State"]["Name"])
                if len(tried) == 6:
                    world.short = {FULL}

        _moved(world, kills=kills)
        assert "stopped" in tried
        assert world.host("TRAKC")["InstanceType"] == FALLBACK

    def test_one_that_ec2_stops_as_it_starts(self, world: World) -> None:
        from moto.ec2.models import ec2_backends

        instance = ec2_backends["123456789012"][DR].get_instance(world.hosts["TRAKC"])
        stopped = []

        def kills(step: str, when: str) -> None:
            host = world.host("TRAKC")
            if (step, when) == ("resize", "after") and host["InstanceType"] == FULL and not stopped:
                stopped.append(1)
                instance.stop()
                instance.state_reason.code = "Server.InsufficientInstanceCapacity"
                # moto tells only what a person did.

        _moved(world, kills=kills)
        assert stopped
        assert world.host("TRAKC")["InstanceType"] == FALLBACK

    def test_one_that_is_large_already_is_not_stopped(self, world: World) -> None:
        world.changes["full_type"] = WARM
        _moved(world)
        assert not [action for _, action, _, _ in world.calls if action == "StopInstances"]

    def test_one_that_somebody_has_changed_is_left_alone(self, world: World) -> None:
        world.ec2[DR].stop_instances(InstanceIds=[world.hosts["TRAKC"]])
        world.ec2[DR].modify_instance_attribute(InstanceId=world.hosts["TRAKC"], InstanceType={"Value": "x2idn.16xlarge"})
        world.ec2[DR].start_instances(InstanceIds=[world.hosts["TRAKC"]])
        _moved(world)
        assert world.host("TRAKC")["InstanceType"] == "x2idn.16xlarge"

    def test_tiers_are_never_lowered(self, world: World) -> None:
        world.autoscaling.update_auto_scaling_group(AutoScalingGroupName="app-1", MinSize=4, MaxSize=9, DesiredCapacity=8)
        _moved(world)
        assert world.tier() == (4, 9, 8)


class TestPlanned:
    def test_switchover_and_back(self, world: World) -> None:
        _moved(world, "switchover")
        assert world.mirror.primaries == ["TRAKC"]
        assert _serving(world) == ("dr", 1, 1)
        assert _report(world)["rpo_s"] == 0.0
        assert world.parameters[HOME] == {"epoch": 1, "serving": "dr"}
        began = world.now
        _moved(world, "failback")
        assert world.mirror.primaries == ["TRAKA"]
        assert world.mirror.members["TRAKB"].status == "Backup"
        assert _serving(world) == ("primary", 2, 2)
        assert world.parameters[DR] == {"epoch": 2, "serving": "primary"}
        # The DR region's capacity is what it was.
        assert world.tier() == (1, 2, 1)
        assert world.host("TRAKC")["InstanceType"] == WARM
        assert {world.mirror.members[name].kind for name in ("TRAKC", "TRAKD")} == {"DR"}
        # And it touched nothing while the first one could still have.
        assert world.now - began > 100

    def test_the_primary_serves_until_the_target_is_ready(self, world: World) -> None:
        seen = {}

        def kills(step: str, when: str) -> None:
            seen.setdefault((step, when), list(world.mirror.primaries))

        _moved(world, "switchover", kills=kills)
        assert seen["commit", "after"] == ["TRAKA"]
        assert world.mirror.primaries == ["TRAKC"]
        assert seen["hand_over", "after"] == ["TRAKC"]

    def test_refused_and_undone_if_the_target_does_not_catch_up(self, world: World) -> None:
        assert world.request("switchover")[0] == 202

        def approve() -> None:
            world.approve()
            world.mirror.members["TRAKC"].lag = 5

        workflow = Workflow(world, approve)
        assert workflow.run() == "given up"
        assert world.mirror.primaries == ["TRAKA"]
        assert world.mirror.members["TRAKC"].kind == "DR"
        assert world.item() is None
        item = world.item("#current")
        assert item is not None
        assert item["state"]["S"] == "refused"
        assert "not caught up" in item["why"]["S"]

    def test_waits_before_the_stop_if_the_target_falls_behind_after_the_commit(self, world: World) -> None:
        """Past the point of no return it isn't refused any more, and nothing is lost all the same."""
        behind = []

        def kills(step: str, when: str) -> None:
            if (step, when) == ("commit", "after"):
                world.mirror.members["TRAKC"].lag = 5
            if (step, when) == ("hand_over", "after") and len(behind) < 3:
                behind.append(list(world.mirror.primaries))
                if len(behind) == 3:
                    world.mirror.members["TRAKC"].lag = 0

        _moved(world, "switchover", kills=kills)
        assert behind == [["TRAKA"]] * 3
        assert world.mirror.primaries == ["TRAKC"]

    def test_cancelled_while_it_is_prepared(self, world: World) -> None:
        assert world.request("switchover")[0] == 202

        def kills(step: str, when: str) -> None:
            if (step, when) == ("prepare", "after") and world.ask("GET /moves/current")[1]["move"]["state"] == "approved":
                assert world.ask("POST /moves/{id}/cancellation")[0] == 200

        assert Workflow(world, world.approve, kills).run() == "given up"
        assert world.mirror.primaries == ["TRAKA"]
        assert world.mirror.members["TRAKC"].kind == "DR"
        assert world.request("switchover")[0] == 202

    def test_the_home_on_premises(self, world: World) -> None:
        """Nobody there is asked or told: people do it, and the members here see it."""
        world.changes = {"home": "on_premises", "old_region": ""}

        def by_hand(step: str, when: str) -> None:
            if (step, when) == ("hand_over", "after") and world.mirror.primaries == ["TRAKA"]:
                world.mirror.run("TRAKA", "stop", "")

        _moved(world, "switchover", kills=by_hand)
        assert world.mirror.primaries == ["TRAKC"]
        assert not [region for *_, region in world.calls if region == HOME]
        assert _serving(world) == ("dr", 1, 1)

        def home(step: str, when: str) -> None:
            if (step, when) == ("commit", "after"):
                # What the report asks for: on premises, promoted by a person.
                world.mirror.run("TRAKA", "start", "")
                world.mirror.run("TRAKA", "promote", "--partner auto --promotion x")

        world.mirror.run("TRAKA", "start", "")
        _moved(world, "failback", kills=home)
        assert world.mirror.primaries == ["TRAKA"]
        assert _serving(world) == ("on_premises", 2, 2)


STEPS = {
    "promotion": (
        *("preflight", "approval", "commit", "fence", "resize", "promote", "await_primary", "raise_tiers"),
        *("latch", "await_tiers", "await_health_check", "second_member", "report"),
    ),
    "switchover": (
        *("preflight", "approval", "resize", "prepare", "raise_tiers", "commit", "hand_over", "await_primary"),
        *("latch", "await_tiers", "await_health_check", "second_member", "report"),
    ),
}


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

        _moved(world, kind, kills=kills)
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

        _moved(world, kind, kills=kills)
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
        assert _serving(world) == ("dr", 1, 1)
        assert (world.host("TRAKC")["InstanceType"], world.host("TRAKC")["State"]["Name"]) == (FULL, "running")
        # Who was stopped once is not stopped again.
        assert sum(action == "StopInstances" for _, action, _, _ in world.calls) == 1

    @pytest.mark.parametrize("late", ["a", "b"])
    def test_one_host_whose_agent_is_gone_keeps_nobody_from_asking_the_other(self, world: World, late: str) -> None:
        world.agentless = {{"a": "TRAKA", "b": "TRAKB"}[late], "TRAKD"}
        world.mirror.members[{"a": "TRAKA", "b": "TRAKB"}[late]].status = "Connected"
        _moved(world)
        other = {"a": "TRAKB", "b": "TRAKA"}[late]
        assert world.mirror.members[other].fenced == 1
        assert _report(world)["results"]["fence"]["fenced"] is False

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
        report = _report(world)
        assert report["loss_accepted_later_by"] == "bob"
        assert "no partner" in report["results"]["promote"]["without_partner"]

    def test_the_region_is_lost_in_the_middle_of_a_switchover(self, world: World) -> None:
        """The target takes over by itself, and the move goes on without the other region."""
        assert world.request("switchover")[0] == 202

        def kills(step: str, when: str) -> None:
            if (step, when) == ("commit", "after"):
                world.lose_home()
                world.mirror.members["TRAKC"].status = "Primary"

        assert Workflow(world, world.approve, kills).run() == "completed"
        assert _serving(world) == ("dr", 1, 1)

    def test_and_in_the_middle_of_one_that_is_given_up(self, world: World) -> None:
        assert world.request("switchover")[0] == 202

        def kills(step: str, when: str) -> None:
            if (step, when) == ("commit", "before"):
                assert world.ask("POST /moves/{id}/cancellation")[0] == 200
                world.lose_home()
                world.mirror.members["TRAKC"].status = "Primary"

        assert Workflow(world, world.approve, kills).run() == "given up"
        _moved(world, loss=True)
        assert _serving(world) == ("dr", 1, 1)
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
        assert _serving(world) == ("primary", 2, 2)
        # The region that goes on serving has its backup again.
        assert world.mirror.members["TRAKB"].status == "Backup"
        assert world.mirror.members["TRAKC"].kind == "DR"

    def test_without_a_second_member_the_former_primary_is_no_partner_any_more(self, world: World) -> None:
        world.ec2[DR].terminate_instances(InstanceIds=[world.hosts["TRAKD"]])
        world.mirror.members["TRAKD"].status = "Down"
        _moved(world, "switchover")
        assert world.mirror.members["TRAKA"].kind == "DR"
        assert _report(world)["results"]["second_member"]["backup"] is None

    def test_a_primary_is_not_stopped_to_be_given_its_size(self, world: World) -> None:
        """Somebody has promoted it by hand."""
        world.lose_home()
        world.mirror.members["TRAKC"].kind, world.mirror.members["TRAKC"].status = "Failover", "Primary"
        _moved(world, loss=True)
        assert not [action for _, action, _, _ in world.calls if action == "StopInstances"]
        assert "primary already" in _report(world)["results"]["resize"]["why"]

    @pytest.mark.parametrize("command", ["promote", "await-primary"])
    def test_a_host_that_fails_once_is_asked_again(self, world: World, command: str) -> None:
        failed = []

        def fails(name: str, asked: str) -> None:
            if asked == command and name == "TRAKC" and not failed:
                failed.append(1)
                raise RuntimeError("iris: cannot attach")

        world.fails = fails
        _moved(world)
        assert failed
        steps = _report(world)["tries"]
        assert steps == {command.replace("-", "_"): 2}

    def test_a_late_step_of_a_move_that_was_followed_does_nothing(self, world: World) -> None:
        _moved(world)
        first = world.current()
        for name in ("TRAKA", "TRAKB"):
            world.mirror.members[name].status, world.mirror.members[name].kind = "Connected", "DR"
        world.now += 1000
        _moved(world, "failback")
        before = world.everything()
        for step in (*STEPS["promotion"], "hand_over", "prepare", "undo", "refuse", "lower"):
            with pytest.raises(MoveRefusedError, match="not the one that is under way"):
                world.step(step, first, task_token="x")
        assert world.everything() == before


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
        _moved(world, loss=True)
        report = _report(world)
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

        _moved(world)
        item = world.item(suffix)
        assert item is not None
        world.dynamodb.put_item(TableName="trakcare-TRAK-region-state", Item={**item, **damage})
        with pytest.raises(DamagedRecordError):
            world.step("latch", item.get("id", {}).get("S") or _report(world)["id"])
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
