"""Which hosts of an app are members of which mirror set."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cdk_intersystems.model import tags
from cdk_intersystems.model.topology import FAILOVER_MEMBERS
from cdk_intersystems.policy.rules.assembly import Assembly, Resource, Stack

INSTANCE = "AWS::EC2::Instance"
LAUNCH_TEMPLATE = "AWS::EC2::LaunchTemplate"
VOLUME = "AWS::EC2::Volume"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
SCALING_GROUP = "AWS::AutoScaling::AutoScalingGroup"


@dataclass(frozen=True, slots=True)
class Member:
    """The host of a mirror member."""

    member: str
    mirror_set: str
    host: Resource

    @property
    def is_failover(self) -> bool:
        """Whether it is a failover member, or can become one; the arbiter can't."""
        return self.member in FAILOVER_MEMBERS


def mirror_of(resource: Resource) -> str | None:
    """The mirror a resource belongs to, in whichever region, as `<deployment>/<mirror name>`; None if to none."""
    name = resource.tags.get(tags.MIRROR_SET)
    return f"{resource.tags.get(tags.DEPLOYMENT, '')}/{name}" if name else None


def mirror_set_of(resource: Resource) -> str | None:
    """What of a mirror stands in the region of a resource that belongs to it: its failover members, arbiter and endpoint.

    As `<deployment>/<mirror name> in <region>`, as far as the region is known; None if it belongs to none.
    """
    mirror = mirror_of(resource)
    return f"{mirror} in {resource.stack.region}" if mirror and resource.stack.region else mirror


def members(app: Assembly) -> Iterator[Member]:
    """All members' hosts, known by their tags."""
    for host in app.resources(INSTANCE):
        name = host.tags.get(tags.MEMBER)
        mirror_set = mirror_set_of(host)
        if name and mirror_set:
            yield Member(name, mirror_set, host)


def member_volumes(app: Assembly) -> Iterator[Resource]:
    """All volumes of failover members, known by their tags."""
    for volume in app.resources(VOLUME):
        if volume.tags.get(tags.VOLUME):
            yield volume


def member_stacks(app: Assembly) -> Iterator[Stack]:
    """The stacks with a member's host or volumes."""
    seen = [member.host.stack for member in members(app)] + [volume.stack for volume in member_volumes(app)]
    yield from dict.fromkeys(seen)


def launch_settings(resource: Resource) -> dict[str, Any]:
    """What an instance or launch template starts instances with."""
    if resource.type == LAUNCH_TEMPLATE:
        return dict(resource.properties.get("LaunchTemplateData", {}))
    return dict(resource.properties)


def network_interfaces(resource: Resource) -> list[dict[str, Any]]:
    """The network interfaces an instance or launch template states."""
    return list(launch_settings(resource).get("NetworkInterfaces", []))


def private_address(host: Resource) -> Any:
    """The private address a host states; None if none."""
    for interface in network_interfaces(host):
        if "PrivateIpAddress" in interface:
            return interface["PrivateIpAddress"]
    return host.properties.get("PrivateIpAddress")


def zone(app: Assembly, host: Resource) -> str | None:
    """The zone of a host or volume, its own or its subnet's; None if the app doesn't say."""
    if stated := host.properties.get("AvailabilityZone"):
        return app.identity(host.stack, stated)
    subnets = [interface.get("SubnetId") for interface in network_interfaces(host)] + [host.properties.get("SubnetId")]
    for subnet in subnets:
        found = app.find(host.stack, subnet) if subnet else None
        if found and "AvailabilityZone" in found.properties:
            return app.identity(found.stack, found.properties["AvailabilityZone"])
    return None


def endpoint_target_groups(app: Assembly) -> Iterator[tuple[str, Resource]]:
    """The target groups that lead to failover members, each with its mirror set."""
    sets = {str(private_address(member.host)): member.mirror_set for member in members(app) if member.is_failover}
    for group in app.resources(TARGET_GROUP):
        by_address = [sets[target] for target in target_addresses(group) if target in sets]
        mirror_set = by_address[0] if by_address else mirror_set_of(group)
        if mirror_set:
            yield mirror_set, group


def member_of_group(group: Resource) -> str | None:
    """The failover member that a target group is for, by its tag; None of one with both, in which the load balancer chooses."""
    member = group.tags.get(tags.MEMBER)
    return member if member in FAILOVER_MEMBERS else None


def target_addresses(group: Resource) -> list[str]:
    """The addresses a target group holds."""
    return [str(target.get("Id")) for target in group.properties.get("Targets", [])]


def attributes(resource: Resource, key: str) -> dict[str, str]:
    """The attributes of a load balancer or target group."""
    return {entry["Key"]: str(entry["Value"]) for entry in resource.properties.get(key, [])}
