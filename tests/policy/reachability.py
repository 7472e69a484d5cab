"""Computes from synthesized templates who can connect to whom, on which port, by which way.

A flow counts only if a security group of the source lets it out, one of the destination lets it in, and there is a way: inside
a VPC always, to the other region's by routes on both sides, to networks outside AWS by routes that are stated or learned, to
and from the Internet by a route table's routes and a public address. A network ACL, or a route to anything that isn't known
here, is an error: what isn't understood must not pass as closed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

from cdk_intersystems.model import tags
from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.failover_rules import FUNCTION
from cdk_intersystems.policy.rules.mirrors import (
    INSTANCE,
    LISTENER,
    LOAD_BALANCER,
    SCALING_GROUP,
    network_interfaces,
    private_address,
)
from cdk_intersystems.policy.rules.security_groups import EGRESS, ENDPOINT, GROUP, GroupRule, group_rules, groups_of

INTERNET = "Internet"
IN_VPC = "VPC"
INTERNET_GATEWAY = "Internet gateway"
NAT_GATEWAY = "NAT gateway"
PRIVATE_CONNECTION = "private connection"
PEERING = "peering"
TRANSIT_GATEWAY = "transit gateway"
VPN = "VPN"
DIRECT_CONNECT = "Direct Connect"
API_GATEWAY = "API Gateway"
_WORLD = IPv4Network("0.0.0.0/0")
# By the property of a route that names where it leads.
_WAYS = {
    "GatewayId": INTERNET_GATEWAY,
    "NatGatewayId": NAT_GATEWAY,
    "VpcPeeringConnectionId": PEERING,
    "TransitGatewayId": TRANSIT_GATEWAY,
}
_BETWEEN_VPCS = (PEERING, TRANSIT_GATEWAY)
# What may connect a VPC with something else, and is understood here.
_KNOWN = {
    "AWS::EC2::TransitGatewayAttachment",
    # Between the gateways: which way it leads is in their own route tables.
    "AWS::EC2::TransitGatewayPeeringAttachment",
    "AWS::EC2::VPNConnection",
    "AWS::EC2::VPNConnectionRoute",
    "AWS::EC2::VPNGateway",
    "AWS::EC2::VPNGatewayRoutePropagation",
    "AWS::EC2::VPCPeeringConnection",
}


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
    address: str | None = None

    @property
    def ranges(self) -> list[IPv4Network]:
        """Where its addresses are; of a host, its one fixed address."""
        if self.address is not None:
            return [IPv4Network(self.address)]
        return [IPv4Network(subnet.properties["CidrBlock"]) for subnet in self.subnets]


class Reachability:
    """The network of one synthesized app."""

    def __init__(self, app: Assembly) -> None:
        self._app = app
        self._known_routes: dict[str, list[tuple[IPv4Network, str]]] = {}
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
            *(flow for actor in self.actors for flow in self._to_outside(actor)),
            *(
                Flow(INTERNET, _name(api), "tcp 443", API_GATEWAY)
                for api in self._app.resources("AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi")
            ),
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
        way = self._way(source, destination)
        for out in self._of(source, "egress") if way else ():
            if not self._reaches(out, destination):
                continue
            for into in self._of(destination, "ingress"):
                ports = _common(out, into)
                if ports and self._reaches(into, source) and _listens(destination, ports):
                    yield Flow(source.name, destination.name, _shown(ports), str(way))

    def _way(self, source: Actor, destination: Actor) -> str | None:
        """By which way packets get from one to the other and back; None if they don't."""
        if self._vpc_of(source) == self._vpc_of(destination):
            return IN_VPC
        there, back = self._led(source, destination.ranges), self._led(destination, source.ranges)
        return next((way for way in _BETWEEN_VPCS if way in there and way in back), None)

    def _led(self, actor: Actor, ranges: list[IPv4Network]) -> set[str]:
        """The ways that routes of an actor's subnets lead to some of the ranges."""
        return {
            way
            for subnet in actor.subnets
            for destination, way in self._routes(subnet)
            if destination != _WORLD and any(each.overlaps(destination) for each in ranges)
        }

    def _vpc_of(self, actor: Actor) -> str:
        (vpc,) = {self._app.identity(subnet.stack, subnet.properties["VpcId"]) for subnet in actor.subnets}
        return vpc

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
                for way in self._outside(destination, peer):
                    yield Flow(str(peer), destination.name, _shown(ports), way)

    def _to_outside(self, source: Actor) -> Iterator[Flow]:
        """To networks outside AWS: of members, whose mirror goes on there."""
        for out in self._of(source, "egress"):
            if out.peer_kind != "range" or out.peer_is_internet or ip_network(out.peer).version != 4:
                continue
            peer = IPv4Network(out.peer)
            if peer.is_reserved or any(peer.subnet_of(vpc) for vpc in self._vpc):
                continue
            for way in self._outside(source, peer):
                yield Flow(source.name, str(peer), _shown((out.protocol, out.first, out.last)), way)

    def _outside(self, actor: Actor, peer: IPv4Network) -> set[str]:
        """By which ways an actor and a network outside AWS reach each other; by one that isn't in the templates, if by none."""
        stated = {TRANSIT_GATEWAY} & self._led(actor, [peer])
        learned = {way for subnet in actor.subnets for way in self._learned(subnet)}
        return stated | learned or {PRIVATE_CONNECTION}

    def _learned(self, subnet: Resource) -> Iterator[str]:
        """What a virtual private gateway propagates its routes from into the table of a subnet."""
        table = self._table(subnet)
        for propagation in self._app.resources("AWS::EC2::VPNGatewayRoutePropagation"):
            tables = [self._app.identity(propagation.stack, each) for each in propagation.properties["RouteTableIds"]]
            gateway = self._app.identity(propagation.stack, propagation.properties["VpnGatewayId"])
            if table not in tables:
                continue
            for kind, key, way in (
                ("AWS::EC2::VPNConnection", "VpnGatewayId", VPN),
                ("AWS::DirectConnect::DirectConnectGatewayAssociation", "AssociatedGatewayId", DIRECT_CONNECT),
            ):
                for connection in self._app.resources(kind):
                    if self._app.identity(connection.stack, connection.properties.get(key, "")) == gateway:
                        yield way

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
        return next((way for destination, way in self._routes(subnet) if destination == _WORLD), None)

    def _routes(self, subnet: Resource) -> list[tuple[IPv4Network, str]]:
        """Where the table of a subnet leads, and by which way."""
        if subnet.identity not in self._known_routes:
            self._known_routes[subnet.identity] = list(self._found_routes(subnet))
        return self._known_routes[subnet.identity]

    def _found_routes(self, subnet: Resource) -> Iterator[tuple[IPv4Network, str]]:
        table = self._table(subnet)
        for route in self._app.resources("AWS::EC2::Route"):
            if self._app.identity(route.stack, route.properties["RouteTableId"]) == table:
                (way,) = (way for key, way in _WAYS.items() if key in route.properties)
                destination = IPv4Network(route.properties["DestinationCidrBlock"])
                if (destination == _WORLD) != (way not in _BETWEEN_VPCS):
                    raise LookupError(f"a route to {route.properties}")
                if way == NAT_GATEWAY and not self._nat(route):
                    continue
                yield destination, way

    def _table(self, subnet: Resource) -> str:
        return next(
            self._app.identity(association.stack, association.properties["RouteTableId"])
            for association in self._app.resources("AWS::EC2::SubnetRouteTableAssociation")
            if self._app.identity(association.stack, association.properties["SubnetId"]) == subnet.identity
        )

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
            groups, address = frozenset(groups_of(self._app, host)), str(private_address(host))
            yield Actor(_name(host), groups, subnets, is_public=is_public, address=address)

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
            place = function.properties.get("VpcConfig")
            # In no VPC, it reaches AWS's services and nothing of a VPC.
            if place is None:
                continue
            groups = frozenset(self._app.identity(function.stack, group) for group in place["SecurityGroupIds"])
            # Lambda gives its network interfaces no public addresses.
            yield Actor(_name(function), groups, self._subnets(function, place["SubnetIds"]))

    def _service_endpoints(self) -> Iterator[Actor]:
        interface = [each for each in self._app.resources(ENDPOINT) if each.properties.get("VpcEndpointType") == "Interface"]
        for stack in dict.fromkeys(each.stack for each in interface):
            own = [each for each in interface if each.stack is stack]
            groups = {group for each in own for group in groups_of(self._app, each)}
            subnets = {subnet.identity: subnet for each in own for subnet in self._subnets(each, each.properties["SubnetIds"])}
            yield Actor(f"service endpoints{_place(own[0])}", frozenset(groups), tuple(subnets.values()))

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
            if (
                resource.type.startswith(
                    ("AWS::EC2::NetworkAcl", "AWS::EC2::TransitGateway", "AWS::EC2::VPN", "AWS::EC2::VPCPeering")
                )
                and resource.type not in _KNOWN
            )
            or (resource.type == "AWS::EC2::Route" and not _WAYS.keys() & resource.properties.keys())
        ]
        if unknown:
            raise LookupError(f"reachability doesn't know what these do: {unknown}")


def _name(resource: Resource) -> str:
    mirror = resource.tags.get(tags.MIRROR_SET)
    tier = resource.tags.get(tags.TIER)
    if resource.type == LOAD_BALANCER:
        name = f"endpoint of {mirror}" if mirror else f"load balancer of {tier}"
    elif resource.type == FUNCTION:
        name = f"router of {mirror}" if mirror else _in_words(resource.properties["FunctionName"])
    elif mirror and resource.type == INSTANCE:
        name = f"arbiter of {mirror}" if resource.tags.get(tags.MEMBER) == "arbiter" else f"failover members of {mirror}"
    else:
        name = f"servers of {tier}" if tier else _in_words(f"{resource.properties['Name']}-API")
    return name + _place(resource)


def _in_words(name: str) -> str:
    """What `<deployment>-<mirror set>-region-<what>` is, as the page calls it."""
    of, _, what = name.partition("-region-")
    return f"{what} of {of.rpartition('-')[2]}"


def _place(resource: Resource) -> str:
    """Where it is, if not in the region that has no other: by the name of its stack."""
    return " (dr)" if "-dr-" in resource.stack.name else ""


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
