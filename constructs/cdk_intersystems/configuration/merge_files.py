"""The CPF merge files of every host of a deployment that runs IRIS, as their bundles have them."""

from collections.abc import Iterator
from dataclasses import dataclass

from cdk_intersystems.model.host_description import MirrorFacts, Other, RegionStateAt
from cdk_intersystems.model.host_files import application_merge_files, merge_files
from cdk_intersystems.model.memory import SharedMemory, shared_memory
from cdk_intersystems.model.names import region_state_table_name
from cdk_intersystems.model.topology import AwsRole

from .deployment import Deployment
from .mirror_set import MirrorSetConfig
from .plan import (
    member_addresses,
    other_arbiter,
    other_members,
    other_role,
    other_subjects,
    region_members,
    waiting_type,
)
from .tiers import ApplicationTierConfig


@dataclass(frozen=True, slots=True)
class HostFile:
    """A merge file and whose it is.

    Args:
        host: `a` or `b`, or the name of an application tier.
        name: Name of the file without its suffix, unique in the deployment: `trak-a-create` and `trak-a-join`, of which the
            first member to claim the mirror takes the former; `app-via-a`, for an application server that starts while member
            a is primary; `dr-` before those of the DR region.
        text: What stands in it.
        memory: The shared memory it configures, from which the host's huge pages follow.
    """

    host: str
    name: str
    text: str
    memory: SharedMemory


def merge_files_of(deployment: Deployment) -> list[HostFile]:
    """The merge files of a deployment, of each mirror those of its members first.

    Args:
        deployment: The deployment.

    Raises:
        ValueError: An instance type has too little memory; says whose.
    """
    return [file for mirror_set in deployment.mirror_sets for file in _of_mirror_set(deployment, mirror_set)]


def memory_of(
    deployment: Deployment, host: MirrorSetConfig | ApplicationTierConfig, instance_type: str | None = None
) -> SharedMemory:
    """The shared memory of each failover member of a mirror set, or of each server of an application tier.

    Args:
        deployment: The deployment.
        host: The mirror set or tier.
        instance_type: An instance type. Default: the mirror set's or tier's own.

    Raises:
        ValueError: The instance type has too little memory; says how much remains for databases.
        KeyError: The instance type isn't known.
    """
    facts = deployment.instance_type(instance_type or host.instance_type)
    is_member = isinstance(host, MirrorSetConfig)
    return shared_memory(
        "member" if is_member else "application_server",
        memory_mib=facts.memory_mib,
        vcpus=facts.vcpus,
        max_server_conn=host.ecp_client_ceiling if isinstance(host, MirrorSetConfig) else 0,
    )


def mirror_facts(deployment: Deployment, role: AwsRole, mirror_set: MirrorSetConfig) -> MirrorFacts:
    """A mirror, as its members in one region know it."""
    region, dr = deployment.regions.of(role), deployment.regions.dr
    elsewhere = other_role(deployment, role)
    subjects = other_subjects(deployment, role, mirror_set)
    return MirrorFacts(
        deployment=deployment.name,
        name=mirror_set.name,
        number=mirror_set.number,
        addresses={member: str(address) for member, address in member_addresses(region, mirror_set).items()},
        databases=mirror_set.databases,
        ecp_clients=mirror_set.ecp_client_ceiling > 0,
        service_ports=tuple(mirror_set.endpoint.ports.values()),
        role=role,
        others={
            name: Other(address=address, subject=subjects.get(name, ""), member_type="dr" if role == "primary" else "failover")
            for name, address in other_members(deployment, role, mirror_set).items()
        },
        other_arbiter=other_arbiter(deployment, role, mirror_set),
        other_region=deployment.regions.of(elsewhere).region if elsewhere in ("primary", "dr") else "",
        region_state=RegionStateAt(table=region_state_table_name(deployment.name, mirror_set.name), region=dr.region)
        if dr is not None
        else None,
    )


def _of_mirror_set(deployment: Deployment, mirror_set: MirrorSetConfig) -> Iterator[HostFile]:
    for role in deployment.regions.roles():
        mirror = mirror_facts(deployment, role, mirror_set)
        prefix = "" if role == "primary" else f"{role}-"
        memory = memory_of(deployment, mirror_set, waiting_type(deployment, role, mirror_set))
        for which in region_members(deployment, role):
            for file, text in merge_files(mirror, which, memory).items():
                yield HostFile(which, f"{prefix}{mirror.name.lower()}-{which}-{file.removesuffix('.cpf')}", text, memory)
        for tier in deployment.application_tiers:
            if tier.mirror_set == mirror_set.name:
                memory = memory_of(deployment, tier)
                for file, text in application_merge_files(mirror, tier.name, memory).items():
                    yield HostFile(tier.name, f"{prefix}{tier.name}-{file.removesuffix('.cpf')}", text, memory)
