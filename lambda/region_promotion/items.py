"""The records as items of the table, and back; what is read is checked, since hands that repair write it too."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from .errors import DamagedRecordError, MoveRefusedError
from .principals import principal_of
from .records import COMMITTED, COMPLETED, GIVEN_UP, KINDS, UNDER_WAY, Move, Plan, Region, StepRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

Item = dict[str, Any]

KEY = "key"
"""The table's key."""

_SERVING = ("primary", "dr", "on_premises")
_TIMES = ("requested_at", "expires_at", "not_before", "approved_at", "commit_before", "committed_at", "ended_at")
_MAYBE_TIMES = ("approved_at", "commit_before", "committed_at", "ended_at")
_TEXTS = (
    *("id", "plan_hash", "reason", "state", "why", "findings", "task_token", "execution", "report"),
    *("left", "loss_accepted_by", "prepared"),
)


def iso(seconds: float) -> str:
    """A time as it stands in the table: UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(said: str) -> float:
    """The same, back."""
    return datetime.fromisoformat(said).timestamp()


def region_item(key: str, region: Region) -> Item:
    """The region's record as an item."""
    return _item({KEY: key, **asdict(region), "since": iso(region.since)})


def region_of(item: Item) -> Region:
    """The region's record.

    Args:
        item: The item.

    Raises:
        DamagedRecordError: It can't be what was written.
    """
    try:
        given = _values(item)
        region = Region(
            serving=given["serving"],
            epoch=int(given["epoch"]),
            latch_epoch=int(given["latch_epoch"]),
            version=int(given["version"]),
            since=seconds_of(given["since"]),
            by=str(given["by"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise DamagedRecordError(f"the region's record lacks something, or has it wrong: {error!r}") from error
    follows = region.latch_epoch in (region.epoch, region.epoch - 1)
    if region.serving not in _SERVING or region.epoch < 0 or region.version < 1 or not follows:
        raise DamagedRecordError(f"the region's record can't be so: {region}")
    return region


def move_item(key: str, move: Move) -> Item:
    """The record of a move as an item; a copy of it has another key."""
    given: Item = {name: getattr(move, name) for name in _TEXTS}
    given |= {name: iso(at) for name in _TIMES if (at := getattr(move, name)) is not None}
    plan = {**asdict(move.plan), "stages": list(move.plan.stages)}
    given |= {
        KEY: key,
        "version": move.version,
        "kind": move.plan.kind,
        "target": move.plan.target,
        "accept_data_loss": move.plan.accept_data_loss,
        "epoch": move.epoch,
        "stopping": move.stopping,
        "requester": move.requester.arn,
        "plan": {name: _number(value) for name, value in plan.items() if value is not None},
        "steps": {step.name: _step_item(step) for step in move.steps},
    }
    if move.approver is not None:
        given["approver"] = move.approver.arn
    return _item(given)


def move_of(item: Item) -> Move:
    """The record of a move.

    Args:
        item: The item.

    Raises:
        DamagedRecordError: It can't be what was written.
    """
    try:
        given = _values(item)
        move = Move(
            **{name: str(given[name]) for name in _TEXTS},
            **{name: seconds_of(given[name]) for name in _TIMES if name not in _MAYBE_TIMES},
            **{name: seconds_of(given[name]) if name in given else None for name in _MAYBE_TIMES},
            plan=_plan_of(given["plan"]),
            epoch=int(given["epoch"]),
            version=int(given["version"]),
            stopping=bool(given["stopping"]),
            requester=principal_of(given["requester"]),
            approver=principal_of(given["approver"]) if "approver" in given else None,
            steps=tuple(_step_of(name, step) for name, step in sorted(given["steps"].items())),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, MoveRefusedError) as error:
        raise DamagedRecordError(f"the record of the move lacks something, or has it wrong: {error!r}") from error
    past = move.state in (COMMITTED, COMPLETED)
    if move.state not in (*UNDER_WAY, COMPLETED, *GIVEN_UP) or move.plan.kind not in KINDS or (past and not move.approver):
        raise DamagedRecordError(f"the record of move {move.id} can't be so: {move.state}, {move.plan.kind}, {move.approver}")
    return move


def _plan_of(given: Mapping[str, Any]) -> Plan:
    lag = given.get("lag_seconds")
    return Plan(
        kind=str(given["kind"]),
        mirror_set=str(given["mirror_set"]),
        target=str(given["target"]),
        accept_data_loss=bool(given["accept_data_loss"]),
        member=str(given["member"]),
        partner=str(given["partner"]),
        lag_seconds=None if lag is None else float(lag),
        stages=tuple(str(each) for each in given["stages"]),
    )


def _step_item(step: StepRecord) -> Item:
    made: Item = {"started_at": iso(step.started_at), "tries": step.tries, "result": step.note, "error": step.error}
    times = {"done_at": step.done_at, "tried_at": step.tried_at}
    return made | {name: iso(at) for name, at in times.items() if at is not None}


def _step_of(name: str, given: Mapping[str, Any]) -> StepRecord:
    return StepRecord(
        name,
        started_at=seconds_of(given["started_at"]),
        done_at=seconds_of(given["done_at"]) if "done_at" in given else None,
        tries=int(given["tries"]),
        note=str(given["result"]),
        error=str(given["error"]),
        tried_at=seconds_of(given["tried_at"]) if "tried_at" in given else None,
    )


def _number(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value


def _item(given: Item) -> Item:
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in given.items()}


def _values(item: Item) -> Item:
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}
