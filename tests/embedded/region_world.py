"""A mirror over two regions whose members are scripted: their hosts' agents answer for them, and responders of their own."""

import json
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cdk_intersystems.model.ports import MIRROR_STATUS_PORT
from local.clients import Clients
from local.server import EmbeddedAws

from .agents import Agent

REGIONS = {"primary": "eu-west-2", "dr": "eu-west-1"}
#: System name -> role and member.
PLACES = {"TRAKA": ("primary", "a"), "TRAKB": ("primary", "b"), "TRAKC": ("dr", "a"), "TRAKD": ("dr", "b")}
FAILOVER, DISASTER = "Failover", "Disaster Recovery"


@dataclass
class Member:
    """One member of the mirror.

    Attributes:
        name: Its system name.
        kind: `Failover` or `Disaster Recovery`.
        status: What it is.
        lag: How many seconds its journal is behind.
        fenced: Whether it was told that another region holds the mirror.
        refuses: Command -> why it refuses it.
    """

    name: str
    kind: str
    status: str
    lag: int = 0
    fenced: bool = False
    refuses: dict[str, str] = field(default_factory=dict)

    @property
    def is_primary(self) -> bool:
        return self.status == "Primary"

    @property
    def runs(self) -> bool:
        return self.status != "Down"


class Mirror:
    """The members, and what commands make of them, as `iris-region` on real ones.

    Attributes:
        members: By system name.
        lost: The roles of the regions that are lost: their members are down.
        ran: (member, command) of all that was run, oldest first.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.lost: set[str] = set()
        self.ran: list[tuple[str, str]] = []
        self.members: dict[str, Member] = {}
        self.reset()

    def reset(self) -> None:
        """As it was deployed: A is primary, B its backup, C and D wait."""
        with self._lock:
            self.lost.clear()
            self.ran.clear()
            self.members = {
                "TRAKA": Member("TRAKA", FAILOVER, "Primary"),
                "TRAKB": Member("TRAKB", FAILOVER, "Backup"),
                "TRAKC": Member("TRAKC", DISASTER, "Connected"),
                "TRAKD": Member("TRAKD", DISASTER, "Connected"),
            }

    def lose(self, role: str) -> None:
        """A region is gone."""
        with self._lock:
            self.lost.add(role)
            for name, (where, _) in PLACES.items():
                if where == role:
                    self.members[name].status = "Down"

    def primary(self) -> str:
        """The system name of the primary; empty without one."""
        return next((name for name, member in self.members.items() if member.is_primary), "")

    def run(self, name: str, command: str, arguments: str) -> tuple[int, str]:
        """Runs a command on a member: exit status, and what it prints."""
        with self._lock:
            self.ran.append((name, command))
            member = self.members[name]
            if command in member.refuses:
                return 3, json.dumps({"refused": member.refuses[command]})
            answer = getattr(self, f"_{command.replace('-', '_')}")(member, arguments.split())
            return (3 if "refused" in answer else 0), json.dumps(answer)

    def _status(self, member: Member, _arguments: list[str]) -> dict[str, Any]:
        others = {name: each for name, each in self.members.items() if name != member.name}
        listed = [
            {"name": each.name, "type": each.kind, "status": each.status, "journal_lag_seconds": each.lag}
            for each in others.values()
        ]
        return {
            "system_name": member.name,
            "role": PLACES[member.name][0],
            "running": member.runs,
            "member_type": member.kind,
            "status": member.status,
            "is_primary": member.is_primary,
            "mirror": "TRAK",
            "journal_lag_seconds": member.lag,
            "database_lag_seconds": member.lag,
            "caught_up": member.lag == 0 or member.is_primary,
            "members": listed,
            "agents": {name: PLACES[name][0] not in self.lost for name in others},
            "validated": True,
            "certificate_expires": "2030-01-01T00:00:00Z",
        }

    def _promote(self, member: Member, _arguments: list[str]) -> dict[str, Any]:
        if not member.runs:
            return {"refused": "the instance is down"}
        if member.kind == DISASTER:
            member.kind = FAILOVER
            for other in self.members.values():
                # A mirror has two failover members: one of another region gives its place.
                if other is not member and other.kind == FAILOVER and not other.is_primary:
                    other.kind, other.status = DISASTER, other.status if not other.runs else "Connected"
            member.status = "Backup" if self.primary() else "Primary"
        backup = next((each.name for each in self.members.values() if each.kind == FAILOVER and each is not member), None)
        return {"done": True, "member_type": member.kind, "status": member.status, "partner": backup}

    def _await_primary(self, member: Member, _arguments: list[str]) -> dict[str, Any]:
        return {"done": member.is_primary, "status": member.status}

    def _demote(self, member: Member, _arguments: list[str]) -> dict[str, Any]:
        if member.is_primary:
            return {"refused": "this member is the primary"}
        member.kind, member.status = DISASTER, "Connected"
        return {"done": True, "member_type": member.kind, "status": member.status}

    def _demote_partner(self, member: Member, _arguments: list[str]) -> dict[str, Any]:
        if not member.is_primary:
            return {"refused": "this member is not the primary"}
        other = next((each for each in self.members.values() if each.kind == FAILOVER and each is not member), None)
        if other is not None:
            other.kind, other.status = DISASTER, "Connected" if other.runs else "Down"
        return {"done": True, "demoted": other.name if other else None}

    def _stop(self, member: Member, _arguments: list[str]) -> dict[str, Any]:
        was_primary, member.status = member.is_primary, "Down"
        if was_primary:
            for each in self.members.values():
                if each.status == "Backup":
                    each.status = "Primary"
        return {"done": True, "running": False}

    def _start(self, member: Member, _arguments: list[str]) -> dict[str, Any]:
        if not member.runs:
            member.kind = DISASTER if self.primary() else member.kind
            member.status = "Connected" if self.primary() else "Primary"
        return {"done": True, "running": True, "status": member.status}

    def _fence(self, member: Member, _arguments: list[str]) -> dict[str, Any]:
        member.fenced, member.status = True, "Down"
        return {"done": True, "fenced": True, "running": False}

    def _unfence(self, member: Member, _arguments: list[str]) -> dict[str, Any]:
        member.fenced = False
        return {"done": True, "fenced": False}


class Responders:
    """The members' mirror status, on addresses of this machine that nobody else uses.

    Attributes:
        addresses: System name -> its address.
    """

    def __init__(self, mirror: Mirror) -> None:
        net = f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}"
        self.addresses = {name: f"{net}.{number}" for number, name in enumerate(PLACES, start=1)}
        self._servers = [self._serve(mirror, name, address) for name, address in self.addresses.items()]

    def _serve(self, mirror: Mirror, name: str, address: str) -> ThreadingHTTPServer:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not mirror.members[name].runs:
                    self.close_connection = True
                    return
                primary = mirror.members[name].is_primary
                body = b"SUCCESS" if primary else b"FAILED"
                self.send_response(200 if primary else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer((address, MIRROR_STATUS_PORT), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


class Agents:
    """The hosts' agents; one of a lost region, or of a host that isn't running, asks for nothing."""

    def __init__(self, aws: EmbeddedAws, mirror: Mirror, instances: dict[str, str]) -> None:
        self._mirror = mirror
        self.agents = {
            name: Agent(aws.endpoint, REGIONS[PLACES[name][0]], instance, self._program(name))
            for name, instance in instances.items()
        }

    def _program(self, name: str) -> Any:
        def run(_script: str, given: dict[str, list[str]]) -> tuple[int, str]:
            return self._mirror.run(name, given["Command"][0], " ".join(given["Arguments"]))

        return run

    def connect(self, role: str, *, yes: bool) -> None:
        """Has the agents of a region ask, or not."""
        for name, agent in self.agents.items():
            if PLACES[name][0] == role:
                agent.connected = yes

    def stop(self) -> None:
        for agent in self.agents.values():
            agent.stop()


def instances_of(aws: EmbeddedAws, stacks: dict[str, str]) -> dict[str, str]:
    """System name -> instance, as the stacks of the regions tell.

    Args:
        aws: The embedded AWS.
        stacks: Role -> name of its stack.
    """
    found = {}
    for name, (role, member) in PLACES.items():
        described = Clients(aws, REGIONS[role])("cloudformation").describe_stacks(StackName=stacks[role])["Stacks"][0]
        outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in described["Outputs"]}
        found[name] = outputs[f"OutMember{member.upper()}"]
    return found
