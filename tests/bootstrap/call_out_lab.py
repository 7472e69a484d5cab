"""Table and queue of a failover automation in a lab, and a member that has nothing but its call-out and a mere `iris`."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.bootstrap.bare_member import BareMember
from tests.bootstrap.lab.lab import Lab
from tests.bootstrap.lab.wire import Answer, Request

MIRROR_SET = "TRAK"
COMMAND = "/usr/local/bin/iris-call-out"
SERVICE = "iris-call-out.service"
CALL_OUT = {"mirror_set": MIRROR_SET, "member": "a", "takeover_wait_seconds": 1}


_TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "record", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "record", "KeyType": "HASH"}],
}
#: Longer than any test holds requests.
_HELD_SECONDS = 120
_QUEUE = {"FifoQueue": True, "ContentBasedDeduplication": False}


class Automation:
    """The table and the queue, as `FailoverAutomation` defines them; nobody takes messages from the queue.

    Args:
        lab: The lab; hosts that are published from now on are told of both.
        table: Properties of the table, as a template has them; its key and its attributes are taken.
        queue: Properties of the queue; all but encryption and dead letters are taken.
    """

    def __init__(self, lab: Lab, *, table: Mapping[str, Any] = _TABLE, queue: Mapping[str, Any] = _QUEUE) -> None:
        self.lab = lab
        self._table, self._queues = lab.aws.client("dynamodb"), lab.aws.client("sqs")
        self.table = f"epochs-{lab.aws.account}"
        self._table.create_table(TableName=self.table, **{name: table[name] for name in _TABLE})
        attributes = {name: str(value).lower() for name, value in queue.items() if isinstance(value, bool | int)}
        made = self._queues.create_queue(QueueName=f"router-{lab.aws.account}.fifo", Attributes=attributes)
        self.queue = str(made["QueueUrl"])
        lab.call_out = {"table": self.table, "queue": self.queue}

    def item(self, record: str = MIRROR_SET) -> dict[str, Any]:
        """An item, its values without their types; empty if there is none."""
        found = self._table.get_item(TableName=self.table, Key={"record": {"S": record}}).get("Item", {})
        return {name: next(iter(value.values())) for name, value in found.items()}

    def epoch(self) -> int:
        """The epoch of the claim, 0 if there is none."""
        return int(self.item().get("epoch", 0))

    def put(self, record: str = MIRROR_SET, **values: dict[str, str]) -> None:
        """Writes an item as it is."""
        self._table.put_item(TableName=self.table, Item={"record": {"S": record}, **values})

    def claim(self, epoch: int, member: str = "b", instance_id: str = "i-0000000000000000b") -> None:
        """Has a member hold an epoch."""
        who = {"member": {"S": member}, "instance_id": {"S": instance_id}}
        self.put(epoch={"N": str(epoch)}, taken_at={"S": "2026-01-31T10:00:00.123Z"}, **who)

    def route(self, epoch: int, member: str = "a") -> None:
        """Has the router confirm an epoch."""
        self.put(f"{MIRROR_SET}#routed", epoch={"N": str(epoch)}, member={"S": member})

    def clear(self) -> None:
        """Removes all items and messages."""
        for record in (MIRROR_SET, f"{MIRROR_SET}#routed"):
            self._table.delete_item(TableName=self.table, Key={"record": {"S": record}})
        self.messages()

    def messages(self, kind: str = "") -> list[dict[str, Any]]:
        """Takes all messages out of the queue: body, group and deduplication id of each that is of a kind."""
        found: list[dict[str, Any]] = []
        while True:
            got = self._queues.receive_message(
                QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=0, AttributeNames=["All"], VisibilityTimeout=30
            ).get("Messages", [])
            if not got:
                return [each for each in found if kind in ("", each["kind"])]
            for message in got:
                self._queues.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                attributes = message["Attributes"]
                body = json.loads(message["Body"])
                group, number = attributes["MessageGroupId"], attributes["MessageDeduplicationId"]
                found.append({**body, "group": group, "number": number})

    def at_next(self, action: str, do: Callable[[Request, Callable[[], Answer]], Answer]) -> None:
        """Has something else happen with the next request of a kind, which gets the request and what answers it."""
        aws: Any = self.lab.aws
        plain = aws._forward

        def forward(request: Request) -> Answer:
            if request.action != action:
                return plain(request)  # type: ignore[no-any-return]
            aws._forward = plain
            return do(request, lambda: plain(request))

        aws._forward = forward

    @contextmanager
    def held(self, *actions: str) -> Iterator[None]:
        """Has AWS take requests and not answer them before this ends; then each is done, however late that is."""
        aws: Any = self.lab.aws
        plain, go_on = aws._forward, threading.Event()

        def forward(request: Request) -> Answer:
            if request.action in actions:
                go_on.wait(_HELD_SECONDS)
            return plain(request)  # type: ignore[no-any-return]

        aws._forward = forward
        try:
            yield
        finally:
            aws._forward = plain
            go_on.set()


class CallOutMember(BareMember):
    """The member.

    Attributes:
        automation: The table and the queue.
    """

    def __init__(self, lab: Lab, **environment: str) -> None:
        self.automation = Automation(lab)
        described = lab.description("member", call_out=CALL_OUT)
        steps = ["users.users", "call_out.call_out"]
        super().__init__(lab, prepare=steps, description=described, environment=environment)

    def said(self, since: float) -> str:
        """What the program has said in the journal since some time, by the service or by hand."""
        return self.host.run("journalctl", "--no-pager", "-o", "cat", f"--since=@{since:.3f}", "-t", "iris-call-out").output

    def wait_until_said(self, text: str, since: float, seconds: float = 20) -> None:
        """Waits until the program has said something."""
        self.host.wait_until(f"the call-out to say {text!r}", lambda: text in self.said(since), seconds)


def ztimestamp(ago: float = 0) -> str:
    """The time as $ZTIMESTAMP shows it."""
    now = time.time() - ago
    return f"{int(now // 86400) + 47117},{now % 86400:.3f}"
