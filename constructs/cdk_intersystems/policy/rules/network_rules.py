"""Rules about security groups: who may connect, and to what."""

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_network

from cdk_intersystems.model.ports import ISCAGENT_PORT, MIRROR_STATUS_PORT, SUPERSERVER_PORT
from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.elsewhere import of_rule
from cdk_intersystems.policy.rules.mirrors import (
    INSTANCE,
    LAUNCH_TEMPLATE,
    LOAD_BALANCER,
    endpoint_target_groups,
    network_interfaces,
)
from cdk_intersystems.policy.rules.rule import Finding, rule
from cdk_intersystems.policy.rules.security_groups import (
    EGRESS,
    ENDPOINT,
    GROUP,
    GroupRule,
    group_rules,
    group_users,
    groups_of,
)

VPN = "AWS::EC2::VPNConnection"
_REMOTE_LOGIN = {22: "SSH", 3389: "RDP"}
_WEB_PORTS = {80, 443}


@rule(
    "IRIS-6",
    "no security group admits SSH or RDP",
    fix="use Session Manager; every host's role allows it",
)
def no_remote_login(app: Assembly) -> Iterator[Finding]:
    """From nobody, not even another group."""
    for stated in group_rules(app):
        if stated.direction == "ingress":
            for port, name in _REMOTE_LOGIN.items():
                if stated.admits(port):
                    yield _finding(stated, f"{stated.ports} admits {name} from {stated.peer}")


@rule(
    "IRIS-7",
    "nothing is open to the Internet but ports 80 and 443 of an internet-facing application load balancer",
    fix="admit a security group, or the ranges of the clients that need it",
)
def nothing_open_to_the_internet(app: Assembly) -> Iterator[Finding]:
    """A range is the Internet's from a size that no organization has."""
    users = group_users(app)
    for stated in group_rules(app):
        if stated.direction == "egress" or not stated.peer_is_internet:
            continue
        used_by = users.get(stated.group, [])
        if used_by and all(_faces_the_internet(user) for user in used_by) and _is_web(stated):
            continue
        yield _finding(stated, f"{stated.ports} is open to {stated.peer}")


@rule(
    "IRIS-8",
    "the members' own ports (superserver, ISCAgent, mirror status, endpoint targets) are open to security groups only, and to "
    "the mirror's members elsewhere, each by its one address",
    fix="let clients outside AWS connect to the mirror endpoint; admit a security group on the members, or tell "
    "MirroredDatabase of the members elsewhere",
)
def database_ports_closed_to_ranges(app: Assembly) -> Iterator[Finding]:
    """The endpoint's load balancer alone may admit ranges of clients, and only to its own listeners."""
    users = group_users(app)
    internal = {ISCAGENT_PORT, MIRROR_STATUS_PORT, *_target_ports(app)}
    for stated in group_rules(app):
        if stated.direction == "egress" or stated.peer_kind == "group" or of_rule(app, stated).needs(stated):
            continue
        used_by = users.get(stated.group, [])
        on_load_balancer = bool(used_by) and all(user.type == LOAD_BALANCER for user in used_by)
        closed = internal if on_load_balancer else {SUPERSERVER_PORT, *internal}
        for port in sorted(closed):
            if stated.admits(port):
                yield _finding(stated, f"{stated.ports} opens port {port} to {stated.peer}")


@rule(
    "IRIS-15",
    "nothing uses a VPC's default security group",
    fix="give the resource a security group of its own",
)
def default_group_unused(app: Assembly) -> Iterator[Finding]:
    """By name, or by stating no group at all."""
    for resource in app.resources(INSTANCE, LAUNCH_TEMPLATE, LOAD_BALANCER, ENDPOINT, "AWS::EC2::NetworkInterface"):
        groups = groups_of(app, resource)
        if any(group.endswith(".DefaultSecurityGroup") for group in groups):
            yield Finding(resource, "the resource uses the VPC's default security group", "Properties")
        elif not groups and _would_get_the_default(resource):
            yield Finding(resource, "the resource states no security group, and so gets the VPC's default one", "Properties")
    for stated in group_rules(app):
        if stated.peer.endswith(".DefaultSecurityGroup") or stated.group.endswith(".DefaultSecurityGroup"):
            yield _finding(stated, "a rule is about the VPC's default security group")


@rule(
    "IRIS-16",
    "no security group lets everything out",
    fix="pass allow_all_outbound=False and allow the connections that are needed",
)
def no_allow_all_egress(app: Assembly) -> Iterator[Finding]:
    """A group whose own template states no egress rule has EC2's, which allows everything."""
    own_egress = {
        (app.identity(resource.stack, resource.properties.get("GroupId")), resource.stack.name)
        for resource in app.resources(EGRESS)
    }
    for group in app.resources(GROUP):
        if not group.properties.get("SecurityGroupEgress") and (group.identity, group.stack.name) not in own_egress:
            message = "the group's stack states no egress rule, so that EC2's own one allows everything"
            yield Finding(group, message, "Properties.SecurityGroupEgress")
    for stated in group_rules(app):
        if stated.direction == "egress" and stated.is_all_traffic:
            yield _finding(stated, f"{stated.ports} may leave to {stated.peer}")


@rule(
    "IRIS-37",
    "where a region's routes say which networks are outside AWS, no security group admits another one",
    fix="name the range among the VPN's static_routes or on_premises_cidrs, or leave it out of client_cidrs",
)
def only_ranges_that_are_led_to(app: Assembly) -> Iterator[Finding]:
    """Of routes that are learned (BGP), and of a VPC that exists already, no template knows the ranges."""
    for region, led in _led_outside(app).items():
        for stated in group_rules(app):
            is_range = stated.direction == "ingress" and stated.peer_kind == "range" and not stated.peer_is_internet
            if stated.resource.stack.region != region or not is_range or of_rule(app, stated).needs(stated):
                continue
            peer = ip_network(stated.peer)
            if not any(peer.version == known.version and peer.subnet_of(known) for known in led):
                yield _finding(stated, f"{stated.ports} is open to {stated.peer}, which nothing leads to")


NETWORK_RULES = (
    no_remote_login,
    nothing_open_to_the_internet,
    database_ports_closed_to_ranges,
    default_group_unused,
    no_allow_all_egress,
    only_ranges_that_are_led_to,
)


def _finding(stated: GroupRule, message: str) -> Finding:
    return Finding(stated.resource, message, stated.location)


def _faces_the_internet(user: Resource) -> bool:
    properties = user.properties
    return (
        user.type == LOAD_BALANCER
        and properties.get("Type", "application") == "application"
        and properties.get("Scheme") == "internet-facing"
    )


def _is_web(stated: GroupRule) -> bool:
    return stated.protocol in {"tcp", "6"} and stated.first == stated.last and stated.first in _WEB_PORTS


def _target_ports(app: Assembly) -> set[int]:
    ports: set[int] = set()
    for _, group in endpoint_target_groups(app):
        ports.add(int(group.properties.get("Port", 0)))
        ports |= {int(target["Port"]) for target in group.properties.get("Targets", []) if "Port" in target}
    return ports


def _led_outside(app: Assembly) -> dict[str, list[IPv4Network]]:
    """By region: the ranges of its VPC, and those that its routes lead out of AWS to; of regions that state them all."""
    learns = {
        connection.stack.region
        for connection in app.resources(VPN)
        if connection.properties.get("StaticRoutesOnly") is not True and "VpnGatewayId" in connection.properties
    } | {association.stack.region for association in app.resources("AWS::DirectConnect::DirectConnectGatewayAssociation")}
    led: dict[str, list[IPv4Network]] = {}
    for connection in app.resources(VPN):
        if connection.stack.region not in learns:
            led.setdefault(connection.stack.region, [])
    for kind, key in (
        ("AWS::EC2::VPNConnectionRoute", "DestinationCidrBlock"),
        ("AWS::EC2::Route", "DestinationCidrBlock"),
        ("AWS::EC2::VPC", "CidrBlock"),
    ):
        for resource in app.resources(kind):
            stated = resource.properties.get(key)
            if kind == "AWS::EC2::Route" and "TransitGatewayId" not in resource.properties:
                continue
            if resource.stack.region in led and isinstance(stated, str):
                led[resource.stack.region].append(IPv4Network(stated))
    return led


def _would_get_the_default(resource: Resource) -> bool:
    properties = resource.properties
    if resource.type == ENDPOINT:
        return properties.get("VpcEndpointType") == "Interface"
    if resource.type == LAUNCH_TEMPLATE:
        return True
    if resource.type == INSTANCE:
        attached = [interface for interface in network_interfaces(resource) if "NetworkInterfaceId" in interface]
        return not attached and "LaunchTemplate" not in properties
    return properties.get("Type") != "gateway"
