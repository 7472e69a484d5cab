"""Mirror sets: volumes within their types' limits, endpoint ports, databases, and room for every ECP client."""

from collections.abc import Iterator

from cdk_intersystems.model.ecp import ceiling_problem
from cdk_intersystems.model.ports import MOST_ENDPOINT_PORTS, service_port_problems
from cdk_intersystems.model.strategies import strategy_problems

from ..deployment import Deployment
from ..mirror_set import MirrorSetConfig
from ..problems import Path, Problem

_PLATFORM: tuple[Path, ...] = (("platform", "capacity_platform"), ("platform", "operating_system"))


def mirror_set_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks each mirror set by itself and against its application tiers."""
    for index, mirror_set in enumerate(deployment.mirror_sets):
        path: Path = ("mirror_sets", index)
        yield from _volumes(path, mirror_set)
        yield from _endpoint(path, mirror_set, deployment)
        yield from _databases(path, mirror_set)
        yield from _ecp(path, mirror_set, deployment)
        if mirror_set.tenancy == "dedicated-host" and mirror_set.purchase == "capacity-reservation":
            message = "AWS has no capacity reservations on dedicated hosts, which are reserved capacity themselves"
            yield Problem(path=(*path, "purchase"), message=message, reads=((*path, "tenancy"),))
        if mirror_set.tenancy == "dedicated-host" and deployment.platform.capacity_platform == "Red Hat Enterprise Linux":
            # Source: EC2 User Guide, "Amazon EC2 Dedicated Hosts", restrictions.
            message = (
                "AWS's own RHEL images don't run on dedicated hosts: bring your own subscription, and state "
                "platform.capacity_platform: Linux/UNIX"
            )
            yield Problem(path=(*path, "tenancy"), message=message, reads=_PLATFORM)


def _volumes(path: Path, mirror_set: MirrorSetConfig) -> Iterator[Problem]:
    for role, spec in mirror_set.volumes.member_volumes().by_role().items():
        place = (*path, "volumes", role)
        for name, message in spec.problems():
            value = getattr(spec, name)
            got = "nothing" if value is None else str(value)
            reads = ((*place, "type"), (*place, "size_gib")) if name != "size_gib" else ((*place, "type"),)
            yield Problem(path=(*place, name), message=message, got=got, reads=(*reads, (*place, "iops")))


def _endpoint(path: Path, mirror_set: MirrorSetConfig, deployment: Deployment) -> Iterator[Problem]:
    place = (*path, "endpoint", "ports")
    ports = mirror_set.endpoint.ports
    for name, message in service_port_problems(ports):
        yield Problem(path=(*place, name), message=message)
    if not 1 <= len(ports) <= MOST_ENDPOINT_PORTS:
        message = f"a network load balancer has 1 to {MOST_ENDPOINT_PORTS} listeners"
        yield Problem(path=place, message=message, got=f"{len(ports)} ports")

    endpoint, base = mirror_set.endpoint, (*path, "endpoint")
    connected = any(deployment.regions.of(role).connectivity.private for role in deployment.regions.roles())
    from_outside = bool(mirror_set.client_cidrs) or connected
    found = strategy_problems(endpoint.strategies, vip=endpoint.vip, from_outside=from_outside)
    for name, message in found:
        value = endpoint.vip if name == "vip" else ", ".join(endpoint.strategies)
        reads = ((*base, "strategies"), (*base, "vip"), (*path, "client_cidrs"), ("regions",))
        yield Problem(path=(*base, name), message=message, got="nothing" if value is None else str(value), reads=reads)


def _databases(path: Path, mirror_set: MirrorSetConfig) -> Iterator[Problem]:
    for index, name in enumerate(mirror_set.databases):
        if name in mirror_set.databases[:index]:
            message = "is there twice; a database is mirrored once"
            yield Problem(path=(*path, "databases", index), message=message)


def _ecp(path: Path, mirror_set: MirrorSetConfig, deployment: Deployment) -> Iterator[Problem]:
    maxima = [tier.max for tier in deployment.application_tiers if tier.mirror_set == mirror_set.name]
    if message := ceiling_problem(mirror_set.ecp_client_ceiling, maxima):
        yield Problem(
            path=(*path, "ecp_client_ceiling"),
            message=message,
            got=str(mirror_set.ecp_client_ceiling),
            reads=((*path, "name"), ("application_tiers",)),
        )
