"""Goes through the faults: waits until all is well, brings one about, waits for what is to come of it, ends it, and judges."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from tests.drill import measure
from tests.drill.deployment import VIP
from tests.drill.faults import Fault, heal, other, start_instances
from tests.drill.measure import Takeover
from tests.drill.picture import Row
from tests.drill.results import BASELINES, Run
from tests.drill.world import MEMBERS, NAIVE_VIP, World, client_name

#: From the end of a fault until all leads to the primary again: the reconciler comes each minute, and does it in some seconds.
ROUTING_BUDGET = 75.0
#: From the end of a fault until the other member is an active backup again and the slowest load balancer has noticed.
_SETTLE_SECONDS = 120.0
#: How long a gate stays open without being renewed: docs/adr/0005-the-gate-on-the-member.md.
LEASE_SECONDS = 3.0
_TAKEOVER_SECONDS = 60.0
# Of the load balancer with 10 s and 3: 30 s until it is sure, and a run of the reconciler for what goes by routes.
_FIRST_WRITE_SECONDS = 80.0
_QUIET_SECONDS = 1.0
_START_SECONDS = 20.0


class NotWellError(Exception):
    """What came before has left something behind, so that a fault can't be measured."""


class Runner:
    """Goes through faults.

    Attributes:
        runs: What was found.
        rows: Of the picture.
        logs: What members said during faults after which something didn't hold.
    """

    def __init__(self, world: World, say: Callable[[str], None]) -> None:
        self.runs: list[Run] = []
        self.rows: list[Row] = []
        self.logs: list[str] = []
        self._world = world
        self._say = say

    def run(self, fault: Fault) -> list[Run]:
        """One fault; a run for each way to the primary."""
        world = self._world
        self._say("waiting until all is well")
        ways = self._ways(fault)
        if problem := self._settle(_SETTLE_SECONDS, ways):
            raise NotWellError(f"before {fault.name}: {problem}")
        primary = world.primary()
        first = self._highest() + 1
        self._say(f"{fault.about}; primary is {primary}")
        begins, clock = time.monotonic(), f"{datetime.now():%Y-%m-%d %H:%M:%S}"
        world.proxy.forget()
        fault.inject(world, primary)
        broken: list[str] = []
        taken = None
        if fault.takes_over:
            taken = self._await_takeover(fault, primary, begins, ways, broken)
        else:
            self._say(f"held for {fault.lasts:g} s")
            time.sleep(fault.lasts)
        held_until = time.monotonic()
        self._say("ending the fault")
        heal(world)
        if fault.takes_over is False and world.primary() != primary:
            broken.append(f"{other(primary)} took over, which nobody expected")
        if fault.proxied and not world.proxy.fired():
            broken.append("the fault did not happen: no request of the function met it")
        healed = time.monotonic()
        self._say("waiting for routing and for an active backup")
        broken += self._routing_converges(healed)
        if problem := self._settle(_SETTLE_SECONDS, ways):
            broken.append(f"I12: {problem}")
        ends = time.monotonic()
        found = self._judge(fault, taken, (begins, held_until, ends), ways, first, broken)
        gaps = {way: measure.outages(world.observed.since(way, begins), begins, ends) for way in ways}
        self.rows.append(Row(fault.name, begins, ends, gaps, taken))
        self.runs += found
        if any(run.invariants_broken for run in found):
            self.logs.append(f"=== {fault.name}, since {clock}\n{world.logs(clock)}")
        return found

    def _ways(self, fault: Fault) -> list[str]:
        """The ways that a fault is measured for: where AWS's interfaces fail, not what people use today beside them."""
        return [way for way in self._world.strategies if fault.members_only or way not in BASELINES]

    def _await_takeover(
        self, fault: Fault, primary: str, begins: float, ways: Sequence[str], broken: list[str]
    ) -> Takeover | None:
        world, limit = self._world, begins + _TAKEOVER_SECONDS
        while (taken := measure.takeover(list(world.observed.looks), primary, begins, time.monotonic())) is None:
            if time.monotonic() > limit:
                broken.append(f"{other(primary)} did not take over within {_TAKEOVER_SECONDS:g} s")
                return None
            time.sleep(0.02)
        # As a script does that the takeover itself starts.
        world.move_naively(taken.member)
        self._say(f"{taken.member} is primary after {taken.primary - begins:.1f} s; waiting for clients")
        if fault.during and (problem := fault.during(world, primary)):
            broken.append(f"the fault did not happen: {problem}")
        ends = time.monotonic() + _FIRST_WRITE_SECONDS
        waiting = set(ways)
        while waiting and time.monotonic() < ends:
            time.sleep(0.05)
            waiting = {name for name in waiting if not self._writes(name, taken.primary)}
        if waiting:
            broken.append(f"no write through {', '.join(sorted(waiting))} within {_FIRST_WRITE_SECONDS:g} s of the takeover")
        return measure.takeover(list(world.observed.looks), primary, begins, time.monotonic())

    def _writes(self, strategy: str, since: float) -> bool:
        """Whether a client's last second was good, and after a moment."""
        now = time.monotonic()
        recent = [each for each in self._world.observed.since(strategy, now - _QUIET_SECONDS) if each.began > since]
        return len(recent) > 2 and all(each.number is not None for each in recent)

    def _settle(self, seconds: float, ways: Sequence[str]) -> str:
        """Waits until all is well; what isn't, if it takes too long."""
        ends = time.monotonic() + seconds
        started = 0.0
        while problem := self._not_well(ways):
            if time.monotonic() > ends:
                return f"after {seconds:g} s: {problem}"
            if time.monotonic() > started + _START_SECONDS and start_instances(self._world):
                started = time.monotonic()
            time.sleep(0.1)
        return ""

    def _not_well(self, ways: Sequence[str]) -> str:
        world = self._world
        assert world.watcher.runs(), f"the observer has ended: {world.watcher.said}"
        looks = {name: world.observed.latest(name) for name in MEMBERS}
        primaries = [name for name, look in looks.items() if look and look.status == "Primary" and look.open]
        if len(primaries) != 1:
            return f"{len(primaries)} primaries that admit clients: {world.seen()}"
        (primary,) = primaries
        mine, theirs = looks[primary], looks[other(primary)]
        if not theirs or theirs.status != "Backup" or not theirs.active or theirs.open:
            return f"no active backup: {world.seen()}"
        if not mine or mine.mode != "Arbiter Controlled":
            return f"the arbiter is not in control: {world.seen()}"
        if wrong := world.balancer_differs(primary, slow_too=not set(BASELINES).isdisjoint(ways)):
            return wrong
        failing = [name for name in ways if not self._writes(name, 0)]
        return f"clients fail: {', '.join(failing)}" if failing else ""

    def _routing_converges(self, healed: float) -> list[str]:
        """I2 and I12: the newest epoch is routed, and is the primary's."""
        world = self._world
        if not world.deployed.table:
            return []
        ends = healed + ROUTING_BUDGET
        while True:
            items = world.epochs()
            instance = world.hosts[world.primary()].instance_id
            claim, routed = items["claim"], items["routed"]
            followed = world.routed_instance(VIP)
            good = claim.get("epoch") == routed.get("epoch") and claim.get("instance_id") == instance
            if good and followed in (None, instance):
                return []
            if time.monotonic() > ends:
                return [
                    f"I12: {ROUTING_BUDGET:g} s after the fault the claim is {claim}, routed is {routed}, VIP at {followed}"
                ]
            time.sleep(0.2)

    def _highest(self) -> int:
        """The newest record that is known to be there."""
        attempts = [list(each)[-50:] for each in self._world.observed.attempts.values()]
        return max((each.number or 0 for part in attempts for each in part), default=0)

    def _judge(  # noqa: PLR0917
        self,
        fault: Fault,
        taken: Takeover | None,
        times: tuple[float, float, float],
        ways: Sequence[str],
        first: int,
        broken: list[str],
    ) -> list[Run]:
        world, (begins, held, ends) = self._world, times
        looks = list(world.observed.looks)
        overlap = measure.both_open(looks, begins, ends)
        # An old primary that is cut off acknowledges nothing from the first moment on, and asks for its role each second; its
        # gate may hold for a lease. From then on it is at rest.
        rest = taken.primary + LEASE_SECONDS if taken else begins
        two_routed = sum(to - max(since, rest) for since, to in overlap if to > rest)
        if two_routed:
            broken.append(f"I1: both members admitted clients for {two_routed:.2f} s at rest")
        # The baseline's own route is deleted before it is created: that is what it shows.
        if empty := measure.empty_routes(list(world.observed.routes), VIP, begins, ends):
            broken.append(f"I5: no route to {VIP} in {', '.join(empty)}")
        # What is acknowledged while the journal is read may stand behind its end.
        read = time.monotonic()
        # First what was acknowledged, then what is there: clients go on meanwhile.
        attempted = {strategy: list(world.observed.since(strategy, begins)) for strategy in ways}
        journal = world.journal(world.primary(), first)
        found = []
        for strategy, attempts in attempted.items():
            gaps = measure.outages(attempts, begins, ends)
            known = [attempt for attempt in attempts if attempt.ended < read]
            missing = measure.lost(client_name(strategy), known, journal, first)
            run = Run(
                fault.name,
                strategy,
                sum(to - since for since, to in gaps),
                lost_acknowledged=len(missing),
                two_routed=two_routed,
                overlap_s=sum(to - since for since, to in overlap),
                invariants_broken=[
                    *broken,
                    *(f"{said}, {each.ended - begins:.2f} s after the fault" for each, said in missing[:3]),
                ],
                failed_writes=sum(each.number is None for each in attempts),
            )
            if fault.total_outage:
                # From the time in which IRIS itself notices until the end of the fault nothing may be acknowledged.
                quiet = (begins + 8 * world.scale + 2, held)
                if any(each.number is not None and quiet[0] < each.ended < quiet[1] for each in attempts):
                    run.invariants_broken.append("a primary without backup and arbiter acknowledged a write")
            if taken:
                run.detection_s = max(taken.began - begins, 0.0)
                run.takeover_s = taken.primary - taken.began
                run.admitted_s = taken.admits - taken.primary if taken.admits else None
                good = measure.first_good(attempts, taken.primary)
                run.routing_s = good - taken.primary if good else None
            found.append(run)
        return found


def empty_baseline(world: World) -> list[str]:
    """When the route that a script moves was missing, over the whole drill."""
    return measure.empty_routes(list(world.observed.routes), NAIVE_VIP, 0, time.monotonic())
