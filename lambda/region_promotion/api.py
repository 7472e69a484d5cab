"""The function behind the API: people ask for moves, approve and cancel them, and read how far they are.

Who calls is what API Gateway says after it has checked the request's signature, and nothing in the request itself. What the
request says is checked here, before anything is read.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError

from .endpoints import client
from .errors import DamagedRecordError, MoveRefusedError, StepError
from .events import Approve, Cancel, Request, Resume
from .items import iso
from .principals import caller
from .records import DR, KINDS, Plan
from .settings import settings
from .shown import shown
from .state_table import StateTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .records import Move
    from .settings import Settings

logger = Logger(service="region-promotion-api")

#: Code of a refusal -> status of HTTP; all others are conflicts with what is.
_STATUS = {
    "bad_request": 400,
    "no_loss": 400,
    "not_allowed": 403,
    "same_person": 403,
    "not_found": 404,
    "expired": 410,
    "ended": 410,
    "not_started": 503,
}
_CONFLICT = 409
_LONGEST_BODY = 4096
_LONGEST_REASON = 500
_ID = re.compile(r"m-[0-9]{8}t[0-9]{6}-[0-9a-f]{8}")
_HASH = re.compile(r"[0-9a-f]{64}")
#: No move will ever take an epoch of more digits.
_MOST_EPOCH = 10**12
#: The workflow that waited has gone on, or has ended: it looks at the record itself.
_NOBODY_WAITS = ("TaskDoesNotExist", "TaskTimedOut", "InvalidToken")


def sentence(mirror_set: str) -> str:
    """What a requester has to say, in so many words, to accept the loss of records.

    Args:
        mirror_set: Name of the mirror set.
    """
    return f"I accept the loss of records that {mirror_set} has not copied"


def handler(event: dict[str, Any], _context: Any = None) -> dict[str, Any]:
    """Answers a request.

    Args:
        event: The request, in API Gateway's format 2.0.
        _context: Lambda's.
    """
    try:
        status, body = _answer(event)
    except MoveRefusedError as error:
        status, body = _STATUS.get(error.code, _CONFLICT), {"error": error.code, "message": error.message}
    except (StepError, DamagedRecordError, ClientError, BotoCoreError) as error:
        logger.exception("a request failed")
        message = f"it could not be done now ({type(error).__name__}): look at GET /moves/current, then ask again"
        status, body = 503, {"error": "unavailable", "message": message}
    logger.info("a request was answered", route=str(event.get("routeKey")), status=status, error=body.get("error"))
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def _answer(event: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    route = _ROUTES.get(str(event.get("routeKey")))
    if route is None:
        raise MoveRefusedError("not_found", f"there is no {event.get('routeKey')}; there are {', '.join(_ROUTES)}")
    now = settings()
    return route(event, now, StateTable(client("dynamodb", now.region), now))


def _request(event: Mapping[str, Any], now: Settings, table: StateTable) -> tuple[int, dict[str, Any]]:
    principal, body = caller(event), _body(event, {"kind", "reason", "accept_data_loss"})
    kind, reason, accepts = body.get("kind"), body.get("reason"), _accepts(body, now)
    if kind not in KINDS:
        raise _bad(f"kind needs one of {', '.join(KINDS)}")
    if not isinstance(reason, str) or not reason.strip() or len(reason) > _LONGEST_REASON:
        raise _bad(f"reason needs a text of up to {_LONGEST_REASON} characters: it stands in the report")
    plan = Plan(kind, now.mirror_set, now.target_of(kind), accept_data_loss=accepts)
    _, move = table.change(
        Request(_new_id(table.clock()), plan, principal, now.requesters, now.approval_seconds, reason.strip())
    )
    if now.plan_arn:
        _start_plan(move, now)
    else:
        _start(move, now)
    told = {"id": move.id, "plan_hash": move.plan_hash, "epoch": move.epoch, "expires_at": iso(move.expires_at)}
    return 202, told


def _current(event: Mapping[str, Any], now: Settings, table: StateTable) -> tuple[int, dict[str, Any]]:
    _may(event, now)
    return 200, shown(*table.read(), table.clock())


def _approve(event: Mapping[str, Any], now: Settings, table: StateTable) -> tuple[int, dict[str, Any]]:
    principal, id, body = caller(event), _id(event), _body(event, {"plan_hash", "epoch"})
    plan_hash, epoch = body.get("plan_hash"), body.get("epoch")
    if not isinstance(plan_hash, str) or not _HASH.fullmatch(plan_hash):
        raise _bad("plan_hash needs the hash of the plan, as GET /moves/current shows it")
    if not isinstance(epoch, int) or isinstance(epoch, bool) or not 0 < epoch < _MOST_EPOCH:
        raise _bad("epoch needs the epoch that the move takes, as GET /moves/current shows it")
    region, move = table.change(Approve(id, plan_hash, epoch, principal, now.approvers))
    _wake(move.task_token, now)
    return 200, shown(region, move, table.clock())


def _cancel(event: Mapping[str, Any], now: Settings, table: StateTable) -> tuple[int, dict[str, Any]]:
    principal, id, _ = caller(event), _id(event), _body(event, set())
    token = _token_of(table, id)
    region, move = table.change(Cancel(id, principal, _either(now)))
    _wake(token, now)
    return 200, shown(region, move, table.clock())


def _resume(event: Mapping[str, Any], now: Settings, table: StateTable) -> tuple[int, dict[str, Any]]:
    principal, id, body = caller(event), _id(event), _body(event, {"accept_data_loss"})
    accepts = _accepts(body, now)
    name = f"{id}-{secrets.token_hex(4)}"
    region, move = table.change(Resume(id, principal, _either(now), name, accepts_loss=accepts, approvers=now.approvers))
    _start(move, now)
    return 200, shown(region, move, table.clock())


def _readiness(event: Mapping[str, Any], now: Settings, table: StateTable) -> tuple[int, dict[str, Any]]:
    _may(event, now)
    item = table.item("readiness")
    if item is None:
        raise MoveRefusedError("not_found", "readiness was never looked at: POST /readiness has it looked at now")
    deserialize = TypeDeserializer().deserialize
    found = {name: deserialize(value) for name, value in item.items() if name != "key"}
    # Numbers of DynamoDB are decimals.
    return 200, json.loads(json.dumps(found, default=_plain))


def _check_readiness(event: Mapping[str, Any], now: Settings, table: StateTable) -> tuple[int, dict[str, Any]]:
    _may(event, now)
    _body(event, set())
    # It takes longer than a request may.
    asked = json.dumps({"kind": "check"}).encode()
    client("lambda", now.region).invoke(FunctionName=now.readiness, Payload=asked, InvocationType="Event")
    return 202, {
        "requested_at": iso(table.clock()),
        "message": "GET /readiness shows it when its at is later than requested_at",
    }


_ROUTES: dict[str, Callable[[Mapping[str, Any], Settings, StateTable], tuple[int, dict[str, Any]]]] = {
    "POST /moves": _request,
    "GET /moves/current": _current,
    "POST /moves/{id}/approval": _approve,
    "POST /moves/{id}/cancellation": _cancel,
    "POST /moves/{id}/resumption": _resume,
    "GET /readiness": _readiness,
    "POST /readiness": _check_readiness,
}


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else float(value)


def _either(now: Settings) -> tuple[str, ...]:
    return (*now.requesters, *now.approvers)


def _may(event: Mapping[str, Any], now: Settings) -> None:
    """Refuses who may neither ask for a move nor approve one: what is shown tells how to hurt the deployment."""
    if caller(event).role not in _either(now):
        raise MoveRefusedError("not_allowed", "your role has to be one of promotion.requesters or promotion.approvers")


def _new_id(now: float) -> str:
    """A new move's name, which is also the name of the workflow's execution."""
    return f"m-{datetime.fromtimestamp(now, UTC):%Y%m%dt%H%M%S}-{secrets.token_hex(4)}"


def _id(event: Mapping[str, Any]) -> str:
    given = (event.get("pathParameters") or {}).get("id")
    if not isinstance(given, str) or not _ID.fullmatch(given):
        raise _bad("the id of a move looks like m-20260131t120000-0123abcd")
    return given


def _body(event: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """The request's body: an object with no other names than these; with none of them it may be empty.

    Raises:
        MoveRefusedError: It is something else.
    """
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            text = base64.b64decode(text, validate=True).decode()
        except ValueError as error:
            raise _bad("the body needs an object in JSON") from error
    if len(text) > _LONGEST_BODY:
        raise _bad(f"the body may have up to {_LONGEST_BODY} characters")
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise _bad("the body needs an object in JSON") from error
    if not isinstance(found, dict):
        raise _bad("the body needs an object in JSON")
    if more := found.keys() - names:
        raise _bad(f"the body has {', '.join(sorted(more))[:80]}; it may have {', '.join(sorted(names)) or 'nothing'}")
    return found


def _accepts(body: Mapping[str, Any], now: Settings) -> bool:
    """Whether the body accepts the loss of records, in so many words.

    Raises:
        MoveRefusedError: It says something else there.
    """
    said = body.get("accept_data_loss")
    if said is not None and said != sentence(now.mirror_set):
        raise _bad(f"accept_data_loss needs exactly this sentence, or is left out: {sentence(now.mirror_set)}")
    return said is not None


def _bad(message: str) -> MoveRefusedError:
    return MoveRefusedError("bad_request", message)


def _start(move: Move, now: Settings) -> None:
    """Starts the workflow. Started again by the same name it is the same one."""
    given = json.dumps({"mirror_set": now.mirror_set, "promotion": move.id, "kind": move.plan.kind})
    try:
        client("stepfunctions", now.region).start_execution(stateMachineArn=now.state_machine, name=move.execution, input=given)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise


def _start_plan(move: Move, now: Settings) -> None:
    """Starts the Region switch plan where the region is that it activates, as AWS has it. The move is on record already.

    Raises:
        MoveRefusedError: It is not started.
    """
    region = now.region if move.plan.target == DR else now.old_region
    try:
        client("arc-region-switch", region).start_plan_execution(
            planArn=now.plan_arn, targetRegion=region, action="activate", mode="graceful", comment=f"move {move.id}"
        )
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        logger.warning("the plan is not started", move=move.id, why=f"{type(error).__name__}: {error}")
        raise MoveRefusedError(
            "not_started",
            f"move {move.id} is on record, but Region switch plan {now.plan} was not started to activate {region} ({code}). An "
            "execution of it that is open and activates that region goes on with the move by itself; else start one in its "
            "console, or give the move to Step Functions: cdk-intersystems resume",
        ) from error


def _token_of(table: StateTable, id: str) -> str:
    _, move = table.read()
    return move.task_token if move is not None and move.id == id else ""


def _wake(token: str, now: Settings) -> None:
    """Has the workflow look at the record at once. If that fails it does within a minute."""
    if not token:
        return
    try:
        client("stepfunctions", now.region).send_task_success(taskToken=token, output='{"approved": true}')
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOBODY_WAITS:
            logger.warning("the workflow is not woken", why=error.response["Error"]["Code"])
    except BotoCoreError as error:
        logger.warning("the workflow is not woken", why=f"{type(error).__name__}: {error}")
