"""ConfigMirror, and the class methods that create a mirror and join one (CPF, "ConfigMirror"; Merge 9.6; Class Reference,
SYS.Mirror).
"""

import asyncio
import os
import re
import uuid
from typing import TYPE_CHECKING, NamedTuple

from . import tls
from .files import words
from .installation import IrisError
from .journal import Journal
from .mirror_config import Entry, MirrorConfig, load
from .wire import connect

if TYPE_CHECKING:
    from .actions import Action
    from .server import Server

_ROLES = {"primary": 0, "backup": 0, "drasync": 2, "rorasync": 2, "rwrasync": 2}
_ASYNC_TYPES = {"drasync": "0", "rorasync": "1", "rwrasync": "2"}
#: "any property in the inventory of the MirrorInfo parameter of SYS.Mirror.CreateNewMirrorSet()".
_MIRROR_INFO = words(
    "ArbiterNode QOSTimeout UseSSL VirtualAddress CompressionForFailoverMembers CompressionTypeForFailoverMembers "
    "CompressionForAsyncMembers CompressionTypeForAsyncMembers AllowParallelDejournaling"
)
_LOCAL_INFO = words("VirtualAddressInterface ECPAddress MirrorAddress AgentAddress AgentPort")
_OWN = words("Name Member Primary SystemName SSLDir ArbiterURL Map Ordinal")


async def config_mirror(server: "Server", action: "Action") -> None:
    """The action."""
    name, role, primary = action.need("Name", "Member", "Primary")
    for key in action.properties:
        if key not in (*_OWN, *_MIRROR_INFO, *_LOCAL_INFO):
            raise IrisError(f"line {action.number}: ConfigMirror has no property {key}")
    if role == "auto" or primary == "auto":
        role, primary = _by_host_name(action)
    if role not in _ROLES:
        raise IrisError(f"line {action.number}: Member={role}")
    if load(server.cpf):
        _again(server, action)
        return
    # The order of actions enables services after this one, and the guide's examples don't enable %Service_Mirror: this does.
    server.security.service("%Service_Mirror")["Enabled"] = 1
    server.security.save()
    if action.get("SSLDir"):
        update_tls(server, tls.files_in(action.get("SSLDir")))
    properties = {key: action.get(key) for key in _MIRROR_INFO if action.get(key)}
    if url := action.get("ArbiterURL"):
        properties["ArbiterNode"] = url.replace(":", "|")
    local = {key: action.get(key) for key in _LOCAL_INFO if action.get(key)}
    system = action.get("SystemName") or os.uname().nodename.split(".")[0]
    if role == "primary":
        await create(server, name, system, properties, local)
    else:
        agent = Agent(primary, 2188, server.installation.name)
        await join(server, name, system, agent, async_type=_ASYNC_TYPES.get(role, ""), local=local)


def _by_host_name(action: "Action") -> tuple[str, str]:
    """Merge 9.6.2, "Hostname Matching": for hosts whose names end in a number."""
    host = os.uname().nodename.split(".")[0]
    found = re.fullmatch(r"(.*-)([0-9]+)", host)
    if not found:
        raise IrisError(f"line {action.number}: host name {host} does not match .*-[0-9]+$")
    members = (action.get("Map") or "primary,backup").split(",")
    number = int(found[2]) - int(action.get("Ordinal") or 0)
    first = f"{found[1]}{int(found[2]) - number % len(members):0{len(found[2])}}"
    return members[number % len(members)].strip(), first


def _again(server: "Server", action: "Action") -> None:
    """ "reentrant and will exit if the mirror already exists without updating any properties", except to add an arbiter."""
    member = server.mirror
    if member and not member.config.arbiter and action.get("ArbiterURL") and member.is_primary():
        member.config.properties["ArbiterNode"] = action.get("ArbiterURL").replace(":", "|")
        member.save_config()


def update_tls(server: "Server", configuration: dict[str, str]) -> None:
    """SYS.Mirror.UpdateMirrorSSL(): %MirrorServer and %MirrorClient, both with the same certificate.

    Raises:
        IrisError: If it isn't good.
    """
    tls.check(configuration)
    for name, kind in (("%MirrorServer", 1), ("%MirrorClient", 0)):
        server.security.data["ssl"][name] = {**configuration, "Type": kind, "Enabled": 1}
    server.security.save()


async def _check(server: "Server", name: str, system: str, local: dict[str, str]) -> None:
    if not server.licensed:
        raise IrisError("Mirroring is unavailable for current license")
    if not server.security.enabled("%Service_Mirror"):
        raise IrisError("Mirroring Service is required but not enabled")
    if not re.fullmatch(r"[A-Za-z0-9]{1,15}", name):
        raise IrisError(f"Mirror name '{name}' is not valid - must contain only alphanumeric characters")  # HA 4.7.1: 1 to 15
    if len(system) > 32 or re.search(r"[ \t:\[\]#;/*=^~,]", system):
        raise IrisError(f"Mirror member name {system!r} is not valid")  # HA 4.7.1
    if load(server.cpf):
        raise IrisError(f"Mirror name '{name}' is already in use")
    if Journal.left_by(server.journal.folder, name.upper()):
        # Error Reference; the guide to why isn't public.
        raise IrisError(
            f"Failed to create or join mirror set {name} because a mirror journal file exists with the same mirror name"
        )
    try:
        # HA 4.4: "cannot be added to a mirror ... unless the ISCAgent process is running on its host system".
        (await connect("127.0.0.1", int(local.get("AgentPort", 2188)), "agent", seconds=2)).close()
    except OSError as error:
        raise IrisError("ISCAgent is not up on the local system") from error


def _entry(server: "Server", system: str, local: dict[str, str], member_type: int) -> Entry:
    """This instance as a member. Class Reference, CreateNewMirrorSet(): addresses are the host's name unless given."""
    address = local.get("ECPAddress") or os.uname().nodename
    ssl = server.security.data["ssl"].get("%MirrorServer")
    return Entry(
        name=system.upper(),
        agent_address=local.get("AgentAddress") or address,
        agent_port=int(local.get("AgentPort") or 2188),
        superserver=address,
        guid=str(uuid.uuid4()).upper(),
        directory=f"{server.installation.directory}/",
        member_type=member_type,
        private=local.get("MirrorAddress") or address,
        port=server.port,
        dn=tls.check(ssl) if ssl else "",
    )


async def create(server: "Server", name: str, system: str, properties: dict[str, str], local: dict[str, str]) -> None:
    """SYS.Mirror.CreateNewMirrorSet(): this instance becomes the first failover member.

    Raises:
        IrisError: If it can't.
    """
    await _check(server, name, system, local)
    if properties.get("UseSSL") == "1" and "%MirrorServer" not in server.security.data["ssl"]:
        raise IrisError("SSL Configuration %MirrorServer is required but missing")
    entry = _entry(server, system, local, 0)
    config = MirrorConfig(name.upper(), str(uuid.uuid4()).upper(), entry.name, properties, {entry.name: entry})
    _become_member(server, config, "0", validated=True)
    await _wait(server, "Primary")


class Agent(NamedTuple):
    """Where the primary is asked to let a member join: its agent's address and port, and its instance."""

    address: str
    port: int
    instance: str


async def join(server: "Server", name: str, system: str, agent: Agent, *, async_type: str = "", local: dict[str, str]) -> None:
    """SYS.Mirror.JoinMirrorAsFailoverMember() and JoinMirrorAsAsyncMember().

    Args:
        server: This instance.
        name: The mirror.
        system: This member's name.
        agent: The primary's.
        async_type: "0" disaster recovery, "1", "2" reporting; empty: failover member.
        local: This member's addresses.

    Raises:
        IrisError: If it can't.
    """
    await _check(server, name, system, local)
    entry = _entry(server, system, local, 2 if async_type else 0)
    try:
        peer = await connect(agent.address, agent.port, "agent", seconds=5)
        answer = await peer.ask(
            10, op="join", instance={"name": agent.instance, "mirror": name.upper()}, mirror=name.upper(), entry=entry.to_json()
        )
        peer.close()
    except OSError as error:
        raise IrisError(f"Agent is unreachable with {agent.address}, reason: {error}") from error
    if "error" in answer:
        raise IrisError(f"Could not join existing mirror: {answer['error']}")
    shared = answer["shared"]
    config = MirrorConfig(name.upper(), shared["guid"], entry.name)
    config.take_over(shared)
    if config.use_ssl and not entry.dn:
        raise IrisError("SSL Configuration %MirrorServer is required but missing")
    _become_member(server, config, async_type or "0", validated=False)
    if not config.use_ssl:
        await _wait(server, "Backup", "Connected")


async def _wait(server: "Server", *states: str) -> None:
    """Waits for a member's state: the guide's merge files create mirrored databases right after ConfigMirror. With TLS a member
    that joins has to be authorized first; nothing tells that the action waits for that.
    """
    for _ in range(200):
        if server.mirror and server.mirror.state in (*states, "Stopped"):
            return
        await asyncio.sleep(0.05)


def _become_member(server: "Server", config: MirrorConfig, async_type: str, *, validated: bool) -> None:
    config.store(server.cpf)
    for key, value in (
        ("JoinMirror", "1"),
        ("SystemName", config.me),
        ("AsyncMemberType", async_type),
        ("ValidatedMember", str(int(validated))),
    ):
        server.cpf.set("MirrorMember", key, value)
    server.save_cpf()
    server.start_mirror(joined=not validated)
