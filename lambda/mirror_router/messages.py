"""What wakes the router. A message is never routed by: it says that there may be something to read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .settings import Settings

_SCHEMA = 1
#: SQS takes no larger message, and members send a fraction of this.
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Message:
    """A message, checked.

    Args:
        kind: `claim`, `canary` or `rejected`.
        member: Who sent it.
        epoch: The epoch it tells of; 0 of none.
        sent_at: When it was sent or, of a claim, when that was taken, as it says: ISO 8601.
        why: Why it was rejected.
    """

    kind: str
    member: str = ""
    epoch: int = 0
    sent_at: str = ""
    why: str = ""


def read_message(body: str, settings: Settings) -> Message:
    """Reads a message.

    Args:
        body: Its body, from outside.
        settings: The function's settings.
    """
    if len(body) > _LONGEST:
        return Message("rejected", why=f"it has {len(body)} characters")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return Message("rejected", why="it is not JSON")
    if not isinstance(given, dict) or given.get("schema") != _SCHEMA or given.get("kind") not in ("claim", "canary"):
        return Message("rejected", why="it is no message of a member")
    if given.get("mirror_set") != settings.mirror_set:
        return Message("rejected", why="it is of another mirror set")
    if not isinstance(given.get("member"), str) or given["member"] not in settings.members:
        return Message("rejected", why="it is of a member that there is not")
    return _canary(given) if given["kind"] == "canary" else _claim(given)


def _canary(given: dict[str, Any]) -> Message:
    sent = given.get("sent_at")
    return Message("canary", member=given["member"], sent_at=sent if isinstance(sent, str) else "")


def _claim(given: dict[str, Any]) -> Message:
    epoch, taken = given.get("epoch"), given.get("taken_at")
    if type(epoch) is not int or epoch < 1:
        return Message("rejected", why="it has no epoch")
    return Message("claim", member=given["member"], epoch=epoch, sent_at=taken if isinstance(taken, str) else "")
