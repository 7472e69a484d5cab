"""Ranges: the regions' VPCs, the networks outside AWS, clients and virtual IPs lie beside each other."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from ..connectivity import Connectivity
from ..deployment import Deployment
from ..plan import vpc_cidr
from ..problems import Path, Problem

_Range = tuple[Path, IPv4Network, str]


def range_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks every range and address against the others."""
    vpcs = list(_vpcs(deployment))
    outside = [*_connected(deployment), *_premises(deployment)]
    if len(vpcs) > 1 and vpcs[0][1].overlaps(vpcs[1][1]):
        message = f"overlaps {vpcs[0][1]}, the primary region's range: members of both regions have to reach each other"
        yield Problem(path=vpcs[1][0], message=message, got=str(vpcs[1][1]), reads=(vpcs[0][0],))
    for path, cidr, what in [*_clients(deployment), *outside]:
        for vpc_path, vpc, owner in vpcs:
            if cidr.prefixlen > 0 and cidr.overlaps(vpc):
                message = f"overlaps {owner} {vpc}; name only {what} outside AWS"
                yield Problem(path=path, message=message, reads=(vpc_path,))
    yield from _unreached(deployment)
    yield from _vips(deployment, [*_clients(deployment), *outside])


def connectivity_ranges(base: Path, connectivity: Connectivity) -> Iterator[tuple[Path, tuple[IPv4Network, ...]]]:
    """The lists of ranges outside AWS that a region's connectivity names, each with its path."""
    if (vpn := connectivity.vpn) is not None:
        yield (*base, "vpn", "static_routes"), vpn.static_routes
        yield (*base, "vpn", "on_premises_cidrs"), vpn.on_premises_cidrs
    if (line := connectivity.direct_connect) is not None:
        yield (*base, "direct_connect", "on_premises_cidrs"), line.on_premises_cidrs


def _vpcs(deployment: Deployment) -> Iterator[_Range]:
    for role in deployment.regions.roles():
        region = deployment.regions.of(role)
        if (region.cidr is None) == (region.existing is None):
            continue
        path: Path = ("regions", role, "cidr") if region.existing is None else ("regions", role, "existing", "cidr")
        owner = "the VPC's range" if deployment.regions.roles() == ("primary",) else f"the {_WORDS[role]}'s range"
        yield path, vpc_cidr(region), owner


_WORDS = {"primary": "primary region", "dr": "DR region"}


def _clients(deployment: Deployment) -> Iterator[_Range]:
    for index, mirror_set in enumerate(deployment.mirror_sets):
        for position, cidr in enumerate(mirror_set.client_cidrs):
            yield ("mirror_sets", index, "client_cidrs", position), cidr, "networks"


def _connected(deployment: Deployment) -> Iterator[_Range]:
    for role in deployment.regions.roles():
        base: Path = ("regions", role, "connectivity")
        for path, cidrs in connectivity_ranges(base, deployment.regions.of(role).connectivity):
            yield from (((*path, position), cidr, "networks") for position, cidr in enumerate(cidrs))


def _premises(deployment: Deployment) -> Iterator[_Range]:
    premises = deployment.regions.on_premises
    for name, mirror in {} if premises is None else premises.mirror_sets.items():
        base: Path = ("regions", "on_premises", "mirror_sets", name)
        for member, address in mirror.members.items():
            yield (*base, "members", member), IPv4Network(address), "members"
        if mirror.arbiter is not None:
            yield (*base, "arbiter"), IPv4Network(mirror.arbiter), "arbiters"


def _unreached(deployment: Deployment) -> Iterator[Problem]:
    """Members and arbiters on premises, of whom the DR region's routes say that nobody there reaches them."""
    dr = deployment.regions.dr
    routes = () if dr is None else dr.connectivity.on_premises_cidrs
    vpcs = [cidr for _, cidr, _ in _vpcs(deployment)]
    for path, host, _ in _premises(deployment):
        if routes and not any(host.subnet_of(cidr) for cidr in routes) and not any(host.overlaps(vpc) for vpc in vpcs):
            known = ", ".join(str(cidr) for cidr in routes)
            message = f"lies outside {known}, the networks that the DR region's connectivity leads to"
            yield Problem(path=path, message=message, reads=(("regions", "dr", "connectivity"),))


def _vips(deployment: Deployment, outside: list[_Range]) -> Iterator[Problem]:
    first: dict[IPv4Address, tuple[str, Path]] = {}
    for index, mirror_set in enumerate(deployment.mirror_sets):
        vip, path = mirror_set.endpoint.vip, ("mirror_sets", index, "endpoint", "vip")
        if vip is None:
            continue
        other = next((each for each in outside if vip in each[1] and each[1].prefixlen > 0), None)
        if other is not None:
            whose = "a network of clients" if other[0][0] == "mirror_sets" else "a network"
            message = f"lies in {other[1]}, {whose} outside AWS; take an address that no connected network uses"
            yield Problem(path=path, message=message, got=str(vip), reads=(other[0],))
        name, other_path = first.setdefault(vip, (mirror_set.name, path))
        if other_path != path:
            message = f"is also the virtual IP of {name}: each mirror set needs its own"
            yield Problem(path=path, message=message, got=str(vip), reads=(other_path,))
