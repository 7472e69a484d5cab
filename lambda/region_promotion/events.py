"""What can happen to a move, and what is made of it: see `core.apply`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from .records import Move, Plan, Principal, Region


@dataclass(frozen=True, slots=True)
class Step:
    """What may be done now.

    Args:
        names: The steps; `preflight`, `approval`, `expire`, `commit` and `undo` besides those of the plan. Empty: none.
        wait_until: When there will be some, if it is only a matter of time.
    """

    names: tuple[str, ...] = ()
    wait_until: float | None = None


@dataclass(frozen=True, slots=True)
class Writes:
    """What is to be written, all of it or nothing; empty if it is so already.

    Args:
        region: The region's record.
        move: The record of the move under way.
        archive: A copy of a move that has ended, or was replaced.
    """

    region: Region | None = None
    move: Move | None = None
    archive: Move | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is written.

    Args:
        code: One word for programs.
        message: What is wrong, and what to do.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks for a move. `allowed` are the roles that may, as `<account>/<name>`."""

    id: str
    plan: Plan
    requester: Principal
    allowed: tuple[str, ...]
    approval_seconds: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The preflight has looked: `plan` has member, partner and lag in it, `problems` are what stands against it."""

    id: str
    plan: Plan
    problems: tuple[str, ...] = ()
    findings: str = ""


@dataclass(frozen=True, slots=True)
class Awaiting:
    """The workflow waits for the approval, and can be told of it by its token."""

    id: str
    task_token: str


@dataclass(frozen=True, slots=True)
class Approve:
    """Somebody approves a plan."""

    id: str
    plan_hash: str
    epoch: int
    approver: Principal
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody gives a move up; a planned one even when it is committed, until its primary is being stopped."""

    id: str
    principal: Principal
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resume:
    """Somebody has the workflow run again from where it came to, under another name.

    With `accepts_loss` an approver accepts, past the point of no return, that records that were not copied are lost: for a
    promotion that was approved with a former member's journals, which then went too.
    """

    id: str
    principal: Principal
    allowed: tuple[str, ...]
    execution: str
    accepts_loss: bool = False
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expire:
    """Its time may be over."""

    id: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """A step before the point of no return can't be done."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Commit:
    """The point of no return."""

    id: str


@dataclass(frozen=True, slots=True)
class Latch:
    """The traffic may go to the target."""

    id: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A run of a step is about to act."""

    id: str
    step: str


@dataclass(frozen=True, slots=True)
class StepNoted:
    """A step has come so far; `ends`: this run of it does nothing more; `stops`: it is about to stop the primary."""

    id: str
    step: str
    note: str
    ends: bool = False
    stops: bool = False


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step has failed, and will be tried again."""

    id: str
    step: str
    why: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step is done."""

    id: str
    step: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Complete:
    """All is done."""

    id: str
    report: str = ""


Event: TypeAlias = (
    Request
    | Checked
    | Awaiting
    | Approve
    | Cancel
    | Resume
    | Expire
    | Refuse
    | Commit
    | Latch
    | StepStarted
    | StepNoted
    | StepFailed
    | StepDone
    | Complete
)
