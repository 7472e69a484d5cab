"""The merge file of an ECP application server: a client of a mirror, with nothing mirrored of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from ..memory import SharedMemory
from ..ports import SUPERSERVER_PORT
from . import common
from .document import Action, MergeFile, Section, action

#: The data server is a mirror, and the connection follows whoever is its primary. Source: Configuration Parameter File
#: Reference, ECPServers, MirrorConnection; -1 would pin it to one member.
_FOLLOWS_THE_PRIMARY: Final = 1
_TLS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationServer:
    """An application server, as its merge file needs it; alike for all of a tier.

    Args:
        deployment: Name of the deployment.
        tier: Name of the tier.
        mirror: Name of the mirror whose data it works on. It is also the name of the data server.
        data_server: Address of a failover member. It has to be the primary's when the server connects for the first time;
            from it the server learns the other members (High Availability Guide, "Configuring Application Server
            Connections to a Mirror"). Never an endpoint's.
        databases: Names of the mirrored databases.
        memory: Its shared memory.
    """

    deployment: str
    tier: str
    mirror: str
    data_server: IPv4Address
    databases: tuple[str, ...]
    memory: SharedMemory


def merge_file(server: ApplicationServer) -> MergeFile:
    """The merge file of an application server.

    Args:
        server: The server.
    """
    connection = (str(server.data_server), SUPERSERVER_PORT, _FOLLOWS_THE_PRIMARY, _TLS)
    return MergeFile(
        heading=f"Application server of the tier {server.tier}, a client of {server.mirror} through {server.data_server}, "
        f"deployment {server.deployment}.",
        sections=(
            common.startup(),
            common.config(server.memory),
            Section("ECPServers", ((server.mirror, connection),)),
        ),
        actions=(*common.superserver_with_tls(), common.tls("%ECPClient"), *_remote_databases(server)),
    )


def _remote_databases(server: ApplicationServer) -> Iterator[Action]:
    for name in server.databases:
        yield common.resource(name)
        yield action(
            "CreateDatabase",
            Name=name,
            # By mirror and database name: the same whichever member is primary.
            Directory=f":mirror:{server.mirror}:{name}",
            Server=server.mirror,
            LogicalOnly=1,
            ResourceName=common.resource_name(name),
        )
        yield common.namespace(name)
