"""The two records of a mirror set in the table `RegionState`: which region serves, and the move that is under way."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

PROMOTION: Final = "promotion"
"""The serving region is lost, or given up."""

SWITCHOVER: Final = "switchover"
"""Planned, from the home region to DR; loses nothing or is refused."""

FAILBACK: Final = "failback"
"""Planned, back to the home region; loses nothing or is refused."""

KINDS: Final = (PROMOTION, SWITCHOVER, FAILBACK)

DR: Final = "dr"

REQUESTED, CHECKED, APPROVED, COMMITTED, COMPLETED = "requested", "checked", "approved", "committed", "completed"
CANCELLED, EXPIRED, REFUSED = "cancelled", "expired", "refused"
BEFORE_COMMIT: Final = (REQUESTED, CHECKED, APPROVED)
UNDER_WAY: Final = (*BEFORE_COMMIT, COMMITTED)
GIVEN_UP: Final = (CANCELLED, EXPIRED, REFUSED)
ABANDONED: Final = "abandoned"
"""Of the copy of a fail-back in whose place a promotion was asked for; never of the move that is under way."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, as the signature of the call says.

    Args:
        arn: The whole ARN: `arn:aws:sts::123456789012:assumed-role/Operators/anne`.
        role: The role, as `<account>/<name>`.
        session: Name of the session.
    """

    arn: str
    role: str
    session: str

    def is_same_person(self, other: Principal) -> bool:
        """Whether two callers have to be taken for one person, in whatever roles."""
        return self.arn == other.arn or self.session.casefold() == other.session.casefold()


@dataclass(frozen=True, slots=True)
class Region:
    """Which region serves.

    Args:
        serving: `primary`, `dr` or `on_premises`.
        epoch: Raised by one with each committed move.
        latch_epoch: The epoch whose region may have the traffic: `epoch`, or the one before until its latch is moved.
        version: Raised by one with each write.
        since: When the epoch was taken.
        by: Id of the move that took it.
    """

    serving: str
    epoch: int = 0
    latch_epoch: int = 0
    version: int = 0
    since: float = 0.0
    by: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is going to be done, and what a person approves.

    Args:
        kind: One of `KINDS`.
        mirror_set: The mirror set.
        target: The region that is to serve.
        accept_data_loss: Whether the requester has accepted that records that were not copied are lost.
        member: System name of the member that is to become primary; empty until it is checked.
        partner: `auto`: it gets the newest journals from a former member's agent. `none`: not all of them can be reached.
        lag_seconds: How far the member was behind when it was checked. None: not known.
        stages: The steps.
    """

    kind: str
    mirror_set: str
    target: str
    accept_data_loss: bool = False
    member: str = ""
    partner: str = "auto"
    lag_seconds: float | None = None
    stages: tuple[str, ...] = ()

    def digest(self) -> str:
        """The plan as a number that only this plan has."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StepRecord:
    """How far a step has come.

    Args:
        name: Its name.
        started_at: When it was begun first.
        done_at: When it was done. None: it isn't.
        tries: How often it was begun.
        note: What is known of it, JSON.
        error: Why it failed the last time; empty if it didn't.
        tried_at: When the run began that is at work, or has died. None: none is.
    """

    name: str
    started_at: float
    done_at: float | None = None
    tries: int = 1
    note: str = ""
    error: str = ""
    tried_at: float | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A move between regions: promotion, switchover or fail-back.

    Args:
        id: Its name, never used before.
        plan: What is done.
        plan_hash: `plan.digest()`. It is another one when the plan was checked: what is approved is the checked plan.
        epoch: The epoch that it takes.
        requester: Who asked for it.
        requested_at: When.
        expires_at: When it can't be approved any more.
        not_before: When what the move before it began is over.
        reason: Why, in the requester's words.
        state: One of the states above.
        version: Raised by one with each write, and by the next move.
        approver: Who approved it.
        approved_at: When.
        commit_before: When the approval is void.
        committed_at: When it became irrevocable.
        ended_at: When it came to its end.
        why: Why it was refused, cancelled or expired.
        findings: What the preflight found, JSON.
        task_token: By what the workflow is told that it was approved.
        execution: Name of the workflow's execution.
        steps: How far each step has come.
        report: What it came to, JSON.
        left: The region that served until it was committed.
        stopping: Whether the primary of a planned move is being stopped.
        loss_accepted_by: Who has accepted the loss of records after the point of no return; empty if nobody has.
        prepared: The member that the move before had prepared and that was not undone; given up, this one owes it.
    """

    id: str
    plan: Plan
    plan_hash: str
    epoch: int
    requester: Principal
    requested_at: float
    expires_at: float
    not_before: float = 0.0
    reason: str = ""
    state: str = REQUESTED
    version: int = 1
    approver: Principal | None = None
    approved_at: float | None = None
    commit_before: float | None = None
    committed_at: float | None = None
    ended_at: float | None = None
    why: str = ""
    findings: str = ""
    task_token: str = ""
    execution: str = ""
    steps: tuple[StepRecord, ...] = ()
    report: str = ""
    left: str = ""
    stopping: bool = False
    loss_accepted_by: str = ""
    prepared: str = ""

    @property
    def accepts_loss(self) -> bool:
        """Whether the loss of records was accepted, in the request or later."""
        return self.plan.accept_data_loss or bool(self.loss_accepted_by)

    def step(self, name: str) -> StepRecord | None:
        """How far a step has come; None if it was not begun."""
        return next((each for each in self.steps if each.name == name), None)

    def is_done(self, name: str) -> bool:
        """Whether a step is done."""
        record = self.step(name)
        return record is not None and record.done_at is not None

    @property
    def is_handed_over(self) -> bool:
        """Whether the primary of a planned move is being stopped, or the target has taken over: it can't be taken back then."""
        return self.stopping or self.is_done("hand_over")

    @property
    def needs_undo(self) -> bool:
        """Whether it was given up after it, or the one before, had made a failover member of one that was to become primary."""
        prepared = self.prepared or self.step("prepare") is not None
        return self.state in GIVEN_UP and bool(prepared) and not self.is_done("undo")

    @property
    def to_undo(self) -> str:
        """System name of the member that was prepared."""
        return self.prepared or self.plan.member
