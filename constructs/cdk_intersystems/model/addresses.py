"""The address plan: how the VPC's range is cut into subnets, and which fixed address each member has.

A mirror keeps its members by address, and a member whose address changed drops out of it. So a member's address is a
function of the VPC's range and the number of its mirror set alone: no lookup, no export, the same at every synthesis and
in every region.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations
from typing import Final, Literal

from .topology import MIRROR_SET_NUMBERS, ZONES, MemberId, zone_index

TierName = Literal["public", "web", "application", "data", "arbiter"]

#: The tiers in the order their blocks are cut from the VPC's range. The order never changes: it moves addresses.
TIERS: Final[tuple[TierName, ...]] = ("public", "web", "application", "data", "arbiter")

#: 5 tiers in 3 zones take 15 of 16 equal blocks; the last stays free.
BLOCKS: Final = 16
_BLOCK_BITS: Final = 4

#: An AWS VPC is a /16 at most. Source: Amazon VPC User Guide, "VPC CIDR blocks".
LARGEST_PREFIX: Final = 16
#: A /22 gives subnets of 64 addresses, the smallest that hold the fixed addresses and leave as many again and more.
SMALLEST_PREFIX: Final = 22

#: Fixed addresses are among the second sixteen of a data or arbiter subnet.
_FIXED_ADDRESS_OFFSET: Final = 16
#: The smallest subnet whose offsets 16 to 31 can all be used: of a /27 the last one is AWS's.
SMALLEST_FIXED_SUBNET_PREFIX: Final = 26

#: AWS keeps the first four addresses of a subnet and the last. Source: Amazon VPC User Guide, "Subnet sizing for IPv4".
_AWS_FIRST: Final = 4

#: Ranges that AWS refuses for a VPC, or that never leave a host.
_NO_VPC_RANGES: Final = tuple(IPv4Network(cidr) for cidr in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))


def vpc_cidr_problem(cidr: IPv4Network) -> str | None:
    """Says why a range cannot be cut into the subnets of a deployment; `None` if it can."""
    if not LARGEST_PREFIX <= cidr.prefixlen <= SMALLEST_PREFIX:
        return (
            f"the VPC is cut into {BLOCKS} blocks, so its range is a /{LARGEST_PREFIX} to /{SMALLEST_PREFIX}, "
            f"and /{cidr.prefixlen} is too {'small' if cidr.prefixlen > SMALLEST_PREFIX else 'large'}"
        )
    if any(cidr.overlaps(reserved) for reserved in _NO_VPC_RANGES):
        return "AWS accepts no loopback, link-local, multicast or reserved range for a VPC"
    return None


def subnet_cidr(vpc_cidr: IPv4Network, tier: TierName, zone: int) -> IPv4Network:
    """The block of a tier's subnet in one Availability Zone.

    Args:
        vpc_cidr: The VPC's range, /16 to /22.
        tier: The tier.
        zone: Index of the zone in the deployment's list of three, 0 to 2.

    Raises:
        ValueError: The range is too small or too large, or there is no such zone.
    """
    if problem := vpc_cidr_problem(vpc_cidr):
        raise ValueError(f"{problem}, got {vpc_cidr}")
    if zone not in range(ZONES):
        raise ValueError(f"a zone's index is 0 to {ZONES - 1}, got {zone}")
    prefix = vpc_cidr.prefixlen + _BLOCK_BITS
    block = TIERS.index(tier) * ZONES + zone
    return IPv4Network((int(vpc_cidr.network_address) + (block << (32 - prefix)), prefix))


def fixed_address(subnet: IPv4Network, number: int) -> IPv4Address:
    """The fixed address that a mirror set has in a data or arbiter subnet: offset 16 + number.

    Args:
        subnet: The subnet, cut by `subnet_cidr` or of an existing VPC; /26 or larger.
        number: Number of the mirror set, 1 to 15.

    Raises:
        ValueError: The subnet is too small, or the number is not one of a mirror set.
    """
    if subnet.prefixlen > SMALLEST_FIXED_SUBNET_PREFIX:
        raise ValueError(f"a subnet with fixed addresses is a /{SMALLEST_FIXED_SUBNET_PREFIX} or larger, got {subnet}")
    if number not in MIRROR_SET_NUMBERS:
        raise ValueError(f"a mirror set has a number from 1 to {MIRROR_SET_NUMBERS[-1]}, got {number}")
    return subnet.network_address + _FIXED_ADDRESS_OFFSET + number


def tier_of(member: MemberId) -> TierName:
    """The tier whose subnets a member stands in."""
    return "arbiter" if member == "arbiter" else "data"


def member_address(vpc_cidr: IPv4Network, number: int, member: MemberId) -> IPv4Address:
    """The fixed address of a member in a VPC cut by this plan.

    Args:
        vpc_cidr: The VPC's range, /16 to /22.
        number: Number of the mirror set, 1 to 15.
        member: The failover member or the arbiter.

    Raises:
        ValueError: As `subnet_cidr` and `fixed_address` do.
    """
    return fixed_address(subnet_cidr(vpc_cidr, tier_of(member), zone_index(number, member)), number)


def usable(address: IPv4Address, subnet: IPv4Network) -> bool:
    """Whether an instance can have an address in a subnet: inside it, and none of the five that AWS keeps."""
    if address not in subnet:
        return False
    offset = int(address) - int(subnet.network_address)
    return _AWS_FIRST <= offset < subnet.num_addresses - 1


#: Ranges that no router on the Internet has a route to. Sources: RFC 1918, RFC 6598, RFC 6890.
_NOT_PUBLIC: Final = (
    *_NO_VPC_RANGES,
    *(IPv4Network(cidr) for cidr in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")),
)


def public_address_problem(address: IPv4Address) -> str | None:
    """Says why an address can't be reached over the Internet; `None` if it may be."""
    if any(address in network for network in _NOT_PUBLIC):
        return "needs a public address: private, shared and reserved ones are not reached over the Internet"
    return None


def overlaps(ranges: Sequence[IPv4Network]) -> Iterable[tuple[int, int]]:
    """The pairs of positions whose ranges overlap, in order."""
    return ((i, j) for i, j in combinations(range(len(ranges)), 2) if ranges[i].overlaps(ranges[j]))
