"""Switchovers and fail-backs, from the request to the report."""

from collections.abc import Iterator

import pytest

from tests.lambda_.region_moves import moved, report_of, serving_of
from tests.lambda_.region_workflow import Workflow
from tests.lambda_.region_world import DR, HOME, WARM, World, region_world


@pytest.fixture
def world() -> Iterator[World]:
    with region_world() as made:
        yield made


class LostError(BaseException):
    """The execution is lost."""


class TestPlanned:
    def test_switchover_and_back(self, world: World) -> None:
        moved(world, "switchover")
        assert world.mirror.primaries == ["TRAKC"]
        assert serving_of(world) == ("dr", 1, 1)
        assert report_of(world)["rpo_s"] == 0.0
        assert world.parameters[HOME] == {"epoch": 1, "serving": "dr"}
        began = world.now
        moved(world, "failback")
        assert world.mirror.primaries == ["TRAKA"]
        assert world.mirror.members["TRAKB"].status == "Backup"
        assert serving_of(world) == ("primary", 2, 2)
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

        moved(world, "switchover", kills=kills)
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

        moved(world, "switchover", kills=kills)
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

        moved(world, "switchover", kills=by_hand)
        assert world.mirror.primaries == ["TRAKC"]
        assert not [region for *_, region in world.calls if region == HOME]
        assert serving_of(world) == ("dr", 1, 1)

        def home(step: str, when: str) -> None:
            if (step, when) == ("commit", "after"):
                # What the report asks for: on premises, promoted by a person.
                world.mirror.run("TRAKA", "start", "")
                world.mirror.run("TRAKA", "promote", "--partner auto --promotion x")

        world.mirror.run("TRAKA", "start", "")
        moved(world, "failback", kills=home)
        assert world.mirror.primaries == ["TRAKA"]
        assert serving_of(world) == ("on_premises", 2, 2)


class TestTheHomeRegionIsLostInAFailback:
    def _fails_back(self, world: World, step: str, when: str) -> None:
        """A fail-back, in which the home region is lost."""
        moved(world, "switchover")
        assert world.request("failback")[0] == 202

        def kills(name: str, moment: str) -> None:
            if (name, moment) == (step, when):
                world.lose_home()

        def stops(name: str, moment: str) -> None:
            kills(name, moment)
            if world.down and (name, moment) != (step, when):
                raise LostError

        with pytest.raises(LostError):
            Workflow(world, world.approve, stops).run()

    def test_when_the_primary_has_just_been_stopped(self, world: World) -> None:
        """Nobody can go on with the fail-back: a promotion takes its place, with what the DR region has."""
        self._fails_back(world, "hand_over", "after")
        assert (world.mirror.primaries, serving_of(world)) == ([], ("primary", 2, 1))
        assert world.ask("POST /moves/{id}/cancellation")[0] == 409
        status, said = world.request()
        assert (status, said["error"]) == (409, "under_way")
        assert "acceptance of loss" in said["message"]
        moved(world, loss=True)
        # Of the two the one that runs; and no second one waits for it longer than it may.
        assert world.mirror.primaries == ["TRAKD"]
        assert serving_of(world) == ("dr", 3, 3)
        assert world.parameters[DR] == {"epoch": 3, "serving": "dr"}

    def test_when_it_has_the_traffic_already(self, world: World) -> None:
        self._fails_back(world, "latch", "after")
        assert serving_of(world) == ("primary", 2, 2)
        moved(world, loss=True)
        assert serving_of(world) == ("dr", 3, 3)

    def test_it_ends_though_its_region_is_never_seen_to_serve(self, world: World) -> None:
        """So that, whoever looks when, another move can be asked for."""
        moved(world, "switchover")

        def kills(name: str, moment: str) -> None:
            if (name, moment) == ("latch", "after"):
                world.lose_home()

        moved(world, "failback", kills=kills)
        assert "not seen to serve" in report_of(world)["results"]["await_health_check"]["why"]
        moved(world, loss=True)
        assert serving_of(world) == ("dr", 3, 3)
