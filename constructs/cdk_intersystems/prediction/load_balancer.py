"""A Network Load Balancer: whom it finds healthy, whom it sends connections to, and whose connections it ends.

Source of the rules: ELB API, CreateTargetGroup and TargetGroupAttribute; Network Load Balancers Guide, "Health checks for
your target groups" and "Update a listener".
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from . import constants
from .aws_api import Api
from .clock import Clock, Process, Signal, Wait
from .production import Claim

#: Asks a member, as a health check does: whether it answered in time and well.
Probe = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A health check.

    Args:
        interval: Seconds between two.
        threshold: How many in a row change the state, in either direction.

    Raises:
        ValueError: ELB's API doesn't take it.
    """

    interval: float = 5.0
    threshold: int = 2

    def __post_init__(self) -> None:
        for name, value, (least, most) in (
            ("interval", self.interval, constants.ELB_INTERVALS),
            ("threshold", self.threshold, constants.ELB_THRESHOLDS),
        ):
            if not least <= value <= most:
                raise ValueError(f"a health check has an {name} of {least} to {most}, got {value}")


class HealthCount:
    """Counts results: the state changes when the opposite was seen `threshold` times in a row.

    Args:
        threshold: How many.
        healthy: The state at first.
    """

    def __init__(self, threshold: int, healthy: bool) -> None:
        self.healthy = healthy
        self._threshold = threshold
        self._against = 0

    def record(self, passed: bool) -> bool:
        """Count a result; whether the state has changed."""
        self._against = 0 if passed == self.healthy else self._against + 1
        if self._against < self._threshold:
            return False
        self.healthy, self._against = passed, 0
        return True


class TargetGroup:
    """Targets, their health, and who gets connections.

    Args:
        clock: The clock.
        targets: Its targets, of which those that pass are healthy at first.
        probe: The health check.
        check: Its interval and threshold.
        terminates: Whether the connections of a target that turns unhealthy are reset (the default of TCP target groups).
        propagates: Whether what was found takes time to be in force.
    """

    def __init__(
        self,
        clock: Clock,
        targets: Sequence[str],
        probe: Probe,
        check: HealthCheck,
        *,
        terminates: bool = True,
        propagates: bool = True,
        name: str = "targets",
    ) -> None:
        self.changed = Signal()
        #: Called with a target whose connections are reset.
        self.on_reset: list[Callable[[str], None]] = []
        #: When health checks last had found what is in force now.
        self.found_at = 0.0
        self._clock = clock
        self._probe = probe
        self._check = check
        self._terminates = terminates
        self._propagates = propagates
        self._chance = clock.random(name)
        self._counts = {target: HealthCount(check.threshold, probe(target)) for target in targets}
        self._in_force = {target: count.healthy for target, count in self._counts.items()}
        for target in targets:
            clock.start(self._checking(target))

    @property
    def healthy(self) -> tuple[str, ...]:
        """The targets that are healthy, as it is in force."""
        return tuple(target for target, healthy in self._in_force.items() if healthy)

    @property
    def failed_open(self) -> bool:
        """Whether no target is healthy, so that all get connections. It can't be switched off: the least number is 1."""
        return not self.healthy

    @property
    def routable(self) -> tuple[str, ...]:
        """The targets that get new connections: the healthy ones, or all if there is none."""
        return self.healthy or tuple(self._in_force)

    def _checking(self, target: str) -> Process:
        yield self._chance.uniform(0.0, self._check.interval)
        while True:
            if self._counts[target].record(self._probe(target)):
                self._found(target, self._counts[target].healthy)
            yield self._check.interval

    def _found(self, target: str, healthy: bool) -> None:
        delay = constants.HEALTH_PROPAGATION.draw(self._chance) if self._propagates else 0.0
        found_at = self._clock.now

        def arrive() -> None:
            if self._counts[target].healthy is not healthy or self._in_force[target] is healthy:
                return
            self._in_force[target] = healthy
            self.found_at = max(self.found_at, found_at)
            # Connections of an unhealthy target are reset unless the group has failed open.
            if not healthy and self._terminates and not self.failed_open:
                self._reset(target)
            elif healthy and self._terminates and len(self.healthy) == 1:
                for each, well in self._in_force.items():
                    if not well:
                        self._reset(each)
            self.changed.fire()

        self._clock.call_after(delay, arrive)

    def _reset(self, target: str) -> None:
        for tell in self.on_reset:
            tell(target)


class Listener:
    """A listener whose action names the target group of one member, moved by ModifyListener.

    New connections go to the new group; those that are there stay on the old target, for up to an hour (Network Load Balancers
    Guide, "Update a listener").

    Args:
        clock: The clock.
        api: How the router reaches Elastic Load Balancing.
        member: Whose group the action names at first.
        propagates: Whether a change takes time to be in force.
    """

    NAME = "listener"

    def __init__(self, clock: Clock, api: Api, member: str = "a", *, propagates: bool = True, name: str = "listener") -> None:
        self.written = member
        self.in_force = member
        self.written_at = 0.0
        self.changed = Signal()
        self._clock = clock
        self._api = api
        self._propagates = propagates
        self._chance = clock.random(name)

    def wrong(self, claim: Claim) -> Generator[float | Wait, bool, tuple[str, ...]]:
        """DescribeListeners: whether the action names another member's group."""

        def look() -> tuple[str, ...]:
            return () if self.written == claim.member else (self.NAME,)

        return (yield from self._api.call_again("DescribeListeners", look))

    def point(self, claim: Claim, places: tuple[str, ...]) -> Generator[float | Wait, bool, None]:
        """ModifyListener."""
        yield from self._api.call_again("ModifyListener", lambda: self.modify(claim.member))

    def modify(self, member: str) -> None:
        """What ModifyListener does, whoever calls it; a stack update does it, too."""
        self.written = member
        self.written_at = self._clock.now
        delay = constants.LISTENER_PROPAGATION.draw(self._chance) if self._propagates else 0.0

        def arrive() -> None:
            if self.written == member and self.in_force != member:
                self.in_force = member
                self.changed.fire()

        self._clock.call_after(delay, arrive)
