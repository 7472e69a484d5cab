"""Route 53: health checks as its checkers see them, failover records, and what resolvers keep.

Source of the rules: Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is healthy", "How Amazon
Route 53 chooses records when health checking is configured"; Route 53 API, HealthCheckConfig.
"""

from collections.abc import Callable

from . import constants
from .clock import Clock, Process, Signal
from .load_balancer import HealthCount
from .region_checks import Check


class HealthCheck:
    """A health check of an endpoint, asked by many checkers, each with its own count.

    Args:
        clock: The clock.
        probe: Whether a checker (its number is given) gets a good answer now.
        interval: Seconds between two questions of one checker: 10 or 30.
        threshold: Answers in a row that change a checker's opinion, 1 to 10.
        name: Names its stream of chance.
        healthy: What the checkers say at first. Default: new, it counts as healthy until there is data.

    Raises:
        ValueError: Route 53's API doesn't take it.
    """

    def __init__(
        self,
        clock: Clock,
        probe: Callable[[int], bool],
        *,
        interval: int = 10,
        threshold: int = 3,
        name: str = "health check",
        healthy: bool = True,
    ) -> None:
        if interval not in constants.ROUTE53_INTERVALS:
            raise ValueError(f"a health check of Route 53 has an interval of 10 or 30, got {interval}")
        least, most = constants.ROUTE53_THRESHOLDS
        if not least <= threshold <= most:
            raise ValueError(f"a health check of Route 53 has a threshold of {least} to {most}, got {threshold}")
        self.changed = Signal()
        #: A disabled health check is healthy, whatever its checkers say.
        self.disabled = False
        #: An inverted one is healthy when they say that it isn't.
        self.inverted = False
        self._probe = probe
        self._interval = interval
        self._chance = clock.random(name)
        self._opinions = [HealthCount(threshold, healthy=healthy) for _ in range(constants.CHECKERS)]
        for checker in range(constants.CHECKERS):
            clock.start(self._checking(checker))

    @property
    def healthy(self) -> bool:
        """Healthy if more than 18 % of the checkers say so."""
        if self.disabled:
            return True
        share = sum(opinion.healthy for opinion in self._opinions) / len(self._opinions)
        return (share > constants.CHECKER_QUORUM) is not self.inverted

    def _checking(self, checker: int) -> Process:
        yield self._chance.uniform(0.0, self._interval)
        while True:
            before = self.healthy
            self._opinions[checker].record(self._probe(checker))
            if self.healthy is not before:
                self.changed.fire()
            yield self._interval


class FailoverRecord:
    """A primary and a secondary record of one name.

    Args:
        primary: The health check of the primary record.
        secondary: That of the secondary. None: it has none, and always counts as healthy, even if it is dead.
    """

    def __init__(self, primary: Check, secondary: Check | None = None) -> None:
        self._primary = primary
        self._secondary = secondary

    def answer(self) -> str:
        """`primary` or `secondary`: the primary takes traffic back by itself, and gets it too when both are unhealthy."""
        if self._primary.healthy:
            return "primary"
        return "secondary" if self._secondary is None or self._secondary.healthy else "primary"


class Resolver:
    """A resolver that keeps an answer for its TTL.

    Args:
        clock: The clock.
        ask: What the name's servers answer now.
        ttl: Seconds it keeps an answer.
    """

    def __init__(self, clock: Clock, ask: Callable[[], str], ttl: float = constants.DNS_TTL) -> None:
        self._clock = clock
        self._ask = ask
        self._ttl = ttl
        self._kept: tuple[float, str] | None = None

    def resolve(self) -> str:
        """The answer a client gets."""
        if self._kept is None or self._clock.now >= self._kept[0] + self._ttl:
            self._kept = (self._clock.now, self._ask())
        return self._kept[1]
