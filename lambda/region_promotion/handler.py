"""The function behind the workflow: runs one step of a move as far as it comes, and says whether it is done.

    {"step": "resize", "mirror_set": "TRAK", "promotion": "<id>"}  ->  {"done": false, "wait_seconds": 3, ...}

The workflow only repeats and orders; what may be done is `core.py`'s to say, from the records, each time anew. So a step may be
run twice, by two executions, after a crash, or long after its move has ended.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from . import steps_database, steps_instance, steps_planned, steps_traffic
from .context import Context, Outcome
from .core import next_step, stages_of
from .endpoints import client, take_called
from .errors import DamagedRecordError, MoveRefusedError, StepError
from .events import Awaiting, Checked, Commit, Complete, Expire, Refuse, StepDone, StepFailed, StepNoted, StepStarted
from .items import iso
from .preflight import Seen, judge
from .records import BEFORE_COMMIT, CHECKED, GIVEN_UP, PROMOTION, REQUESTED, UNDER_WAY
from .report import report_of
from .settings import settings
from .state_table import StateTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .events import Step
    from .hosts import Hosts
    from .records import Move, Region
    from .settings import Settings

logger = Logger(service="region-promotion")

#: How long the members are waited for that a preflight asks.
_ASK_SECONDS = 20.0
#: What a workflow that waits for nothing that can be foretold does before it looks again.
_AGAIN_SECONDS = 2
#: A step that takes long is looked at less often: an execution ends with its 25,000th event, of which each look has ten.
#: Source: Step Functions Developer Guide, "Service quotas".
_LONGEST_WAIT_SECONDS = 60
#: Another run of the step is at work, or has died.
_BUSY_SECONDS = 5

STEPS: dict[str, Callable[[Context], Outcome]] = {
    "fence": steps_database.fence,
    "prepare": steps_planned.prepare,
    "hand_over": steps_planned.hand_over,
    "resize": steps_instance.resize,
    "promote": steps_database.promote,
    "await_primary": steps_database.await_primary,
    "raise_tiers": steps_traffic.raise_tiers,
    "latch": steps_traffic.latch,
    "await_tiers": steps_traffic.await_tiers,
    "await_health_check": steps_traffic.await_health_check,
    "second_member": steps_database.second_member,
    "lower": steps_traffic.lower,
    "undo": steps_planned.undo,
}


def handler(event: dict[str, Any], _context: Any = None) -> dict[str, Any]:
    """Runs a step.

    Args:
        event: Step, mirror set and move; with `approval` the token of the task.
        _context: Lambda's.

    Returns:
        Whether it is done, and if not, how many seconds to wait until it is run again.

    Raises:
        MoveRefusedError: The move isn't to go on.
        StepError: It couldn't be done now.
    """
    now = settings()
    step, move = str(event["step"]), str(event["promotion"])
    if event["mirror_set"] != now.mirror_set:
        raise MoveRefusedError("not_found", f"this function moves {now.mirror_set}, not {event['mirror_set']}")
    table = StateTable(client("dynamodb", now.region), now)
    take_called()
    try:
        answer = _run(step, move, event, now, table)
    except MoveRefusedError as error:
        logger.warning("a step is refused", step=step, move=move, code=error.code, why=error.message)
        raise
    except (StepError, DamagedRecordError, ClientError, BotoCoreError) as error:
        logger.error("a step failed", step=step, move=move, why=f"{type(error).__name__}: {error}")
        raise
    finally:
        _note_endpoints(table, move)
    logger.info("a step was run", step=step, move=move, **answer)
    return answer


def _run(step: str, id: str, event: Mapping[str, Any], now: Settings, table: StateTable) -> dict[str, Any]:
    region, move = table.read()
    if move is None or move.id != id:
        raise MoveRefusedError("not_found", f"move {id} is not the one that is under way")
    if event.get("execution", move.execution) != move.execution:
        # It was resumed: this execution ends, and what it would do the other one does.
        raise MoveRefusedError("superseded", f"move {id} is done by execution {move.execution} now")
    if step == "refuse":
        return _refuse(region, move, event, now, table)
    if move.state in GIVEN_UP:
        raise MoveRefusedError("ended", f"move {id} is {move.state}: {move.why}")
    if move.state in BEFORE_COMMIT and next_step(region, move, table.clock()).names == ("expire",):
        table.change(Expire(id))
        raise MoveRefusedError("expired", f"move {id} has expired: ask again")
    if step == "preflight":
        return _preflight(region, move, now, table)
    if step == "approval":
        return _approval(move, event, now, table)
    if step == "commit":
        return _commit(region, move, table)
    if step == "report":
        return _report(move, table)
    return _step(step, region, move, now, table)


def _step(step: str, region: Region, move: Move, now: Settings, table: StateTable) -> dict[str, Any]:
    """One of the steps that act."""
    if step not in STEPS:
        raise MoveRefusedError("not_found", f"there is no step {step!r}")
    record = move.step(step)
    if record is not None and record.done_at is not None:
        return {"done": True, "wait_seconds": 0}
    if step != "undo" and step not in stages_of(move.plan.kind):
        return {"done": True, "wait_seconds": 0, "not_in": move.plan.kind}
    due = next_step(region, move, table.clock())
    if step not in due.names:
        return _not_due(due, table)
    try:
        region, move = table.change(StepStarted(move.id, step))
    except MoveRefusedError as error:
        if error.code != "busy":
            raise
        return {"done": False, "wait_seconds": _BUSY_SECONDS, "waits_for": error.message}
    context = Context(now, table, region, move, step)
    try:
        outcome = STEPS[step](context)
    except (StepError, ClientError, BotoCoreError) as error:
        table.change(StepFailed(move.id, step, f"{type(error).__name__}: {error}"[:500], json.dumps(context.note)))
        raise
    if outcome.done:
        table.change(StepDone(move.id, step, json.dumps(outcome.result)))
    else:
        table.change(StepNoted(move.id, step, json.dumps(context.note), ends=True))
    seconds = 0 if outcome.done else min(_LONGEST_WAIT_SECONDS, max(outcome.wait_seconds, int(context.waited / 10)))
    told = {"result": outcome.result} if outcome.result else {}
    return {"done": outcome.done, "wait_seconds": seconds, **told}


def _preflight(region: Region, move: Move, now: Settings, table: StateTable) -> dict[str, Any]:
    """Looks what there is, and whether the move may be approved."""
    if move.state != REQUESTED:
        return {"done": True, "wait_seconds": 0, "state": move.state}
    context = Context(now, table, region, move, "preflight")
    seen = Seen(*_look(context))
    plan, problems = judge(move.plan, seen, now)
    readiness = table.item("readiness") or {}
    findings = {
        "target": seen.target,
        "former": seen.former,
        "ready": readiness.get("ready", {}).get("BOOL"),
        "readiness_at": readiness.get("at", {}).get("S"),
    }
    _, after = table.change(Checked(move.id, plan, problems, json.dumps(findings)))
    if after.state != CHECKED:
        raise MoveRefusedError("refused", after.why)
    return {"done": True, "wait_seconds": 0, "plan_hash": after.plan_hash}


def _look(context: Context) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What the members say, of the region that is to serve and of the other one, as far as it is reached."""
    former = context.former
    if former is None or former is context.own:
        seen = None if former is None else _ask_hosts(context, former)
        target = _ask_hosts(context, context.target) if context.target else _seen_from_here(context)
        return target, seen
    try:
        other = _ask_hosts(context, former)
    except (ClientError, BotoCoreError, StepError) as error:
        if context.move.plan.kind != PROMOTION:
            raise
        logger.warning("the former region is not reached", why=f"{type(error).__name__}: {error}")
        other = None
    return _ask_hosts(context, context.own), other


def _ask_hosts(context: Context, hosts: Hosts) -> dict[str, Any]:
    """System name -> what a member says of itself, of all that answer."""
    found = [each for each in hosts.find().values() if each.state == "running"]
    seconds = _ASK_SECONDS if hosts.required else _ASK_SECONDS / 2
    sent: dict[str, Any] = {}
    for host in found:
        sent[host.member] = (hosts, host.instance, "status", "")
    answers = context.commands.ask_all(sent, seconds)
    return {str(each.data.get("system_name")): each.data for each in answers.values() if each.is_good}


def _seen_from_here(context: Context) -> dict[str, Any]:
    """The members on premises, as the members here see them."""
    here = _ask_hosts(context, context.own)
    return {
        each["name"]: {**each, "caught_up": each.get("journal_lag_seconds") == 0}
        for says in here.values()
        for each in says.get("members") or ()
        if each.get("name") in context.settings.others and each.get("status") not in ("Down", "Disconnected")
    }


def _approval(move: Move, event: Mapping[str, Any], now: Settings, table: StateTable) -> dict[str, Any]:
    """Has the workflow wait for a person. It asks again each minute, with another token, whatever became of the last one."""
    token = str(event["task_token"])
    _, move = table.change(Awaiting(move.id, token))
    if move.state == REQUESTED:
        raise StepError("its plan is not checked yet")
    if move.state != CHECKED:
        client("stepfunctions", now.region).send_task_success(taskToken=token, output='{"approved": true}')
        return {"done": True}
    return {"done": False, "expires_at": iso(move.expires_at)}


def _commit(region: Region, move: Move, table: StateTable) -> dict[str, Any]:
    """The point of no return."""
    due = next_step(region, move, table.clock())
    if move.state in BEFORE_COMMIT and "commit" not in due.names:
        return _not_due(due, table)
    table.change(Commit(move.id))
    return {"done": True, "wait_seconds": 0}


def _not_due(due: Step, table: StateTable) -> dict[str, Any]:
    seconds = _AGAIN_SECONDS if due.wait_until is None else max(1, math.ceil(due.wait_until - table.clock()))
    return {"done": False, "wait_seconds": seconds, "waits_for": list(due.names)}


def _report(move: Move, table: StateTable) -> dict[str, Any]:
    """The end of a move that went well."""
    report = report_of(move, table.clock(), table.endpoints(move.id))
    table.change(Complete(move.id, json.dumps(report)))
    return {"done": True, "wait_seconds": 0}


def _refuse(region: Region, move: Move, event: Mapping[str, Any], now: Settings, table: StateTable) -> dict[str, Any]:
    """The end of one that doesn't: given up, and undone if there is anything to be undone."""
    if move.state in BEFORE_COMMIT:
        region, move = table.change(Refuse(move.id, _why(event)))
    if move.state in UNDER_WAY or not move.needs_undo:
        return {"done": True, "wait_seconds": 0, "state": move.state}
    return {**_step("undo", region, move, now, table), "state": move.state}


def _why(event: Mapping[str, Any]) -> str:
    """Why a step refused: Lambda's error, as the workflow caught it."""
    cause = str(event.get("why") or "")
    try:
        said = json.loads(cause)
    except ValueError:
        said = None
    return str(said.get("errorMessage") if isinstance(said, dict) else cause)[:500] or "a step refused"


def _note_endpoints(table: StateTable, move: str) -> None:
    """Puts on record what was called. Nothing depends on it."""
    try:
        table.add_endpoints(move, take_called())
    except (ClientError, BotoCoreError) as error:
        logger.warning("the endpoints are not on record", why=f"{type(error).__name__}: {error}")
