"""The call-out of a member, as it is installed: its decision core is the production one."""

from collections.abc import Callable, Generator

from . import constants
from .aws_api import Api, ApiError
from .clock import Clock, Process, Signal, Wait
from .epoch_table import EpochTable
from .fifo_queue import FifoQueue
from .mirror import Mirror
from .production import Claim
from .production import call_out_core as core

#: Between two looks whether the router has confirmed.
_LOOK_EVERY = 1.0


class CallOut:
    """What a member runs to be routed to.

    Args:
        clock: The clock.
        mirror: The mirror, which is asked for the role.
        table: The epoch table.
        queue: The router's queue.
        dynamodb: How members reach DynamoDB.
        sqs: How members reach SQS.
        instances: The instance id of each member.
        wait: Seconds that a takeover waits for the epoch (`takeover_wait_seconds`).
    """

    def __init__(  # noqa: PLR0917 - what it is made of, in the order of its work
        self,
        clock: Clock,
        mirror: Mirror,
        table: EpochTable,
        queue: FifoQueue,
        dynamodb: Api,
        sqs: Api,
        *,
        instances: dict[str, str],
        wait: float = 1.0,
        name: str = "call-out",
    ) -> None:
        self.instances = instances
        self.wait = wait
        self._clock = clock
        self._mirror = mirror
        self._table = table
        self._queue = queue
        self._dynamodb = dynamodb
        self._sqs = sqs
        self._chance = clock.random(name)
        self._name = name
        self._sent = 0

    def check_become_primary_ok(self, start: Callable[[Process], object], member: str) -> Process:
        """What the routine does: starts the call-out as a job and waits for the epoch, `wait` seconds at most.

        Args:
            start: Starts a job on the member's host.
            member: The member.
        """
        held = Signal()
        start(self.run(member, held))
        if self.wait > 0 and not self.holds(member):
            yield Wait(held, self.wait)
        return None

    def claim_of(self, member: str, epoch: int) -> Claim:
        """The claim of an epoch as this member would write it."""
        return Claim(epoch, member, self.instances[member])

    def holds(self, member: str) -> bool:
        """Whether the newest claim is this member's and its instance's."""
        claim = self._table.claim
        return claim is not None and claim.member == member and claim.instance_id == self.instances[member]

    def run(self, member: str, held: Signal | None = None) -> Process:
        """A call-out until it has ended.

        Args:
            member: The member.
            held: Fired when it holds an epoch.

        Returns:
            `routed`, `superseded` or `not primary`.
        """
        state = core.State(me=core.Claim(0, member, self.instances[member]))
        told_at = self._clock.now
        while (step := core.next_step(state)) is not None:
            if isinstance(step, core.Send):
                told_at = self._clock.now
            try:
                state = yield from self._do(state, step, told_at)
            except ApiError:
                yield self._chance.uniform(0.0, constants.RETRY_MOST)
                if not self._mirror.entitled(member):
                    return "not primary"
                continue
            if state.mine is not None and held is not None:
                held.fire()
                held = None
        return state.ended

    def _do(self, state: core.State, step: core.Step, told_at: float) -> Generator[float | Wait, bool, core.State]:
        if isinstance(step, core.Read):
            newest, _ = yield from self._table.read(self._dynamodb, 1)
            return core.after_read(state, None if newest is None else core.Claim(*_fields(newest)))
        if isinstance(step, core.Ask):
            return core.after_ask(state, self._mirror.entitled(state.me.member))
        if isinstance(step, core.Raise):
            taken = yield from self._table.raise_epoch(self._dynamodb, Claim(*step.claim), step.seen)
            if not taken:
                yield self._chance.uniform(0.0, constants.RETRY_BASE)
            return core.after_raise(state, taken)
        if isinstance(step, core.Send):
            self._sent += 1
            claim, sent = step.claim, self._sent
            yield from self._sqs.call(
                "SendMessage",
                lambda: self._queue.send(claim, "mirror-set", f"{claim.epoch}-{self._name}-{claim.member}-{sent}"),
            )
            return core.after_send(state)
        yield _LOOK_EVERY
        newest, routed = yield from self._table.read(self._dynamodb, 1)
        again = self._clock.now - told_at >= constants.TELL_AGAIN
        return core.after_await(state, 0 if routed is None else routed.epoch, 0 if newest is None else newest.epoch, again)

    def watch(self, member: str) -> Process:
        """The service on a member: a primary for two looks whose claim isn't the newest one claims."""
        looks = 0
        while True:
            yield constants.WATCH_EVERY
            looks = looks + 1 if self._mirror.believes_primary(member) else 0
            if looks >= 3 and not self.holds(member):
                yield from self.run(member)
                looks = 0


def _fields(claim: Claim) -> tuple[int, str, str]:
    return claim.epoch, claim.member, claim.instance_id
