"""What the API of the DR region says of the regions and of a move, as commands need it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cdk_intersystems.configuration import DrRegion

from .main import OK, REFUSED, WAITING

WORDS = {"promotion": "promotion", "switchover": "switchover", "failback": "fail-back"}
ENDED = ("completed", "cancelled", "expired", "refused")
BEFORE_APPROVAL = ("requested", "checked")
PLACES = {"primary": "the primary region", "dr": "the DR region", "on_premises": "the premises"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A step of a move, and how far it has come.

    Args:
        name: Its name.
        state: `waiting`, `running`, `failed` (it is tried again) or `done`.
        seconds: How long it took, or has taken. None: it wasn't begun.
        tries: How often it was begun.
        error: Why it failed the last time.
    """

    name: str
    state: str = "waiting"
    seconds: float | None = None
    tries: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A move between regions.

    Args:
        id: Its id.
        kind: `promotion`, `switchover` or `failback`.
        state: How far it has come.
        plan: What is done.
        plan_hash: What an approval is bound to.
        epoch: The epoch that it takes.
        requester: ARN of who asked for it.
        approver: ARN of who approved it.
        expires_at: When it can't be approved any more.
        why: Why it was refused, cancelled or has expired.
        stages: Its steps, in order.
        report: What it came to.
    """

    id: str
    kind: str
    state: str
    plan: Mapping[str, Any]
    plan_hash: str
    epoch: int
    requester: str
    approver: str
    expires_at: datetime | None
    why: str
    stages: tuple[Stage, ...]
    report: Mapping[str, Any]

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in ENDED

    @property
    def loses(self) -> bool:
        """Whether its requester has accepted the loss of what was not copied."""
        return bool(self.plan.get("accept_data_loss"))

    def exit_code(self) -> int:
        """The exit code of a command that leaves it in this state."""
        if self.state in BEFORE_APPROVAL:
            return WAITING
        return REFUSED if self.state in ENDED and self.state != "completed" else OK


def move_of(answer: Mapping[str, Any], now: datetime) -> Move | None:
    """The move that is under way, or the last one; None if there was none.

    Args:
        answer: The answer of `GET /moves/current`.
        now: The time.
    """
    found = answer.get("move")
    if not isinstance(found, dict):
        return None
    steps = _mapping(found.get("steps"))
    names = [str(name) for name in found.get("stages") or ()]
    # The plan names its steps; what else was begun (preflight, approval, undo) is told as well.
    extra = [name for name in steps if name not in names]
    return Move(
        id=str(found.get("id", "")),
        kind=str(found.get("kind", "")),
        state=str(found.get("state", "")),
        plan=_mapping(found.get("plan")),
        plan_hash=str(found.get("plan_hash", "")),
        epoch=int(found.get("epoch", 0)),
        requester=_who(found.get("requester")),
        approver=_who(found.get("approver")),
        expires_at=time_of(found.get("expires_at")),
        why=str(found.get("why") or ""),
        stages=tuple(_stage(name, _mapping(steps.get(name)), now) for name in [*extra, *names]),
        report=_mapping(found.get("report")),
    )


def time_of(value: object) -> datetime | None:
    """A point in time, written as seconds since 1970 or as ISO 8601; None if it is none."""
    if isinstance(value, bool) or value in (None, "", 0):
        return None
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        return None


def place(role: str, dr: DrRegion, primary: str | None) -> str:
    """A region in words: `eu-west-1 (dr)`."""
    name = {"dr": dr.region, "primary": primary}.get(role)
    return f"{name} ({role})" if name else PLACES.get(role, role)


def _stage(name: str, record: Mapping[str, Any], now: datetime) -> Stage:
    started, done = time_of(record.get("started_at")), time_of(record.get("done_at"))
    if started is None:
        return Stage(name=name)
    error = str(record.get("error") or "")
    state = "done" if done else "failed" if error else "running"
    seconds = max(0.0, ((done or now) - started).total_seconds())
    return Stage(name=name, state=state, seconds=seconds, tries=int(record.get("tries") or 1), error="" if done else error)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _who(value: object) -> str:
    return str(_mapping(value).get("arn", "")) if isinstance(value, dict) else str(value or "")
