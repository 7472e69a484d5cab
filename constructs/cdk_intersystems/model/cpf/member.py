"""The merge file of a mirror member: a failover member, or an async member for disaster recovery.

All members of a mirror get the same but for the line that tells a member who it is: memory, ECP limits, journals, services
and the list of databases have to be the same, or automatic failover does not occur (Configuration Parameter File Reference,
MaxServers; High Availability Guide on application servers), and the mirror keeps neither namespaces nor services in step.
An async member for disaster recovery can be promoted, and then has to be what the others are.

Nothing here changes a mirror that exists: ConfigMirror then does nothing but add a missing arbiter. `UseSSL` and the
compression are of the first time, and are changed later on the primary.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from .. import layout
from ..memory import SharedMemory
from ..ports import ISCAGENT_PORT
from ..storage import VolumeRole
from ..topology import SYSTEM_NAME_LENGTH, FailoverMemberId, system_name
from . import common
from .document import Action, MergeFile, action, section

#: Journal data to async members is always compressed, and with Zstandard, as the reference architecture recommends for
#: disaster recovery; between the failover members IRIS chooses (LZ4, since the mirror requires TLS).
#: Source: class reference, SYS.Mirror.CreateNewMirrorSet, MirrorInfo.
_COMPRESSED: Final = 2
_ZSTD: Final = 1

#: Whether an ECP client must use TLS: 2, required. Source: class reference, Security.System.SSLECPServer.
_REQUIRED: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A failover member, as its merge file needs it.

    Args:
        deployment: Name of the deployment.
        mirror: Name of the mirror.
        number: Number of the mirror set.
        member: Which of the two it is.
        address: Its own fixed address.
        arbiter: The arbiter's fixed address.
        joins: Address of the failover member that is primary and that it joins; `None` for the one that creates the mirror.
            Only ever one member of a mirror has `None`, and only until the mirror exists: a second mirror of the same name
            with databases of its own would come of it.
        databases: Names of the mirrored databases.
        memory: Its shared memory, the same for both members.
    """

    deployment: str
    mirror: str
    number: int
    member: FailoverMemberId
    address: IPv4Address
    arbiter: IPv4Address
    joins: IPv4Address | None
    databases: tuple[str, ...]
    memory: SharedMemory

    @property
    def name(self) -> str:
        """Its name inside the mirror."""
        return system_name(self.mirror, self.number, self.member)

    @property
    def kind(self) -> str:
        """What it becomes, as ConfigMirror calls it."""
        return "primary" if self.joins is None else "backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrMember:
    """An async member for disaster recovery, as its merge file needs it. It never creates a mirror.

    What goes to it is encrypted, as between all members of a mirror with TLS, and compressed, as the member that created the
    mirror has said for all async members.

    Args:
        deployment: Name of the deployment.
        mirror: Name of the mirror.
        name: Its name inside the mirror: up to 15 characters, unlike those of the other members.
        address: Its own fixed address.
        arbiter: The arbiter's fixed address.
        joins: Address of the failover member that is primary.
        databases: Names of the mirrored databases.
        memory: Its shared memory, as large as theirs: it may be promoted.
    """

    deployment: str
    mirror: str
    name: str
    address: IPv4Address
    arbiter: IPv4Address
    joins: IPv4Address
    databases: tuple[str, ...]
    memory: SharedMemory

    def __post_init__(self) -> None:
        if not re.fullmatch(f"[A-Z][A-Z0-9]{{0,{SYSTEM_NAME_LENGTH - 1}}}", self.name):
            raise ValueError(
                f"a member's name has up to {SYSTEM_NAME_LENGTH} upper-case letters and digits and starts with a letter, "
                f"got {self.name!r}"
            )

    @property
    def kind(self) -> str:
        """What it becomes, as ConfigMirror calls it."""
        return "drasync"


def merge_file(member: Member | DrMember) -> MergeFile:
    """The merge file of a mirror member.

    Args:
        member: The member.

    Raises:
        ValueError: The member would join itself, or there is no database.
    """
    if member.joins == member.address:
        raise ValueError(f"a member joins the other one, got its own address {member.address}")
    if not member.databases:
        raise ValueError(f"the mirror {member.mirror} has no database: name at least one")
    what = "Failover" if isinstance(member, Member) else "DR async"
    return MergeFile(
        heading=f"{what} member {member.name} of the mirror {member.mirror}, deployment {member.deployment}.",
        sections=(
            common.startup(),
            common.config(member.memory, wijdir=_directory("wij")),
            section(
                "Journal",
                CurrentDirectory=_directory("journal"),
                AlternateDirectory=_directory("alternate_journal"),
                # Forced on for a failover member anyway; stated, so that it holds before the mirror exists.
                FreezeOnError=1,
                CompressFiles=1,
            ),
        ),
        actions=(
            *_services(member.memory.max_server_conn),
            _mirror(member),
            *_databases(member.mirror, member.databases),
        ),
    )


def _directory(role: VolumeRole) -> str:
    # With a slash at the end, as IRIS writes these keys itself.
    return f"{layout.MOUNT_POINTS[role]}/"


def _services(ecp_clients: int) -> Iterator[Action]:
    yield action("ModifyService", Name="%Service_Mirror", Enabled=1)
    # Clients of the endpoint. A Locked Down installation has it disabled; it asks everybody for a password.
    # Source: Security Reference, "Initial InterSystems Security Settings".
    yield action("ModifyService", Name="%Service_Bindings", Enabled=1)
    # Said also where it is 0: a mirror set that loses its application tiers closes the service.
    yield action("ModifyService", Name="%Service_ECP", Enabled=int(ecp_clients > 0))
    yield from common.superserver_with_tls()
    if ecp_clients > 0:
        yield common.tls("%ECPServer")
        yield action("ModifySystem", Name="SYSTEM", SSLECPServer=_REQUIRED)


def _mirror(member: Member | DrMember) -> Action:
    # ECPAddress: the default is the host's name, which would make the mirror hang on name resolution; the mirror's private
    # address and the ISCAgent's follow it.
    return action(
        "ConfigMirror",
        Name=member.mirror,
        SSLDir=layout.TLS,
        Member=member.kind,
        Primary="localhost" if member.joins is None else str(member.joins),
        ArbiterURL=f"{member.arbiter}:{ISCAGENT_PORT}",
        SystemName=member.name,
        ECPAddress=str(member.address),
        UseSSL=1,
        CompressionForAsyncMembers=_COMPRESSED,
        CompressionTypeForAsyncMembers=_ZSTD,
    )


def _databases(mirror: str, names: Iterable[str]) -> Iterator[Action]:
    # On the member that joins the same line makes an empty database, which the mirror fills from the primary.
    for name in names:
        yield common.resource(name)
        yield action(
            "CreateDatabase",
            Name=name,
            Directory=layout.database_directory(name),
            ResourceName=common.resource_name(name),
            MirrorSetName=mirror,
            MirrorDBName=name,
        )
        yield common.namespace(name)
