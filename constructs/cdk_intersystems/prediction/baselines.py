"""What people use today: published call-outs that act once, at the end of a takeover, and don't look back."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from . import constants
from .aws_api import Api, ApiError
from .clock import Clock, Process, Signal
from .hosts import Network
from .mirror import Mirror
from .route_tables import RouteTables

#: Installing an SDK in the failover, as the published call-out does, from a package mirror or the Internet: an estimate
#: that nobody has measured, and most of what sets this baseline apart.
_INSTALLS = (2.0, 12.0)


class Once(ABC):
    """A call-out in `NotifyBecomePrimary` that acts once, without retry: what failed stays as it is.

    Args:
        clock: The clock.
        network: The network.
        mirror: The mirror.
    """

    name = ""
    moves_packets = False

    def __init__(self, clock: Clock, network: Network, mirror: Mirror) -> None:
        self.changed = Signal()
        self.on_reset: list[Callable[[str], None]] = []
        self.api: Api
        self.member: str | None = "a"
        self._written_at = 0.0
        self._clock = clock
        self._network = network
        self._mirror = mirror
        self._notified = "a"
        self._chance = clock.random(f"{self.name}/call-out")
        mirror.changed.tell(self._notify)

    def choices(self) -> tuple[str, ...]:
        """Where it leads."""
        return () if self.member is None else (self.member,)

    def acted_at(self) -> float:
        """When the last call was taken."""
        return self._written_at

    @abstractmethod
    def act(self, member: str) -> Process:
        """What it does when a member has become primary."""

    def _notify(self) -> None:
        primary = self._mirror.primary
        if primary is not None and primary != self._notified:
            self._notified = primary
            self._network.hosts[primary].start(self._acting(primary))

    def _acting(self, member: str) -> Process:
        try:
            yield from self.act(member)
        except ApiError:
            return None  # the error is swallowed; nobody tries again
        return None

    def _lead(self, member: str | None, after: float) -> None:
        """What was asked for is in force after a while."""
        self._written_at = self._clock.now

        def arrive() -> None:
            self.member = member
            self.changed.fire()

        self._clock.call_after(after, arrive)


class RoutesOneByOne(Once):
    """The published "VIP in AWS": each route is deleted and created again, table by table, after its SDK was installed.

    Source: InterSystems Developer Community, "VIP in AWS": `pip3 install boto3`, then delete_route and create_route over
    every route table of the VPC, errors ignored.

    Args:
        clock: The clock.
        network: The network.
        mirror: The mirror.
        route_tables: How many route tables the VPC has.
        propagates: Whether AWS's own propagation is part of it.
    """

    name = "routes one by one"
    moves_packets = True

    def __init__(
        self, clock: Clock, network: Network, mirror: Mirror, *, route_tables: int = 13, propagates: bool = True
    ) -> None:
        super().__init__(clock, network, mirror)
        self.api = Api(clock, "one-by-one/ec2", constants.EC2_CALL, limit=5.0)
        # Tables come in the order of their ids, and the client's is any of them.
        names = [f"rtb-{number}" for number in range(route_tables)]
        own = self._chance.choice(names)
        self.routes = RouteTables(clock, self.api, names, client=own, propagates=propagates, name="one-by-one/routes")
        for action in ("DeleteRoute", "CreateRoute"):
            self.api.bucket(action, *constants.EC2_MUTATING)
        self._order = names
        self.changed = self.routes.changed

    def choices(self) -> tuple[str, ...]:
        """Where the client's own route table leads."""
        member = self.routes.in_force[self.routes.client]
        return () if member is None else (member,)

    def acted_at(self) -> float:
        """When the client's route was created."""
        return self.routes.written_at

    def act(self, member: str) -> Process:
        """Delete and create, table by table."""
        yield self._chance.uniform(*_INSTALLS)
        for name in self._order:
            for action, to in (("DeleteRoute", None), ("CreateRoute", member)):
                try:
                    yield from self.api.call(action, self._write(name, to))
                except ApiError:
                    continue

    def _write(self, name: str, to: str | None) -> Callable[[], None]:
        return lambda: self.routes.replace(name, to)


class Register(Once):
    """A call-out that registers the new primary with the load balancer and deregisters the old one.

    Args:
        clock: The clock.
        network: The network.
        mirror: The mirror.
        propagates: Whether AWS's own propagation is part of it.
    """

    name = "register targets"

    def __init__(self, clock: Clock, network: Network, mirror: Mirror, *, propagates: bool = True) -> None:
        super().__init__(clock, network, mirror)
        self.api = Api(clock, "register/elb", constants.ELB_CALL, limit=5.0)
        self._propagates = propagates

    def act(self, member: str) -> Process:
        """RegisterTargets, then DeregisterTargets."""
        after = constants.REGISTRATION.draw(self._chance) if self._propagates else 0.0
        yield from self.api.call("RegisterTargets", lambda: self._lead(member, after))
        yield from self.api.call("DeregisterTargets", lambda: None)


class Dns(Once):
    """A record that is changed to the new primary's address.

    Args:
        clock: The clock.
        network: The network.
        mirror: The mirror.
        propagates: Whether AWS's own propagation, and caches, are part of it.
    """

    name = "DNS change"

    def __init__(self, clock: Clock, network: Network, mirror: Mirror, *, propagates: bool = True) -> None:
        super().__init__(clock, network, mirror)
        self.api = Api(clock, "dns/route53", constants.ROUTE53_CALL, limit=5.0)
        self._propagates = propagates

    def act(self, member: str) -> Process:
        """ChangeResourceRecordSets; then servers have the record, and caches let go of the old one some time in its TTL."""
        cached = self._chance.uniform(0.0, constants.DNS_TTL)
        after = constants.DNS_PROPAGATION.draw(self._chance) + cached if self._propagates else 0.0
        yield from self.api.call("ChangeResourceRecordSets", lambda: self._lead(member, after))
