"""The route epoch table: who holds the newest epoch, and which one was confirmed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .errors import DamagedRecordError, RoutingError
from .records import claim_of

if TYPE_CHECKING:
    from .core import Claim
    from .patience import Patience
    from .settings import Settings


class Epochs:
    """The records of one mirror set.

    Args:
        dynamodb: A client of DynamoDB.
        settings: The function's settings.
        patience: The time of the run.
    """

    def __init__(self, dynamodb: Any, settings: Settings, patience: Patience) -> None:
        self._dynamodb = dynamodb
        self._table = settings.table
        self._claim_key = {"record": {"S": settings.mirror_set}}
        self._routed_key = {"record": {"S": f"{settings.mirror_set}#routed"}}
        self._members = tuple(settings.members)
        self._patience = patience

    def read(self) -> tuple[Claim | None, Claim | None]:
        """The newest claim and the one that was confirmed last, read consistently; None for one that isn't there.

        Raises:
            DamagedRecordError: One of them can't be what was written, or the epoch went back.
            RoutingError: The table can't be read now.
        """
        keys = {"Keys": [self._claim_key, self._routed_key], "ConsistentRead": True}
        answer = self._call("read the route epoch", self._dynamodb.batch_get_item, RequestItems={self._table: keys})
        if answer.get("UnprocessedKeys"):
            raise RoutingError("DynamoDB did not read all of the route epoch")
        found = {item["record"]["S"]: claim_of(item, self._members) for item in answer["Responses"].get(self._table, [])}
        claim, routed = found.get(self._claim_key["record"]["S"]), found.get(self._routed_key["record"]["S"])
        if claim and routed and claim.epoch < routed.epoch:
            raise DamagedRecordError(f"the claim has epoch {claim.epoch}, though {routed.epoch} was confirmed: it was set back")
        return claim, routed

    def confirm(self, claim: Claim) -> Claim | None:
        """Records that a claim is routed, if it is still the newest one.

        Args:
            claim: The claim.

        Returns:
            The newer claim, if there is one; nothing was recorded then.

        Raises:
            RoutingError: It isn't known whether it was recorded.
        """
        doing = f"confirm epoch {claim.epoch}"
        values = {
            ":e": {"N": str(claim.epoch)},
            ":m": {"S": claim.member},
            ":i": {"S": claim.instance_id},
            ":t": {"S": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")},
        }
        check = {
            "TableName": self._table,
            "Key": self._claim_key,
            "ConditionExpression": "epoch = :e AND instance_id = :i",
            "ExpressionAttributeValues": {":e": values[":e"], ":i": values[":i"]},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        update = {
            "TableName": self._table,
            "Key": self._routed_key,
            "UpdateExpression": "SET epoch = :e, #member = :m, instance_id = :i, routed_at = :t",
            "ExpressionAttributeNames": {"#member": "member"},
            "ExpressionAttributeValues": values,
        }
        try:
            self._call(
                doing, self._dynamodb.transact_write_items, TransactItems=[{"ConditionCheck": check}, {"Update": update}]
            )
        except ClientError as error:
            reasons = error.response.get("CancellationReasons") or []
            if not reasons:
                raise
            if reasons[0].get("Code") == "ConditionalCheckFailed":
                if not reasons[0].get("Item"):
                    raise DamagedRecordError("the claim is gone since it was read") from error
                return claim_of(reasons[0]["Item"], self._members)
            codes = ", ".join(reason.get("Code", "?") for reason in reasons)
            raise RoutingError(f"DynamoDB did not {doing}: {codes}") from error
        return None

    def _call(self, doing: str, action: Any, **request: Any) -> Any:
        try:
            return self._patience.call(doing, action, **request)
        except ClientError as error:
            if error.response.get("CancellationReasons"):
                raise
            code = error.response["Error"]["Code"]
            raise RoutingError(f"DynamoDB refused to {doing}: {code}") from error
