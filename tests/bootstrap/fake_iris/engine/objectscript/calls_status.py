"""%SYSTEM.Mirror, and what SYS.Mirror tells of members."""

from typing import TYPE_CHECKING, Any

from ..files import words
from ..installation import IrisError
from .values import List

if TYPE_CHECKING:
    from ..member import Member
    from ..mirror_config import Entry
    from ..server import Server
    from .system_calls import Reference, Rows


def member_of(server: "Server") -> "Member":
    if server.mirror is None:
        raise IrisError("This system has not been configured as a Mirror Member")
    return server.mirror


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


def _member_status_list(server: "Server", _mirror: str = "", _type: str = "0") -> "Rows":
    """Class Reference, MemberStatusList: the members that this one knows to be there, and itself."""
    member = member_of(server)
    columns = words(
        "MemberName CurrentRole CurrentStatus JournalLatency DatabaseLatency JournalTimeLatency DatabaseTimeLatency "
        "DisplayType DisplayStatus"
    )
    connected = member.primary.connected() if member.primary else {}
    if member.follower:
        connected = {member.config.me: "Active" if member.follower.active else "Caught up"}
    return columns, [_member_row(member, entry, connected.get(entry.name, "")) for entry in member.config.members.values()]


def _member_row(member: "Member", entry: "Entry", transfer: str) -> list[str]:
    """A member of the list; without a transfer it isn't connected to the primary."""
    me = entry.name == member.config.me
    kind = member.member_type() if me else "Disaster Recovery" if entry.member_type else "Failover"
    if entry.name == member.primary_name():
        return [entry.name, "Primary", "Active", *["N/A"] * 4, kind, member.shown_status() if me else "Primary"]
    role = "Async" if entry.member_type else "Backup" if me or transfer else "Unknown"
    if not me and not transfer:
        return [entry.name, role, "Down", *["Disconnected"] * 4, kind, "Down"]
    status = "Async" if entry.member_type else "Active" if transfer == "Active" else "Catchup"
    shown = member.shown_status() if me else "Connected" if entry.member_type else "Backup"
    # HA 5.1.1.2: "time behind"; how the time is written isn't public.
    behind = member.primary.seconds_behind(entry.name) if member.primary else _latency_of(member)
    journal = f"{behind} seconds behind" if behind else transfer
    return [entry.name, role, status, *[journal, "Caught up"] * 2, kind, shown]


def _failover_status(server: "Server", mine: "Reference", other: "Reference") -> None:
    """$LB(MirrorMemberName,AgentIP,Primary/Backup,Status,MirrorAddress,ECPAddress), by reference, for each."""
    member = member_of(server)
    _, rows = _member_status_list(server)
    for entry in member.config.failover():
        row = next(row for row in rows if row[0] == entry.name)
        value = List([entry.name, entry.agent_address, row[1], row[2], entry.private, entry.superserver])
        (mine if entry.name == member.config.me else other).set(value)


def _is_ready(server: "Server", _seconds: str = "60") -> List:
    """IsFailoverReady(): $LB(1), or $LB(0,reason): the backup is active and, with an arbiter configured, that controls."""
    member = member_of(server)
    if member.no_failover:
        return List(["0", member.no_failover])
    active = (
        "Active" in member.primary.connected().values() if member.primary else bool(member.follower and member.follower.active)
    )
    if not active:
        return List(["0", "The backup is not active"])
    if member.config.arbiter and not member.arbiter.controls:
        return List(["0", "The mirror is in agent controlled mode"])
    return List(["1"])


_FOLLOWS = ("Backup", "Connected")


def _latency_of(member: "Member") -> int:
    return member.follower.seconds_behind() if member.follower else 0


def _journal_distance(server: "Server") -> str:
    """1: caught up; more: so many bytes behind in the current file; 0: not connected."""
    member = member_of(server)
    if not member.follower or member.state not in _FOLLOWS:
        return "0"
    return str(max(2, member.follower.bytes_behind())) if member.follower.waiting else "1"


def _database_distance(server: "Server") -> str:
    """What has come is applied at once here."""
    member = member_of(server)
    return "1" if member.follower and member.state in _FOLLOWS else "0"


def _journal_latency(server: "Server", _mirror: str = "") -> str:
    member = member_of(server)
    return str(_latency_of(member)) if member.follower and member.state in _FOLLOWS else "-1"


def _database_latency(server: "Server", _mirror: str = "") -> str:
    """The error is `-1,error text`."""
    return "0" if _database_distance(server) == "1" else "-1,not connected to the primary"


def _console_log(server: "Server", message: str, _flag: str = "0", severity: str = "0", event: str = "Utility.Event") -> str:
    """WriteToConsoleLog(Message,Flag,Severity,Event): a line of messages.log."""
    server.log(int(severity), message, event)
    return "1"


METHODS = {
    "%SYS.System.WriteToConsoleLog": _console_log,
    "%SYSTEM.Mirror.IsMember": _is_member,
    "%SYSTEM.Mirror.IsPrimary": _is_primary,
    "%SYSTEM.Mirror.IsBackup": _in_state("Backup"),
    "%SYSTEM.Mirror.IsAsyncMember": _in_state("Connected"),
    "%SYSTEM.Mirror.MirrorName": _mirror_name,
    "%SYSTEM.Mirror.GetMirrorNames": _mirror_names,
    "%SYSTEM.Mirror.GetStatus": _get_status,
    "%SYSTEM.Mirror.GetMemberStatus": _get_member_status,
    "%SYSTEM.Mirror.GetMemberType": _get_member_type,
    "SYS.Mirror.GetFailoverMemberStatus": _failover_status,
    "SYS.Mirror.IsFailoverReady": _is_ready,
    "SYS.Mirror.DistanceFromPrimaryJournalFiles": _journal_distance,
    "SYS.Mirror.DistanceFromPrimaryDatabases": _database_distance,
    "SYS.Mirror.JournalFilesLatency": _journal_latency,
    "SYS.Mirror.DatabasesLatency": _database_latency,
}
QUERIES = {"SYS.Mirror:MemberStatusList": _member_status_list}
