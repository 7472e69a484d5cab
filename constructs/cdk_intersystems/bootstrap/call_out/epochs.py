"""Where route epochs are taken, and whom a member tells of its own: the table and the queue of a mirror set."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any, Dict, NamedTuple, Optional

from .core import Claim
from .requests import Aws, FailedError, RefusedError
from .said import now

#: Which of AWS's refusals say that somebody else was faster, or writes just now.
_TOO_LATE = ("ConditionalCheckFailedException", "TransactionConflictException")
#: DynamoDB shows numbers without leading zeros, and whole ones of this size without exponent.
_EPOCH = re.compile(r"[1-9][0-9]{0,17}")
_TIME = re.compile(r"[0-9T:.Z-]{20,30}")

_DYNAMODB = "DynamoDB_20120810"
_SQS = "AmazonSQS"
SCHEMA = 1


class Settings(NamedTuple):
    """What stands in /etc/cdk-intersystems/call-out.json.

    Args:
        table: Name of the table.
        queue: URL of the queue.
        mirror_set: Name of the mirror set.
        member: `a` or `b`.
        name: System name of the member.
        instance: Name of the IRIS instance.
    """

    table: str
    queue: str
    mirror_set: str
    member: str
    name: str
    instance: str


class Reading(NamedTuple):
    """What the table says.

    Args:
        claim: The newest claim. If its item was lost, the epoch is the one that was routed last, and it is nobody's.
        there: Whether there is an item of it.
        taken_at: When it was taken; empty if that isn't known.
    """

    claim: Optional[Claim]
    there: bool
    taken_at: str


class Epochs:
    """The table and the queue.

    Args:
        aws: AWS.
        settings: Where they are.
    """

    def __init__(self, aws: Aws, settings: Settings) -> None:
        self._aws = aws
        self._settings = settings

    def read(self) -> Reading:
        """The newest claim, consistently.

        Raises:
            FailedError: The table can't be read, or an item in it is damaged.
        """
        item = self._item(self._settings.mirror_set)
        if item is not None:
            claim = Claim(_epoch(item, "claim"), _text(item, "member"), _text(item, "instance_id"))
            return Reading(claim, True, _text(item, "taken_at", _TIME))
        routed = self.routed()
        return Reading(Claim(routed, "", "") if routed else None, False, "")

    def routed(self) -> int:
        """The epoch that the router has confirmed, 0 if none.

        Raises:
            FailedError: The table can't be read, or the item is damaged.
        """
        item = self._item(f"{self._settings.mirror_set}#routed")
        return _epoch(item, "routed record") if item is not None else 0

    def take(self, claim: Claim, before: Reading, how: str) -> str:
        """Takes an epoch, if what was read is still so.

        Args:
            claim: The claim to be written.
            before: What was read.
            how: How the member came to it: `takeover` or `watch`.

        Returns:
            When it was taken; empty if somebody was faster.

        Raises:
            FailedError: It may have been taken, or not.
        """
        taken_at = now()
        values = {
            ":next": {"N": str(claim.epoch)},
            ":m": {"S": claim.member},
            ":i": {"S": claim.instance_id},
            ":t": {"S": taken_at},
            ":by": {"S": f"{self._settings.name}/{how}"},
        }
        names = {"#member": "member"}
        if before.there and before.claim:
            condition, values[":seen"] = "epoch = :seen", {"N": str(before.claim.epoch)}
        else:
            condition, names["#record"] = "attribute_not_exists(#record)", "record"
        request = {
            "TableName": self._settings.table,
            "Key": {"record": {"S": self._settings.mirror_set}},
            "UpdateExpression": "SET epoch = :next, #member = :m, instance_id = :i, taken_at = :t, taken_by = :by",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
        try:
            self._aws.call("dynamodb", f"{_DYNAMODB}.UpdateItem", request, self._settings.mirror_set)
        except RefusedError as refused:
            if refused.code in _TOO_LATE:
                return ""
            raise
        return taken_at

    def tell(self, claim: Claim, taken_at: str, attempt: int) -> None:
        """Tells the router of a claim.

        Args:
            claim: The claim.
            taken_at: When it was taken.
            attempt: How often the router was told before.

        Raises:
            FailedError: It may have been told, or not.
        """
        mirror_set = self._settings.mirror_set
        body = {"kind": "claim", "member": claim.member, "epoch": claim.epoch, "taken_at": taken_at}
        self._send(body, mirror_set, f"{mirror_set}-{claim.epoch}-{attempt}-{secrets.token_hex(8)}")

    def canary(self) -> None:
        """Sends what shows that the way to the router is open.

        Raises:
            FailedError: It isn't.
        """
        group = f"canary-{self._settings.member}"
        body = {"kind": "canary", "member": self._settings.member, "sent_at": now()}
        self._send(body, group, f"{group}-{secrets.token_hex(8)}")

    def _send(self, body: Dict[str, Any], group: str, number: str) -> None:
        message = {"schema": SCHEMA, "mirror_set": self._settings.mirror_set, **body}
        request = {
            "QueueUrl": self._settings.queue,
            "MessageBody": json.dumps(message),
            "MessageGroupId": group,
            "MessageDeduplicationId": number,
        }
        answer = self._aws.call("sqs", f"{_SQS}.SendMessage", request, group)
        if not isinstance(answer.get("MessageId"), str):
            raise FailedError(f"sqs SendMessage {group}: the answer has no MessageId")

    def _item(self, record: str) -> Optional[Dict[str, Any]]:
        request = {"TableName": self._settings.table, "Key": {"record": {"S": record}}, "ConsistentRead": True}
        item = self._aws.call("dynamodb", f"{_DYNAMODB}.GetItem", request, record).get("Item")
        if item is None or isinstance(item, dict):
            return item
        raise FailedError(f"dynamodb GetItem {record}: the answer has an item that is none")


def _epoch(item: Dict[str, Any], what: str) -> int:
    value = item.get("epoch")
    number = value.get("N") if isinstance(value, dict) else None
    if not isinstance(number, str) or not _EPOCH.fullmatch(number):
        raise FailedError(
            f"the {what} in the table is damaged: its epoch is {str(value)[:60]}; see docs/runbooks/routing-failed.md"
        )
    return int(number)


def _text(item: Dict[str, Any], name: str, wanted: "re.Pattern[str]" = re.compile(r"[A-Za-z0-9-]{1,40}")) -> str:
    """A text of an item; empty if there is none as wanted: a claim of somebody unknown, which the next one replaces."""
    value = item.get(name)
    text = value.get("S") if isinstance(value, dict) else None
    return text if isinstance(text, str) and wanted.fullmatch(text) else ""
