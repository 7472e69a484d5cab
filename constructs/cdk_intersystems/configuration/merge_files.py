"""The CPF merge files of every host of a deployment that runs IRIS, as their bundles have them."""

from collections.abc import Iterator
from dataclasses import dataclass

from cdk_intersystems.model.host_description import MirrorFacts
from cdk_intersystems.model.host_files import application_merge_files, merge_files
from cdk_intersystems.model.memory import SharedMemory, shared_memory
from cdk_intersystems.model.topology import FAILOVER_MEMBERS

from .deployment import Deployment
from .mirror_set import MirrorSetConfig
from .plan import member_addresses
from .tiers import ApplicationTierConfig


@dataclass(frozen=True, slots=True)
class HostFile:
    """A merge file and whose it is.

    Args:
        host: `a` or `b`, or the name of an application tier.
        name: Name of the file without its suffix, unique in the deployment: `trak-a-create` and `trak-a-join`, of which the
            first member to claim the mirror takes the former; `app-via-a`, for an application server that starts while member
            a is primary.
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


def memory_of(deployment: Deployment, host: MirrorSetConfig | ApplicationTierConfig) -> SharedMemory:
    """The shared memory of each failover member of a mirror set, or of each server of an application tier.

    Args:
        deployment: The deployment.
        host: The mirror set or tier.

    Raises:
        ValueError: Its instance type has too little memory; says how much remains for databases.
        KeyError: Its instance type isn't known.
    """
    facts = deployment.instance_type(host.instance_type)
    is_member = isinstance(host, MirrorSetConfig)
    return shared_memory(
        "member" if is_member else "application_server",
        memory_mib=facts.memory_mib,
        vcpus=facts.vcpus,
        max_server_conn=host.ecp_client_ceiling if isinstance(host, MirrorSetConfig) else 0,
    )


def _of_mirror_set(deployment: Deployment, mirror_set: MirrorSetConfig) -> Iterator[HostFile]:
    addresses = member_addresses(deployment.regions.primary, mirror_set)
    mirror = MirrorFacts(
        deployment=deployment.name,
        name=mirror_set.name,
        number=mirror_set.number,
        addresses={member: str(address) for member, address in addresses.items()},
        databases=mirror_set.databases,
        ecp_clients=mirror_set.ecp_client_ceiling > 0,
        service_ports=tuple(mirror_set.endpoint.ports.values()),
    )
    memory = memory_of(deployment, mirror_set)
    for which in FAILOVER_MEMBERS:
        for file, text in merge_files(mirror, which, memory).items():
            yield HostFile(which, f"{mirror.name.lower()}-{which}-{file.removesuffix('.cpf')}", text, memory)
    for tier in deployment.application_tiers:
        if tier.mirror_set == mirror_set.name:
            memory = memory_of(deployment, tier)
            for file, text in application_merge_files(mirror, tier.name, memory).items():
                yield HostFile(tier.name, f"{tier.name}-{file.removesuffix('.cpf')}", text, memory)
