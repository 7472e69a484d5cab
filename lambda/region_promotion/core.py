"""What a move between regions may do next, and what each event makes of it. Pure: no clock, no network, no state of its own.

The records are in `records.py`, the events in `events.py`. Two functions:

- `next_step(region, move, now)`: the steps that may be run now (several: in any order, or at the same time)
- `apply(event, region, move, now)`: what is to be written, both records or none (`Writes`), or why nothing is (`Refused`)

`region` says who serves, by a number that only grows; `move` is the one that is under way, or the last one; None if there was
none. Whoever writes puts the condition on it that neither record has another `version` than the one given here, reads again if
one has, and asks again: so the order in which things happen is the order of the writes, and each event is judged by what is
true when it is written. Times are seconds since 1970. Every record and event is frozen and hashable.

    requested -> checked -> approved -> committed -> completed
        |           |          |
        +-----------+----------+------> cancelled | expired | refused

Nothing leads away from `committed` but `completed`: the region's epoch is raised by the same write, and what follows can only
be repeated until it is done. Two exceptions. A planned move whose primary is not yet being stopped can be cancelled, since the
region that served still does; it gets a newer epoch of its own by that, with the latch that it never lost. And of a fail-back
whose primary is being stopped the home region may be lost: then a promotion can be asked for in its place, with the loss of
records accepted. Each event may come twice, late, or after its move was followed by another: it then changes nothing
(`Writes()`) or is refused.

What acts outside (a step) can't be undone by a condition: it may be delayed after it was allowed. It is over after
`SETTLE_SECONDS` whatever happens, since a function's run and a command that waits for its host end sooner; and so long after
the end of one move the next one touches nothing. Of steps that would undo what comes after them only one run is at work at a
time: `StepStarted` is refused ("busy") until the other has reported its end (`StepDone`, `StepFailed`, `StepNoted` with `ends`)
or must be dead. `tests/model_check` explores every order of all this.
"""

# Each refusal is a return: what stands against an event, in the order in which it is looked at.
# ruff: noqa: PLR0911
from __future__ import annotations

from dataclasses import replace
from typing import Final

from .events import (
    Approve,
    Awaiting,
    Cancel,
    Checked,
    Commit,
    Complete,
    Event,
    Expire,
    Latch,
    Refuse,
    Refused,
    Request,
    Resume,
    Step,
    StepDone,
    StepFailed,
    StepNoted,
    StepStarted,
    Writes,
)
from .records import (
    ABANDONED,
    APPROVED,
    BEFORE_COMMIT,
    CANCELLED,
    CHECKED,
    COMMITTED,
    COMPLETED,
    DR,
    EXPIRED,
    FAILBACK,
    GIVEN_UP,
    KINDS,
    PROMOTION,
    REFUSED,
    REQUESTED,
    SWITCHOVER,
    UNDER_WAY,
    Move,
    Plan,
    Region,
    StepRecord,
)

SETTLE_SECONDS: Final = 120
"""After the end of a move, how long something that it began may still take effect: a run of the function (60 s), and a command
that has not reached its host (30 s, the least that Systems Manager knows)."""

COMMIT_WITHIN_SECONDS: Final = {PROMOTION: 600, SWITCHOVER: 3600, FAILBACK: 3600}
"""How long an approval holds: the point of no return comes sooner, or never. Before that of a planned move lies what takes
minutes: the larger instance, and catching up."""

_PREPARE: Final[dict[str, tuple[str, ...]]] = {"resize": (), "prepare": ("resize",), "raise_tiers": ()}
_AFTER_LATCH: Final[dict[str, tuple[str, ...]]] = {
    "await_tiers": ("latch",),
    "await_health_check": ("await_tiers",),
    "second_member": ("await_health_check",),
}
#: What is done before the point of no return, once it is approved, and after it: name -> what has to be done first.
_BEFORE: Final[dict[str, dict[str, tuple[str, ...]]]] = {PROMOTION: {}, SWITCHOVER: _PREPARE, FAILBACK: _PREPARE}
_PLANNED: Final[dict[str, tuple[str, ...]]] = {
    "hand_over": (),
    "await_primary": ("hand_over",),
    "latch": ("await_primary",),
    **_AFTER_LATCH,
}
_AFTER: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    PROMOTION: {
        "fence": (),
        "resize": ("fence",),
        "promote": ("resize",),
        "await_primary": ("promote",),
        "raise_tiers": ("fence",),
        "latch": ("await_primary", "raise_tiers"),
        **_AFTER_LATCH,
        "report": ("second_member",),
    },
    SWITCHOVER: {**_PLANNED, "report": ("second_member",)},
    FAILBACK: {**_PLANNED, "lower": ("second_member",), "report": ("lower",)},
}


def stages_of(kind: str) -> tuple[str, ...]:
    """All steps of a kind of move, in an order in which they can be done."""
    return ("preflight", "approval", *_BEFORE[kind], "commit", *_AFTER[kind])


def next_step(region: Region, move: Move | None, now: float) -> Step:
    """What may be done now.

    Args:
        region: Which region serves.
        move: The move.
        now: The time.
    """
    if move is None or move.state == COMPLETED:
        return Step()
    if move.state in GIVEN_UP:
        return _undo(move, now)
    if _is_over(move, now):
        return Step(("expire",))
    if move.state == REQUESTED:
        return Step(("preflight",))
    if move.state == CHECKED:
        return Step(("approval",), move.expires_at)
    if now < move.not_before:
        return Step((), move.not_before)
    if move.state == APPROVED:
        before = _BEFORE[move.plan.kind]
        return Step(_ready(move, before) or ("commit",))
    return Step(_ready(move, _AFTER[move.plan.kind]))


def apply(event: Event, region: Region, move: Move | None, now: float) -> Writes | Refused:
    """What an event makes of the records.

    Args:
        event: What happened, or is asked for.
        region: Which region serves.
        move: The move under way, or the last one.
        now: The time.
    """
    if isinstance(event, Request):
        return _request(event, region, move, now)
    if move is None or move.id != event.id:
        current = f"; the last one is {move.id}, which is {move.state}" if move else ""
        return Refused("not_found", f"there is no move {event.id} under way{current}")
    if isinstance(event, Approve):
        return _approve(event, region, move, now)
    if isinstance(event, Cancel):
        return _cancel(event, region, move, now)
    if isinstance(event, Resume):
        return _resume(event, move)
    if isinstance(event, Commit):
        return _commit(region, move, now)
    if isinstance(event, Latch):
        return _latch(region, move, now)
    if isinstance(event, Complete):
        return _complete(event, region, move, now)
    if isinstance(event, (StepStarted, StepNoted, StepFailed, StepDone)):
        return _step(event, region, move, now)
    return _before_approval(event, move, now)


def _request(event: Request, region: Region, move: Move | None, now: float) -> Writes | Refused:
    plan = event.plan
    if event.requester.role not in event.allowed:
        return Refused("not_allowed", "your role may not ask for a move: it has to be one of promotion.requesters")
    archive, not_before, version, prepared = None, 0.0, 1, ""
    if move is not None:
        if move.id == event.id:
            return Refused("under_way", f"there is a move {move.id} already")
        if move.needs_undo and plan.kind != PROMOTION:
            return Refused("needs_undo", f"move {move.id} was given up and is not undone yet: resume it first")
        if move.state in UNDER_WAY and not _is_over(move, now):
            if not _gives_way(move, plan):
                return Refused("under_way", f"move {move.id} is {move.state}: {_instead(move, plan)}")
            archive = _ended(move, ABANDONED, now, f"promotion {event.id} was asked for in its place")
        elif move.state in BEFORE_COMMIT:
            archive = _ended(move, EXPIRED, now, "nobody approved or went on with it in time")
            if archive.needs_undo and plan.kind != PROMOTION:
                return Refused("needs_undo", f"move {move.id} has expired and is not undone yet: resume it first")
        not_before = _last_act(archive or move) + SETTLE_SECONDS
        version = move.version + 1
        # A promotion may follow at once; what was prepared stays to be undone if it is given up as well.
        prepared = (archive or move).to_undo if (archive or move).needs_undo else ""
        if prepared and (archive or move).step("undo") is not None:
            # Its undoing may be under way, and would demote what is promoted now.
            not_before = now + SETTLE_SECONDS
    if problem := _wrong_way(plan, region):
        return Refused("wrong_way", problem)
    if plan.kind != PROMOTION and plan.accept_data_loss:
        return Refused("no_loss", f"a {plan.kind} loses nothing: leave the acceptance of loss out, or ask for a promotion")
    if region.latch_epoch != region.epoch and not _stays(plan, region):
        return Refused("damaged", "the latch has not followed the last fail-back, which was left: ask for a promotion")
    made = Move(
        id=event.id,
        plan=replace(plan, stages=stages_of(plan.kind)),
        plan_hash=replace(plan, stages=stages_of(plan.kind)).digest(),
        epoch=region.epoch + 1,
        requester=event.requester,
        requested_at=now,
        expires_at=now + event.approval_seconds,
        not_before=not_before,
        reason=event.reason,
        version=version,
        execution=event.id,
        prepared=prepared,
    )
    return Writes(move=made, archive=archive)


def _gives_way(move: Move, plan: Plan) -> bool:
    """Whether a committed move is a fail-back whose end may never come, and a promotion that accepts loss is asked for.

    What the region's record says stays so: the home region holds the mirror, and the traffic is where it was.
    """
    lost = move.state == COMMITTED and move.plan.kind == FAILBACK and move.is_handed_over
    return lost and plan.kind == PROMOTION and plan.accept_data_loss


def _stays(plan: Plan, region: Region) -> bool:
    """Whether the traffic is where a promotion leads, and stays there: a fail-back was left before it was turned."""
    return plan.kind == PROMOTION and region.latch_epoch == region.epoch - 1


def _instead(move: Move, plan: Plan) -> str:
    """What to do if a move is under way."""
    if move.state == COMMITTED and move.plan.kind == FAILBACK and plan.kind == PROMOTION:
        if not move.is_handed_over:
            return "cancel it, for the DR region serves still"
        return "wait for its end; or, if the home region is lost, ask again with the acceptance of loss"
    return "wait for its end, resume it, or cancel it"


def _wrong_way(plan: Plan, region: Region) -> str:
    """Why a plan doesn't lead anywhere; empty if it does."""
    if plan.kind not in KINDS:
        return f"there is no move of the kind {plan.kind!r}: ask for one of {', '.join(KINDS)}"
    if plan.target == region.serving:
        return f"{plan.target} serves already, since epoch {region.epoch}"
    if (plan.target == DR) == (plan.kind == FAILBACK):
        return f"a {plan.kind} doesn't lead to {plan.target}"
    return ""


def _before_approval(event: Checked | Awaiting | Expire | Refuse, move: Move, now: float) -> Writes | Refused:
    """Events of the workflow that lead towards the approval, or end the move."""
    if isinstance(event, Refuse):
        if move.state in BEFORE_COMMIT:
            return _end(move, REFUSED, now, event.why)
        return Writes() if move.state in GIVEN_UP else _no_return(move)
    if isinstance(event, Expire):
        if not _is_over(move, now):
            return Writes()
        return _end(move, EXPIRED, now, "its time was over before it was approved" if move.approver is None else _VOID)
    if move.state in GIVEN_UP:
        return _ended_before(move)
    if isinstance(event, Awaiting):
        if move.state != CHECKED or move.task_token == event.task_token:
            return Writes()
        return _change(move, task_token=event.task_token)
    if move.state != REQUESTED:
        return Writes()
    if _is_over(move, now):
        return Refused("expired", f"move {move.id} has expired: ask again")
    if why := "; ".join((*event.problems, *_against(event.plan, move.plan))):
        return _end(replace(move, findings=event.findings), REFUSED, now, why)
    return _change(move, state=CHECKED, plan=event.plan, plan_hash=event.plan.digest(), findings=event.findings)


def _against(plan: Plan, asked: Plan) -> tuple[str, ...]:
    """What a checked plan may not be, whatever the preflight says."""
    same = replace(plan, member="", partner=asked.partner, lag_seconds=None) == replace(asked, member="", lag_seconds=None)
    if not same or not plan.member:
        return ("the plan that was checked is not the one that was asked for",)
    if plan.partner != "auto" and not plan.accept_data_loss:
        return ("no former member can be asked for its newest journals, and the loss of what they hold was not accepted",)
    return ()


def _approve(event: Approve, region: Region, move: Move, now: float) -> Writes | Refused:
    if event.approver.role not in event.allowed:
        return Refused("not_allowed", "your role may not approve a move: it has to be one of promotion.approvers")
    if event.approver.is_same_person(move.requester):
        return Refused("same_person", "who asked for a move can't approve it: another person has to")
    if move.state in GIVEN_UP:
        return _ended_before(move)
    if move.approver is not None:
        return Refused("approved", f"move {move.id} is approved already, by {move.approver.session}")
    if now >= move.expires_at:
        return Refused("expired", f"move {move.id} has expired: ask for it again")
    if move.state != CHECKED:
        return Refused("not_checked", f"move {move.id} is not checked yet: read its plan when it is, and approve that")
    if event.plan_hash != move.plan_hash:
        return Refused("plan_changed", "that is not the plan of this move: read it again, and approve what it says")
    if event.epoch != move.epoch or move.epoch != region.epoch + 1:
        return Refused("epoch", f"the move takes epoch {move.epoch}, and {region.epoch} is the last one: read it again")
    return _change(
        move,
        state=APPROVED,
        approver=event.approver,
        approved_at=now,
        commit_before=max(now, move.not_before) + COMMIT_WITHIN_SECONDS[move.plan.kind],
    )


def _cancel(event: Cancel, region: Region, move: Move, now: float) -> Writes | Refused:
    if event.principal.role not in event.allowed:
        return Refused("not_allowed", "your role may not cancel a move: it has to be one of those that request or approve")
    if move.state == CANCELLED:
        return Writes()
    if move.state in GIVEN_UP:
        return _ended_before(move)
    why = f"cancelled by {event.principal.session}"
    if move.state in BEFORE_COMMIT:
        return _end(move, CANCELLED, now, why)
    if move.state != COMMITTED or move.plan.kind == PROMOTION or move.is_handed_over:
        return _no_return(move)
    if region.epoch != move.epoch or region.latch_epoch != move.epoch - 1:
        return Refused("damaged", f"the record has epoch {region.epoch} and latch epoch {region.latch_epoch}: repair it first")
    kept = replace(
        region,
        serving=move.left,
        epoch=move.epoch + 1,
        latch_epoch=move.epoch + 1,
        since=now,
        version=region.version + 1,
    )
    ended = _ended(move, CANCELLED, now, why)
    return Writes(region=kept, move=ended, archive=ended)


def _resume(event: Resume, move: Move) -> Writes | Refused:
    if event.principal.role not in event.allowed:
        return Refused("not_allowed", "your role may not resume a move: it has to be one of those that request or approve")
    if event.accepts_loss:
        if event.principal.role not in event.approvers:
            return Refused("not_allowed", "to accept the loss of records your role has to be one of promotion.approvers")
        if event.principal.is_same_person(move.requester):
            return Refused("same_person", "who asked for a move can't accept its loss of records later: another person has to")
        if move.state != COMMITTED or move.plan.kind != PROMOTION:
            return Refused("no_loss", f"loss is accepted later only for a promotion that is committed; this is {move.state}")
    if move.state in UNDER_WAY or move.needs_undo:
        accepted = event.principal.session if event.accepts_loss else move.loss_accepted_by
        return _change(move, execution=event.execution, loss_accepted_by=accepted)
    return Refused("ended", f"move {move.id} is {move.state}: there is nothing to be resumed")


def _commit(region: Region, move: Move, now: float) -> Writes | Refused:
    if move.state in (COMMITTED, COMPLETED):
        return Writes()
    if move.state in GIVEN_UP:
        return _ended_before(move)
    if move.state != APPROVED or move.approver is None or move.plan_hash != move.plan.digest():
        return Refused("not_approved", f"move {move.id} is {move.state}: it has to be approved first")
    if _is_over(move, now):
        return Refused("expired", _VOID)
    if "commit" not in next_step(region, move, now).names:
        return Refused("not_due", "what has to be done before the point of no return is not done")
    stays = _stays(move.plan, region)
    follows = stays or region.latch_epoch == region.epoch
    if move.epoch != region.epoch + 1 or not follows or move.plan.target == region.serving:
        return Refused("epoch", f"the move takes epoch {move.epoch}, and {region.epoch} is the last one: cancel it, ask again")
    taken = replace(
        region,
        epoch=move.epoch,
        serving=move.plan.target,
        latch_epoch=move.epoch if stays else region.latch_epoch,
        since=now,
        by=move.id,
        version=region.version + 1,
    )
    return Writes(
        region=taken, move=replace(move, state=COMMITTED, committed_at=now, left=region.serving, version=move.version + 1)
    )


def _latch(region: Region, move: Move, now: float) -> Writes | Refused:
    if move.state == COMPLETED or (move.state == COMMITTED and region.latch_epoch == move.epoch):
        return Writes()
    if "latch" not in next_step(region, move, now).names:
        return Refused("not_due", "the target is not ready for traffic: no latch is moved before it is")
    if region.epoch != move.epoch or region.latch_epoch != move.epoch - 1:
        return Refused("damaged", f"the record has epoch {region.epoch} and latch epoch {region.latch_epoch}: repair it first")
    return Writes(
        region=replace(region, latch_epoch=move.epoch, version=region.version + 1),
        move=replace(move, version=move.version + 1),
    )


def _step(event: StepStarted | StepNoted | StepFailed | StepDone, region: Region, move: Move, now: float) -> Writes | Refused:
    name, record = event.step, move.step(event.step)
    if record is not None and record.done_at is not None:
        return Writes()
    if name not in next_step(region, move, now).names or name in _WITH_EVENTS:
        if move.state in GIVEN_UP:
            return _ended_before(move)
        not_due = Refused("not_due", f"step {name} is not due: move {move.id} is {move.state}")
        return Refused("expired", _VOID) if _is_over(move, now) else not_due
    if isinstance(event, StepStarted):
        if record is None:
            record = StepRecord(name, now, tried_at=now)
        elif name in _ALONE and record.tried_at is not None and now < record.tried_at + SETTLE_SECONDS:
            return Refused("busy", f"step {name} is being run, or its run has died: it can be run again soon")
        else:
            again = record.tried_at is not None or record.error
            record = replace(record, tries=record.tries + bool(again), error="", tried_at=now)
    elif record is None:
        return Refused("not_due", f"step {name} was not begun")
    elif isinstance(event, StepNoted):
        record = replace(record, note=event.note, tried_at=None if event.ends else record.tried_at)
    elif isinstance(event, StepFailed):
        record = replace(record, error=event.why, note=event.note or record.note, tried_at=None)
    elif name == "latch" and region.latch_epoch != move.epoch:
        return Refused("not_due", "the latch was not moved")
    else:
        record = replace(record, done_at=now, note=event.note or record.note, error="", tried_at=None)
    stopping = move.stopping or (isinstance(event, StepNoted) and event.stops and name == "hand_over")
    return _change(move, steps=(*(each for each in move.steps if each.name != name), record), stopping=stopping)


def _complete(event: Complete, region: Region, move: Move, now: float) -> Writes | Refused:
    if move.state == COMPLETED:
        return Writes()
    if next_step(region, move, now).names != ("report",):
        return Refused("not_due", f"move {move.id} is {move.state}, and not all of it is done")
    return _end(move, COMPLETED, now, "", report=event.report)


#: Steps of which only one run is at work at a time: what a second one does late (stop the instance, demote the member) would
#: undo what came after it. One that has died is waited for, which no other step does.
_ALONE: Final = ("resize", "prepare", "undo", "lower")
#: Steps that are no step of their own but an event.
_WITH_EVENTS: Final = ("preflight", "approval", "expire", "commit", "report")
_VOID: Final = "the approval is void: the point of no return did not come in time"


def _ready(move: Move, graph: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(name for name, first in graph.items() if not move.is_done(name) and all(move.is_done(each) for each in first))


def _is_over(move: Move, now: float) -> bool:
    """Whether the time of a move that isn't committed is over."""
    if move.state == APPROVED:
        return move.commit_before is None or now >= move.commit_before
    return move.state in (REQUESTED, CHECKED) and now >= move.expires_at


def _undo(move: Move, now: float) -> Step:
    """Of a move that was given up. Not before what it began has taken effect: that would be left as it is otherwise."""
    if not move.needs_undo:
        return Step()
    settled = (move.ended_at or 0.0) + SETTLE_SECONDS
    return Step(("undo",)) if now >= settled else Step((), settled)


def _last_act(move: Move) -> float:
    """When a move that has ended did something for the last time, its undoing included."""
    undone = move.step("undo")
    return max(move.ended_at or 0.0, (undone.done_at if undone else None) or 0.0)


def _change(move: Move, **changes: object) -> Writes:
    changed = replace(move, version=move.version + 1, **changes)  # type: ignore[arg-type]
    return Writes(move=changed, archive=changed if changed.ended_at is not None else None)


def _ended(move: Move, state: str, now: float, why: str, report: str = "") -> Move:
    return replace(move, state=state, ended_at=now, why=why, report=report, task_token="", version=move.version + 1)


def _end(move: Move, state: str, now: float, why: str, report: str = "") -> Writes:
    ended = _ended(move, state, now, why, report)
    return Writes(move=ended, archive=ended)


def _ended_before(move: Move) -> Refused:
    return Refused("ended", f"move {move.id} is {move.state}: {move.why}")


def _no_return(move: Move) -> Refused:
    return Refused(
        "committed", f"move {move.id} is {move.state}: past the point of no return; resume it, or move back afterwards"
    )
