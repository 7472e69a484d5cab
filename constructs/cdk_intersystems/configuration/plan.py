"""What follows from a configuration: subnets' ranges, members' addresses, the names of stacks."""

from ipaddress import IPv4Address, IPv4Network

from cdk_intersystems.model import addresses
from cdk_intersystems.model.addresses import TierName
from cdk_intersystems.model.topology import MEMBERS, MemberId, zone_index

from .mirror_set import MirrorSetConfig
from .region import PrimaryRegion, Subnet

#: Stacks of every deployment; no mirror set or tier can be called so.
RESERVED_STACK_NAMES = ("network", "foundation", "image")


def stack_names(mirror_set: MirrorSetConfig) -> list[str]:
    """What the stacks of a mirror set may be called, after `<deployment>-<region role>-`: its own, and one for each member."""
    base = mirror_set.name.lower()
    return [base, *(f"{base}-{member}" for member in MEMBERS)]


def vip_label(mirror_set: MirrorSetConfig) -> str:
    """What the virtual IP of a mirror set is called in the deployment's zone."""
    return f"{mirror_set.name.lower()}-vip"


def vpc_cidr(region: PrimaryRegion) -> IPv4Network:
    """The range of the VPC, new or existing.

    Raises:
        ValueError: The region has neither.
    """
    if region.existing is not None:
        return region.existing.cidr
    if region.cidr is None:
        raise ValueError("a region has either cidr or existing")
    return region.cidr


def existing_subnets(region: PrimaryRegion, tier: TierName) -> tuple[Subnet, ...]:
    """The subnets of a tier in an existing VPC, in the order of the region's zones; empty for a new VPC."""
    if region.existing is None:
        return ()
    subnets: tuple[Subnet, ...] = getattr(region.existing.subnets, tier)
    order = {zone: index for index, zone in enumerate(region.availability_zones)}
    return tuple(sorted(subnets, key=lambda subnet: order.get(subnet.zone, len(order))))


def vip_route_tables(region: PrimaryRegion) -> tuple[str, ...]:
    """The route tables of an existing VPC that lead the virtual IPs, each once; empty for a new VPC, whose own carry a tag."""
    if region.existing is None:
        return ()
    of_subnets = (subnet.route_table for tier in addresses.TIERS for subnet in existing_subnets(region, tier))
    return tuple(dict.fromkeys([*of_subnets, *region.existing.route_tables]))


def subnet_cidrs(region: PrimaryRegion, tier: TierName) -> tuple[IPv4Network, ...]:
    """The ranges of a tier's subnets, in the order of the region's zones; empty for a tier an existing VPC lacks."""
    if region.existing is not None:
        return tuple(subnet.cidr for subnet in existing_subnets(region, tier))
    return tuple(addresses.subnet_cidr(vpc_cidr(region), tier, zone) for zone in range(len(region.availability_zones)))


def member_addresses(region: PrimaryRegion, mirror_set: MirrorSetConfig) -> dict[MemberId, IPv4Address]:
    """The fixed address of each member of a mirror set: chosen by hand, or from the address plan."""
    planned = {}
    for member in MEMBERS:
        chosen: IPv4Address | None = getattr(mirror_set.addresses, member)
        planned[member] = chosen or addresses.fixed_address(
            subnet_cidrs(region, addresses.tier_of(member))[zone_index(mirror_set.number, member)], mirror_set.number
        )
    return planned
