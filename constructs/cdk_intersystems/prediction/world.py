"""One mirror set with everything that leads clients to its primary, side by side on one clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from . import constants
from .baselines import Dns, Once, Register, RoutesOneByOne
from .client import ATTENTIVE, PATIENT, Client, Manners
from .clock import Clock
from .contacts import MEMBERS
from .endpoint import Endpoint
from .hosts import Network
from .load_balancer import HealthCheck
from .mirror import Mirror
from .strategies import Moved, Polling, RouteVip, automations_of

#: What templates ship today: the NLB's checks each 10 s, three of them. ELB's defaults are slower still.
SHIPPED_CHECK = HealthCheck(interval=10.0, threshold=3)

STRATEGIES = ("route_vip", "polling", "listener")
BASELINES = ("polling 10 s x 3", "routes one by one", "register targets", "DNS change")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a prediction depends on.

    Args:
        qos_timeout: The mirror's quality of service timeout, seconds.
        wait: `takeover_wait_seconds`.
        route_tables: How many route tables have the route of the address.
        check: The health check of `polling`.
        propagation: Whether AWS's own propagation is part of it. Without it the figures are to be compared with the drill's.
    """

    qos_timeout: float = constants.QOS_TIMEOUT
    wait: float = 1.0
    route_tables: int = 13
    check: HealthCheck = field(default_factory=HealthCheck)
    propagation: bool = True


class World:
    """Member a in the first zone is primary, b in the second its active backup, the arbiter in the third.

    Args:
        seed: What all chance follows from.
        settings: The settings.
    """

    def __init__(self, seed: int | str, settings: Settings) -> None:
        self.clock = clock = Clock(seed)
        self.network = network = Network(clock)
        for name, zone in (("a", "first"), ("b", "second"), ("arbiter", "third")):
            network.add(name, zone)
        self.mirror = mirror = Mirror(clock, network, settings.qos_timeout)
        propagates = settings.propagation
        self.route_vip = RouteVip(
            clock, network, mirror, route_tables=settings.route_tables, wait=settings.wait, propagates=propagates
        )
        self.listener = Moved(clock, network, mirror, wait=settings.wait, propagates=propagates)
        self.once: tuple[Once, ...] = (
            RoutesOneByOne(clock, network, mirror, route_tables=settings.route_tables, propagates=propagates),
            Register(clock, network, mirror, propagates=propagates),
            Dns(clock, network, mirror, propagates=propagates),
        )
        self.endpoints: Sequence[Endpoint] = (
            self.route_vip,
            Polling(clock, network, mirror, settings.check, propagates=propagates),
            self.listener,
            Polling(clock, network, mirror, SHIPPED_CHECK, propagates=propagates, name=BASELINES[0]),
            *self.once,
        )
        self.automations = automations_of(self.endpoints)
        self._gate_opens: dict[str, float] = {}
        self._gate_chance = clock.random("gate")
        mirror.changed.tell(self._watch_gate)
        #: When each endpoint last began to lead elsewhere.
        self.led_at = {endpoint.name: 0.0 for endpoint in self.endpoints}
        for endpoint in self.endpoints:
            endpoint.changed.tell(self._watch(endpoint))
        self.attentive = {each.name: self._client(each, ATTENTIVE) for each in self.endpoints}
        self.patient = {each.name: self._client(each, PATIENT) for each in self.endpoints}

    def opened_at(self) -> float | None:
        """When the primary of now began, or went on, to serve; None if there is none."""
        primary = self.mirror.primary
        served = ("open for users", "goes on alone", "out of trouble: the backup is there")
        return next((when for when, who, what in reversed(self.mirror.log) if who == primary and what in served), None)

    def taken_over_at(self) -> float | None:
        """When the primary of now began to take over; None if it didn't."""
        primary = self.mirror.primary
        return next((when for when, who, what in reversed(self.mirror.log) if who == primary and what == "takes over"), None)

    def _client(self, endpoint: Endpoint, manners: Manners) -> Client:
        return Client(self.clock, self.network, self.mirror, endpoint, manners=manners, gate_opens=self._gate_opens)

    def _watch(self, endpoint: Endpoint) -> Callable[[], None]:
        last = endpoint.choices()

        def look() -> None:
            nonlocal last
            if (now := endpoint.choices()) != last:
                last = now
                self.led_at[endpoint.name] = self.clock.now

        return look

    def _watch_gate(self) -> None:
        for member in MEMBERS:
            if not self.mirror.believes_primary(member):
                self._gate_opens[member] = float("inf")
            elif self._gate_opens.get(member) == float("inf"):
                self._gate_opens[member] = self.clock.now + constants.GATE_OPENS.draw(self._gate_chance)
