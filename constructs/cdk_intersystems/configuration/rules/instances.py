"""Instance types: known, of the platform's architecture, and able to do what their servers need."""

from collections.abc import Iterator

from cdk_intersystems.model.instance_types import nearest

from ..deployment import Deployment
from ..merge_files import memory_of
from ..mirror_set import MirrorSetConfig
from ..plan import volumes_of
from ..problems import Path, Problem
from ..tiers import ApplicationTierConfig

_ARCHITECTURE: Path = ("platform", "architecture")


def instance_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks every instance type of the deployment."""
    for index, mirror_set in enumerate(deployment.mirror_sets):
        path: Path = ("mirror_sets", index)
        yield from _type_problems(deployment, (*path, "instance_type"), mirror_set.instance_type)
        yield from _type_problems(deployment, (*path, "arbiter", "instance_type"), mirror_set.arbiter.instance_type)
        yield from _member_problems(deployment, index)
        yield from _memory_problems(deployment, path, mirror_set)
    for index, tier in enumerate(deployment.application_tiers):
        path = ("application_tiers", index)
        yield from _type_problems(deployment, (*path, "instance_type"), tier.instance_type)
        yield from _memory_problems(deployment, path, tier)
        yield from _storage_problems(deployment, path, tier)
    yield from _dr_problems(deployment)
    if deployment.golden_image is not None:
        yield from _type_problems(deployment, ("golden_image", "instance_type"), deployment.golden_image.instance_type)
    for index, web in enumerate(deployment.web_tiers):
        yield from _type_problems(deployment, ("web_tiers", index, "instance_type"), web.instance_type)


def _type_problems(deployment: Deployment, path: Path, name: str) -> Iterator[Problem]:
    try:
        facts = deployment.instance_type(name)
    except KeyError:
        close = nearest(name)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        message = f"unknown instance type; {hint}state the facts of a newer one under instance_types"
        yield Problem(path=path, message=message, got=repr(name), reads=(("instance_types", name),))
        return
    reads: tuple[Path, ...] = (("instance_types", name), _ARCHITECTURE)
    architecture = deployment.platform.architecture
    if facts.architecture != architecture:
        message = f"has processors of {facts.architecture}, but platform.architecture is {architecture}"
        yield Problem(path=path, message=message, got=repr(name), reads=reads)
    if not facts.nitro:
        message = "is not of the Nitro System, whose NVMe volumes every server here needs; choose a newer type"
        yield Problem(path=path, message=message, got=repr(name), reads=reads)
    elif not facts.ebs_optimized:
        yield Problem(path=path, message="cannot be launched EBS-optimized", got=repr(name), reads=reads)


def _memory_problems(deployment: Deployment, path: Path, host: MirrorSetConfig | ApplicationTierConfig) -> Iterator[Problem]:
    try:
        memory_of(deployment, host)
    except KeyError:
        return
    except ValueError as error:
        reads: tuple[Path, ...] = (("instance_types", host.instance_type), (*path, "ecp_client_ceiling"))
        yield Problem(path=(*path, "instance_type"), message=str(error), got=repr(host.instance_type), reads=reads)


def _dr_problems(deployment: Deployment) -> Iterator[Problem]:
    """The types that the members of the DR region have while they wait, or where AWS has no capacity of their own."""
    dr = deployment.regions.dr
    if dr is None:
        return
    base: Path = ("regions", "dr", "capacity", "database")
    waiting, fallbacks = dr.capacity.database.instance_type, dr.capacity.database.fallback_types
    if waiting is not None:
        yield from _type_problems(deployment, (*base, "instance_type"), waiting)
    for position, name in enumerate(fallbacks):
        yield from _type_problems(deployment, (*base, "fallback_types", position), name)
        if name in fallbacks[:position]:
            yield Problem(path=(*base, "fallback_types", position), message="is there twice; name each type once")
    for index, mirror_set in enumerate(deployment.mirror_sets):
        path: Path = ("mirror_sets", index)
        if waiting is not None:
            yield from _waiting_problems(deployment, path, (*base, "instance_type"), mirror_set, waiting)
        for position, name in enumerate(fallbacks):
            yield from _fallback_problems(deployment, path, (*base, "fallback_types", position), mirror_set, name)
        if mirror_set.tenancy == "dedicated-host" and (fallbacks or waiting not in (None, mirror_set.instance_type)):
            # Source: EC2 User Guide, "Amazon EC2 Dedicated Hosts": a host is allocated for one type or family.
            message = "a member on a dedicated host keeps its type: leave instance_type and fallback_types out"
            yield Problem(path=base, message=message, reads=((*path, "tenancy"), (*path, "instance_type")))


def _waiting_problems(
    deployment: Deployment, path: Path, place: Path, mirror_set: MirrorSetConfig, name: str
) -> Iterator[Problem]:
    reads: tuple[Path, ...] = (("instance_types", name), (*path, "ecp_client_ceiling"), (*path, "volumes"))
    try:
        memory_of(deployment, mirror_set, name)
    except KeyError:
        return
    except ValueError as error:
        yield Problem(path=place, message=str(error), got=repr(name), reads=reads)
    yield from _room_problems(deployment, place, mirror_set, name, reads)


def _fallback_problems(
    deployment: Deployment, path: Path, place: Path, mirror_set: MirrorSetConfig, name: str
) -> Iterator[Problem]:
    try:
        here, needed = deployment.instance_type(name).memory_mib, deployment.instance_type(mirror_set.instance_type).memory_mib
    except KeyError:
        return
    full: Path = (*path, "instance_type")
    reads: tuple[Path, ...] = (full, ("instance_types", name), ("instance_types", mirror_set.instance_type), (*path, "volumes"))
    if name == mirror_set.instance_type:
        message = f"is the type of {mirror_set.name} itself, which is tried first: leave it out"
        yield Problem(path=place, message=message, got=repr(name), reads=reads)
    elif here < needed:
        message = f"has {here:,} MiB of memory, and {mirror_set.name} needs the {needed:,} MiB of {mirror_set.instance_type}"
        yield Problem(path=place, message=message, got=repr(name), reads=reads)
    yield from _room_problems(deployment, place, mirror_set, name, reads)


def _room_problems(
    deployment: Deployment, place: Path, mirror_set: MirrorSetConfig, name: str, reads: tuple[Path, ...]
) -> Iterator[Problem]:
    room = deployment.instance_type(name).attachable_volumes()
    needed = volumes_of(deployment, "dr", mirror_set).total()
    if room is not None and needed > room:
        message = f"can have {room} volumes beside its root volume, and the members of {mirror_set.name} have {needed}"
        yield Problem(path=place, message=message, got=repr(name), reads=reads)


def _storage_problems(deployment: Deployment, path: Path, tier: ApplicationTierConfig) -> Iterator[Problem]:
    try:
        facts = deployment.instance_type(tier.instance_type)
    except KeyError:
        return
    if tier.local_storage and not facts.instance_store_gb:
        message = (
            f"{tier.instance_type} has no instance store: choose a type that has one, such as those with a d in their name"
        )
        reads: tuple[Path, ...] = ((*path, "instance_type"), ("instance_types", tier.instance_type))
        yield Problem(path=(*path, "local_storage"), message=message, reads=reads)


def _member_problems(deployment: Deployment, index: int) -> Iterator[Problem]:
    mirror_set = deployment.mirror_sets[index]
    path: Path = ("mirror_sets", index)
    try:
        facts = deployment.instance_type(mirror_set.instance_type)
    except KeyError:
        return
    reads: tuple[Path, ...] = ((*path, "instance_type"), ("instance_types", mirror_set.instance_type))
    if mirror_set.tenancy == "dedicated-host" and not facts.dedicated_hosts:
        message = f"there are no dedicated hosts for {mirror_set.instance_type}"
        yield Problem(path=(*path, "tenancy"), message=message, reads=reads)
    room = facts.attachable_volumes()
    needed = mirror_set.volumes.member_volumes().total()
    if room is not None and needed > room:
        message = f"{mirror_set.instance_type} can have {room} volumes beside its root volume, and {needed} are needed"
        yield Problem(path=(*path, "volumes", "data", "count"), message=message, reads=reads)
