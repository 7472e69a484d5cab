"""The promotion's records as what follows from them: as if it were always `NOW`, and without what decides nothing."""

from collections.abc import Iterator
from dataclasses import replace

from region_promotion.core import SETTLE_SECONDS
from region_promotion.events import Approve, Cancel, Checked, Event, Request
from region_promotion.records import (
    DR,
    FAILBACK,
    PROMOTION,
    Move,
    Plan,
    Principal,
    Region,
    StepRecord,
)

HOME = "primary"
APPROVAL_SECONDS = 1800.0
#: What time it is, in every state: times in the records are moved instead.
NOW = 1_000_000.0
ANNE = Principal("arn:aws:sts::1:assumed-role/Operators/anne", "1/Operators", "anne")
ANNE_AGAIN = Principal("arn:aws:sts::1:assumed-role/Approvers/Anne", "1/Approvers", "Anne")
BOB = Principal("arn:aws:sts::1:assumed-role/Approvers/bob", "1/Approvers", "bob")
EVE = Principal("arn:aws:sts::1:assumed-role/Visitors/eve", "1/Visitors", "eve")
REQUESTERS, APPROVERS = ("1/Operators",), ("1/Approvers",)

#: Steps that act on an instance or on a member so that coming late does harm: when they were begun last has a meaning.
DANGEROUS = ("resize", "lower", "prepare", "undo")


def since(when: float | None, passed: float) -> float | None:
    """A past time, moved; what is longer past than anybody asks for is that long past."""
    return None if when is None else max(when - passed, NOW - SETTLE_SECONDS)


def until(when: float, passed: float) -> float:
    """A time to come, moved; what has come has come now."""
    return max(when - passed, NOW)


def normal(region: Region, move: Move | None, passed: float = 0.0) -> tuple[Region, Move | None]:
    """The records after some seconds."""
    plain = replace(region, version=0, since=0.0)
    if move is None:
        return plain, None
    plan = replace(move.plan, stages=())
    changes = {
        "plan": plan,
        "expires_at": until(move.expires_at, passed),
        "not_before": until(move.not_before, passed),
        "requested_at": 0.0,
        "approved_at": None if move.approved_at is None else 0.0,
        "committed_at": None if move.committed_at is None else 0.0,
        "commit_before": None if move.commit_before is None else until(move.commit_before, passed),
        "ended_at": since(move.ended_at, passed),
        "steps": tuple(sorted((_step(each, passed) for each in move.steps), key=lambda each: each.name)),
        "version": 0,
        "execution": "",
        "reason": "",
        "why": "",
        "report": "",
        "findings": "",
    }
    return plain, replace(move, **changes)  # type: ignore[arg-type]


def _step(record: StepRecord, passed: float) -> StepRecord:
    done = record.done_at if record.name == "undo" else None if record.done_at is None else 0.0
    tried = record.tried_at if record.name in DANGEROUS else None
    return replace(
        record, started_at=0.0, done_at=since(done, passed), tried_at=since(tried, passed), tries=1, note="", error=""
    )


def boundaries(move: Move | None) -> tuple[float, ...]:
    """In how many seconds something is another thing than now, for no other reason than time."""
    if move is None:
        return ()
    times = [move.expires_at, move.not_before, move.commit_before or 0.0]
    if move.ended_at is not None:
        times.append(move.ended_at + SETTLE_SECONDS)
    times += [each.tried_at + SETTLE_SECONDS for each in move.steps if each.tried_at is not None]
    return tuple(sorted({each - NOW for each in times if each > NOW}))


def asked(kind: str, *, loss: bool = False) -> Plan:
    return Plan(kind=kind, mirror_set="TRAK", target=HOME if kind == FAILBACK else DR, accept_data_loss=loss)


def request(number: int, kind: str, *, loss: bool = False) -> Request:
    return Request(f"m{number}", asked(kind, loss=loss), ANNE, REQUESTERS, APPROVAL_SECONDS)


def checked(move: Move, problems: tuple[str, ...] = ()) -> Checked:
    member = "TRAKA" if move.plan.target == HOME else "TRAKC"
    return Checked(move.id, replace(move.plan, member=member, lag_seconds=0.0), problems)


def approval(move: Move) -> Approve:
    return Approve(move.id, move.plan_hash, move.epoch, BOB, APPROVERS)


def forged(region: Region, move: Move) -> Iterator[tuple[str, Event]]:
    """What must never change anything, whatever state a move is in."""
    good = approval(move)
    yield "approved by who asked, under another role", replace(good, approver=ANNE_AGAIN)
    yield "approved by who asked", replace(good, approver=ANNE, allowed=(*APPROVERS, *REQUESTERS))
    yield "approved by somebody without the role", replace(good, approver=EVE)
    yield "approved another plan", replace(good, plan_hash=asked(PROMOTION).digest())
    yield "approved another epoch", replace(good, epoch=move.epoch - 1)
    yield "approved another epoch", replace(good, epoch=move.epoch + 1)
    yield "approved a former move", replace(good, id="m0")
    yield "cancelled by somebody without a role", Cancel(move.id, EVE, (*APPROVERS, *REQUESTERS))
    kind = FAILBACK if region.serving == HOME else PROMOTION
    yield "moved to where it is", request(9, kind)
    yield (
        "asked by somebody without the role",
        replace(request(9, PROMOTION if region.serving == HOME else FAILBACK), requester=EVE),
    )
