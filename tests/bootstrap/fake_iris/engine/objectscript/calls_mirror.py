"""SYS.Mirror and %SYSTEM.Mirror."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import config_mirror, databases, promotion, tls
from ..installation import IrisError
from ..mirror_config import load
from .calls_status import member_of
from .values import List, error_status

if TYPE_CHECKING:
    from ..member import Member
    from ..server import Server
    from .system_calls import Reference, Rows


def _primary(server: "Server") -> "Member":
    member = member_of(server)
    if not member.is_primary():
        raise IrisError("Operation can only be performed on the primary mirror member")
    return member


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


async def _create(
    server: "Server", name: str, system: str = "", info: "Reference | str" = "", ssl: "Reference | str" = ""
) -> None:
    _use_tls(server, ssl)
    properties = _properties(info)
    await config_mirror.create(server, name, system or _default_name(server), properties, properties)


async def _join_failover(  # noqa: PLR0917 - the method's own arguments
    server: "Server", name: str, system: str, instance: str, agent: str, port: str = "2188",
    local: "Reference | str" = "", ssl: "Reference | str" = "",
) -> None:  # fmt: skip
    _use_tls(server, ssl)
    primary = config_mirror.Agent(agent, int(port or 2188), instance)
    await config_mirror.join(server, name, system or _default_name(server), primary, local=_properties(local))


async def _join_async(  # noqa: PLR0917 - the method's own arguments
    server: "Server", name: str, system: str, instance: str, agent: str, port: str = "2188", kind: str = "0",
    local: "Reference | str" = "", ssl: "Reference | str" = "",
) -> None:  # fmt: skip
    _use_tls(server, ssl)
    primary = config_mirror.Agent(agent, int(port or 2188), instance)
    await config_mirror.join(
        server, name, system or _default_name(server), primary, async_type=kind or "0", local=_properties(local)
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
            await member_of(server).joining.authorize(name)
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


# SYS.Mirror: control


async def _become_primary(server: "Server") -> str:
    """ "works by forcing the other node down" and overrides no failover; not at all costs."""
    member = member_of(server)
    if member.is_primary():
        return "1"
    other = member.config.other_failover()
    if not member.is_failover() or (other is not None and await member.ask_agent(other, op="force") is None):
        return "0"
    member.config.properties.pop("DefinedPrimary", None)
    for _ in range(200):
        if member.is_primary():
            return "1"
        await asyncio.sleep(0.05)
    return "0"


# SYS.Mirror: promotion and demotion


async def _promote(server: "Server", unavailable: "Reference | str" = "") -> None:
    await _promotion(unavailable, promotion.promote(member_of(server)))


async def _promote_with_partner(server: "Server", unavailable: "Reference | str" = "") -> None:
    await _promotion(unavailable, promotion.promote(member_of(server), both=False))


async def _promote_with_selected(server: "Server", partner: str = "", unavailable: "Reference | str" = "") -> None:
    await _promotion(unavailable, promotion.promote_with(member_of(server), partner))


async def _promote_alone(server: "Server", unavailable: "Reference | str" = "", flags: str = "0") -> None:
    await _promotion(unavailable, promotion.promote_alone(member_of(server), no_failover=flags == "1"))


async def _promotion(unavailable: "Reference | str", work: Awaitable[list[str]]) -> None:
    """Does it, and names the members that could not be contacted, by reference, whether it succeeds or not."""
    try:
        names = await work
    except promotion.UnavailableError as error:
        if not isinstance(unavailable, str):
            unavailable.set(",".join(error.names))
        raise
    if not isinstance(unavailable, str):
        unavailable.set(",".join(names))


async def _demote(server: "Server") -> None:
    await promotion.demote(member_of(server))


async def _demote_partner(server: "Server") -> None:
    await promotion.demote_partner(member_of(server))


async def _no_failover(server: "Server", _mirror: str = "") -> None:
    await member_of(server).set_no_failover(True)


async def _clear_no_failover(server: "Server", _mirror: str = "", _locally: str = "0") -> None:
    await member_of(server).set_no_failover(False)


async def _verify(server: "Server", _mirror: str = "", _all: str = "0") -> None:
    """VerifyMirrorSSLCertificates(): this member's certificate against all others."""
    member = member_of(server)
    tls.check(server.security.data["ssl"]["%MirrorServer"])
    for entry in member.config.members.values():
        if entry.name != member.config.me and await member.ask(entry, op="status") is None:
            raise IrisError(f"Mirror SSL validation of '{entry.name}' failed with error: unreachable or refused")


def _update_dn(server: "Server") -> None:
    member = member_of(server)
    member.config.with_dn(member.config.me, tls.check(server.security.data["ssl"]["%MirrorServer"]))
    member.save_config()


async def _add_database(server: "Server", directory: str, name: str = "", _journal: str = "1") -> None:
    folder = Path(directory.rstrip("/"))
    await databases.add_to_mirror(server, folder, name or folder.name.upper())


def _activate(server: "Server", directory: str) -> None:
    databases.activate(server, directory)


def _catch_up(server: "Server", numbers: Any, _journals: str = "", failed: "Reference | str" = "") -> str:
    """0 if none was caught up; else 1, and those that were not, by reference."""
    wanted = [int(number) for number in numbers]
    left = databases.catch_up(server, wanted)
    if not isinstance(failed, str):
        failed.set(List([str(number) for number in left]))
    return str(int(len(left) < len(wanted)))


def _number(server: "Server", directory: str) -> str:
    """`SFN` of a database, which scripts get from an object of SYS.Database."""
    return str(databases.number_of(server, directory))


def _databases(server: "Server", _name: str = "*", _mirror: str = "*", _cpf: str = "") -> "Rows":
    member = member_of(server)
    rows = [[name, folder, member.name, state, ""] for folder, (name, state) in databases.mirrored(server).items()]
    return ["Name", "Directory", "MirrorName", "MirrorStatus", "Latency"], rows


def _stop_mirror(server: "Server", _mirror: str = "", _seconds: str = "10") -> None:
    member = member_of(server)
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
    "SYS.Mirror.CreateNewMirrorSet": _create,
    "SYS.Mirror.JoinMirrorAsFailoverMember": _join_failover,
    "SYS.Mirror.JoinMirrorAsAsyncMember": _join_async,
    "SYS.Mirror.DefaultSystemName": _default_name,
    "SYS.Mirror.UpdateMirrorSSL": _update_ssl,
    "SYS.Mirror.AuthorizePendingMembers": _authorize,
    "SYS.Mirror.RemoveFromApprovalList": _remove_from_list,
    "SYS.Mirror.AddFailoverMember": _add_failover,
    "SYS.Mirror.BecomePrimary": _become_primary,
    "SYS.Mirror.Promote": _promote,
    "SYS.Mirror.PromoteWithPartner": _promote_with_partner,
    "SYS.Mirror.PromoteWithSelectedPartner": _promote_with_selected,
    "SYS.Mirror.PromoteWithNoPartner": _promote_alone,
    "SYS.Mirror.Demote": _demote,
    "SYS.Mirror.DemotePartner": _demote_partner,
    "SYS.Mirror.SetNoFailover": _no_failover,
    "SYS.Mirror.ClearNoFailover": _clear_no_failover,
    "SYS.Mirror.VerifyMirrorSSLCertificates": _verify,
    "SYS.Mirror.UpdateDNinMirrorSetMember": _update_dn,
    "SYS.Mirror.AddDatabase": _add_database,
    "SYS.Mirror.ActivateMirroredDatabase": _activate,
    "SYS.Mirror.CatchupDB": _catch_up,
    "SYS.Database.SFN": _number,
    "SYS.Mirror.StopMirror": _stop_mirror,
    "SYS.Mirror.RemoveMirrorConfiguration": _remove_configuration,
    "SYS.Mirror.IsMirrorStarted": lambda server, _mirror: str(
        int(server.mirror is not None and server.mirror.state != "Stopped")
    ),
}
QUERIES = {
    "SYS.Mirror:MirroredDatabaseList": _databases,
    "SYS.Mirror:PendingNewMembers": _pending,
    "SYS.Mirror:PendingDNUpdates": _renamed,
}
