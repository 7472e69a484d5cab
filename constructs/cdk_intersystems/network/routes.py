"""Routes out of a network's tiers, to what is outside its VPC."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, collapse_addresses

from aws_cdk import aws_ec2 as ec2

from cdk_intersystems.network.network import Network

#: The tiers whose instances and load balancers talk to networks outside AWS. What faces the Internet stands in public subnets.
PRIVATE_TIERS = ("web", "application", "data", "arbiter")


def tier_route_tables(network: Network, tiers: Sequence[str] = PRIVATE_TIERS) -> dict[str, str]:
    """The route tables of some tiers, in the tiers' order: tier and number of the zone -> id.

    Args:
        network: The network, made here: a VPC that exists is taken as it is.
        tiers: The tiers.
    """
    return {
        f"{tier.capitalize()}{number}": subnet.route_table.route_table_id
        for tier in tiers
        for number, subnet in enumerate(network.subnets(tier), start=1)
    }


def require_own_vpc(network: Network, what: str) -> ec2.Vpc:
    """The VPC of a network that was made here.

    Args:
        network: The network.
        what: What is to be defined in it, for the error.

    Raises:
        ValueError: The VPC exists already, and nothing in it is changed.
    """
    if not isinstance(network.vpc, ec2.Vpc):
        raise ValueError(f"{what} needs a VPC that this library made; in an existing one define it, and its routes, yourself")
    return network.vpc


def exact_ranges(cidrs: Iterable[str]) -> list[str]:
    """The fewest ranges that hold the same addresses and no other, in order: a route table has room for 50 routes.

    Source: Amazon VPC User Guide, "Amazon VPC quotas", routes per route table.
    """
    return [str(network) for network in collapse_addresses(IPv4Network(cidr) for cidr in cidrs)]


def route_id(table: str, cidr: str) -> str:
    """The construct id of a route: of its table and where it leads, so that another one more moves none."""
    return f"{table}To{cidr.replace('.', '-').replace('/', '-')}"
