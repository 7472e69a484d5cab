"""Computes from synthesized templates who can connect to whom, on which port, by which way.

A flow counts only if a security group of the source lets it out, one of the destination lets it in, and there is a way: inside
the VPC always, to and from the Internet by a route table's routes and a public address. A network ACL, or a route to
anything that isn't known here, is an error: what isn't understood must not pass as closed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

from cdk_intersystems.model import tags
from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.failover_rules import FUNCTION
from cdk_intersystems.policy.rules.mirrors import INSTANCE, LISTENER, LOAD_BALANCER, SCALING_GROUP, network_interfaces
from cdk_intersystems.policy.rules.security_groups import EGRESS, ENDPOINT, GROUP, GroupRule, group_rules, groups_of

INTERNET = "Internet"
IN_VPC = "VPC"
INTERNET_GATEWAY = "Internet gateway"
NAT_GATEWAY = "NAT gateway"
PRIVATE_CONNECTION = "private connection"
_WORLD = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, order=True)
class Flow:
    """Who can connect to whom."""

    source: str
    destination: str
    ports: str
    way: str


@dataclass(frozen=True)
class Actor:
    """Something with security groups in some subnets."""

    name: str
    groups: frozenset[str]
    subnets: tuple[Resource, ...]
    is_public: bool = False
    listens_on: frozenset[int] | None = None

    @property
    def ranges(self) -> list[IPv4Network]:
        return [IPv4Network(subnet.properties["CidrBlock"]) for subnet in self.subnets]


class Reachability:
    """The network of one synthesized app."""

    def __init__(self, app: Assembly) -> None:
        self._app = app
        self._refuse_the_unknown()
        self._rules = [*group_rules(app), *self._implied_egress()]
        self.actors = [
            *self._hosts(),
            *self._tiers(),
            *self._load_balancers(),
            *self._functions(),
            *self._service_endpoints(),
        ]
        self._vpc = [IPv4Network(vpc.properties["CidrBlock"]) for vpc in app.resources("AWS::EC2::VPC")]

    def flows(self) -> set[Flow]:
        """All flows there can be."""
        return {
            *(flow for source in self.actors for destination in self.actors for flow in self._between(source, destination)),
            *(flow for actor in self.actors for flow in self._from_outside(actor)),
            *(flow for actor in self.actors for flow in self._to_the_internet(actor)),
        }

    def unreachable_targets(self) -> list[str]:
        """Target groups whose targets or health check the load balancer's group or the targets' group doesn't admit."""
        open_ports = {(flow.source, flow.ports) for flow in self.flows()}
        missing = []
        for group, balancer in self._target_groups():
            name = _name(balancer)
            check = group.properties.get("HealthCheckPort", "traffic-port")
            for port in {str(group.properties["Port"]), str(group.properties["Port"]) if check == "traffic-port" else check}:
                if (name, f"tcp {port}") not in open_ports:
                    missing.append(f"{name} can't reach tcp {port} of {group.logical_id}")
        return missing

    def _between(self, source: Actor, destination: Actor) -> Iterator[Flow]:
        for out in self._of(source, "egress"):
            if not self._reaches(out, destination):
                continue
            for into in self._of(destination, "ingress"):
                ports = _common(out, into)
                if ports and self._reaches(into, source) and _listens(destination, ports):
                    yield Flow(source.name, destination.name, _shown(ports), IN_VPC)

    def _from_outside(self, destination: Actor) -> Iterator[Flow]:
        for into in self._of(destination, "ingress"):
            if into.peer_kind != "range" or ip_network(into.peer).version != 4:
                continue
            peer = IPv4Network(into.peer)
            ports = (into.protocol, into.first, into.last)
            if any(peer.subnet_of(vpc) for vpc in self._vpc) or not _listens(destination, ports):
                continue
            if into.peer_is_internet:
                if destination.is_public and all(
                    self._default_route(subnet) == INTERNET_GATEWAY for subnet in destination.subnets
                ):
                    yield Flow(INTERNET, destination.name, _shown(ports), INTERNET_GATEWAY)
            else:
                yield Flow(str(peer), destination.name, _shown(ports), PRIVATE_CONNECTION)

    def _to_the_internet(self, source: Actor) -> Iterator[Flow]:
        ways = {self._default_route(subnet) for subnet in source.subnets}
        for out in self._of(source, "egress"):
            if not out.peer_is_internet:
                continue
            for way in ways:
                if way == NAT_GATEWAY or (way == INTERNET_GATEWAY and source.is_public):
                    yield Flow(source.name, INTERNET, _shown((out.protocol, out.first, out.last)), way)

    def _of(self, actor: Actor, direction: str) -> list[GroupRule]:
        return [rule for rule in self._rules if rule.group in actor.groups and rule.direction == direction]

    def _reaches(self, rule: GroupRule, actor: Actor) -> bool:
        """Whether the other side of a rule is an actor."""
        if rule.peer_kind == "group":
            return rule.peer in actor.groups
        if rule.peer_kind == "range" and ip_network(rule.peer).version == 4:
            return any(IPv4Network(rule.peer).overlaps(own) for own in actor.ranges)
        return False

    def _default_route(self, subnet: Resource) -> str | None:
        table = next(
            self._app.identity(association.stack, association.properties["RouteTableId"])
            for association in self._app.resources("AWS::EC2::SubnetRouteTableAssociation")
            if self._app.identity(association.stack, association.properties["SubnetId"]) == subnet.identity
        )
        for route in self._app.resources("AWS::EC2::Route"):
            if self._app.identity(route.stack, route.properties["RouteTableId"]) == table:
                if route.properties.get("DestinationCidrBlock") != str(_WORLD):
                    raise LookupError(f"a route to {route.properties}")
                return INTERNET_GATEWAY if "GatewayId" in route.properties else self._nat(route)
        return None

    def _nat(self, route: Resource) -> str | None:
        """A NAT gateway leads on only if it is public and its own subnet has a route to the Internet gateway."""
        gateway = self._app.find(route.stack, route.properties["NatGatewayId"])
        if gateway is None or gateway.properties.get("ConnectivityType", "public") != "public":
            return None
        subnet = self._app.find(gateway.stack, gateway.properties["SubnetId"])
        return NAT_GATEWAY if subnet and self._default_route(subnet) == INTERNET_GATEWAY else None

    def _subnets(self, resource: Resource, references: list[object]) -> tuple[Resource, ...]:
        found = [self._app.find(resource.stack, reference) for reference in references]
        if None in found:
            raise LookupError(f"a subnet of {resource.identity} is not in the templates")
        return tuple(subnet for subnet in found if subnet)

    def _hosts(self) -> Iterator[Actor]:
        for host in self._app.resources(INSTANCE):
            interfaces = network_interfaces(host)
            subnets = self._subnets(host, [interface["SubnetId"] for interface in interfaces])
            is_public = any(interface.get("AssociatePublicIpAddress") for interface in interfaces)
            yield Actor(_name(host), frozenset(groups_of(self._app, host)), subnets, is_public=is_public)

    def _tiers(self) -> Iterator[Actor]:
        for tier in self._app.resources(SCALING_GROUP):
            template = self._app.find(tier.stack, tier.properties["LaunchTemplate"]["LaunchTemplateId"])
            assert template is not None
            subnets = self._subnets(tier, tier.properties["VPCZoneIdentifier"])
            is_public = any(interface.get("AssociatePublicIpAddress") for interface in network_interfaces(template))
            yield Actor(_name(tier), frozenset(groups_of(self._app, template)), subnets, is_public=is_public)

    def _load_balancers(self) -> Iterator[Actor]:
        for balancer in self._app.resources(LOAD_BALANCER):
            ports = frozenset(
                int(listener.properties["Port"])
                for listener in self._app.resources(LISTENER)
                if self._app.identity(listener.stack, listener.properties["LoadBalancerArn"]) == balancer.identity
            )
            yield Actor(
                _name(balancer),
                frozenset(groups_of(self._app, balancer)),
                self._subnets(balancer, balancer.properties["Subnets"]),
                is_public=balancer.properties.get("Scheme", "internet-facing") == "internet-facing",
                listens_on=ports,
            )

    def _functions(self) -> Iterator[Actor]:
        for function in self._app.resources(FUNCTION):
            place = function.properties["VpcConfig"]
            groups = frozenset(self._app.identity(function.stack, group) for group in place["SecurityGroupIds"])
            # Lambda gives its network interfaces no public addresses.
            yield Actor(_name(function), groups, self._subnets(function, place["SubnetIds"]))

    def _service_endpoints(self) -> Iterator[Actor]:
        interface = [each for each in self._app.resources(ENDPOINT) if each.properties.get("VpcEndpointType") == "Interface"]
        groups = {group for each in interface for group in groups_of(self._app, each)}
        subnets = {
            subnet.identity: subnet for each in interface for subnet in self._subnets(each, each.properties["SubnetIds"])
        }
        if interface:
            yield Actor("service endpoints", frozenset(groups), tuple(subnets.values()))

    def _target_groups(self) -> Iterator[tuple[Resource, Resource]]:
        for listener in self._app.resources(LISTENER):
            for action in listener.properties["DefaultActions"]:
                named = action.get("ForwardConfig", {}).get("TargetGroups") or [action]
                balancer = self._app.find(listener.stack, listener.properties["LoadBalancerArn"])
                for each in named:
                    group = self._app.find(listener.stack, each.get("TargetGroupArn", ""))
                    if group and balancer:
                        yield group, balancer

    def _implied_egress(self) -> Iterator[GroupRule]:
        """EC2 lets everything out of a group for which its template states no egress rule."""
        stated = {self._app.identity(each.stack, each.properties["GroupId"]) for each in self._app.resources(EGRESS)}
        for group in self._app.resources(GROUP):
            if group.identity not in stated and not group.properties.get("SecurityGroupEgress"):
                yield GroupRule(group.identity, "egress", "-1", 0, 65_535, "range", str(_WORLD), group, "Properties")

    def _refuse_the_unknown(self) -> None:
        unknown = [
            resource.identity
            for resource in self._app.resources()
            if resource.type.startswith(
                ("AWS::EC2::NetworkAcl", "AWS::EC2::TransitGateway", "AWS::EC2::VPN", "AWS::EC2::VPCPeering")
            )
            or (resource.type == "AWS::EC2::Route" and not {"GatewayId", "NatGatewayId"} & set(resource.properties))
        ]
        if unknown:
            raise LookupError(f"reachability doesn't know what these do: {unknown}")


def _name(resource: Resource) -> str:
    mirror = resource.tags.get(tags.MIRROR_SET)
    tier = resource.tags.get(tags.TIER)
    if resource.type == LOAD_BALANCER:
        return f"endpoint of {mirror}" if mirror else f"load balancer of {tier}"
    if mirror and resource.type == FUNCTION:
        return f"router of {mirror}"
    if mirror:
        return f"arbiter of {mirror}" if resource.tags.get(tags.MEMBER) == "arbiter" else f"failover members of {mirror}"
    return f"servers of {tier}"


def _common(out: GroupRule, into: GroupRule) -> tuple[str, int, int] | None:
    if "-1" not in {out.protocol, into.protocol} and out.protocol != into.protocol:
        return None
    protocol = into.protocol if out.protocol == "-1" else out.protocol
    if protocol == "icmp":
        narrow = into if out.protocol == "-1" else out
        return (
            (protocol, narrow.first, narrow.last) if "-1" in {out.protocol, into.protocol} or out.first == into.first else None
        )
    first, last = max(out.first, into.first), min(out.last, into.last)
    return (protocol, first, last) if first <= last else None


def _listens(actor: Actor, ports: tuple[str, int, int]) -> bool:
    protocol, first, last = ports
    if actor.listens_on is None or protocol not in {"tcp", "-1"}:
        return actor.listens_on is None
    return any(first <= port <= last for port in actor.listens_on)


def _shown(ports: tuple[str, int, int]) -> str:
    protocol, first, last = ports
    if protocol == "-1":
        return "everything"
    if protocol == "icmp":
        return "ping" if first == 8 else f"icmp {first}"
    return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"
