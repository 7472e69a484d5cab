"""The table of the regions' state: what it says of the latch and of a move, and the watch's note of what was carried."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .errors import DamagedRecordError, LatchError, MoveError
from .records import approved_at_of, confirmed_of, state_of

if TYPE_CHECKING:
    from .core import Want
    from .records import RegionState


class StateTable:
    """The records of one mirror set.

    Args:
        dynamodb: A client of DynamoDB.
        table: Name of the table.
        mirror_set: Name of the mirror set.
    """

    def __init__(self, dynamodb: Any, table: str, mirror_set: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._state_key = {"key": {"S": mirror_set}}
        self._latch_key = {"key": {"S": f"{mirror_set}#latch"}}
        self._move_key = {"key": {"S": f"{mirror_set}#current"}}
        self._last: RegionState | None = None

    @property
    def last(self) -> RegionState | None:
        """What was read last, for whoever tells of it."""
        return self._last

    def read(self) -> tuple[Want, Want | None]:
        """What the table says of the latch, and what was confirmed last, read consistently.

        Raises:
            DamagedRecordError: The state can't be what was written, or its epoch went back.
            LatchError: The table can't be read now.
        """
        # In one transaction: of two separate reads the note could be the newer one, and the state look as if it was set back.
        keys = (self._state_key, self._latch_key)
        gets = [{"Get": {"TableName": self._table, "Key": key}} for key in keys]
        try:
            answer = self._dynamodb.transact_get_items(TransactItems=gets)
        except (ClientError, BotoCoreError) as error:
            raise LatchError(f"the regions' state can't be read: {error}") from error
        state_item, note = (each.get("Item") for each in answer["Responses"])
        self._last = None
        state, confirmed = state_of(state_item), confirmed_of(note)
        want = state.want
        if confirmed and want.epoch < confirmed.epoch:
            raise DamagedRecordError(
                f"the latch has epoch {want.epoch}, though {confirmed.epoch} was carried: the state was set back"
            )
        if confirmed and want.epoch == confirmed.epoch and want != confirmed:
            raise DamagedRecordError(f"the latch of epoch {want.epoch} was turned without a newer epoch")
        self._last = state
        return want, confirmed

    def approved_at(self) -> float | None:
        """When the move was approved that is under way, in seconds since 1970; None: none is, or it wasn't approved yet.

        Raises:
            MoveError: It can't be read now, or doesn't say.
        """
        try:
            answer = self._dynamodb.get_item(
                TableName=self._table,
                Key=self._move_key,
                ConsistentRead=True,
                # The record holds more than the watch has to know.
                ProjectionExpression="approved_at, ended_at",
            )
        except (ClientError, BotoCoreError) as error:
            raise MoveError(f"the record of the move can't be read: {error}") from error
        return approved_at_of(answer.get("Item"))

    def confirm(self, want: Want) -> bool:
        """Notes that the latch was carried, if the table still says so. Whether it does.

        Args:
            want: What was carried.

        Raises:
            LatchError: It isn't known whether it was noted.
        """
        assert self._last is not None
        check: dict[str, Any] = {"TableName": self._table, "Key": self._state_key}
        if self._last.epoch == 0:
            # No promotion yet: the record may not be there at all.
            check["ConditionExpression"] = "attribute_not_exists(epoch) OR epoch = :epoch"
            check["ExpressionAttributeValues"] = {":epoch": {"N": "0"}}
        else:
            missing = " OR attribute_not_exists(latch_epoch)" if self._last.latch_epoch == 0 else ""
            check["ConditionExpression"] = f"epoch = :epoch AND (latch_epoch = :latch{missing})"
            check["ExpressionAttributeValues"] = {
                ":epoch": {"N": str(self._last.epoch)},
                ":latch": {"N": str(self._last.latch_epoch)},
            }
        update = {
            "TableName": self._table,
            "Key": self._latch_key,
            "UpdateExpression": "SET epoch = :epoch, held_by_dr = :held, delivered_at = :at",
            "ExpressionAttributeValues": {
                ":epoch": {"N": str(want.epoch)},
                ":held": {"BOOL": want.held_by_dr},
                ":at": {"S": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")},
            },
        }
        try:
            self._dynamodb.transact_write_items(TransactItems=[{"ConditionCheck": check}, {"Update": update}])
        except ClientError as error:
            reasons = [reason.get("Code", "?") for reason in error.response.get("CancellationReasons") or []]
            if reasons and reasons[0] == "ConditionalCheckFailed":
                return False
            raise LatchError(f"it isn't known whether epoch {want.epoch} was confirmed: {error} {reasons}") from error
        except BotoCoreError as error:
            raise LatchError(f"it isn't known whether epoch {want.epoch} was confirmed: {error}") from error
        return True
