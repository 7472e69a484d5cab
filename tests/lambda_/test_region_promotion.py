"""Promotions, from the request to the report, and the capacity that they raise."""

from collections.abc import Iterator

import pytest

from tests.lambda_.region_moves import moved, report_of, serving_of
from tests.lambda_.region_workflow import Workflow
from tests.lambda_.region_world import DR, FALLBACK, FULL, HOME, WARM, World, region_world


@pytest.fixture
def world() -> Iterator[World]:
    with region_world() as made:
        yield made


class TestPromotion:
    def test_of_a_region_that_is_lost(self, world: World) -> None:
        world.lose_home()
        moved(world, loss=True)
        assert world.mirror.primaries == ["TRAKC"]
        assert world.mirror.members["TRAKD"].status == "Backup"
        assert world.host("TRAKC")["InstanceType"] == FULL
        assert world.tier() == (3, 6, 3)
        assert serving_of(world) == ("dr", 1, 1)
        report = report_of(world)
        assert report["partner"] == "none"
        assert report["rpo_s"] == 0.0
        assert report["results"]["fence"]["fenced"] is False
        assert 0 < report["rto_s"] < 1000
        assert world.item(f"#move#{report['id']}") is not None

    def test_needs_no_endpoint_of_the_lost_region(self, world: World) -> None:
        """I11, by record: what was called there was not required, and nothing was called anywhere else."""
        world.lose_home()
        moved(world, loss=True)
        called = {each["endpoint"]: each["required"] for each in report_of(world)["endpoints_called"]}
        assert {f"{service}.{DR}" for service in ("dynamodb", "ec2", "ssm", "autoscaling")} <= called.keys()
        assert {endpoint for endpoint in called if not endpoint.endswith(f".{DR}")} == {f"ec2.{HOME}", f"ssm.{HOME}"}
        assert not [endpoint for endpoint, required in called.items() if required and not endpoint.endswith(f".{DR}")]

    def test_fences_what_it_reaches(self, world: World) -> None:
        moved(world)
        assert world.parameters[HOME] == {"epoch": 1, "serving": "dr"}
        assert {world.mirror.members[name].fenced for name in ("TRAKA", "TRAKB")} == {1}
        assert world.mirror.primaries == ["TRAKC"]
        report = report_of(world)
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
        assert report_of(world)["results"]["fence"]["fenced"] is False
        assert world.mirror.members["TRAKA"].fenced == 1

    def test_takes_the_member_that_is_less_behind(self, world: World) -> None:
        world.mirror.members["TRAKC"].lag = 40
        moved(world)
        assert world.mirror.primaries == ["TRAKD"]
        assert world.host("TRAKD")["InstanceType"] == FULL
        assert world.host("TRAKC")["InstanceType"] == WARM

    def test_waits_until_the_latch_is_delivered(self, world: World) -> None:
        world.watch_works = False

        def kills(step: str, when: str) -> None:
            if (step, when) == ("latch", "after"):
                assert serving_of(world) == ("dr", 1, 1)
                world.watch_works = True

        workflow = moved(world, kills=kills)
        assert workflow.ran.count("latch") == 2

    def test_no_traffic_before_the_database_is_there(self, world: World) -> None:
        """I6: until the latch's step the latch is held by who held it, whatever else was done."""
        world.lose_home()
        seen = {}

        def kills(step: str, when: str) -> None:
            if when == "before" and world.item() is not None and step not in seen:
                seen[step] = (serving_of(world), list(world.mirror.primaries))

        moved(world, loss=True, kills=kills)
        assert seen["promote"] == (("dr", 1, 0), [])
        assert seen["latch"] == (("dr", 1, 0), ["TRAKC"])
        assert seen["await_tiers"] == (("dr", 1, 1), ["TRAKC"])

    def test_tiers_and_a_second_member_that_never_come_are_reported(self, world: World) -> None:
        world.mirror.lose(HOME)
        world.silent.add("TRAKD")
        world.changes["tiers"] = [{"name": "app", "min": 3, "max": 6, "warm_min": 1, "warm_max": 2}]
        for instance in world.autoscaling.describe_auto_scaling_instances()["AutoScalingInstances"]:
            world.autoscaling.set_instance_health(InstanceId=instance["InstanceId"], HealthStatus="Unhealthy")
        moved(world, loss=True)
        results = report_of(world)["results"]
        assert results["second_member"]["backup"] is None
        assert "no answer in time" in results["second_member"]["why"]


class TestCapacity:
    def test_the_next_type_if_there_is_no_capacity_for_one(self, world: World) -> None:
        world.short = {FULL}
        moved(world)
        assert world.host("TRAKC")["InstanceType"] == FALLBACK
        assert report_of(world)["results"]["resize"] == {"type": FALLBACK, "no_capacity": [FULL]}

    def test_as_it_was_if_there_is_none_for_any(self, world: World) -> None:
        world.short = {FULL, FALLBACK}
        moved(world)
        host = world.host("TRAKC")
        assert (host["InstanceType"], host["State"]["Name"]) == (WARM, "running")
        assert "no capacity" in report_of(world)["results"]["resize"]["why"]

    def test_never_left_stopped_even_if_there_is_none_for_what_it_was(self, world: World) -> None:
        world.short = {FULL, FALLBACK, WARM}
        tried = []

        def kills(step: str, when: str) -> None:
            if (step, when) == ("resize", "after"):
                tried.append(world.host("TRAKC")["State"]["Name"])
                if len(tried) == 6:
                    world.short = {FULL}

        moved(world, kills=kills)
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

        moved(world, kills=kills)
        assert stopped
        assert world.host("TRAKC")["InstanceType"] == FALLBACK

    def test_one_that_is_large_already_is_not_stopped(self, world: World) -> None:
        world.changes["full_type"] = WARM
        moved(world)
        assert not [action for _, action, _, _ in world.calls if action == "StopInstances"]

    def test_one_that_somebody_has_changed_is_left_alone(self, world: World) -> None:
        world.ec2[DR].stop_instances(InstanceIds=[world.hosts["TRAKC"]])
        world.ec2[DR].modify_instance_attribute(InstanceId=world.hosts["TRAKC"], InstanceType={"Value": "x2idn.16xlarge"})
        world.ec2[DR].start_instances(InstanceIds=[world.hosts["TRAKC"]])
        moved(world)
        assert world.host("TRAKC")["InstanceType"] == "x2idn.16xlarge"

    def test_tiers_are_never_lowered(self, world: World) -> None:
        world.autoscaling.update_auto_scaling_group(AutoScalingGroupName="app-1", MinSize=4, MaxSize=9, DesiredCapacity=8)
        moved(world)
        assert world.tier() == (4, 9, 8)
