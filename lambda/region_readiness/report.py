"""What the table of the regions' state says of drills, and the report that the function leaves there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .result import OK, UNKNOWN, WARNING, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .settings import Settings

#: Who hasn't rehearsed for so long doesn't know whether it still goes.
_OLDEST_DRILL = timedelta(days=90)
_COMPLETED = "completed"


def read(dynamodb: Any, settings: Settings) -> dict[str, Mapping[str, Any]]:
    """The items that say what was done and who serves: by `state`, `current` and `rehearsal`.

    Args:
        dynamodb: A client of DynamoDB.
        settings: The function's settings.
    """
    name = settings.mirror_set
    keys = {name: "state", f"{name}#current": "current", f"{name}#rehearsal": "rehearsal"}
    request = {settings.table: {"Keys": [{"key": {"S": key}} for key in keys], "ConsistentRead": True}}
    answer = dynamodb.batch_get_item(RequestItems=request)
    return {keys[item["key"]["S"]]: item for item in answer["Responses"].get(settings.table, [])}


def serves_itself(items: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the DR region holds the mirror itself, so that there is nobody it could be behind of."""
    return _text(items.get("state"), "serving") == "dr"


def drill_age(items: Mapping[str, Mapping[str, Any]], now: datetime) -> Result:
    """Whether it was tried of late: by a rehearsal, or by a move between the regions.

    Args:
        items: The table's items.
        now: The time.
    """
    ages = []
    rehearsal, current = items.get("rehearsal"), items.get("current")
    if rehearsal and rehearsal.get("ok", {}).get("BOOL") is True:
        ages.append(_age_of(_text(rehearsal, "completed_at"), now))
    if current and _text(current, "state") == _COMPLETED:
        ages.append(_age_of(_text(current, "approved_at"), now))
    known = [each for each in ages if each is not None]
    if ages and not known:
        return Result(UNKNOWN, "when it was tried last can't be read from the table")
    if not known:
        return Result(WARNING, "it was never tried: rehearse it (cdk-intersystems rehearse)")
    youngest = min(known)
    if youngest > _OLDEST_DRILL:
        return Result(WARNING, f"it was tried {youngest.days} days ago: rehearse it (cdk-intersystems rehearse)")
    return Result(OK, f"it was tried {max(0, youngest.days)} days ago")


def write(dynamodb: Any, settings: Settings, checks: Mapping[str, Result], *, ready: bool, at: datetime) -> None:
    """Leaves the report in the table.

    Args:
        dynamodb: A client of DynamoDB.
        settings: The function's settings.
        checks: What each check said.
        ready: Whether the region is ready.
        at: The time.
    """
    said = {name: {"M": {"result": {"S": each.result}, "says": {"S": each.says[:2000]}}} for name, each in checks.items()}
    dynamodb.put_item(
        TableName=settings.table,
        Item={
            "key": {"S": f"{settings.mirror_set}#readiness"},
            "ready": {"BOOL": ready},
            "at": {"S": at.isoformat(timespec="milliseconds").replace("+00:00", "Z")},
            "checks": {"M": said},
        },
    )


def _text(item: Mapping[str, Any] | None, name: str) -> str:
    return str((item or {}).get(name, {}).get("S", ""))


def _age_of(text: str, now: datetime) -> timedelta | None:
    """How long ago a time was that was written down; None if it can't be read."""
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return now - (at if at.tzinfo else at.replace(tzinfo=UTC))
