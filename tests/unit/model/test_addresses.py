"""The address plan."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_intersystems.model.addresses import (
    TIERS,
    fixed_address,
    member_address,
    overlaps,
    subnet_cidr,
    usable,
    vpc_cidr_problem,
)
from cdk_intersystems.model.topology import MEMBERS, MIRROR_SET_NUMBERS

VPC_CIDRS = st.builds(
    lambda base, prefix: IPv4Network(((0x0A000000 | base) >> (32 - prefix) << (32 - prefix), prefix)),
    st.integers(0, 2**24 - 1),
    st.integers(16, 22),
)


def test_the_plan_of_a_vpc() -> None:
    vpc = IPv4Network("10.20.0.0/16")

    assert [str(subnet_cidr(vpc, tier, 0)) for tier in TIERS] == [
        "10.20.0.0/20",
        "10.20.48.0/20",
        "10.20.96.0/20",
        "10.20.144.0/20",
        "10.20.192.0/20",
    ]
    assert [str(subnet_cidr(vpc, "data", zone)) for zone in range(3)] == ["10.20.144.0/20", "10.20.160.0/20", "10.20.176.0/20"]
    assert [str(member_address(vpc, 1, member)) for member in MEMBERS] == ["10.20.144.17", "10.20.160.17", "10.20.224.17"]
    assert [str(member_address(vpc, 2, member)) for member in MEMBERS] == ["10.20.160.18", "10.20.176.18", "10.20.192.18"]


@given(VPC_CIDRS)
def test_subnets_are_equal_lie_in_the_vpc_and_leave_the_last_block_free(vpc: IPv4Network) -> None:
    subnets = [subnet_cidr(vpc, tier, zone) for tier in TIERS for zone in range(3)]

    assert subnets == list(vpc.subnets(prefixlen_diff=4))[:15]


@given(VPC_CIDRS)
def test_every_member_of_every_mirror_set_has_an_address_of_its_own(vpc: IPv4Network) -> None:
    addresses = [member_address(vpc, number, member) for number in MIRROR_SET_NUMBERS for member in MEMBERS]

    assert len(set(addresses)) == 45


@given(VPC_CIDRS, st.sampled_from(MIRROR_SET_NUMBERS), st.sampled_from(MEMBERS))
def test_a_fixed_address_is_usable(vpc: IPv4Network, number: int, member: str) -> None:
    tier = "arbiter" if member == "arbiter" else "data"
    address = member_address(vpc, number, member)  # type: ignore[arg-type]
    subnets = [subnet_cidr(vpc, tier, zone) for zone in range(3)]
    home = next(subnet for subnet in subnets if address in subnet)

    assert usable(address, home)
    assert int(address) - int(home.network_address) == 16 + number


@pytest.mark.parametrize(
    ("cidr", "problem"),
    [
        ("10.0.0.0/23", "/23 is too small"),
        ("10.0.0.0/28", "/28 is too small"),
        ("10.0.0.0/15", "/15 is too large"),
        ("169.254.0.0/16", "no loopback, link-local, multicast or reserved"),
        ("224.0.0.0/16", "no loopback, link-local, multicast or reserved"),
    ],
)
def test_a_range_that_no_vpc_can_have(cidr: str, problem: str) -> None:
    assert problem in str(vpc_cidr_problem(IPv4Network(cidr)))
    with pytest.raises(ValueError, match=f"got {cidr}"):
        subnet_cidr(IPv4Network(cidr), "data", 0)


def test_a_plan_has_three_zones() -> None:
    with pytest.raises(ValueError, match="a zone's index is 0 to 2, got 3"):
        subnet_cidr(IPv4Network("10.0.0.0/16"), "data", 3)


def test_the_subnet_of_an_existing_vpc_has_the_same_plan() -> None:
    assert fixed_address(IPv4Network("172.31.5.64/26"), 15) == IPv4Address("172.31.5.95")
    with pytest.raises(ValueError, match=r"/26 or larger, got 172\.31\.5\.64/27"):
        fixed_address(IPv4Network("172.31.5.64/27"), 1)
    with pytest.raises(ValueError, match="from 1 to 15, got 16"):
        fixed_address(IPv4Network("172.31.5.64/26"), 16)


@pytest.mark.parametrize(
    ("address", "yes"),
    [
        ("10.0.0.3", False),
        ("10.0.0.4", True),
        ("10.0.0.62", True),
        ("10.0.0.63", False),
        ("10.0.0.64", False),
        ("9.255.255.255", False),
    ],
)
def test_aws_keeps_the_first_four_addresses_and_the_last(address: str, yes: bool) -> None:
    assert usable(IPv4Address(address), IPv4Network("10.0.0.0/26")) is yes


def test_overlaps_are_found_once() -> None:
    ranges = [IPv4Network(cidr) for cidr in ("10.0.0.0/16", "10.1.0.0/16", "10.0.4.0/24", "10.1.0.0/17")]

    assert list(overlaps(ranges)) == [(0, 2), (1, 3)]
