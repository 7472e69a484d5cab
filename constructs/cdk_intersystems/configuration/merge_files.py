"""The CPF merge file of every host of a deployment that runs IRIS."""

from collections.abc import Iterator
from dataclasses import dataclass

from cdk_intersystems.model.cpf import application_server, member
from cdk_intersystems.model.cpf.application_server import ApplicationServer
from cdk_intersystems.model.cpf.member import Member
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
        name: Name of the file without its suffix, unique in the deployment: `trak-a`; or `app-via-a`, for an application
            server that starts while member a is primary.
        text: What stands in it.
        memory: The shared memory it configures, from which the host's huge pages follow.
    """

    host: str
    name: str
    text: str
    memory: SharedMemory


def merge_files(deployment: Deployment) -> list[HostFile]:
    """The merge files of a deployment, in the order hosts have to start: of each mirror the member that creates it first.

    Args:
        deployment: The deployment.

    Raises:
        ValueError: An instance type has too little memory; says whose.
    """
    return [file for mirror_set in deployment.mirror_sets for file in _of_mirror_set(deployment, mirror_set)]


def _of_mirror_set(deployment: Deployment, mirror_set: MirrorSetConfig) -> Iterator[HostFile]:
    addresses = member_addresses(deployment.regions.primary, mirror_set)
    memory = _memory(deployment, mirror_set)
    for each in FAILOVER_MEMBERS:
        one = Member(
            deployment=deployment.name,
            mirror=mirror_set.name,
            number=mirror_set.number,
            member=each,
            address=addresses[each],
            arbiter=addresses["arbiter"],
            joins=None if each == "a" else addresses["a"],
            databases=mirror_set.databases,
            memory=memory,
        )
        yield HostFile(each, f"{mirror_set.name.lower()}-{each}", member.merge_file(one).text(), memory)
    for tier in deployment.application_tiers:
        if tier.mirror_set != mirror_set.name:
            continue
        memory = _memory(deployment, tier)
        for each in FAILOVER_MEMBERS:
            server = ApplicationServer(
                deployment=deployment.name,
                tier=tier.name,
                mirror=mirror_set.name,
                data_server=addresses[each],
                databases=mirror_set.databases,
                memory=memory,
            )
            yield HostFile(tier.name, f"{tier.name}-via-{each}", application_server.merge_file(server).text(), memory)


def _memory(deployment: Deployment, host: MirrorSetConfig | ApplicationTierConfig) -> SharedMemory:
    is_member = isinstance(host, MirrorSetConfig)
    facts = deployment.instance_type(host.instance_type)
    try:
        return shared_memory(
            "member" if is_member else "application_server",
            memory_mib=facts.memory_mib,
            vcpus=facts.vcpus,
            max_server_conn=host.ecp_client_ceiling if isinstance(host, MirrorSetConfig) else 0,
        )
    except ValueError as error:
        raise ValueError(
            f"{'the mirror set' if is_member else 'the application tier'} {host.name}, "
            f"instance type {host.instance_type}: {error}"
        ) from error
