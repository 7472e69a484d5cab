"""The network of each region: zones, ranges, the subnets of an existing VPC, and the members' fixed addresses."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from cdk_intersystems.model import addresses
from cdk_intersystems.model.addresses import SMALLEST_FIXED_SUBNET_PREFIX, TIERS, TierName
from cdk_intersystems.model.ports import MOST_ENDPOINT_PORTS, MOST_INBOUND_RULES
from cdk_intersystems.model.regions import is_zone_of
from cdk_intersystems.model.topology import ZONES, zone_index

from ..deployment import Deployment
from ..plan import chosen_addresses, member_addresses, subnet_cidrs, vpc_cidr
from ..problems import Path, Problem
from ..region import Subnet

# HTTPS, and HTTP to be redirected.
_WEB_PORTS = 2


class _Place:
    """A region in AWS, and where its keys stand."""

    def __init__(self, deployment: Deployment, role: str) -> None:
        self.deployment, self.role, self.region = deployment, role, deployment.regions.of(role)
        self.path: Path = ("regions", role)
        self.zones: Path = (*self.path, "availability_zones")
        self.cidr: Path = (*self.path, "cidr")
        self.existing: Path = (*self.path, "existing")


def network_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks the network of each region."""
    yield from _client_problems(deployment)
    for role in deployment.regions.roles():
        yield from _region_problems(_Place(deployment, role))


def _region_problems(place: _Place) -> Iterator[Problem]:
    region = place.region
    zones = list(_zone_problems(place))
    yield from zones
    if region.cidr is not None and region.existing is not None:
        yield Problem(path=place.existing, message="either cidr (a new VPC) or existing, not both", reads=(place.cidr,))
        return
    if region.cidr is None and region.existing is None:
        message = "missing; needs cidr (the range of a new VPC) or existing (a VPC that is there)"
        yield Problem(path=place.cidr, message=message, reads=(place.existing,))
        return
    yield from _vip_problems(place)
    yield from _service_problems(place)
    existing = [] if zones else list(_existing_problems(place))
    yield from existing
    if not zones and not existing:
        yield from _address_problems(place)


def _zone_problems(place: _Place) -> Iterator[Problem]:
    region, zones = place.region, place.region.availability_zones
    if len(zones) != ZONES:
        message = f"needs exactly {ZONES}: two failover members and the arbiter never share one"
        yield Problem(path=place.zones, message=message)
    for index, zone in enumerate(zones):
        if zone in zones[:index]:
            message = f"is there twice; needs {ZONES} different availability zones"
            yield Problem(path=(*place.zones, index), message=message)
        elif not is_zone_of(zone, region.region):
            message = f"needs an availability zone of {region.region}, like {region.region}a"
            yield Problem(path=(*place.zones, index), message=message, reads=((*place.path, "region"),))


def _service_problems(place: _Place) -> Iterator[Problem]:
    region = place.region
    if region.existing is not None and region.existing.endpoints_security_group is None and not region.internet:
        message = (
            "missing; without it and without internet the hosts have no way to any AWS service: name the security group of "
            "the VPC's interface endpoints, or set internet: true"
        )
        path: Path = (*place.existing, "endpoints_security_group")
        yield Problem(path=path, message=message, reads=((*place.path, "internet"),))


def _client_problems(deployment: Deployment) -> Iterator[Problem]:
    for index, mirror_set in enumerate(deployment.mirror_sets):
        path: Path = ("mirror_sets", index, "client_cidrs")
        for position, cidr in enumerate(mirror_set.client_cidrs):
            if cidr.prefixlen == 0:
                yield Problem(path=(*path, position), message="a database is never open to everyone: name the networks")
        yield from _overlaps(path, mirror_set.client_cidrs)
        ports = mirror_set.endpoint.ports
        if len(ports) <= MOST_ENDPOINT_PORTS:
            ports_path: Path = ("mirror_sets", index, "endpoint", "ports")
            yield from _rule_problems(path, mirror_set.client_cidrs, len(ports), reads=(ports_path,))
    for index, tier in enumerate(deployment.web_tiers):
        path = ("web_tiers", index, "client_cidrs")
        for position, cidr in enumerate(tier.client_cidrs):
            if tier.scheme == "internal" and cidr.prefixlen == 0:
                message = "an internal tier is not open to everyone: name the networks"
                yield Problem(path=(*path, position), message=message, reads=(("web_tiers", index, "scheme"),))
        yield from _overlaps(path, tier.client_cidrs)
        yield from _rule_problems(path, tier.client_cidrs, _WEB_PORTS)


def _vip_problems(place: _Place) -> Iterator[Problem]:
    vpc = vpc_cidr(place.region)
    for index, mirror_set in enumerate(place.deployment.mirror_sets):
        vip, path = mirror_set.endpoint.vip, ("mirror_sets", index, "endpoint", "vip")
        if vip is not None and vip in vpc:
            # Source: VPC User Guide, "Route table concepts": within the VPC's range its own local route is stronger.
            message = f"lies in the VPC's range {vpc}, where routes of ours don't lead; take an address outside it"
            yield Problem(path=path, message=message, got=str(vip), reads=(place.cidr, place.existing))


def _rule_problems(
    path: Path, cidrs: tuple[IPv4Network, ...], ports: int, *, reads: tuple[Path, ...] = ()
) -> Iterator[Problem]:
    rules = len(cidrs) * ports
    if rules > MOST_INBOUND_RULES:
        message = (
            f"for {ports} ports they make {rules} rules, and a security group has at most {MOST_INBOUND_RULES}: merge them to "
            f"{MOST_INBOUND_RULES // ports} ranges or fewer"
        )
        yield Problem(path=path, message=message, got=f"{len(cidrs)} ranges", reads=reads)


def _overlaps(path: Path, cidrs: tuple[IPv4Network, ...]) -> Iterator[Problem]:
    for first, second in addresses.overlaps(cidrs):
        yield Problem(path=(*path, second), message=f"overlaps {cidrs[first]}: name each range once", reads=((*path, first),))


def _existing_problems(place: _Place) -> Iterator[Problem]:
    region = place.region
    if region.existing is None:
        return
    base: Path = (*place.existing, "subnets")
    every: list[tuple[Path, Subnet]] = []
    for tier in TIERS:
        subnets: tuple[Subnet, ...] = getattr(region.existing.subnets, tier)
        every += [((*base, tier, index), subnet) for index, subnet in enumerate(subnets)]
        yield from _tier_subnet_problems(place, tier, subnets)
    first: dict[str, Path] = {}
    for path, subnet in every:
        if not subnet.cidr.subnet_of(region.existing.cidr):
            message = f"must lie in the VPC's range {region.existing.cidr}"
            yield Problem(path=(*path, "cidr"), message=message, reads=((*place.existing, "cidr"),))
        if (other := first.setdefault(subnet.id, path)) != path:
            yield Problem(path=(*path, "id"), message="is there twice; each subnet is of one tier", reads=((*other, "id"),))
    cidrs = [subnet.cidr for _, subnet in every]
    for one, two in addresses.overlaps(cidrs):
        yield Problem(
            path=(*every[two][0], "cidr"),
            message=f"overlaps {cidrs[one]}, the range of {every[one][1].id}",
            reads=((*every[one][0], "cidr"),),
        )


def _used_tiers(deployment: Deployment) -> dict[TierName, str]:
    used: dict[TierName, str] = {"data": "the failover members", "arbiter": "the arbiters"}
    if deployment.application_tiers:
        used["application"] = "the application tiers"
    if deployment.web_tiers:
        used["web"] = "the web tiers"
    if any(tier.scheme == "internet-facing" for tier in deployment.web_tiers):
        used["public"] = "internet-facing web tiers"
    return used


def _tier_subnet_problems(place: _Place, tier: TierName, subnets: tuple[Subnet, ...]) -> Iterator[Problem]:
    region, user = place.region, _used_tiers(place.deployment).get(tier)
    path: Path = (*place.existing, "subnets", tier)
    if user is None and not subnets:
        return
    zones = sorted(subnet.zone for subnet in subnets)
    if zones != sorted(region.availability_zones):
        message = f"{user or 'this tier'} need one subnet in each of {', '.join(region.availability_zones)}"
        got = f"subnets in {', '.join(zones)}" if zones else "none"
        yield Problem(path=path, message=message, got=got, reads=(place.zones, ("web_tiers",), ("application_tiers",)))
    for index, subnet in enumerate(subnets):
        if tier in ("data", "arbiter") and subnet.cidr.prefixlen > SMALLEST_FIXED_SUBNET_PREFIX:
            message = f"too small for the members' fixed addresses; needs a /{SMALLEST_FIXED_SUBNET_PREFIX} or larger"
            yield Problem(path=(*path, index, "cidr"), message=message)


def _address_problems(place: _Place) -> Iterator[Problem]:
    region = place.region
    taken: dict[IPv4Address, tuple[str, bool]] = {}
    for index, mirror_set in enumerate(place.deployment.mirror_sets):
        by_hand = chosen_addresses(region, mirror_set)
        base: Path = ("mirror_sets", index)
        chosen_path = (*base, "addresses") if place.role == "primary" else (*place.path, "addresses", mirror_set.name)
        reads: tuple[Path, ...] = ((*base, "number"), place.cidr, place.existing, place.zones)
        for member, address in member_addresses(region, mirror_set).items():
            path: Path = (*chosen_path, member)
            subnet = subnet_cidrs(region, addresses.tier_of(member))[zone_index(mirror_set.number, member)]
            if not addresses.usable(address, subnet):
                message = f"needs an address of its subnet {subnet}, but not the first four or the last, which AWS keeps"
                yield Problem(path=path, message=message, reads=reads)
            chosen = getattr(by_hand, member) is not None
            owner = "arbiter" if member == "arbiter" else f"member {member}"
            other, other_chosen = taken.setdefault(address, (f"{owner} of {mirror_set.name}", chosen))
            # Two addresses of the plan are the same only where two numbers are, which is told there.
            if other != f"{owner} of {mirror_set.name}" and (chosen or other_chosen):
                message = f"is also the address of {other}"
                yield Problem(path=path, message=message, got=str(address), reads=(*reads, ("mirror_sets",)))
