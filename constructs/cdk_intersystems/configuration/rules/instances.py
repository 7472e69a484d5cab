"""Instance types: known, of the platform's architecture, and able to do what their servers need."""

from collections.abc import Iterator

from cdk_intersystems.model.instance_types import nearest

from ..deployment import Deployment
from ..merge_files import memory_of
from ..mirror_set import MirrorSetConfig
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
