"""What follows from a configuration: subnets' ranges, members' addresses, capacities, the names of stacks."""

from ipaddress import IPv4Address, IPv4Network

from cdk_intersystems.model import addresses
from cdk_intersystems.model.addresses import TierName
from cdk_intersystems.model.storage import MemberVolumes
from cdk_intersystems.model.topology import (
    FAILOVER_MEMBERS,
    MEMBERS,
    AwsRole,
    FailoverMemberId,
    MemberId,
    RegionRole,
    system_name,
    zone_index,
)

from .deployment import Deployment
from .dr_region import DrRegion
from .mirror_set import Addresses, MirrorSetConfig
from .on_premises import OnPremisesMirror
from .region import RegionBase, Subnet
from .tiers import ApplicationTierConfig, WebTierConfig

#: Stacks of every deployment; no mirror set or tier can be called so.
RESERVED_STACK_NAMES = ("network", "foundation", "image")


def stack_names(mirror_set: MirrorSetConfig, role: str = "primary") -> list[str]:
    """What the stacks of a mirror set may be called, after `<deployment>-<region role>-`.

    Its own, one for each member, and in the DR region the one that moves the mirror between regions.
    """
    base = mirror_set.name.lower()
    return [base, *(f"{base}-{member}" for member in MEMBERS), *([region_stack_name(mirror_set)] if role == "dr" else [])]


def region_stack_name(mirror_set: MirrorSetConfig) -> str:
    """What the stack that moves a mirror between regions is called, after `<deployment>-dr-`."""
    return f"{mirror_set.name.lower()}-region"


def own_label(label: str, role: str) -> str:
    """What is called `label` in the deployment's zone, as it stands in one region: never moved to the other.

    Args:
        label: Name of a web tier, or what the endpoint of a mirror set is called.
        role: The region's role, `primary` or `dr`.
    """
    return f"{label}-{role}"


def vip_label(mirror_set: MirrorSetConfig) -> str:
    """What the virtual IP of a mirror set is called in the deployment's zone."""
    return f"{mirror_set.name.lower()}-vip"


def vpc_cidr(region: RegionBase) -> IPv4Network:
    """The range of the VPC, new or existing.

    Raises:
        ValueError: The region has neither.
    """
    if region.existing is not None:
        return region.existing.cidr
    if region.cidr is None:
        raise ValueError("a region has either cidr or existing")
    return region.cidr


def existing_subnets(region: RegionBase, tier: TierName) -> tuple[Subnet, ...]:
    """The subnets of a tier in an existing VPC, in the order of the region's zones; empty for a new VPC."""
    if region.existing is None:
        return ()
    subnets: tuple[Subnet, ...] = getattr(region.existing.subnets, tier)
    order = {zone: index for index, zone in enumerate(region.availability_zones)}
    return tuple(sorted(subnets, key=lambda subnet: order.get(subnet.zone, len(order))))


def vip_route_tables(region: RegionBase) -> tuple[str, ...]:
    """The route tables of an existing VPC that lead the virtual IPs, each once; empty for a new VPC, whose own carry a tag."""
    if region.existing is None:
        return ()
    of_subnets = (subnet.route_table for tier in addresses.TIERS for subnet in existing_subnets(region, tier))
    return tuple(dict.fromkeys([*of_subnets, *region.existing.route_tables]))


def subnet_cidrs(region: RegionBase, tier: TierName) -> tuple[IPv4Network, ...]:
    """The ranges of a tier's subnets, in the order of the region's zones; empty for a tier an existing VPC lacks."""
    if region.existing is not None:
        return tuple(subnet.cidr for subnet in existing_subnets(region, tier))
    return tuple(addresses.subnet_cidr(vpc_cidr(region), tier, zone) for zone in range(len(region.availability_zones)))


def chosen_addresses(region: RegionBase, mirror_set: MirrorSetConfig) -> Addresses:
    """The addresses of a mirror set in a region that were chosen by hand."""
    if isinstance(region, DrRegion):
        return region.addresses.get(mirror_set.name, Addresses())
    return mirror_set.addresses


def member_addresses(region: RegionBase, mirror_set: MirrorSetConfig) -> dict[MemberId, IPv4Address]:
    """The fixed address of each member of a mirror set in a region: chosen by hand, or from the address plan."""
    by_hand = chosen_addresses(region, mirror_set)
    planned = {}
    for member in MEMBERS:
        chosen: IPv4Address | None = getattr(by_hand, member)
        planned[member] = chosen or addresses.fixed_address(
            subnet_cidrs(region, addresses.tier_of(member))[zone_index(mirror_set.number, member)], mirror_set.number
        )
    return planned


def region_members(deployment: Deployment, role: str) -> tuple[FailoverMemberId, ...]:
    """The members that each mirror set has in a region in AWS, `a` alone or both; those taken out for a while included."""
    dr = deployment.regions.dr
    return FAILOVER_MEMBERS if role != "dr" or dr is None else FAILOVER_MEMBERS[: dr.members]


def absent_member(deployment: Deployment, role: str, mirror_set: MirrorSetConfig) -> FailoverMemberId | None:
    """The member of a mirror set that isn't there in a region in AWS: there is none such, or it was taken out."""
    dr = deployment.regions.dr
    if role != "dr" or dr is None:
        return next(iter(mirror_set.absent_members), None)
    return "b" if dr.members == 1 else dr.absent_members.get(mirror_set.name)


def system_names(deployment: Deployment, role: str, mirror_set: MirrorSetConfig) -> dict[FailoverMemberId, str]:
    """The names inside the mirror of the members in a region in AWS."""
    known: AwsRole = "dr" if role == "dr" else "primary"
    return {
        member: system_name(mirror_set.name, mirror_set.number, member, known) for member in region_members(deployment, role)
    }


def other_role(deployment: Deployment, role: str) -> RegionRole | None:
    """Where the mirror's other members are; `None` for a deployment of one region."""
    regions = deployment.regions
    if role != "dr":
        return "dr" if regions.dr is not None else None
    return "primary" if regions.primary is not None else "on_premises" if regions.on_premises is not None else None


def other_members(deployment: Deployment, role: str, mirror_set: MirrorSetConfig) -> dict[str, str]:
    """System name -> address of the mirror's members in the other place; empty for a deployment of one region.

    Args:
        deployment: The deployment.
        role: The role of the region that asks, `primary` or `dr`.
        mirror_set: The mirror set.
    """
    other = other_role(deployment, role)
    if other is None:
        return {}
    if other == "on_premises":
        mirror = on_premises_mirror(deployment, mirror_set)
        return {} if mirror is None else {name: str(address) for name, address in mirror.members.items()}
    addresses_there = member_addresses(deployment.regions.of(other), mirror_set)
    return {name: str(addresses_there[member]) for member, name in system_names(deployment, other, mirror_set).items()}


def other_subjects(deployment: Deployment, role: str, mirror_set: MirrorSetConfig) -> dict[str, str]:
    """System name -> subject of the certificate, of members on premises whose subject is stated."""
    if other_role(deployment, role) != "on_premises":
        return {}
    mirror = on_premises_mirror(deployment, mirror_set)
    return {} if mirror is None else dict(mirror.subjects)


def other_arbiter(deployment: Deployment, role: str, mirror_set: MirrorSetConfig) -> str:
    """The address of the arbiter in the other place; empty if there is none."""
    other = other_role(deployment, role)
    if other is None:
        return ""
    if other == "on_premises":
        mirror = on_premises_mirror(deployment, mirror_set)
        return "" if mirror is None or mirror.arbiter is None else str(mirror.arbiter)
    return str(member_addresses(deployment.regions.of(other), mirror_set)["arbiter"])


def on_premises_mirror(deployment: Deployment, mirror_set: MirrorSetConfig) -> OnPremisesMirror | None:
    """The members of a mirror set on premises; `None` if they are in AWS."""
    on_premises = deployment.regions.on_premises
    return None if on_premises is None else on_premises.mirror_sets.get(mirror_set.name)


def volumes_of(deployment: Deployment, role: str, mirror_set: MirrorSetConfig) -> MemberVolumes:
    """The volumes of a mirror set's members in a region in AWS."""
    dr = deployment.regions.dr
    own = dr.volumes.get(mirror_set.name) if role == "dr" and dr is not None else None
    return (own or mirror_set.volumes).member_volumes()


def waiting_type(deployment: Deployment, role: str, mirror_set: MirrorSetConfig) -> str:
    """The instance type that a mirror set's members have in a region in AWS while another place serves."""
    dr = deployment.regions.dr
    waiting = dr.capacity.database.instance_type if role == "dr" and dr is not None else None
    return waiting or mirror_set.instance_type


def fallback_types(deployment: Deployment, role: str) -> tuple[str, ...]:
    """The instance types to try where AWS has no capacity of the mirror set's own, in order."""
    dr = deployment.regions.dr
    return dr.capacity.database.fallback_types if role == "dr" and dr is not None else ()


def tier_capacity(deployment: Deployment, role: str, tier: ApplicationTierConfig | WebTierConfig) -> tuple[int, int]:
    """The fewest and the most servers of a tier in a region, as the template has them: a promotion raises them."""
    dr = deployment.regions.dr
    percent = dr.capacity.tiers if role == "dr" and dr is not None else 100
    return -(-tier.min * percent // 100), -(-tier.max * percent // 100)


def certificate_of(deployment: Deployment, role: str, tier: WebTierConfig) -> str:
    """The ARN of a web tier's certificate in a region."""
    dr = deployment.regions.dr
    return tier.certificate if role != "dr" or dr is None else dr.certificates.get(tier.name, tier.certificate)
