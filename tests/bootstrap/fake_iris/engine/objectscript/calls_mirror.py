"""SYS.Mirror and %SYSTEM.Mirror."""

import asyncio
from typing import TYPE_CHECKING, Any

from .. import config_mirror, databases, tls
from ..installation import IrisError
from ..mirror_config import load
from .values import List, error_status

if TYPE_CHECKING:
    from pathlib import Path

    from ..member import Member
    from ..server import Server
    from .system_calls import Reference, Rows


def _member(server: "Server") -> "Member":
    if server.mirror is None:
        raise IrisError("This system has not been configured as a Mirror Member")
    return server.mirror


def _primary(server: "Server") -> "Member":
    member = _member(server)
    if not member.is_primary():
        raise IrisError("Operation can only be performed on the primary mirror member")
    return member


# %SYSTEM.Mirror


def _is_member(server: "Server") -> str:
    return "0" if server.mirror is None else "1" if server.mirror.is_failover() else "2"


def _is_primary(server: "Server") -> str:
    # "node is active as the primary". Whether it is so in trouble isn't said.
    return str(int(server.is_primary()))


def _in_state(*states: str) -> Any:
    return lambda server: str(int(server.mirror is not None and server.mirror.state in states))


def _mirror_name(server: "Server") -> str:
    return server.mirror.name if server.mirror and server.mirror.is_failover() else ""


def _mirror_names(server: "Server") -> Any:
    return List([server.mirror.name]) if server.mirror else ""


def _get_status(server: "Server", _mirror: str = "") -> str:
    state = server.mirror.state if server.mirror else "Not Initialized"
    # "In Trouble" has no word of its own there.
    return {"Not Initialized": "NOTINIT", "In Trouble": "PRIMARY"}.get(state, state.upper())


def _get_member_status(server: "Server", _mirror: str = "") -> List:
    if server.mirror is None:
        return List(["Not Initialized"])
    shown = server.mirror.shown_status()
    return List([shown, "Trouble"]) if server.mirror.state == "In Trouble" and shown == "Primary" else List([shown])


def _get_member_type(server: "Server") -> str:
    return server.mirror.member_type() if server.mirror else "Not Member"


# SYS.Mirror: creating and joining


def _properties(*references: "Reference | str") -> dict[str, str]:
    found: dict[str, str] = {}
    for reference in references:
        if not isinstance(reference, str):
            found.update(reference.properties())
    return found


def _use_tls(server: "Server", info: "Reference | str") -> None:
    if not isinstance(info, str) and info.get("CAFile"):
        config_mirror.update_tls(server, {key: info.get(key) for key in ("CAFile", "CertificateFile", "PrivateKeyFile")})


async def _create(server: "Server", name: str, system: str = "", info: "Reference | str" = "", ssl: "Reference | str" = "") -> None:
    _use_tls(server, ssl)
    properties = _properties(info)
    await config_mirror.create(server, name, system or _default_name(server), properties, properties)


async def _join_failover(
    server: "Server", name: str, system: str, instance: str, agent: str, port: str = "2188",
    local: "Reference | str" = "", ssl: "Reference | str" = "",
) -> None:  # fmt: skip
    _use_tls(server, ssl)
    await config_mirror.join(server, name, system or _default_name(server), instance, agent, int(port or 2188), "", _properties(local))


async def _join_async(
    server: "Server", name: str, system: str, instance: str, agent: str, port: str = "2188", kind: str = "0",
    local: "Reference | str" = "", ssl: "Reference | str" = "",
) -> None:  # fmt: skip
    _use_tls(server, ssl)
    await config_mirror.join(
        server, name, system or _default_name(server), instance, agent, int(port or 2188), kind or "0", _properties(local)
    )


def _default_name(server: "Server") -> str:
    import os

    return f"{os.uname().nodename.split('.')[0]}/{server.installation.name}".replace("/", "-")


def _update_ssl(server: "Server", info: "Reference") -> None:
    _use_tls(server, info)


# SYS.Mirror: members


async def _authorize(server: "Server", names: Any) -> Any:
    """One name: a status. A list: a list of statuses, each for itself."""

    async def one(name: str) -> str:
        try:
            await _member(server).joining.authorize(name)
        except IrisError as error:
            return error_status(str(error))
        return "1"

    return List([await one(str(name)) for name in names]) if isinstance(names, List) else await one(str(names))


def _remove_from_list(server: "Server", name: str, _guid: str = "", _mirror: str = "") -> None:
    _primary(server).joining.reject(name)


async def _add_failover(server: "Server", _mirror: str, _instance: str, address: str, _port: str = "2188") -> None:
    """HA 4.7.3: authorizes the second failover member."""
    joining = _primary(server).joining
    for dn, entry in joining.pending.items():
        if entry.member_type == 0 and address in (entry.agent_address, entry.superserver, entry.private):
            await joining.authorize(dn)
            return
    raise IrisError(f"Agent is unreachable with {address}, reason: no failover member of that address is pending")


def _pending(server: "Server", _mirror: str = "") -> "Rows":
    rows = [[entry.name, entry.guid, dn, entry.member_type] for dn, entry in _primary(server).joining.pending.items()]
    # Only SSLComputerName is documented; what else there is has names of the fake.
    return ["MemberName", "GUID", "SSLComputerName", "MemberType"], rows


def _renamed(server: "Server", _mirror: str = "") -> "Rows":
    member = _primary(server)
    rows = [[name, member.config.members[name].guid, dn] for dn, name in member.joining.renamed.items()]
    return ["MemberName", "GUID", "SSLComputerName"], rows


def _member_status_list(server: "Server", _mirror: str = "", _type: str = "0") -> "Rows":
    """Class Reference, MemberStatusList: the members that this one knows to be there, and itself."""
    member = _member(server)
    columns = (
        "MemberName CurrentRole CurrentStatus JournalLatency DatabaseLatency JournalTimeLatency DatabaseTimeLatency DisplayType "
        "DisplayStatus"
    ).split()
    connected = member.primary.connected() if member.primary else {}
    rows = []
    for entry in member.config.members.values():
        me = entry.name == member.config.me
        primary = entry.name == member.primary_name()
        role = "Primary" if primary else "Async" if entry.member_type else "Backup" if me or entry.name in connected else "Unknown"
        up = me or primary or entry.name in connected
        shown = member.shown_status() if me else "Primary" if primary else ("Connected" if entry.member_type else "Backup") if up else "Down"
        transfer = "N/A" if primary else connected.get(entry.name, "Active" if me and member.follower and member.follower.active else
                                                       "Caught up" if up else "Disconnected")  # fmt: skip
        kind = member.member_type() if me else "Failover" if not entry.member_type else "Disaster Recovery"
        rows.append([entry.name, role, "Active" if up else "Down", transfer, "N/A" if primary else "Caught up", transfer,
                     "N/A" if primary else "Caught up", kind, shown])  # fmt: skip
    return columns, rows


def _failover_status(server: "Server", mine: "Reference", other: "Reference") -> None:
    """$LB(MirrorMemberName,AgentIP,Primary/Backup,Status,MirrorAddress,ECPAddress), by reference, for each."""
    member = _member(server)
    _, rows = _member_status_list(server)
    for entry in member.config.failover():
        row = next(row for row in rows if row[0] == entry.name)
        value = List([entry.name, entry.agent_address, row[1], row[2], entry.private, entry.superserver])
        (mine if entry.name == member.config.me else other).set(value)


def _is_ready(server: "Server", _seconds: str = "60") -> List:
    """IsFailoverReady(): $LB(1), or $LB(0,reason)."""
    member = _member(server)
    if member.no_failover:
        return List(["0", member.no_failover])
    active = "Active" in member.primary.connected().values() if member.primary else bool(member.follower and member.follower.active)
    return List(["1"]) if active else List(["0", "The backup is not active"])


def _distance(server: "Server") -> str:
    member = _member(server)
    return "1" if member.follower and member.state in ("Backup", "Connected") else "0"


def _latency(server: "Server", _mirror: str = "") -> str:
    return "0" if _distance(server) == "1" else "-1"


# SYS.Mirror: control


async def _become_primary(server: "Server") -> str:
    """ "works by forcing the other node down" and overrides no failover; not at all costs."""
    member = _member(server)
    if member.is_primary():
        return "1"
    other = member.config.other_failover()
    if other is None or await member.ask_agent(other, op="force") is None:
        return "0"
    member.config.properties.pop("DefinedPrimary", None)
    for _ in range(200):
        if member.is_primary():
            return "1"
        await asyncio.sleep(0.05)
    return "0"


async def _no_failover(server: "Server", _mirror: str = "") -> None:
    await _member(server).set_no_failover(True)


async def _clear_no_failover(server: "Server", _mirror: str = "", _locally: str = "0") -> None:
    await _member(server).set_no_failover(False)


async def _verify(server: "Server", _mirror: str = "", _all: str = "0") -> None:
    """VerifyMirrorSSLCertificates(): this member's certificate against all others."""
    member = _member(server)
    tls.check(server.security.data["ssl"]["%MirrorServer"])
    for entry in member.config.members.values():
        if entry.name != member.config.me and await member.ask(entry, op="status") is None:
            raise IrisError(f"Mirror SSL validation of '{entry.name}' failed with error: unreachable or refused")


def _update_dn(server: "Server") -> None:
    member = _member(server)
    member.config.with_dn(member.config.me, tls.check(server.security.data["ssl"]["%MirrorServer"]))
    member.save_config()


async def _add_database(server: "Server", directory: str, name: str = "", _journal: str = "1") -> None:
    from pathlib import Path

    folder: Path = Path(directory.rstrip("/"))
    await databases.add_to_mirror(server, folder, name or folder.name.upper())


def _stop_mirror(server: "Server", _mirror: str = "", _seconds: str = "10") -> None:
    member = _member(server)
    if member.is_primary():
        raise IrisError("Cannot shutdown mirroring on the primary mirror member")
    member.become("Stopped")
    if member.follower:
        member.follower.hang_up()


async def _remove_configuration(server: "Server", _delete: str = "0", clean: str = "1", clean_ssl: str = "0") -> None:
    """RemoveMirrorConfiguration(): not on a primary; removes journal files unless told otherwise."""
    if server.is_primary():
        raise IrisError("Operation is not allowed on the primary mirror member")
    config = load(server.cpf)
    if config is None:
        raise IrisError("Mirror configuration not loaded")
    if server.mirror:
        _stop_mirror(server)
        server.mirror = None
    for section in ("Mirrors", f"MapMirrors.{config.name}"):
        server.cpf.remove(section)
    server.cpf.set("MirrorMember", "JoinMirror", "0")
    server.save_cpf()
    if clean == "1":
        for file in server.journal.folder.glob(f"MIRROR-{config.name}-*"):
            file.unlink()
    if clean_ssl == "1":
        for name in ("%MirrorServer", "%MirrorClient"):
            server.security.data["ssl"].pop(name, None)
        server.security.save()


METHODS = {
    "%SYSTEM.Mirror.IsMember": _is_member,
    "%SYSTEM.Mirror.IsPrimary": _is_primary,
    "%SYSTEM.Mirror.IsBackup": _in_state("Backup"),
    "%SYSTEM.Mirror.IsAsyncMember": _in_state("Connected"),
    "%SYSTEM.Mirror.MirrorName": _mirror_name,
    "%SYSTEM.Mirror.GetMirrorNames": _mirror_names,
    "%SYSTEM.Mirror.GetStatus": _get_status,
    "%SYSTEM.Mirror.GetMemberStatus": _get_member_status,
    "%SYSTEM.Mirror.GetMemberType": _get_member_type,
    "SYS.Mirror.CreateNewMirrorSet": _create,
    "SYS.Mirror.JoinMirrorAsFailoverMember": _join_failover,
    "SYS.Mirror.JoinMirrorAsAsyncMember": _join_async,
    "SYS.Mirror.DefaultSystemName": _default_name,
    "SYS.Mirror.UpdateMirrorSSL": _update_ssl,
    "SYS.Mirror.AuthorizePendingMembers": _authorize,
    "SYS.Mirror.RemoveFromApprovalList": _remove_from_list,
    "SYS.Mirror.AddFailoverMember": _add_failover,
    "SYS.Mirror.GetFailoverMemberStatus": _failover_status,
    "SYS.Mirror.IsFailoverReady": _is_ready,
    "SYS.Mirror.DistanceFromPrimaryJournalFiles": _distance,
    "SYS.Mirror.DistanceFromPrimaryDatabases": _distance,
    "SYS.Mirror.JournalFilesLatency": _latency,
    "SYS.Mirror.DatabasesLatency": _latency,
    "SYS.Mirror.BecomePrimary": _become_primary,
    "SYS.Mirror.SetNoFailover": _no_failover,
    "SYS.Mirror.ClearNoFailover": _clear_no_failover,
    "SYS.Mirror.VerifyMirrorSSLCertificates": _verify,
    "SYS.Mirror.UpdateDNinMirrorSetMember": _update_dn,
    "SYS.Mirror.AddDatabase": _add_database,
    "SYS.Mirror.StopMirror": _stop_mirror,
    "SYS.Mirror.RemoveMirrorConfiguration": _remove_configuration,
    "SYS.Mirror.IsMirrorStarted": lambda server, _mirror: str(int(server.mirror is not None and server.mirror.state != "Stopped")),
}
QUERIES = {
    "SYS.Mirror:PendingNewMembers": _pending,
    "SYS.Mirror:PendingDNUpdates": _renamed,
    "SYS.Mirror:MemberStatusList": _member_status_list,
}
