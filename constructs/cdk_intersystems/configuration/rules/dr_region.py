"""The DR region: nothing in it is less than what it takes over from, or lies where it would be lost with it."""

from collections.abc import Iterator, Mapping

from cdk_intersystems.model.region_latch import latch_problems
from cdk_intersystems.model.regions import partition

from ..deployment import Deployment
from ..dr_region import DrRegion
from ..plan import volumes_of, vpc_cidr
from ..problems import Path, Problem
from ..region_latch import LatchConfig

_DR: Path = ("regions", "dr")
_PRIMARY: Path = ("regions", "primary")
_LATCH: Path = (*_DR, "latch")
_TRAFFIC: Path = (*_DR, "journal_traffic")


def dr_region_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks the DR region, if there is one."""
    dr = deployment.regions.dr
    if dr is None:
        return
    yield from _by_mirror_set(deployment, dr)
    yield from _range_size(deployment, dr)
    yield from _volumes(deployment, dr)
    yield from _certificates(deployment, dr)
    yield from _traffic(deployment, dr)
    yield from _latch(dr.latch, dr.region)
    yield from _people(dr)
    if dr.region_switch and deployment.regions.primary is None:
        message = "leave it out: a Region switch plan is between two regions of AWS, and the members' home is on premises"
        yield Problem(path=(*_DR, "region_switch"), message=message, got="true", reads=(_PRIMARY,))


def _by_mirror_set(deployment: Deployment, dr: DrRegion) -> Iterator[Problem]:
    sets = [mirror_set.name for mirror_set in deployment.mirror_sets]
    named: Mapping[str, Mapping[str, object]] = {
        "absent_members": dr.absent_members,
        "addresses": dr.addresses,
        "volumes": dr.volumes,
    }
    for key, values in named.items():
        for name in values:
            if name not in sets:
                message = f"no mirror set of this name; there are: {', '.join(sets)}"
                yield Problem(path=(*_DR, key, name), message=message, reads=(("mirror_sets",),))
    members: tuple[Path, ...] = ((*_DR, "members"),)
    if dr.members > 1:
        return
    for name, addresses in dr.addresses.items():
        if addresses.b is not None:
            message = "there is no member b with members: 1; leave it out"
            yield Problem(path=(*_DR, "addresses", name, "b"), message=message, reads=members)
    for name, member in dr.absent_members.items():
        what = (
            "the only member here is never taken out; set members: 2 first"
            if member == "a"
            else "there is none with members: 1"
        )
        yield Problem(path=(*_DR, "absent_members", name), message=what, reads=members)


def _range_size(deployment: Deployment, dr: DrRegion) -> Iterator[Problem]:
    primary = deployment.regions.primary
    if primary is None or any((each.cidr is None) == (each.existing is None) for each in (primary, dr)):
        return
    there, here = vpc_cidr(primary).num_addresses, vpc_cidr(dr).num_addresses
    if here < there:
        path: Path = (*_DR, "cidr") if dr.existing is None else (*_DR, "existing", "cidr")
        message = f"has {here:,} addresses, fewer than the {there:,} of the primary region, whose servers have to fit here too"
        reads = ((*_PRIMARY, "cidr"), (*_PRIMARY, "existing"))
        yield Problem(path=path, message=message, got=str(vpc_cidr(dr)), reads=reads)


def _volumes(deployment: Deployment, dr: DrRegion) -> Iterator[Problem]:
    for index, mirror_set in enumerate(deployment.mirror_sets):
        if mirror_set.name not in dr.volumes:
            continue
        there = mirror_set.volumes.member_volumes().by_role()
        reads: tuple[Path, ...] = (("mirror_sets", index, "volumes"),)
        for role, spec in volumes_of(deployment, "dr", mirror_set).by_role().items():
            place: Path = (*_DR, "volumes", mirror_set.name, role)
            for name, message in spec.problems():
                value = getattr(spec, name)
                yield Problem(
                    path=(*place, name), message=message, got="nothing" if value is None else str(value), reads=(place, *reads)
                )
            here, needed = spec.size_gib * spec.count, there[role].size_gib * there[role].count
            if here < needed:
                message = f"{here:,} GiB are smaller than the {needed:,} GiB of the mirror set, all of which is copied here"
                yield Problem(path=(*place, "size_gib"), message=message, got=str(spec.size_gib), reads=reads)


def _certificates(deployment: Deployment, dr: DrRegion) -> Iterator[Problem]:
    tiers = [tier.name for tier in deployment.web_tiers]
    base: Path = (*_DR, "certificates")
    for name in dr.certificates:
        if name not in tiers:
            there = f"there are: {', '.join(tiers)}" if tiers else "there is none"
            yield Problem(path=(*base, name), message=f"no web tier of this name; {there}", reads=(("web_tiers",),))
    if deployment.regions.primary is None:
        return
    for index, name in enumerate(tiers):
        if name not in dr.certificates:
            message = f"missing; the certificate of web tier {name} is the primary region's alone: name one of {dr.region} too"
            yield Problem(path=(*base, name), message=message, reads=(("web_tiers", index), _PRIMARY))


def _traffic(deployment: Deployment, dr: DrRegion) -> Iterator[Problem]:
    traffic, kind = dr.journal_traffic, (*_TRAFFIC, "kind")
    needed = {
        "none": (),
        "peering": ("primary_vpc",),
        "transit_gateway": ("transit_gateway", "primary_transit_gateway"),
    }[traffic.kind]
    allowed = (*needed, "peering_connection") if traffic.kind == "peering" else needed
    if traffic.kind != "none" and deployment.regions.primary is None:
        message = "there is no primary region to connect: connectivity leads to the members on premises"
        yield Problem(path=kind, message=message, got=traffic.kind, reads=(_PRIMARY,))
        return
    for name in ("primary_vpc", "peering_connection", "transit_gateway", "primary_transit_gateway"):
        if name in needed and getattr(traffic, name) is None:
            yield Problem(path=(*_TRAFFIC, name), message=f"missing; kind {traffic.kind} needs its id", reads=(kind,))
        elif name not in allowed and getattr(traffic, name) is not None:
            message = f"nobody would use it with kind {traffic.kind}: leave it out"
            yield Problem(path=(*_TRAFFIC, name), message=message, reads=(kind,))
    if traffic.request_peering and traffic.kind != "transit_gateway":
        message = f"nobody would use it with kind {traffic.kind}: leave it out"
        yield Problem(path=(*_TRAFFIC, "request_peering"), message=message, reads=(kind,))
    elif traffic.request_peering and dr.existing is not None:
        message = "nothing is made in an existing VPC, which its owner attaches to the transit gateway: peer it yourself too"
        yield Problem(path=(*_TRAFFIC, "request_peering"), message=message, reads=((*_DR, "existing"),))
    own, other = traffic.transit_gateway, traffic.primary_transit_gateway
    if own is not None and own == other:
        message = "is the primary region's too, and a transit gateway lies in one region: name this region's own"
        yield Problem(path=(*_TRAFFIC, "transit_gateway"), message=message, reads=((*_TRAFFIC, "primary_transit_gateway"),))
    primary = deployment.regions.primary
    existing = None if primary is None else primary.existing
    if traffic.kind == "none" and primary is not None and existing is None and dr.existing is None:
        message = (
            "two VPCs that are made here have no way to each other, and journals need one: state peering or transit_gateway"
        )
        yield Problem(path=kind, message=message, got=traffic.kind, reads=((*_PRIMARY, "existing"), (*_DR, "existing")))
    if existing is not None and traffic.primary_vpc not in (None, existing.vpc_id):
        message = f"the primary region's VPC is {existing.vpc_id}: leave this out"
        yield Problem(path=(*_TRAFFIC, "primary_vpc"), message=message, reads=((*_PRIMARY, "existing", "vpc_id"),))


def _latch(latch: LatchConfig, region: str) -> Iterator[Problem]:
    found = latch_problems(
        kind=latch.kind,
        public=latch.public,
        primary=latch.primary or "",
        dr=latch.dr or "",
        endpoints=latch.cluster_endpoints(),
        partition=partition(region),
    )
    for name, message in found:
        yield Problem(path=(*_LATCH, name), message=message, reads=((*_LATCH, "kind"), (*_DR, "region")))


def _people(dr: DrRegion) -> Iterator[Problem]:
    base: Path = (*_DR, "promotion")
    if len({*dr.promotion.approvers, *dr.promotion.requesters}) == 1:
        message = (
            "is the requesters' only role too: one person who assumes it twice, under two names, would approve a request of "
            "their own; name another role"
        )
        yield Problem(path=(*base, "approvers"), message=message, reads=((*base, "requesters"),))
    for name in ("approvers", "requesters"):
        roles: tuple[str, ...] = getattr(dr.promotion, name)
        for index, role in enumerate(roles):
            if role in roles[:index]:
                yield Problem(path=(*base, name, index), message="is there twice; name each role once")
