"""The table `RegionState`: reads both records at once, and writes them only if nobody else has meanwhile."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .core import apply
from .errors import MoveRefusedError, StepError
from .events import Refused, Writes
from .items import KEY, move_item, move_of, region_item, region_of
from .records import Region

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import Event
    from .records import Move
    from .settings import Settings

#: Two branches of a workflow, a person, and the watch of the workflow write at the same time, now and then.
_TRIES = 20
_WAIT_SECONDS = 0.2
_OVERTAKEN = ("ConditionalCheckFailed", "TransactionConflict")


class StateTable:
    """The records of one mirror set.

    Args:
        dynamodb: A client of DynamoDB.
        settings: The function's settings.
        clock: Tells seconds since 1970.
    """

    def __init__(self, dynamodb: Any, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._dynamodb = dynamodb
        self._table = settings.table
        self._home = settings.home
        self._name = settings.mirror_set
        self.clock = clock

    def read(self) -> tuple[Region, Move | None]:
        """Which region serves, and the move that is under way or was the last, both as they were at one moment.

        Raises:
            DamagedRecordError: One of them can't be what was written.
            StepError: They can't be read now.
        """
        region, move = self._get(self._name, f"{self._name}#current")
        return region_of(region) if region else Region(self._home), move_of(move) if move else None

    def change(self, event: Event) -> tuple[Region, Move]:
        """Has an event take effect.

        Args:
            event: The event.

        Returns:
            The records as they are then.

        Raises:
            MoveRefusedError: It may not.
            StepError: It isn't known whether it did.
        """
        for _ in range(_TRIES):
            region, move = self.read()
            answer = apply(event, region, move, self.clock())
            if isinstance(answer, Refused):
                raise MoveRefusedError(answer.code, answer.message)
            if self._write(answer, region, move):
                after = answer.move or move
                assert after is not None
                return answer.region or region, after
            time.sleep(random.uniform(0, _WAIT_SECONDS))  # noqa: S311 (not a secret)
        raise StepError(f"others were always faster, {_TRIES} times")

    def item(self, suffix: str) -> dict[str, Any] | None:
        """Another item of the mirror set, such as `latch` or `readiness`; None if it isn't there."""
        answer = self._dynamodb.get_item(TableName=self._table, Key={KEY: {"S": f"{self._name}#{suffix}"}}, ConsistentRead=True)
        found: dict[str, Any] | None = answer.get("Item")
        return found

    def add_endpoints(self, move: str, called: set[tuple[str, bool]]) -> None:
        """Puts endpoints that were called for a move on record.

        Args:
            move: Its id.
            called: Each with whether it was required.
        """
        groups = {
            name: sorted(endpoint for endpoint, required in called if required == wanted)
            for name, wanted in (("required", True), ("optional", False))
        }
        values = {f":{name}": {"SS": found} for name, found in groups.items() if found}
        if values:
            self._dynamodb.update_item(
                TableName=self._table,
                Key={KEY: {"S": f"{self._name}#move#{move}#endpoints"}},
                UpdateExpression="ADD " + ", ".join(f"#{name[1:]} {name}" for name in values),
                ExpressionAttributeNames={f"#{name[1:]}": name[1:] for name in values},
                ExpressionAttributeValues=values,
            )

    def endpoints(self, move: str) -> list[dict[str, Any]]:
        """The endpoints that were called for a move, each with whether it was required.

        Args:
            move: Its id.
        """
        item = self.item(f"move#{move}#endpoints") or {}
        required = set(item.get("required", {}).get("SS", ()))
        optional = set(item.get("optional", {}).get("SS", ()))
        return [{"endpoint": each, "required": each in required} for each in sorted(required | optional)]

    def _get(self, *keys: str) -> list[dict[str, Any] | None]:
        asked = [{"Get": {"TableName": self._table, "Key": {KEY: {"S": key}}}} for key in keys]
        for _ in range(_TRIES):
            try:
                answer = self._dynamodb.transact_get_items(TransactItems=asked)
            except ClientError as error:
                if not _overtaken(error):
                    raise
                time.sleep(random.uniform(0, _WAIT_SECONDS))  # noqa: S311 (not a secret)
                continue
            return [each.get("Item") or None for each in answer["Responses"]]
        raise StepError("the records were always being written")

    def _write(self, writes: Writes, region: Region, move: Move | None) -> bool:
        """Writes all of it if both records are still those; whether they were."""
        if writes == Writes():
            return True
        current = f"{self._name}#current"
        items: list[dict[str, Any]] = []
        if writes.region:
            items.append(self._put(region_item(self._name, writes.region), region.version))
        else:
            check = {"TableName": self._table, "Key": {KEY: {"S": self._name}}, **_condition(region.version)}
            items.append({"ConditionCheck": check})
        if writes.move:
            items.append(self._put(move_item(current, writes.move), move.version if move else 0))
        if writes.archive:
            item = move_item(f"{self._name}#move#{writes.archive.id}", writes.archive)
            items.append({"Put": {"TableName": self._table, "Item": item}})
        try:
            self._dynamodb.transact_write_items(TransactItems=items)
        except ClientError as error:
            if _overtaken(error):
                return False
            raise
        return True

    def _put(self, item: dict[str, Any], version: int) -> dict[str, Any]:
        return {"Put": {"TableName": self._table, "Item": item, **_condition(version)}}


def _condition(version: int) -> dict[str, Any]:
    """That a record still has a version; 0: that there is none."""
    names = {"ExpressionAttributeNames": {"#version": "version"}}
    if not version:
        return {"ConditionExpression": "attribute_not_exists(#version)", **names}
    return {"ConditionExpression": "#version = :v", "ExpressionAttributeValues": {":v": {"N": str(version)}}, **names}


def _overtaken(error: ClientError) -> bool:
    if error.response["Error"]["Code"] == "TransactionInProgressException":
        return True
    codes = {reason.get("Code") for reason in error.response.get("CancellationReasons") or ()} - {"None", None}
    return bool(codes) and codes <= set(_OVERTAKEN)
