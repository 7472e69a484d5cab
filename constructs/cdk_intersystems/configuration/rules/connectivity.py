"""Connectivity: what each kind needs, and what it can't have."""

from collections.abc import Iterator

from cdk_intersystems.model.addresses import overlaps

from ..connectivity import Connectivity, DirectConnect, Vpn
from ..deployment import Deployment
from ..plan import vpc_cidr
from ..problems import Path, Problem
from ..region import RegionBase
from .ranges import connectivity_ranges

# Source: Direct Connect User Guide, quotas: prefixes to a virtual private gateway's association.
_MOST_PREFIXES = 20


def connectivity_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks the connectivity of each region."""
    for role in deployment.regions.roles():
        region, path = deployment.regions.of(role), ("regions", role, "connectivity")
        connectivity = region.connectivity
        yield from _kind(deployment, region, path)
        for place, cidrs in connectivity_ranges(path, connectivity):
            for first, second in overlaps(cidrs):
                message = f"overlaps {cidrs[first]}: name each range once"
                yield Problem(path=(*place, second), message=message, reads=((*place, first),))
            for position, cidr in enumerate(cidrs):
                if cidr.prefixlen == 0:
                    yield Problem(path=(*place, position), message="is every network: name those that are reached this way")
        if connectivity.vpn is not None:
            yield from _vpn((*path, "vpn"), connectivity.vpn)
        if connectivity.direct_connect is not None:
            yield from _direct_connect((*path, "direct_connect"), connectivity.direct_connect, region)


def _kind(deployment: Deployment, region: RegionBase, path: Path) -> Iterator[Problem]:
    connectivity: Connectivity = region.connectivity
    for name in ("vpn", "direct_connect"):
        stated = getattr(connectivity, name) is not None
        if connectivity.kind == name and not stated:
            message = f"missing; kind {name} needs it"
            yield Problem(path=(*path, name), message=message, reads=((*path, "kind"),))
        elif connectivity.kind != name and stated:
            message = f"nobody would use it with kind {connectivity.kind}: state kind: {name}, or leave it out"
            yield Problem(path=(*path, name), message=message, reads=((*path, "kind"),))
    if connectivity.private and region.existing is not None:
        message = "an existing VPC is taken as it is, with the gateways it has: state kind: none, and connect it yourself"
        yield Problem(path=(*path, "kind"), message=message, got=connectivity.kind, reads=((*path[:2], "existing"),))
    away = deployment.regions.primary is None and deployment.regions.on_premises is not None
    if away and region.existing is None and not connectivity.private:
        message = (
            "the members on premises have no way to a VPC that is made here, and journals need one: state vpn or direct_connect"
        )
        reads: tuple[Path, ...] = (("regions", "on_premises"), (*path[:2], "existing"))
        yield Problem(path=(*path, "kind"), message=message, got=connectivity.kind, reads=reads)
    if connectivity.kind == "internet" and not any(tier.scheme == "internet-facing" for tier in deployment.web_tiers):
        message = "there is no internet-facing web tier that clients could come to over the Internet"
        yield Problem(path=(*path, "kind"), message=message, reads=(("web_tiers",),))


def _vpn(path: Path, vpn: Vpn) -> Iterator[Problem]:
    asn, routes, gateway = (*path, "asn"), (*path, "static_routes"), (*path, "gateway")
    if vpn.asn is not None and vpn.static_routes:
        yield Problem(path=routes, message="either asn (routes are learned) or static_routes, not both", reads=(asn,))
    elif vpn.asn is None and not vpn.static_routes:
        message = "missing; needs asn (the device's BGP number) or static_routes (the ranges behind it)"
        yield Problem(path=asn, message=message, reads=(routes,))
    transit: Path = (*path, "transit_gateway")
    if vpn.gateway == "transit" and vpn.transit_gateway is None:
        yield Problem(path=transit, message="missing; gateway transit needs its id", reads=(gateway,))
    elif vpn.gateway != "transit" and vpn.transit_gateway is not None:
        message = "nobody would use it with gateway virtual_private: state gateway: transit, or leave it out"
        yield Problem(path=transit, message=message, reads=(gateway,))
    cidrs: Path = (*path, "on_premises_cidrs")
    learned_by_transit = vpn.gateway == "transit" and vpn.asn is not None
    if learned_by_transit and not vpn.on_premises_cidrs:
        message = "missing; a VPC's routes to a transit gateway are not learned: name the ranges outside AWS"
        yield Problem(path=cidrs, message=message, reads=(gateway, asn))
    elif vpn.static_routes and vpn.on_premises_cidrs:
        message = "the ranges outside AWS are those of static_routes: leave this out"
        yield Problem(path=cidrs, message=message, reads=(gateway, asn, routes))
    elif vpn.gateway != "transit" and vpn.on_premises_cidrs:
        message = "nobody would use it with gateway virtual_private, whose routes are learned: leave it out"
        yield Problem(path=cidrs, message=message, reads=(gateway, asn))


def _direct_connect(path: Path, line: DirectConnect, region: RegionBase) -> Iterator[Problem]:
    if not line.on_premises_cidrs:
        message = "needs at least one range outside AWS, for example [192.168.0.0/16]"
        yield Problem(path=(*path, "on_premises_cidrs"), message=message)
    for index, connection in enumerate(line.connections):
        if connection in line.connections[:index]:
            yield Problem(path=(*path, "connections", index), message="is there twice; name each connection once")
    prefixes: Path = (*path, "allowed_prefixes")
    if len(line.allowed_prefixes) > _MOST_PREFIXES:
        yield Problem(path=prefixes, message=f"allows at most {_MOST_PREFIXES} ranges")
    if (region.cidr is None) == (region.existing is None) or not line.allowed_prefixes:
        return
    vpc = vpc_cidr(region)
    if not any(vpc.subnet_of(prefix) for prefix in line.allowed_prefixes):
        # Source: Direct Connect User Guide, "Allowed prefixes interactions": the VPC's range is announced only if one holds it.
        message = f"one has to hold the VPC's range {vpc}, or the premises get no route to it"
        yield Problem(path=prefixes, message=message, reads=((*path[:2], "cidr"), (*path[:2], "existing")))
