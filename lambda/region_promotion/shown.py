"""The records as people are shown them: without the workflow's token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .core import next_step, stages_of
from .items import iso
from .records import Plan

if TYPE_CHECKING:
    from .records import Move, Region


def shown(region: Region, move: Move | None, now: float) -> dict[str, Any]:
    """The records.

    Args:
        region: Which region serves.
        move: The move under way, or the last one.
        now: The time.
    """
    told: dict[str, Any] = {
        "region": {
            "serving": region.serving,
            "epoch": region.epoch,
            "latch_epoch": region.latch_epoch,
            "since": iso(region.since) if region.since else None,
            "by": region.by,
        },
        "move": None,
    }
    if move is not None:
        told["move"] = {
            "id": move.id,
            "kind": move.plan.kind,
            "state": move.state,
            "plan": {name: getattr(move.plan, name) for name in Plan.__slots__},
            "plan_hash": move.plan_hash,
            "epoch": move.epoch,
            "reason": move.reason,
            "requester": move.requester.arn,
            "requested_at": iso(move.requested_at),
            "expires_at": iso(move.expires_at),
            "approver": move.approver.arn if move.approver else None,
            "approved_at": _maybe(move.approved_at),
            "commit_before": _maybe(move.commit_before),
            "committed_at": _maybe(move.committed_at),
            "ended_at": _maybe(move.ended_at),
            "why": move.why,
            "execution": move.execution,
            "loss_accepted_by": move.loss_accepted_by,
            "findings": json.loads(move.findings or "null"),
            "stages": list(stages_of(move.plan.kind)),
            "next": list(next_step(region, move, now).names),
            "steps": {
                step.name: {
                    "started_at": iso(step.started_at),
                    "done_at": _maybe(step.done_at),
                    "tries": step.tries,
                    "result": json.loads(step.note or "null"),
                    "error": step.error,
                }
                for step in move.steps
            },
            "report": json.loads(move.report or "null"),
        }
    return told


def _maybe(at: float | None) -> str | None:
    return None if at is None else iso(at)
