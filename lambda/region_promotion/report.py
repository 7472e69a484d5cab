"""What a move came to. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .items import iso
from .records import PROMOTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .records import Move


def report_of(move: Move, now: float, endpoints: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The report of a move whose steps are all done.

    Args:
        move: The move.
        now: The time.
        endpoints: The endpoints that were called, each with whether it was required.
    """
    at = {step.name: step for step in move.steps}
    stages: dict[str, float] = {}
    if move.approved_at is not None:
        stages["approval"] = move.approved_at - move.requested_at
        if move.committed_at is not None:
            stages["commit"] = move.committed_at - move.approved_at
    stages |= {step.name: step.done_at - step.started_at for step in move.steps if step.done_at is not None}
    # What users wait for begins with the approval of a promotion, and with the end of the old primary of a planned move.
    begins = move.approved_at
    if move.plan.kind != PROMOTION and "hand_over" in at:
        begins = at["hand_over"].started_at
    ends = at["await_health_check"].done_at if "await_health_check" in at else None
    return {
        "id": move.id,
        "kind": move.plan.kind,
        "mirror_set": move.plan.mirror_set,
        "target": move.plan.target,
        "member": move.plan.member,
        "partner": move.plan.partner,
        "epoch": move.epoch,
        "requester": move.requester.arn,
        "approver": move.approver.arn if move.approver else None,
        "requested_at": iso(move.requested_at),
        "completed_at": iso(now),
        "stages": {name: round(seconds, 3) for name, seconds in stages.items()},
        "tries": {step.name: step.tries for step in move.steps if step.tries > 1},
        "rto_s": None if begins is None or ends is None else round(ends - begins, 3),
        # Of a promotion, how far behind the member was when it was checked; with a former member's journals it lost less.
        "rpo_s": _lost(move),
        "accepted_data_loss": move.accepts_loss,
        "loss_accepted_later_by": move.loss_accepted_by or None,
        "results": {step.name: _result(step.note) for step in move.steps},
        "endpoints_called": list(endpoints),
    }


def _lost(move: Move) -> float | None:
    if move.plan.kind != PROMOTION:
        return 0.0
    promoted = move.step("promote")
    if move.plan.partner == "auto" and not _result(promoted.note if promoted else "").get("without_partner"):
        return 0.0
    return move.plan.lag_seconds


def _result(note: str) -> dict[str, Any]:
    found = json.loads(note) if note else {}
    return {name: value for name, value in found.items() if name != "commands"}
