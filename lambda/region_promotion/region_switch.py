"""The function behind a plan of AWS's Region switch: at a step of the plan it has done what is left of the move, up to there.

    {"InvokedBy": ..., "PlanArn": ..., "ExecutionId": ..., "StepName": "take-over-to-dr"}

Like the workflow it only orders and repeats: what may be done is `core.py`'s to say, from the record of the move that people
asked for and approved by the API. A plan has no move of its own and can approve nothing; steps of it that are skipped are done
by those that follow. A step that isn't done yet fails, and Region switch runs it again after its retry interval.

Source of what it is told: ARC Region switch API Reference, `Lambdas`, `payload`.
"""

from __future__ import annotations

import json
import re
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .core import next_step, stages_of
from .endpoints import client
from .errors import DamagedRecordError, MoveRefusedError, StepError
from .records import APPROVED, BEFORE_COMMIT, COMMITTED, COMPLETED, DR, GIVEN_UP, REQUESTED
from .settings import settings
from .state_table import StateTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records import Move, Region
    from .settings import Settings

logger = Logger(service="region-promotion-switch")

STAGES: Final = {
    "preflight": "preflight",
    "approval": "approval",
    "commit": "commit",
    "take-over": "await_primary",
    "latch": "latch",
    "tiers": "await_tiers",
    "health-check": "await_health_check",
    "second-member": "second_member",
    "lower": "lower",
    "report": "report",
}
"""The plan's steps, without where they lead: what of the move is done then. A test holds the construct's against it."""

#: A run of the steps' function (60 s) that begins at the end of these is over before this function's own time (120 s).
_WORKS_SECONDS = 45.0
#: Of a step that failed, or says nothing else; and between two looks at the record in any case.
_AGAIN_SECONDS, _AT_LEAST_SECONDS = 2.0, 0.1
#: A plan's last step may be run once more after the move's end, if Region switch has missed the answer.
_REPORTED_SECONDS = 3600.0
#: As long as the steps' function may take, and never twice by itself.
_ONCE = Config(connect_timeout=2, read_timeout=70, retries={"total_max_attempts": 1})

_STEP = re.compile(r"([a-z-]{1,32})-to-(dr|home)")
#: Source: ARC Region switch API Reference, StartPlanExecution: planArn, and recoveryExecutionId for the id of an execution.
_PLAN = re.compile(r"arn:aws[a-zA-Z-]*:arc-region-switch::[0-9]{12}:plan/([a-zA-Z0-9-]{1,32}):[a-z0-9]{6}")
_EXECUTION = re.compile(r"([a-z]{2}(?:-[a-z]+)+-[0-9]+)/[0-9a-fA-F]{16}")


def handler(event: dict[str, Any], _context: Any = None) -> dict[str, Any]:
    """Does what is left up to a step of the plan.

    Args:
        event: What Region switch says of the plan's execution, and the name of the step.
        _context: Lambda's.

    Returns:
        That it is done.

    Raises:
        StepError: It isn't done yet; Region switch asks again.
        MoveRefusedError: There is nothing that this plan may do, or the move isn't to go on.
    """
    now = settings()
    table = StateTable(client("dynamodb", now.region), now)
    stage, target = _asked(event)
    try:
        move = _drive(stage, target, event, now, table)
    except (MoveRefusedError, StepError, DamagedRecordError, ClientError, BotoCoreError) as error:
        logger.warning("a step of the plan is not done", step=stage, why=f"{type(error).__name__}: {error}")
        raise
    logger.info("a step of the plan is done", step=stage, move=move.id, state=move.state)
    return {"done": True, "move": move.id, "state": move.state}


def _asked(event: Mapping[str, Any]) -> tuple[str, str]:
    """The step of the plan, and where its workflow leads: `dr` or `home`."""
    name = event.get("StepName") if isinstance(event, dict) else None
    found = _STEP.fullmatch(name) if isinstance(name, str) else None
    if found is None or found[1] not in STAGES:
        raise MoveRefusedError("bad_request", f"StepName needs one of {', '.join(STAGES)} with -to-dr or -to-home")
    return found[1], found[2]


def _drive(stage: str, target: str, event: Mapping[str, Any], now: Settings, table: StateTable) -> Move:
    """Has done what may be done, until the stage is reached or the time is over."""
    ends = time.monotonic() + _WORKS_SECONDS
    while True:
        region, found = table.read()
        move = _open(stage, target, found, table.clock())
        if move.execution != move.id:
            # It was resumed, which is Step Functions' to do.
            why = f"move {move.id} is done by execution {move.execution} of the workflow now"
            _cancel(event, now, why)
            raise MoveRefusedError("superseded", why)
        if is_done(stage, move):
            return move
        if move.state in GIVEN_UP and not move.needs_undo:
            why = f"move {move.id} is {move.state}: {move.why}"
            _cancel(event, now, why)
            raise MoveRefusedError("ended", f"{why}; ask again")
        seconds, waits_for = _some(region, move, now, table, ends)
        if time.monotonic() + seconds >= ends:
            raise StepError(f"not done yet: move {move.id} is {move.state} and waits for {waits_for}")
        time.sleep(max(seconds, _AT_LEAST_SECONDS))


def _open(stage: str, target: str, move: Move | None, now: float) -> Move:
    """The move that this plan is to do.

    Raises:
        MoveRefusedError: There is none.
    """
    if move is None or _is_past(stage, target, move, now):
        raise MoveRefusedError(
            "not_found",
            "nobody has asked for a move, and a plan moves nothing by itself: ask for it with cdk-intersystems promote, "
            "switchover or failback, and have it approved",
        )
    if (leads_to := _leads_to(move)) != target:
        raise MoveRefusedError(
            "wrong_way",
            f"move {move.id} ({move.plan.kind}) leads to {leads_to}, and this workflow to {target}: cancel one of them",
        )
    return move


def _leads_to(move: Move) -> str:
    return "dr" if move.plan.target == DR else "home"


def _is_past(stage: str, target: str, move: Move, now: float) -> bool:
    """Whether a move is over, and was none of this execution of the plan."""
    if move.state == COMPLETED:
        own = stage == "report" or move.execution != move.id
        return not own or _leads_to(move) != target or now - (move.ended_at or 0.0) >= _REPORTED_SECONDS
    return move.state in GIVEN_UP and not move.needs_undo and _leads_to(move) != target


def is_done(stage: str, move: Move) -> bool:
    """Whether a move has come so far; a stage that its kind doesn't have is done when the one before it is.

    Args:
        stage: A step of the plan.
        move: The move.
    """
    step = STAGES[stage]
    if move.state in (*GIVEN_UP, COMPLETED):
        return move.state == COMPLETED
    if step not in stages_of(move.plan.kind):
        names = list(STAGES)
        return is_done(names[names.index(stage) - 1], move)
    by_state = {
        "preflight": move.state != REQUESTED,
        "approval": move.state in (APPROVED, COMMITTED),
        "commit": move.state == COMMITTED,
        "report": False,
    }
    return by_state.get(step, move.is_done(step))


def _some(region: Region, move: Move, now: Settings, table: StateTable, ends: float) -> tuple[float, str]:
    """Has each step run once that may be, as long as there is time; for how long to wait then, and what for."""
    due = next_step(region, move, table.clock())
    if due.names == ("approval",):
        # By the API alone; there is no task whose token could be told of it.
        return _AGAIN_SECONDS, f"its approval, until {_clock(move.expires_at)}"
    if not due.names:
        until = due.wait_until or 0.0
        return max(_AGAIN_SECONDS, until - table.clock()), f"{_clock(until)}, when what was begun before is over"
    waits: list[tuple[float, str]] = []
    for name in due.names:
        if waits and time.monotonic() >= ends:
            break
        # What is over is ended by whatever step is run next.
        step = "preflight" if name == "expire" else name
        found = _run(step, move, now, table)
        if not found[0]:
            # Something is done, and perhaps something else is due.
            return found
        waits.append(found)
    return min(waits)


def _run(step: str, move: Move, now: Settings, table: StateTable) -> tuple[float, str]:
    """Has a step run once; for how long to wait until it is run again (0: it is done), and what for."""
    try:
        answer = _invoke(step if step != "undo" else "refuse", move, now)
    except StepError as error:
        return _AGAIN_SECONDS, f"{step}, which failed: {error}"
    except MoveRefusedError as error:
        region, after = table.read()
        if after is None or after.id != move.id or after.execution != move.execution:
            return 0.0, step
        if step not in next_step(region, after, table.clock()).names:
            # It was refused since it is done, or the move is over.
            return 0.0, step
        if after.state not in BEFORE_COMMIT:
            raise
        _invoke("refuse", after, now, why=error.message)
        return 0.0, step
    if answer.get("done"):
        return 0.0, step
    return max(1.0, float(answer.get("wait_seconds") or _AGAIN_SECONDS)), f"{step} {_told(answer)}".rstrip()


def _told(answer: Mapping[str, Any]) -> str:
    """What a step says that it waits for."""
    said = answer.get("waits_for") or answer.get("result")
    return f"({json.dumps(said)[:200]})" if said else ""


def _invoke(step: str, move: Move, now: Settings, why: str = "") -> dict[str, Any]:
    """Runs the steps' function once.

    Raises:
        MoveRefusedError: It refuses.
        StepError: It failed, or isn't reached.
    """
    given = {"step": step, "mirror_set": now.mirror_set, "promotion": move.id, "execution": move.execution}
    payload = json.dumps({**given, **({"why": why} if why else {})}).encode()
    try:
        answer = _steps(now.region).invoke(FunctionName=now.steps, Payload=payload)
        said = json.loads(answer["Payload"].read() or b"null")
    except (ClientError, BotoCoreError, ValueError) as error:
        raise StepError(f"{type(error).__name__}: {error}") from error
    if not isinstance(said, dict):
        raise StepError(f"it answered {str(said)[:100]}")
    if answer.get("FunctionError"):
        message = str(said.get("errorMessage"))[:500]
        if said.get("errorType") == MoveRefusedError.__name__:
            raise MoveRefusedError("refused", message)
        raise StepError(f"{said.get('errorType')}: {message}")
    return said


@cache
def _steps(region: str) -> Any:
    """The client that runs the steps' function: a run may take as long as it needs, and is not begun twice."""
    return boto3.client("lambda", region_name=region, config=_ONCE)


def _cancel(event: Mapping[str, Any], now: Settings, why: str) -> None:
    """Ends the plan's execution, which could only fail again and again, and keep the next one from being started.

    Nothing depends on it: somebody can cancel it in the console. It changes no move.
    """
    plan, execution = _PLAN.fullmatch(str(event.get("PlanArn"))), _EXECUTION.fullmatch(str(event.get("ExecutionId")))
    if plan is None or execution is None or plan[1] != now.plan or execution[1] not in (now.region, now.old_region):
        logger.warning("the plan's execution is not cancelled, for it is not known which it is", why=why)
        return
    try:
        client("arc-region-switch", execution[1], required=False).cancel_plan_execution(
            planArn=plan[0], executionId=execution[0], comment=why[:1000]
        )
    except (ClientError, BotoCoreError) as error:
        logger.warning("the plan's execution is not cancelled", why=f"{type(error).__name__}: {error}")


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S UTC", time.gmtime(at))
