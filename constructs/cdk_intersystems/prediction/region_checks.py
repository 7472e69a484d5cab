"""Route 53's health checks that have no endpoint: metric, calculated, routing control; and what name servers know of them.

Source of the rules: Route 53 API, HealthCheckConfig and AlarmIdentifier; Route 53 Developer Guide, "How Amazon Route 53
determines whether a health check is healthy"; ARC Developer Guide, "Routing control".
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from . import constants
from .clock import Clock, Signal


class Check(Protocol):
    """Any health check."""

    changed: Signal

    @property
    def healthy(self) -> bool:
        """What Route 53 takes it for."""


class MetricCheck:
    """A health check that follows a metric's data, not its alarm's state. It keeps what it last knew while there are no data.

    Args:
        clock: The clock.
        alarms: Whether the largest value of a period, 0 or 1, is one at which the alarm would be on: then it is unhealthy.
        value: The value that it has known for long.
        inverted: It is healthy when the alarm would be on.
        name: Names its stream of chance.
    """

    def __init__(
        self, clock: Clock, alarms: Callable[[int], bool], value: int, *, inverted: bool = False, name: str = "metric"
    ) -> None:
        self.changed = Signal()
        self._clock = clock
        self._alarms = alarms
        self._inverted = inverted
        self._chance = clock.random(name)
        self._known = alarms(value)
        self._known_period = -1
        self._largest: dict[int, int] = {}

    @property
    def healthy(self) -> bool:
        """Healthy while the alarm would be off; the other way round if inverted."""
        return self._known is self._inverted

    def record(self, value: int) -> None:
        """A data point, now. It counts when its period has ended and the checkers have read it."""
        period = int(self._clock.now // constants.METRIC_PERIOD)
        if period in self._largest:
            self._largest[period] = max(self._largest[period], value)
            return
        self._largest[period] = value
        end = (period + 1) * constants.METRIC_PERIOD
        self._clock.call_at(end + constants.METRIC_TO_HEALTH_CHECK.draw(self._chance), lambda: self._learn(period))

    def _learn(self, period: int) -> None:
        value = self._largest.pop(period)
        if period < self._known_period:
            return
        before, self._known_period = self.healthy, period
        self._known = self._alarms(value)
        if self.healthy is not before:
            self.changed.fire()


class CalculatedCheck:
    """A health check of health checks.

    Args:
        children: Those.
        threshold: How many have to be healthy. 0: it is always healthy; more than there are: never. Default: all.
        inverted: It is healthy when they are too few.
    """

    def __init__(self, children: Sequence[Check], threshold: int | None = None, *, inverted: bool = False) -> None:
        self.changed = Signal()
        self._children = tuple(children)
        self._threshold = len(self._children) if threshold is None else threshold
        self._inverted = inverted
        for child in self._children:
            child.changed.tell(self.changed.fire)

    @property
    def healthy(self) -> bool:
        """Whether enough of the children are."""
        return (sum(child.healthy for child in self._children) >= self._threshold) is not self._inverted


class RoutingControlCheck:
    """The health check of a routing control: it says what the control was set to.

    Args:
        clock: The clock.
        on: The state at first.
        name: Names its stream of chance.
    """

    def __init__(self, clock: Clock, *, on: bool, name: str = "routing control") -> None:
        self.changed = Signal()
        self.healthy = on
        self._clock = clock
        self._chance = clock.random(name)
        self._last = 0

    def set(self, on: bool) -> None:
        """Set the control. What was set later holds, however long either takes."""
        self._last += 1
        number = self._last

        def arrive() -> None:
            if number == self._last and self.healthy is not on:
                self.healthy = on
                self.changed.fire()

        self._clock.call_after(constants.ROUTING_CONTROL.draw(self._chance), arrive)


class NameServers:
    """Route 53's name servers: they answer by what they have last heard of a record's health checks.

    Args:
        clock: The clock.
        answer: What a failover record answers by its health checks as they are.
        checks: Those.
    """

    def __init__(self, clock: Clock, answer: Callable[[], str], checks: Sequence[Check]) -> None:
        self.changed = Signal()
        #: What they answer now.
        self.answer = answer()
        #: Every answer there was, with the time since when.
        self.history: list[tuple[float, str]] = [(clock.now, self.answer)]
        self._clock = clock
        self._ask = answer
        self._chance = clock.random("name servers")
        for check in checks:
            check.changed.tell(self._hear)

    def _hear(self) -> None:
        self._clock.call_after(constants.HEALTH_TO_ANSWER.draw(self._chance), self._take)

    def _take(self) -> None:
        if (now := self._ask()) != self.answer:
            self.answer = now
            self.history.append((self._clock.now, now))
            self.changed.fire()
