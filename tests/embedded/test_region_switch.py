"""Moves by a Region switch plan: the plan as it is deployed, its function really run, and Region switch as it is documented."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from local import record

from .mirror_sets import until
from .region_moves import Moves
from .region_switch import Execution, RegionSwitch
from .region_world import REGIONS

pytestmark = pytest.mark.embedded

_KIND = "AWS::ARCRegionSwitch::Plan"
#: A plan's minute: its retry interval. What a function waits for itself it waits for in full.
_MINUTE, _SHORT_MINUTE = 1.0, 0.05


@pytest.fixture(scope="module")
def deployed(moves: Moves) -> Iterator[Moves]:
    """The deployment gets a plan, and loses it again for the tests that follow."""
    moves.deploy(region_switch="yes")
    yield moves
    moves.way.elsewhere.clear()
    moves.deploy()


@pytest.fixture
def switch(deployed: Moves) -> Iterator[RegionSwitch]:
    """Region switch, with the plan that is deployed."""
    known = record.read(deployed.aws)
    (identity,) = (each for each in known.stored_resources if each["type"] == _KIND)
    plan = known.stored[identity["region"], identity["id"]]

    def invoke(function: str, event: dict[str, Any]) -> str:
        assert f":{REGIONS['dr']}:" in function
        try:
            answer = deployed.clients["dr"]("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        except (BotoCoreError, ClientError) as error:
            return f"{type(error).__name__}: {error}"
        said = json.loads(answer["Payload"].read() or b"null")
        return f"{said['errorType']}: {said['errorMessage']}" if answer.get("FunctionError") else ""

    found = RegionSwitch(identity["id"], plan, invoke, _MINUTE)
    deployed.way.elsewhere["arc-region-switch"] = found.answer
    deployed.begin()
    yield found
    # A function that waits for something of a move ends with the move; else it would go on with the next test's.
    if (move := deployed.current()).get("state") in ("requested", "checked", "approved"):
        deployed.operator.call("POST", f"/moves/{move['id']}/cancellation", {})
    found.close()


def _workflows(moves: Moves) -> list[str]:
    """The executions of Step Functions, by name."""
    client = moves.clients["dr"]("stepfunctions")
    (machine,) = client.list_state_machines()["stateMachines"]
    return [each["name"] for each in client.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]]


def _at(execution: Execution, stage: str) -> None:
    execution.until(lambda: execution.current.startswith(stage))


def test_a_promotion_is_done_by_the_plan(deployed: Moves, switch: RegionSwitch) -> None:
    deployed.lose_primary()
    done = deployed.move("promotion", deployed.SENTENCE)
    (execution,) = switch.executions
    execution.until(lambda: not execution.is_open)
    assert execution.state == "completed"
    assert execution.comments == [f"move {done['id']}"]
    assert execution.id.startswith(REGIONS["dr"])
    assert done["execution"] not in _workflows(deployed)
    region = deployed.region()
    assert (region["serving"], region["epoch"], region["latch_epoch"]) == ("dr", "1", "1")
    assert (deployed.leads_to(), deployed.tier(), deployed.mirror.primary()) == ("dr", (3, 6), done["report"]["member"])
    # I11: what was asked of Region switch was asked where the region is that is left.
    asked = deployed.asked_of(done["id"])
    assert {each.region for each in asked if not each.refused} == {REGIONS["dr"]}
    assert "arc-region-switch" in {each.service for each in asked}


def test_a_fail_back_is_done_by_the_plan(deployed: Moves, switch: RegionSwitch) -> None:
    deployed.begin(serving="dr")
    done = deployed.move("failback")
    (execution,) = switch.executions
    execution.until(lambda: not execution.is_open)
    assert execution.state == "completed"
    assert execution.id.startswith(REGIONS["primary"])
    assert done["execution"] not in _workflows(deployed)
    region = deployed.region()
    assert (region["serving"], region["epoch"], region["latch_epoch"]) == ("primary", "2", "2")
    assert (deployed.leads_to(), deployed.tier(), done["report"]["rpo_s"]) == ("primary", (1, 2), 0)


def test_a_plan_that_nobody_has_asked_for_moves_nothing(deployed: Moves, switch: RegionSwitch) -> None:
    """Not after its time, and not if everything in it is skipped."""
    switch.minute = _SHORT_MINUTE
    before = deployed.records()
    execution = switch.start(REGIONS["dr"])
    execution.until(lambda: execution.state == "pausedByFailedStep")
    assert "a plan moves nothing by itself" in execution.errors["preflight-to-dr"]
    assert len(execution.runs) > 1
    while execution.is_open:
        switch.skip(execution)
        execution.until(lambda: not execution.is_open or execution.current in execution.runs)
    assert execution.state == "completedWithExceptions"
    assert set(execution.steps.values()) == {"skipped"}
    assert (deployed.records(), deployed.mirror.ran, deployed.mirror.primary()) == (before, [], "TRAKA")


def test_an_ungraceful_plan_moves_nothing(deployed: Moves, switch: RegionSwitch) -> None:
    before = deployed.records()
    execution = switch.start(REGIONS["dr"], mode="ungraceful")
    execution.until(lambda: not execution.is_open)
    assert (deployed.records(), deployed.mirror.ran, execution.runs) == (before, [], [])


# I6 and I8. Each of its other steps is tried: all of them wait for the approval that there isn't.
def test_skipping_the_approval_moves_nothing(deployed: Moves, switch: RegionSwitch) -> None:
    deployed.request("promotion", deployed.SENTENCE)
    deployed.until_state("checked")
    (execution,) = switch.executions
    _at(execution, "approval")
    before, ran = deployed.records(), list(deployed.mirror.ran)
    while execution.is_open:
        switch.skip(execution)
        execution.until(lambda: not execution.is_open or execution.current in execution.runs)
    assert execution.steps["commit-to-dr"] == "skipped"
    assert "report-to-dr" in execution.runs
    assert (deployed.records(), deployed.mirror.ran) == (before, ran)
    assert (deployed.mirror.primary(), deployed.region()) == ("TRAKA", {})


def test_resumed_the_workflow_takes_over_and_the_plan_ends(deployed: Moves, switch: RegionSwitch) -> None:
    deployed.request("promotion", deployed.SENTENCE)
    checked = deployed.until_state("checked")
    (execution,) = switch.executions
    _at(execution, "approval")
    assert deployed.operator.call("POST", f"/moves/{checked['id']}/resumption", {}).status == 200
    execution.until(lambda: not execution.is_open)
    assert execution.state == "canceled"
    assert "of the workflow now" in execution.comments[-1]
    assert deployed.approve(checked).status == 200
    done = deployed.until_state("completed")
    assert done["execution"] in _workflows(deployed)
    assert deployed.region()["serving"] == "dr"


def test_a_move_that_is_refused_leaves_the_plan_free_for_the_next(deployed: Moves, switch: RegionSwitch) -> None:
    deployed.lose_primary()
    deployed.request("promotion")
    deployed.until_state("refused")
    (execution,) = switch.executions
    execution.until(lambda: not execution.is_open)
    assert (execution.state, deployed.region()) == ("canceled", {})
    assert "is refused" in execution.comments[-1]
    assert deployed.request("promotion", deployed.SENTENCE).status == 202
    deployed.until_state("checked")


def test_a_plan_that_was_started_before_does_the_move(deployed: Moves, switch: RegionSwitch) -> None:
    """A second execution can't be started, which the API says; the move is on record, and the first one goes on with it."""
    execution = switch.start(REGIONS["dr"])
    execution.until(lambda: execution.errors)
    answer = deployed.request("promotion", deployed.SENTENCE)
    assert (answer.status, answer.body["error"]) == (503, "not_started")
    assert "IllegalStateException" in answer.body["message"]
    checked = deployed.until_state("checked")
    assert deployed.approve(checked).status == 200
    deployed.until_state("completed")
    execution.until(lambda: not execution.is_open)
    assert (execution.state, len(switch.executions)) == ("completed", 1)
    until(lambda: deployed.leads_to() == "dr", 30)
