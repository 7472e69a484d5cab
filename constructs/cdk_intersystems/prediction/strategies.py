"""The strategies of the mirror endpoint, as endpoints of the simulated world."""

from collections.abc import Callable, Sequence

from . import constants
from .automation import Automation
from .aws_api import Api
from .clock import Clock, Signal
from .contacts import MEMBERS
from .hosts import Network
from .load_balancer import HealthCheck, Listener, TargetGroup
from .mirror import Mirror
from .route_tables import RouteTables

#: What clients reach while an NLB's target doesn't: the load balancer's health checks have their own host name in the network.
_CHECKER = "health check"


def answers_success(network: Network, mirror: Mirror) -> Callable[[str], bool]:
    """The health check of `polling`: `mirror_status.cxw` answers SUCCESS on the primary alone, and not if it can't commit."""

    def probe(member: str) -> bool:
        return network.reaches(_CHECKER, member) and mirror.believes_primary(member)

    return probe


def is_alive(network: Network) -> Callable[[str], bool]:
    """The health check of `listener`: a TCP connection to the responder's port, which any host that lives takes."""

    def probe(member: str) -> bool:
        return network.reaches(_CHECKER, member)

    return probe


class Polling:
    """One load balancer, one group with both members, a health check that only the primary passes.

    Args:
        clock: The clock.
        network: The network.
        mirror: The mirror.
        check: Interval and threshold.
        propagates: Whether AWS's own propagation is part of it.
        name: What it is called.
    """

    moves_packets = False

    def __init__(
        self,
        clock: Clock,
        network: Network,
        mirror: Mirror,
        check: HealthCheck | None = None,
        *,
        propagates: bool = True,
        name: str = "polling",
    ) -> None:
        self.name = name
        probe = answers_success(network, mirror)
        self.group = TargetGroup(clock, MEMBERS, probe, check or HealthCheck(), propagates=propagates, name=name)
        self.changed = self.group.changed
        self.on_reset = self.group.on_reset

    def choices(self) -> tuple[str, ...]:
        """The healthy target, or both while it has failed open."""
        return self.group.routable

    def acted_at(self) -> float:
        """When the health checks had found the primary."""
        return self.group.found_at


class RouteVip:
    """An address outside the VPC, whose routes the router leads to the primary.

    Args:
        clock: The clock.
        network: The network.
        mirror: The mirror.
        route_tables: How many route tables have the route.
        wait: `takeover_wait_seconds`.
        propagates: Whether AWS's own propagation is part of it.
    """

    name = "route_vip"
    moves_packets = True

    def __init__(
        self,
        clock: Clock,
        network: Network,
        mirror: Mirror,
        *,
        route_tables: int = 13,
        wait: float = 1.0,
        propagates: bool = True,
    ) -> None:
        self.api = Api(clock, "route_vip/ec2", constants.EC2_CALL, limit=5.0)
        names = [f"rtb-{number}" for number in range(route_tables)]
        # Those of the public, web and application subnets come first, three of five; the client's is any of them.
        own = clock.random("route_vip/client").choice(names[: max(1, route_tables * 3 // 5)])
        self.routes = RouteTables(clock, self.api, names, client=own, propagates=propagates)
        self.automation = Automation(clock, network, mirror, self.routes, wait=wait, name=self.name, watch=False)
        self.changed: Signal = self.routes.changed
        self.on_reset: list[Callable[[str], None]] = []

    def choices(self) -> tuple[str, ...]:
        """The member that the client's own route table leads to."""
        member = self.routes.in_force[self.routes.client]
        return () if member is None else (member,)

    def acted_at(self) -> float:
        """When the client's route was written."""
        return self.routes.written_at


class Moved:
    """The reference architecture's call-out: a load balancer's listener, moved between the members' groups.

    Args:
        clock: The clock.
        network: The network.
        mirror: The mirror.
        wait: `takeover_wait_seconds`.
        propagates: Whether AWS's own propagation is part of it.
    """

    name = "listener"
    moves_packets = False

    def __init__(self, clock: Clock, network: Network, mirror: Mirror, *, wait: float = 1.0, propagates: bool = True) -> None:
        self.api = Api(clock, "listener/elb", constants.ELB_CALL, limit=5.0)
        self.listener = Listener(clock, self.api, propagates=propagates)
        self.groups = {
            member: TargetGroup(
                clock, [member], is_alive(network), HealthCheck(), propagates=propagates, name=f"listener/{member}"
            )
            for member in MEMBERS
        }
        self.automation = Automation(clock, network, mirror, self.listener, wait=wait, name=self.name, watch=False)
        self.changed: Signal = self.listener.changed
        self.on_reset: list[Callable[[str], None]] = []
        for group in self.groups.values():
            # One target each: unhealthy, the group has failed open at once, and nothing is reset.
            group.on_reset.append(self._reset)

    def choices(self) -> tuple[str, ...]:
        """The member whose group the listener's action names."""
        return (self.listener.in_force,)

    def acted_at(self) -> float:
        """When the listener was written."""
        return self.listener.written_at

    def _reset(self, member: str) -> None:
        for tell in self.on_reset:
            tell(member)


def automations_of(endpoints: Sequence[object]) -> list[Automation]:
    """The automations of those endpoints that have one."""
    return [endpoint.automation for endpoint in endpoints if isinstance(endpoint, RouteVip | Moved)]
