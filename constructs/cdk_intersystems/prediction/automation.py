"""The failover automation of one mirror set: table, queue, function, and what the members run, put together."""

from functools import partial
from typing import Any

from . import constants
from .aws_api import Api
from .call_out import CallOut
from .clock import Clock, Process, Task
from .contacts import MEMBERS
from .epoch_table import EpochTable
from .fifo_queue import FifoQueue
from .function import Function
from .hosts import Network
from .mirror import Mirror
from .router import Gateway, Router, each_minute

#: The instance of each member; a member whose host was replaced has another one.
INSTANCES = {"a": "i-0000000000000000a", "b": "i-0000000000000000b"}


class Automation:
    """What makes one endpoint follow the primary. Member a holds epoch 1, and it is confirmed.

    Args:
        clock: The clock.
        network: The members' network.
        mirror: The mirror, at whose takeover the call-out starts.
        gateway: What the router writes; None: nothing.
        wait: Seconds that a takeover waits for its epoch.
        name: Names its streams of chance, so that several in one world don't disturb each other.
        watch: Whether the members' watch runs.
        reconcile: Whether the function is invoked each minute.
    """

    def __init__(
        self,
        clock: Clock,
        network: Network,
        mirror: Mirror,
        gateway: Gateway | None,
        *,
        wait: float = 1.0,
        name: str = "automation",
        watch: bool = True,
        reconcile: bool = True,
    ) -> None:
        self.table = EpochTable(clock)
        self.member_dynamodb = Api(clock, f"{name}/member-dynamodb", constants.DYNAMODB_CALL)
        self.member_sqs = Api(clock, f"{name}/member-sqs", constants.SQS_SEND)
        self.router_dynamodb = Api(clock, f"{name}/router-dynamodb", constants.DYNAMODB_CALL)
        self.router = Router(self.table, self.router_dynamodb, gateway)
        self.function = Function(clock, self._invocation, name=f"{name}/function")
        self.queue = FifoQueue(clock, self.function, name=f"{name}/queue")
        self.call_out = CallOut(
            clock,
            mirror,
            self.table,
            self.queue,
            self.member_dynamodb,
            self.member_sqs,
            instances=dict(INSTANCES),
            wait=wait,
            name=f"{name}/call-out",
        )
        self.name = name
        self._network = network
        self._clock = clock
        first = self.call_out.claim_of("a", 1)
        self.table.claim = self.table.routed = first
        mirror.hooks.append(self._hook)
        self.watches: dict[str, Task] = {}
        if watch:
            for member in MEMBERS:
                self.start_watch(member)
        if reconcile:
            clock.start(each_minute(clock, partial(self.function.invoke, "reconcile"), f"{name}/schedule"))

    def start_watch(self, member: str) -> None:
        """Start a member's watch, as systemd does when its host starts."""
        self.watches[member] = self._network.hosts[member].start(self.call_out.watch(member))

    def unreachable(self, unreachable: bool) -> None:
        """Whether the members reach neither DynamoDB nor SQS."""
        self.member_dynamodb.unreachable = self.member_sqs.unreachable = unreachable

    def _hook(self, member: str) -> Process:
        start = self._network.hosts[member].start
        return self.call_out.check_become_primary_ok(start, member)

    def _invocation(self, event: Any) -> Process:
        return self.router.run(event)
