"""The function behind a Region switch plan: it does what was approved, in whatever order the plan asks, and else nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from region_promotion.core import stages_of
from region_promotion.errors import MoveRefusedError, StepError
from region_promotion.records import KINDS
from region_promotion.region_switch import STAGES
from tests.lambda_.region_world import DR, FULL, HOME, PLAN, STEPS, WARM, World, region_world

_CHANGES = {"plan": "trakcare-TRAK", "plan_arn": PLAN, "steps": STEPS}
_RETRY_SECONDS = 60


@pytest.fixture
def world() -> Iterator[World]:
    with region_world() as made:
        made.changes = dict(_CHANGES)
        yield made


@pytest.fixture(scope="class")
def requested() -> Iterator[World]:
    """A move that was asked for, in a world for all that is refused before anything is read."""
    with region_world() as made:
        made.changes = dict(_CHANGES)
        made.request()
        yield made


@pytest.fixture(scope="class")
def cancelled() -> Iterator[World]:
    """One that was asked for and cancelled."""
    with region_world() as made:
        made.changes = dict(_CHANGES)
        made.request()
        made.ask("POST /moves/{id}/cancellation")
        yield made


def _until_done(world: World, name: str) -> int:
    """Has Region switch run a step until it is done; how often it ran."""
    for tries in range(1, 40):
        try:
            world.switch(name)
        except StepError:
            world.now += _RETRY_SECONDS
        else:
            return tries
    raise AssertionError(f"{name} is never done")


def _do(world: World, kind: str, target: str, *, loss: bool = False, approves: bool = True) -> None:
    """A move by the plan, from its request to its end."""
    assert world.request(kind, loss=loss)[0] == 202
    for stage in STAGES:
        if stage == "approval" and approves:
            assert world.approve()[0] == 200
        _until_done(world, f"{stage}-to-{target}")


def _asked_of_switch(world: World) -> list[tuple[str, dict[str, Any], str]]:
    return [(action, given, region) for service, action, given, region in world.calls if service == "arc-region-switch"]


def _ended(world: World) -> list[str]:
    asked = [(given["executionId"], given["comment"]) for what, given, _ in _asked_of_switch(world) if what.startswith("Can")]
    assert {id for id, _ in asked} <= {f"{DR}/0123456789abcdef"}
    return [comment for _, comment in asked]


def _serving(world: World) -> tuple[str, int, int]:
    item = world.item()
    return (item["serving"]["S"], int(item["epoch"]["N"]), int(item["latch_epoch"]["N"])) if item else ("primary", 0, 0)


def _state(world: World) -> str:
    item = world.item("#current")
    assert item is not None
    return str(item["state"]["S"])


class TestByThePlan:
    def test_a_promotion_of_a_region_that_is_lost(self, world: World) -> None:
        world.lose_home()
        _do(world, "promotion", "dr", loss=True)
        assert world.mirror.primaries == ["TRAKC"]
        assert (_serving(world), _state(world)) == (("dr", 1, 1), "completed")
        assert world.host("TRAKC")["InstanceType"] == FULL
        assert not world.executions
        # The plan's execution and its function stay where the region is that is left.
        assert {region for service, *_, region in world.calls if service in ("arc-region-switch", "lambda")} == {DR}

    def test_there_and_back(self, world: World) -> None:
        _do(world, "switchover", "dr")
        assert _serving(world) == ("dr", 1, 1)
        _do(world, "failback", "home")
        assert (_serving(world), _state(world)) == (("primary", 2, 2), "completed")
        assert world.host("TRAKC")["InstanceType"] == WARM
        asked = [
            (given["targetRegion"], given["action"], given["mode"], region) for _, given, region in _asked_of_switch(world)
        ]
        assert asked == [(DR, "activate", "graceful", DR), (HOME, "activate", "graceful", HOME)]

    def test_the_last_step_alone_does_all_that_was_skipped(self, world: World) -> None:
        world.request()
        with pytest.raises(StepError, match="waits for its approval"):
            world.switch("report-to-dr")
        assert _state(world) == "checked"
        world.approve()
        _until_done(world, "report-to-dr")
        assert (_serving(world), _state(world)) == (("dr", 1, 1), "completed")

    def test_no_step_is_begun_when_the_time_is_over(self, world: World) -> None:
        """Two that may be run at once may take a minute each, and the function's own time is two."""
        world.request("switchover")
        _until_done(world, "preflight-to-dr")
        world.approve()
        ran: list[str] = []

        def slow(step: str) -> None:
            ran.append(step)
            world.now += 50
            raise RuntimeError

        world.kills = slow
        with pytest.raises(StepError, match="waits for resize"):
            world.switch("commit-to-dr")
        assert ran == ["resize"]

    def test_a_step_that_is_done_is_done_at_once(self, world: World) -> None:
        world.request()
        world.approve()
        _until_done(world, "preflight-to-dr")
        before = world.everything()
        assert world.switch("preflight-to-dr")["done"]
        assert world.everything() == before

    def test_the_report_s_answer_may_be_lost(self, world: World) -> None:
        _do(world, "promotion", "dr")
        assert world.switch("report-to-dr")["state"] == "completed"
        world.now += 3600
        with pytest.raises(MoveRefusedError, match="nobody has asked"):
            world.switch("report-to-dr")

    def test_a_step_that_fails_now_and_then_is_tried_again(self, world: World) -> None:
        failed: list[str] = []

        def kills(step: str) -> None:
            if step not in failed:
                failed.append(step)
                raise RuntimeError("the function died")

        world.kills = kills
        _do(world, "promotion", "dr")
        assert _state(world) == "completed"
        assert {"preflight", "commit", "fence", "promote", "latch", "report"} <= set(failed)

    def test_a_step_that_fails_once_is_done_by_the_same_run(self, world: World) -> None:
        failing = [RuntimeError("the function died")]

        def kills(_step: str) -> None:
            if failing:
                raise failing.pop()

        world.kills = kills
        world.request()
        assert world.switch("preflight-to-dr")["state"] == "checked"

    def test_what_it_waits_for_is_said_in_time(self, world: World) -> None:
        """Before Lambda ends it, and so that a person in the plan's console knows."""
        world.watch_works = False
        world.request()
        _until_done(world, "preflight-to-dr")
        world.approve()
        _until_done(world, "take-over-to-dr")
        began = world.now
        with pytest.raises(StepError, match=r"not done yet: move m-.* is committed and waits for latch"):
            world.switch("latch-to-dr")
        assert world.now - began < 60

    def test_has_every_step_of_every_kind(self) -> None:
        """In their order; what lies between is done on the way."""
        for kind in KINDS:
            order = [each for each in STAGES.values() if each in stages_of(kind)]
            assert order == sorted(order, key=stages_of(kind).index)
            assert order[-1] == stages_of(kind)[-1]


class TestMovesNothing:
    """I8, whatever is started, skipped or repeated in the plan's console."""

    def test_a_plan_that_nobody_has_asked_for(self, world: World) -> None:
        before = world.everything()
        for name in (f"{stage}-to-{target}" for stage in STAGES for target in ("dr", "home")):
            with pytest.raises(MoveRefusedError, match="cdk-intersystems promote"):
                world.switch(name)
        assert world.everything() == before
        assert not [action for _, action, *_ in world.calls if action == "Invoke"]

    def test_a_plan_whose_approval_is_skipped(self, world: World) -> None:
        world.request()
        _until_done(world, "preflight-to-dr")
        before = world.everything()
        for stage in list(STAGES)[1:]:
            with pytest.raises(StepError, match="waits for its approval"):
                world.switch(f"{stage}-to-dr")
        assert world.everything() == before
        assert _serving(world) == ("primary", 0, 0)

    def test_the_workflow_to_the_other_region(self, world: World) -> None:
        world.request()
        _until_done(world, "preflight-to-dr")
        world.approve()
        before = world.everything()
        for stage in STAGES:
            with pytest.raises(MoveRefusedError, match="leads to dr, and this workflow to home"):
                world.switch(f"{stage}-to-home")
        assert world.everything() == before

    def test_after_a_move_that_is_done(self, world: World) -> None:
        _do(world, "promotion", "dr")
        before = world.everything()
        for name in ("preflight-to-dr", "take-over-to-dr", "report-to-home", "preflight-to-home"):
            with pytest.raises(MoveRefusedError, match="nobody has asked"):
                world.switch(name)
        assert world.everything() == before


class TestAtTheBorder:
    """Refused before anything is read."""

    @pytest.mark.parametrize(
        "name", [None, 7, "", "preflight", "preflight-to-dr\n", "hand-over-to-dr", "report-to-us-east-1", ["report-to-dr"]]
    )
    def test_a_step_that_the_plan_does_not_have(self, requested: World, name: Any) -> None:
        before = requested.everything()
        with pytest.raises(MoveRefusedError, match="StepName needs one of"):
            requested.switch("", StepName=name)
        assert requested.everything() == before


class TestEnds:
    """A move that is not to go on ends the plan's execution, which would keep the next one from being started."""

    def test_refused_by_the_preflight(self, world: World) -> None:
        world.lose_home()
        world.request()
        with pytest.raises(MoveRefusedError, match=r"acceptance of loss|was not accepted"):
            world.switch("preflight-to-dr")
        assert _state(world) == "refused"
        assert len(_ended(world)) == 1

    def test_refused_by_a_step_what_was_prepared_is_undone(self, world: World) -> None:
        """As the workflow does: the target of a planned move is as it was."""
        world.request("switchover")
        _until_done(world, "preflight-to-dr")
        world.approve()

        def kills(step: str) -> None:
            if step == "commit":
                raise MoveRefusedError("behind", "the target is not caught up any more")

        world.kills = kills
        with pytest.raises(StepError, match="waits for"):
            world.switch("commit-to-dr")
        assert _state(world) == "refused"
        assert not _ended(world)
        for _ in range(20):
            world.now += _RETRY_SECONDS
            with pytest.raises((MoveRefusedError, StepError)) as error:
                world.switch("commit-to-dr")
            if error.type is MoveRefusedError:
                break
        assert "the target is not caught up any more" in str(error.value)
        assert {world.mirror.members[name].kind for name in ("TRAKC", "TRAKD")} == {"DR"}
        assert _serving(world) == ("primary", 0, 0)
        assert len(_ended(world)) == 1

    def test_cancelled_by_somebody(self, world: World) -> None:
        world.request()
        world.ask("POST /moves/{id}/cancellation")
        with pytest.raises(MoveRefusedError, match="is cancelled: cancelled by anne; ask again"):
            world.switch("approval-to-dr")
        assert len(_ended(world)) == 1

    def test_expired(self, world: World) -> None:
        world.request()
        _until_done(world, "preflight-to-dr")
        world.now += 1800
        with pytest.raises(MoveRefusedError, match="is expired"):
            world.switch("approval-to-dr")
        assert (_state(world), len(_ended(world))) == ("expired", 1)

    def test_resumed_the_workflow_takes_over(self, world: World) -> None:
        world.request()
        _until_done(world, "preflight-to-dr")
        world.approve()
        assert world.ask("POST /moves/{id}/resumption")[0] == 200
        assert len(world.executions) == 1
        before = world.everything()
        with pytest.raises(MoveRefusedError, match=r"is done by execution .* of the workflow now"):
            world.switch("take-over-to-dr")
        assert world.everything() == before
        assert len(_ended(world)) == 1

    def test_a_plan_that_can_not_be_cancelled_hides_nothing(self, world: World) -> None:
        world.request()
        world.ask("POST /moves/{id}/cancellation")
        world.switch_refuses = "AccessDeniedException"
        with pytest.raises(MoveRefusedError, match="is cancelled"):
            world.switch("approval-to-dr")


class TestAnotherPlan:
    """Of which nothing is ended."""

    @pytest.mark.parametrize(
        "more",
        [
            {"PlanArn": PLAN.replace("trakcare-TRAK", "other")},
            {"PlanArn": None},
            {"ExecutionId": "us-east-1/0123456789abcdef"},
            {"ExecutionId": f"{DR}/../x"},
        ],
    )
    def test_another_plan_s_execution_is_left_alone(self, cancelled: World, more: dict[str, Any]) -> None:
        with pytest.raises(MoveRefusedError, match="is cancelled"):
            cancelled.switch("approval-to-dr", **more)
        assert not _ended(cancelled)


class TestTheApi:
    def test_starts_the_plan_and_not_the_workflow(self, world: World) -> None:
        status, said = world.request()
        assert (status, world.executions) == (202, {})
        ((what, given, region),) = _asked_of_switch(world)
        assert (what, region) == ("StartPlanExecution", DR)
        assert (given["planArn"], given["targetRegion"]) == (PLAN, DR)
        assert said["id"] in given["comment"]

    @pytest.mark.parametrize("code", ["IllegalStateException", "AccessDeniedException"])
    def test_says_what_to_do_if_it_is_not_started(self, world: World, code: str) -> None:
        world.switch_refuses = code
        status, said = world.request()
        assert (status, said["error"]) == (503, "not_started")
        assert code in said["message"]
        assert "cdk-intersystems resume" in said["message"]
        # The move is on record, and the workflow takes it.
        assert world.current() in said["message"]
        assert world.ask("POST /moves/{id}/resumption")[0] == 200
        assert len(world.executions) == 1

    def test_without_a_plan_asks_region_switch_for_nothing(self, world: World) -> None:
        world.changes = {}
        assert world.request()[0] == 202
        assert (len(world.executions), _asked_of_switch(world)) == (1, [])
