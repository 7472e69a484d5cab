"""Two regions as Route 53 and its resolvers see them: who serves, who holds the traffic, how the latch gets to the checkers.

Source of the records: `cdk_intersystems/region_routing`. PRIMARY is healthy if its region serves and the latch allows it,
SECONDARY if DR holds the latch; so the answer follows the latch alone, and an outage within either region moves nothing.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import get_args

from cdk_intersystems.model.region_latch import LatchKind

from . import constants
from .clock import Clock, Process, Signal, Wait
from .production import watch_core, watch_records
from .region_checks import CalculatedCheck, Check, MetricCheck, NameServers, RoutingControlCheck
from .route53 import FailoverRecord, HealthCheck, Resolver

LATCH_KINDS: tuple[LatchKind, ...] = get_args(LatchKind)

#: The health check of the latch's object. Source: `cdk_intersystems/region_routing`.
LATCH_CHECK = {"interval": 10, "threshold": 3}


@dataclass(slots=True)
class Regions:
    """What is so, whoever knows it.

    Args:
        state: What the table says of the regions.
        primary_serves: Whether the primary region has a primary that serves.
        dr_serves: Whether the DR region has.
        watch_reaches_primary: Whether the DR region's watch reaches the primary region.
        watch_works: Whether the watch runs and CloudWatch takes its data.
    """

    state: "watch_records.RegionState" = field(default_factory=lambda: watch_records.RegionState(0, "primary", 0))
    primary_serves: bool = True
    dr_serves: bool = False
    watch_reaches_primary: bool = True
    watch_works: bool = True

    @property
    def dr_holds(self) -> bool:
        """Whether DR holds the traffic, as the table says."""
        return self.state.want.held_by_dr

    def turn(self, serving: str) -> None:
        """Have a committed move reach its latch."""
        epoch = self.state.epoch + 1
        self.state = watch_records.RegionState(epoch, serving, epoch)


class Watch:
    """`region_watch`: each minute, and when the promotion tells it to, publishes what it sees and carries the latch.

    Args:
        clock: The clock.
        regions: The regions.
        kind: The kind of latch.
    """

    def __init__(self, clock: Clock, regions: Regions, kind: LatchKind) -> None:
        self.published = Signal()
        #: Whether the latch's object is there.
        self.object_there = regions.dr_holds
        self.primary_serves = MetricCheck(clock, lambda value: value < 1, int(regions.primary_serves), name="primary serves")
        self.holds = MetricCheck(clock, lambda value: value >= 1, int(regions.dr_holds), name="latch")
        self.controls = {
            "primary": RoutingControlCheck(clock, on=not regions.dr_holds, name="control of the primary"),
            "dr": RoutingControlCheck(clock, on=regions.dr_holds, name="control of DR"),
        }
        self._clock = clock
        self._regions = regions
        self._kind = kind
        self._dr_is_on = regions.dr_holds
        self._confirmed: watch_core.Want | None = None
        self._chance = clock.random("watch")
        clock.start(self._each_minute())

    def latch_checks(self) -> tuple[Check, Check]:
        """The latch's health checks: that of the primary region's record, that of DR's. One is the other's opposite."""
        if self._kind == "metric":
            return self.holds, CalculatedCheck([self.holds], 1, inverted=True)
        if self._kind == "routing_control":
            return self.controls["primary"], self.controls["dr"]
        there = HealthCheck(self._clock, lambda _: self.object_there, name="object", healthy=self.object_there, **LATCH_CHECK)
        return CalculatedCheck([there], 1, inverted=True), there

    def publish(self) -> Process:
        """One run: the steps that the watch's core tells, until there is none. What it sees goes to the metrics besides."""
        regions = self._regions
        sees_primary = regions.primary_serves and regions.watch_reaches_primary
        if not regions.watch_works:
            return
        state, told = watch_core.State(), watch_core.Shown(None)
        while (step := watch_core.next_step(state)) is not None:
            if isinstance(step, watch_core.Read):
                yield constants.DYNAMODB_CALL.draw(self._chance)
                read = regions.state
                state = watch_core.after_read(read.want, self._confirmed)
            elif isinstance(step, watch_core.Look):
                shown = yield from self._look(told)
                state = watch_core.after_look(state, shown)
            elif isinstance(step, watch_core.Write):
                yield from self._carry(step.want.held_by_dr)
                told = watch_core.Shown(step.want.held_by_dr)
                state = watch_core.after_write(state)
            else:
                yield constants.DYNAMODB_CALL.draw(self._chance)
                if current := read == regions.state:
                    self._confirmed = step.want
                state = watch_core.after_confirm(state, current)
        self.primary_serves.record(int(sees_primary))
        self.published.fire()

    def _look(self, told: "watch_core.Shown") -> Generator[float | Wait, bool, "watch_core.Shown"]:
        """What the carrier shows; of a metric only what this run has told it."""
        if self._kind == "metric":
            return told
        if self._kind == "s3_object":
            yield constants.S3_PUT.draw(self._chance)
            return watch_core.Shown(self.object_there)
        yield constants.ROUTING_CONTROL_CALL.draw(self._chance)
        return watch_core.Shown(self._dr_is_on)

    def _carry(self, holds: bool) -> Process:
        if self._kind == "metric":
            yield constants.CLOUDWATCH_PUT.draw(self._chance)
            self.holds.record(int(holds))
        elif self._kind == "s3_object":
            yield constants.S3_PUT.draw(self._chance)
            self.object_there = holds
        else:
            # Both in one call.
            yield constants.ROUTING_CONTROL_CALL.draw(self._chance)
            self._dr_is_on = holds
            self.controls["dr"].set(holds)
            self.controls["primary"].set(not holds)

    def _each_minute(self) -> Process:
        yield self._chance.uniform(0.0, constants.METRIC_PERIOD)
        while True:
            self._clock.start(self.publish())
            yield constants.METRIC_PERIOD


class Routing:
    """The failover record of one name, and the name servers that answer by it.

    Args:
        clock: The clock.
        watch: The watch.
        endpoint: Whether the primary region answers one of the checkers, for a name of the Internet; None: a private name,
            whose record follows the watch's metric.
    """

    def __init__(self, clock: Clock, watch: Watch, endpoint: Callable[[], bool] | None = None) -> None:
        latch_primary, latch_dr = watch.latch_checks()
        serves: Check = watch.primary_serves
        if endpoint is not None:
            asked = endpoint
            serves = HealthCheck(clock, lambda _: asked(), interval=10, threshold=3, name="primary's endpoint")
        self.primary = CalculatedCheck([serves, latch_primary])
        self.secondary: Check = latch_dr
        record = FailoverRecord(self.primary, self.secondary)
        self.name_servers = NameServers(clock, record.answer, [self.primary, self.secondary])


class Users:
    """Many users, each behind a resolver that asks again whenever its answer is too old.

    Args:
        clock: The clock.
        name_servers: Whom the resolvers ask.
        number: How many.
        ttl: How long resolvers keep an answer.
    """

    def __init__(self, clock: Clock, name_servers: NameServers, number: int, ttl: float = constants.REGION_NAME_TTL) -> None:
        #: What each one's resolver answers, and since when.
        self.answers: list[tuple[str, float]] = [(name_servers.answer, clock.now)] * number
        self.changed = Signal()
        self._clock = clock
        self._ttl = ttl
        chance = clock.random("users")
        for user in range(number):
            resolver = Resolver(clock, lambda: name_servers.answer, ttl)
            clock.start(self._resolving(user, resolver, chance.uniform(0.0, ttl)))

    def _resolving(self, user: int, resolver: Resolver, phase: float) -> Process:
        yield phase
        while True:
            answer = resolver.resolve()
            if answer != self.answers[user][0]:
                self.answers[user] = (answer, self._clock.now)
                self.changed.fire()
            yield self._ttl


def until(signal: Signal, holds: Callable[[], bool]) -> Process:
    """Wait until something holds that can only come to hold when a signal is fired."""
    while not holds():
        yield Wait(signal)
