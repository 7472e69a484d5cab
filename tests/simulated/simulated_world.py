"""A mirror set whose router leads route tables and a listener, on a virtual clock, with what can go wrong and what must hold.

Everything that decides is the production code: the cores of the router and of the call-out. The rest is the simulator's.
"""

from collections.abc import Generator
from typing import Any

from cdk_intersystems.prediction import constants
from cdk_intersystems.prediction.automation import Automation
from cdk_intersystems.prediction.aws_api import Api
from cdk_intersystems.prediction.clock import Clock, Wait
from cdk_intersystems.prediction.contacts import ARBITER, MEMBERS
from cdk_intersystems.prediction.hosts import Network
from cdk_intersystems.prediction.load_balancer import Listener
from cdk_intersystems.prediction.mirror import Mirror
from cdk_intersystems.prediction.production import Claim
from cdk_intersystems.prediction.route_tables import RouteTables
from cdk_intersystems.prediction.span import Span

#: After the last fault has healed and the mirror has settled, everything is as it should be within this (I12). A write that was
#: on its way when the reconciler looked waits for the reconciler's next run: two minutes, and the time of a run.
BUDGET = 2 * constants.RECONCILE_EVERY + constants.FUNCTION_TIMEOUT
LINKS = (("a", "b"), ("a", ARBITER), ("b", ARBITER))


class Places:
    """What the router writes, as one gateway: route tables first, then the listener."""

    def __init__(self, routes: RouteTables, listener: Listener) -> None:
        self.routes, self.listener = routes, listener
        #: Seconds for which the next run stands still that is about to write.
        self.stall = 0.0

    def wrong(self, claim: Claim) -> Generator[float | Wait, bool, tuple[str, ...]]:
        return (*(yield from self.routes.wrong(claim)), *(yield from self.listener.wrong(claim)))

    def point(self, claim: Claim, places: tuple[str, ...]) -> Generator[float | Wait, bool, None]:
        if stall := self.stall:
            self.stall = 0.0
            yield stall
        if tables := tuple(name for name in places if name != Listener.NAME):
            yield from self.routes.point(claim, tables)
        if Listener.NAME in places:
            yield from self.listener.point(claim, (Listener.NAME,))


class SimulatedWorld:
    """The world.

    Args:
        seed: What all its chance follows from.
    """

    #: What a stack update does to the VIP's routes: nothing, they aren't in the template. A mutation puts them there.
    template_has_routes = False
    #: Whether the router looks each minute.
    reconcile = True
    #: What a call of EC2 and of Elastic Load Balancing takes.
    ec2_call, elb_call, api_limit = constants.EC2_CALL, constants.ELB_CALL, 5.0
    #: A listener that a stack update has set back is right again within this. EventBridge's own way isn't in it, and what is
    #: written is what counts: it takes the propagation of a listener until it is in force.
    after_update = 10.0

    def __init__(self, seed: int) -> None:
        self.clock = Clock(seed)
        self.network = Network(self.clock)
        for name, zone in (("a", "first"), ("b", "second"), (ARBITER, "third")):
            self.network.add(name, zone)
        self.mirror = Mirror(self.clock, self.network)
        self.ec2 = Api(self.clock, "ec2", self.ec2_call, limit=self.api_limit)
        self.elb = Api(self.clock, "elb", self.elb_call, limit=self.api_limit)
        self.routes = RouteTables(self.clock, self.ec2, ["rtb-0", "rtb-1", "rtb-2"])
        self.listener = Listener(self.clock, self.elb)
        self.places = Places(self.routes, self.listener)
        self.automation = Automation(
            self.clock,
            self.network,
            self.mirror,
            self.places,
            reconcile=self.reconcile,
        )
        self.apis = {
            "ec2": self.ec2,
            "elb": self.elb,
            "router-dynamodb": self.automation.router_dynamodb,
            "member-dynamodb": self.automation.member_dynamodb,
            "member-sqs": self.automation.member_sqs,
        }
        self.sent: list[Claim] = []
        #: How often a batch was handed to the function with a message that it had had before.
        self.redeliveries = 0
        self.disturbed_at = 0.0
        #: Whether only the reconciler will notice something: a run died, a write may be late, or somebody else has written.
        self.owed = False
        self._failures = 0
        self._had_route: set[str] = set()
        self._checked = 0
        self._highest, self._confirmed = 1, 1
        self._listen_to_the_queue()

    def _listen_to_the_queue(self) -> None:
        queue = self.automation.queue
        send = queue.send

        def note(body: Claim, group: str, deduplication: str) -> bool:
            new = send(body, group, deduplication)
            if new:
                self.sent.append(body)
            return new

        queue.send = note  # type: ignore[method-assign, assignment]
        invoke = self.automation.function.invoke

        def count(event: Any, *more: Any) -> bool:
            if isinstance(event, list):
                waiting = queue.waiting.get("mirror-set", [])
                self.redeliveries += any(message.receives > 1 for message in waiting[: len(event)])
            return invoke(event, *more)

        self.automation.function.invoke = count  # type: ignore[method-assign]

    # --- What happens ---------------------------------------------------------------------------------------------------------

    def disturb(self) -> None:
        """Somebody has done something."""
        self.disturbed_at = self.clock.now

    def power_on(self, member: str) -> None:
        """A host comes back: IRIS and the watch start with it."""
        self.network.boot(member)
        if self.automation.watches[member].done:
            self.automation.start_watch(member)
        self.mirror.start(member)

    def send_again(self, index: int) -> bool:
        """A message that was sent is there once more, as new. Whether there was one."""
        if not self.sent:
            return False
        claim = self.sent[index % len(self.sent)]
        return self.automation.queue.send(claim, "mirror-set", f"again-{self.clock.now}-{index}-{len(self.sent)}")

    def deploy(self, *, listener: bool, table: bool, code: bool) -> None:
        """A stack update, and the event that tells the router of it.

        Args:
            listener: Whether CloudFormation writes the listener's action, as its template has it.
            table: Whether there is a route table more, without a route.
            code: Whether the function is another version: its environments are new.
        """
        if listener:
            self.listener.modify("a")
        if table and len(self.routes.names) < 6:
            name = f"rtb-{len(self.routes.names)}"
            self.routes.names = (*self.routes.names, name)
            self.routes.written[name] = self.routes.in_force[name] = None
        if self.template_has_routes:
            for name in self.routes.names:
                self.routes.replace(name, "a")
        if code:
            self.automation.function.cool_down()
        self.owed |= not self.automation.function.invoke("stack update")

    def heal(self) -> None:
        """Every fault ends: AWS answers, hosts run and reach each other, members are started."""
        for api in self.apis.values():
            api.unreachable, api.throttled, api.delay = False, 0.0, 0.0
            api.forbidden.clear()
        self.automation.queue.delay = self.places.stall = 0.0
        self.network.join()
        for name in (*MEMBERS, ARBITER):
            self.network.thaw(name)
            self.network.boot(name)
        for member in MEMBERS:
            self.power_on(member)
        self.disturb()

    # --- What must hold -------------------------------------------------------------------------------------------------------

    @property
    def leads(self) -> dict[str, str | None]:
        """Where each place leads, as AWS's APIs say it."""
        return {**self.routes.written, Listener.NAME: self.listener.written}

    @property
    def healthy(self) -> bool:
        """Whether AWS answers everybody as it should."""
        faults = (api.unreachable or api.throttled or api.delay or api.forbidden for api in self.apis.values())
        return not (any(faults) or self.automation.queue.delay or self.places.stall)

    @property
    def calm_for(self) -> float:
        """Seconds since anything was done to the world, and since the mirror last changed; 0 while AWS isn't healthy."""
        changed = self.mirror.log[-1][0] if self.mirror.log else 0.0
        return self.clock.now - max(self.disturbed_at, changed) if self.healthy else 0.0

    def check(self) -> None:
        """Everything that holds after each step."""
        self._check_history()
        self._check_routes()
        self._check_messages()
        assert len(self.automation.function.running) <= constants.RESERVED_CONCURRENCY
        self._check_idle()
        if self.calm_for > BUDGET:
            self.check_converged()
            self.owed = False

    def _check_history(self) -> None:
        history = self.automation.table.history
        for written in history[self._checked :]:
            epoch = written.claim.epoch
            if written.record == "claim":
                assert epoch == self._highest + 1, f"an epoch is one more than the last: {epoch} after {self._highest}"
                self._highest = epoch
            else:
                assert epoch == self._highest, f"I3: epoch {epoch} is confirmed, and {self._highest} is the newest"
                assert epoch >= self._confirmed, f"I3: epoch {epoch} is confirmed after {self._confirmed}"
                self._confirmed = epoch
        self._checked = len(history)

    def _check_routes(self) -> None:
        for name, member in self.leads.items():
            if member is not None:
                self._had_route.add(name)
            assert member is not None or name not in self._had_route, f"I5: {name} leads nowhere"

    def _check_messages(self) -> None:
        kept = self.automation.queue.waiting.get("mirror-set", []) + self.automation.queue.dead_letters
        epochs = {message.body.epoch for message in kept}
        for claim in self.sent:
            known = claim.epoch in epochs or self._confirmed >= claim.epoch
            assert known, f"nothing is lost: the message of epoch {claim.epoch} is gone, and {self._confirmed} is confirmed"

    def _check_idle(self) -> None:
        """I1 and I2 without the reconciler's help: no run, no message, and nothing that a run couldn't have noticed."""
        function, table = self.automation.function, self.automation.table
        self.owed |= function.failures > self._failures or any(api.delay for api in self.apis.values())
        self._failures = function.failures
        if self.owed or function.running or self.automation.queue.waiting.get("mirror-set"):
            return
        if self.sent and table.claim is not None and table.claim.epoch == max(claim.epoch for claim in self.sent):
            leads = self.leads
            assert set(leads.values()) == {table.claim.member}, f"I2: no run, no message, {table.claim} is the newest: {leads}"

    def check_converged(self) -> None:
        """What holds at rest, with the faults healed: I1, I2, I12."""
        claim, routed = self.automation.table.claim, self.automation.table.routed
        assert claim is not None
        leads = set(self.leads.values())
        assert len(leads) == 1, f"I1: at rest, places lead to different members: {self.leads}"
        assert leads == {claim.member}, f"I2: at rest, epoch {claim.epoch} is of {claim.member}: {self.leads}"
        assert routed == claim, f"I2: at rest, {claim} isn't confirmed, {routed} is"
        if (primary := self.mirror.primary) is not None:
            assert claim.member == primary, f"I12: {primary} is primary, and clients are led to {claim.member}"


class SlowWorld(SimulatedWorld):
    """EC2 and Elastic Load Balancing take seconds for each call: runs overlap takeovers, and each other."""

    ec2_call = elb_call = Span(0.5, 3.0, 6.0, "setting", "a bad day")
    api_limit = 8.0
    after_update = constants.FUNCTION_TIMEOUT
