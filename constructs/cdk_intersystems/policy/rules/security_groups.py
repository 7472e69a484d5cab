"""The rules of an app's security groups, wherever they are stated, and what uses which group."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Literal

from cdk_intersystems.policy.rules.assembly import Assembly, Resource, Stack
from cdk_intersystems.policy.rules.mirrors import INSTANCE, LAUNCH_TEMPLATE, LOAD_BALANCER, launch_settings, network_interfaces

GROUP = "AWS::EC2::SecurityGroup"
INGRESS = "AWS::EC2::SecurityGroupIngress"
EGRESS = "AWS::EC2::SecurityGroupEgress"
ENDPOINT = "AWS::EC2::VPCEndpoint"
INTERFACE = "AWS::EC2::NetworkInterface"

Direction = Literal["ingress", "egress"]
PeerKind = Literal["range", "group", "prefix-list"]

HIGHEST_PORT = 65_535

# The largest private range is a /8 (RFC 1918), the smallest a provider gets of IPv6 a /32: what is larger is the Internet.
_LARGEST_IPV4 = 8
_LARGEST_IPV6 = 16


@dataclass(frozen=True, slots=True)
class GroupRule:
    """One rule of a security group.

    Args:
        group: Identity of the group.
        direction: Which way connections go.
        protocol: `tcp`, `udp`, `icmp`, ... or `-1` for all.
        first: The first port; for ICMP the type.
        last: The last port; for ICMP the code.
        peer_kind: Whether the other side is an address range, a security group or a prefix list.
        peer: The range, or the identity of the group or list.
        resource: The resource that states the rule.
        location: Where in it.
    """

    group: str
    direction: Direction
    protocol: str
    first: int
    last: int
    peer_kind: PeerKind
    peer: str
    resource: Resource
    location: str

    def admits(self, port: int) -> bool:
        """Whether it lets TCP through to a port."""
        return self.protocol == "-1" or (self.protocol in {"tcp", "6"} and self.first <= port <= self.last)

    @property
    def is_all_traffic(self) -> bool:
        """Whether it lets everything through that has a protocol with ports."""
        return self.protocol == "-1" or (self.first <= 1 and self.last >= HIGHEST_PORT)

    @property
    def peer_is_internet(self) -> bool:
        """Whether the other side is the Internet or a large part of it."""
        if self.peer_kind != "range":
            return False
        try:
            network = ip_network(self.peer, strict=False)
        except ValueError:
            return False
        return network.prefixlen < (_LARGEST_IPV4 if network.version == 4 else _LARGEST_IPV6)

    @property
    def ports(self) -> str:
        """Its protocol and ports, for people."""
        if self.protocol == "-1":
            return "everything"
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol} {ports}"


def group_rules(app: Assembly) -> Iterator[GroupRule]:
    """All rules of all groups: those inside a group, and those that are resources of their own."""
    for group in app.resources(GROUP):
        for direction, key in (("ingress", "SecurityGroupIngress"), ("egress", "SecurityGroupEgress")):
            for number, stated in enumerate(group.properties.get(key, [])):
                yield _rule(app, group, stated, group.identity, direction=direction, location=f"Properties.{key}[{number}]")
    for resource in app.resources(INGRESS, EGRESS):
        identity = app.identity(resource.stack, resource.properties.get("GroupId"))
        direction = "ingress" if resource.type == INGRESS else "egress"
        yield _rule(app, resource, resource.properties, identity, direction=direction, location="Properties")


def group_users(app: Assembly) -> dict[str, list[Resource]]:
    """What uses each group, by the group's identity."""
    users: dict[str, list[Resource]] = {}
    for resource in app.resources(INSTANCE, LAUNCH_TEMPLATE, LOAD_BALANCER, ENDPOINT, INTERFACE):
        for group in groups_of(app, resource):
            users.setdefault(group, []).append(resource)
    return users


def groups_of(app: Assembly, resource: Resource) -> list[str]:
    """The identities of the groups a resource states."""
    return [app.identity(resource.stack, group) for group in _stated_groups(resource)]


def _stated_groups(resource: Resource) -> list[Any]:
    if resource.type in {INSTANCE, LAUNCH_TEMPLATE}:
        of_interfaces = [
            group
            for interface in network_interfaces(resource)
            for group in interface.get("GroupSet", interface.get("Groups", []))
        ]
        return of_interfaces + list(launch_settings(resource).get("SecurityGroupIds", []))
    key = {LOAD_BALANCER: "SecurityGroups", ENDPOINT: "SecurityGroupIds", INTERFACE: "GroupSet"}[resource.type]
    return list(resource.properties.get(key, []))


def _rule(
    app: Assembly, resource: Resource, stated: Mapping[str, Any], group: str, *, direction: str, location: str
) -> GroupRule:
    protocol = str(stated.get("IpProtocol", "-1")).lower()
    everything = protocol == "-1"
    kind, peer = _peer(app, resource.stack, stated)
    return GroupRule(
        group=group,
        direction="ingress" if direction == "ingress" else "egress",
        protocol=protocol,
        first=0 if everything else int(stated.get("FromPort", 0)),
        last=HIGHEST_PORT if everything else int(stated.get("ToPort", HIGHEST_PORT)),
        peer_kind=kind,
        peer=peer,
        resource=resource,
        location=location,
    )


def _peer(app: Assembly, stack: Stack, stated: Mapping[str, Any]) -> tuple[PeerKind, str]:
    for key in ("CidrIp", "CidrIpv6"):
        if key in stated:
            return "range", app.identity(stack, stated[key])
    for key in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if key in stated:
            return "group", app.identity(stack, stated[key])
    for key in ("SourcePrefixListId", "DestinationPrefixListId"):
        if key in stated:
            return "prefix-list", app.identity(stack, stated[key])
    # A template that names a group of another account or by name only; nothing of ours does.
    return "group", app.identity(stack, stated.get("SourceSecurityGroupName", "unknown"))
