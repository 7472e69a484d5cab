"""The files that a bundle has for each host of a group beside the code: `host.json`, and what is rendered for its role.

One place, for the constructs and for `python -m cdk_intersystems.configuration cpf`. Pure: the same values give the same bytes.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

from . import host_description
from .cpf import application_server, member
from .cpf.application_server import ApplicationServer
from .cpf.member import DrMember, Member
from .gate import gate_ruleset
from .host_description import MirrorFacts
from .memory import SharedMemory
from .memory_choices import MemoryChoice, memory_files
from .platform import Platform
from .storage import MemberVolumes
from .topology import FAILOVER_MEMBERS, FailoverMemberId

#: Host (`a`, `b`, `arbiter`; of a tier `server`) -> name of each of its files -> what stands in it.
HostFiles = Mapping[str, Mapping[str, str]]


def mirror_files(
    platform: Platform,
    mirror: MirrorFacts,
    *,
    volumes: MemberVolumes,
    memory: SharedMemory,
    choices: Sequence[MemoryChoice] = (),
) -> HostFiles:
    """The files of a mirror's hosts.

    Args:
        platform: What all hosts have in common.
        mirror: The mirror.
        volumes: The volumes of each failover member.
        memory: The shared memory of each.
        choices: The shared memory by the host's own, where its instance type changes; `memory` is that of the smallest.

    Raises:
        ValueError: A name, address, port or database is not possible.
    """
    files: dict[str, Mapping[str, str]] = {
        which: {
            "host.json": host_description.text(
                host_description.member(platform, mirror, which, volumes=volumes, huge_pages=memory.huge_pages)
            ),
            **merge_files(mirror, which, memory),
            **memory_files(choices),
            "gate.nft": gate_ruleset(mirror.service_ports, [mirror.vip] if mirror.vip else []),
        }
        for which in FAILOVER_MEMBERS
    }
    files["arbiter"] = {"host.json": host_description.text(host_description.arbiter(platform, mirror))}
    return files


def merge_files(mirror: MirrorFacts, which: FailoverMemberId, memory: SharedMemory) -> dict[str, str]:
    """The CPF merge files of a member: to create the mirror with, and to join it.

    It is joined as a failover member or, if the mirror spans regions, for disaster recovery, through each member that may be
    primary then. In the home region that is for one that lost its volumes while the other region holds the mirror. A member
    of the DR region never creates a mirror, and is a failover member only by being promoted.

    Args:
        mirror: The mirror.
        which: Which of the two it is.
        memory: Its shared memory.
    """
    other = FAILOVER_MEMBERS[1 - FAILOVER_MEMBERS.index(which)]
    elsewhere = {name: each.address for name, each in mirror.others.items()}
    if mirror.role == "dr":
        return _async_files(mirror, which, memory, {**elsewhere, mirror.system_name(other): mirror.addresses[other]})
    return _failover_files(mirror, which, memory) | _async_files(mirror, which, memory, elsewhere)


def async_file(primary: str) -> str:
    """The name of the merge file that joins the mirror for disaster recovery.

    Args:
        primary: System name of the member that is primary then.
    """
    return f"join-async-{primary}.cpf"


def _async_files(
    mirror: MirrorFacts, which: FailoverMemberId, memory: SharedMemory, primaries: Mapping[str, str]
) -> dict[str, str]:
    return {
        async_file(name): member.merge_file(
            DrMember(
                deployment=mirror.deployment,
                mirror=mirror.name,
                name=mirror.system_name(which),
                address=IPv4Address(mirror.addresses[which]),
                # The arbiter is the mirror's, which it has already; a member that joins changes nothing about it.
                arbiter=IPv4Address(mirror.other_arbiter or mirror.addresses["arbiter"]),
                joins=IPv4Address(address),
                databases=mirror.databases,
                memory=memory,
            )
        ).text()
        for name, address in primaries.items()
    }


def _failover_files(mirror: MirrorFacts, which: FailoverMemberId, memory: SharedMemory) -> dict[str, str]:
    other = FAILOVER_MEMBERS[1 - FAILOVER_MEMBERS.index(which)]
    return {
        name: member.merge_file(
            Member(
                deployment=mirror.deployment,
                mirror=mirror.name,
                number=mirror.number,
                member=which,
                address=IPv4Address(mirror.addresses[which]),
                arbiter=IPv4Address(mirror.addresses["arbiter"]),
                joins=joins,
                databases=mirror.databases,
                memory=memory,
            )
        ).text()
        for name, joins in (("create.cpf", None), ("join.cpf", IPv4Address(mirror.addresses[other])))
    }


def application_files(
    platform: Platform, mirror: MirrorFacts, tier: str, *, memory: SharedMemory, local_storage: bool
) -> HostFiles:
    """The files of an application tier's servers, which are alike.

    Args:
        platform: What all hosts have in common.
        mirror: The mirror whose databases they work on.
        tier: Name of the tier.
        memory: Their shared memory.
        local_storage: Whether instance store volumes hold what needs not survive a stop.
    """
    described = host_description.application_server(
        platform, mirror, tier, huge_pages=memory.huge_pages, local_storage=local_storage
    )
    return {"server": {"host.json": host_description.text(described), **application_merge_files(mirror, tier, memory)}}


def application_merge_files(mirror: MirrorFacts, tier: str, memory: SharedMemory) -> dict[str, str]:
    """The CPF merge files of an application server: one for each member of its region that may be primary when it starts.

    Args:
        mirror: The mirror whose databases it works on.
        tier: Name of its tier.
        memory: Its shared memory.
    """
    return {
        # By the letter of the member's name, which a host knows.
        f"via-{mirror.system_name(which)[-1].lower()}.cpf": application_server.merge_file(
            ApplicationServer(
                deployment=mirror.deployment,
                tier=tier,
                mirror=mirror.name,
                data_server=IPv4Address(mirror.addresses[which]),
                databases=mirror.databases,
                memory=memory,
            )
        ).text()
        for which in FAILOVER_MEMBERS
    }


def web_files(
    platform: Platform,
    mirror: MirrorFacts,
    tier: str,
    *,
    application_tier: str,
    paths: Sequence[str],
    gateway_parameters: Mapping[str, str],
) -> HostFiles:
    """The files of a web tier's servers, which are alike; the Web Gateway's CSP.ini is made on them.

    Args:
        platform: What all hosts have in common.
        mirror: The mirror they work with, or behind the application tier.
        tier: Name of the tier.
        application_tier: Name of the application tier behind them. Empty: the mirror itself.
        paths: The application paths that lead to IRIS.
        gateway_parameters: Parameters of the Web Gateway, by name.
    """
    described = host_description.web_server(
        platform, mirror, tier, application_tier=application_tier, paths=paths, gateway_parameters=gateway_parameters
    )
    return {"server": {"host.json": host_description.text(described)}}
