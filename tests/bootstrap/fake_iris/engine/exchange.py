"""How members of a mirror, and their agents, talk to one another."""

import contextlib
from typing import TYPE_CHECKING, Any, cast

from . import promotion, takeover, tls
from .installation import IrisError
from .wire import Peer, connect

if TYPE_CHECKING:
    from .joining import Joining
    from .journal import Journal
    from .log import Log
    from .member import Member
    from .mirror_config import Entry, MirrorConfig
    from .primary import Primary
    from .server import Server

_TYPES = {"0": "Disaster Recovery", "1": "Read-Only Reporting", "2": "Read-Write Reporting"}


class Exchange:
    """A member's talks to others."""

    server: "Server"
    config: "MirrorConfig"
    journal: "Journal"
    joining: "Joining"
    log: "Log"
    primary: "Primary | None"
    name: str
    state: str
    notes: dict[str, Any]

    @property
    def qos(self) -> float:
        """The QoS timeout in seconds; a member acts between half of it and all of it (HA 4.15)."""
        return self.config.qos_seconds * self.server.settings.scale

    def is_failover(self) -> bool:
        return self.config.myself.member_type == 0

    def member_type(self) -> str:
        """Class Reference, %SYSTEM.Mirror.GetMemberType()."""
        return "Failover" if self.is_failover() else _TYPES[self.server.cpf.get("MirrorMember", "AsyncMemberType", "0") or "0"]

    async def open(self, entry: "Entry", *, agent: bool = False) -> Peer:
        """Opens a connection to another member's superserver, or to its agent.

        Raises:
            OSError: If it can't, or the other end's certificate isn't a member's (Security, "Server authentication").
        """
        context = None
        if self.config.use_ssl and not agent:
            context = tls.context(self.server.security.data["ssl"]["%MirrorClient"], server=False)
        last: OSError = ConnectionError("no address")
        # HA 3.5.4: async members fall back to the superserver address; for agents all addresses are tried.
        addresses = [entry.agent_address] if agent else []
        addresses += [entry.private] if self.is_failover() and not agent else [entry.private, entry.superserver]
        for address in dict.fromkeys(addresses):
            try:
                port, purpose = (entry.agent_port, "agent") if agent else (entry.port, "mirror")
                peer = await connect(address, port, purpose, context=context, seconds=max(self.qos / 2, 0.3))
            except OSError as error:
                last = error
                continue
            if context and not self.config.authorized(tls.distinguished_name(peer.certificate)):
                peer.close()
                raise ConnectionRefusedError(f"certificate of {entry.name} is of no member")
            return peer
        raise last

    async def ask(self, entry: "Entry", **message: Any) -> dict[str, Any] | None:
        """Asks another member's instance; None if it can't be reached."""
        with contextlib.suppress(OSError):
            peer = await self.open(entry)
            try:
                return await peer.ask(max(self.qos, 0.5), **message)
            finally:
                peer.close()
        return None

    async def ask_agent(self, entry: "Entry", **request: Any) -> dict[str, Any] | None:
        """Asks another member's ISCAgent about its instance; None if it can't be reached."""
        with contextlib.suppress(OSError):
            peer = await self.open(entry, agent=True)
            try:
                instance = {"directory": entry.directory, "mirror": self.name}
                return await peer.ask(max(self.qos, 1), instance=instance, **request)
            finally:
                peer.close()
        return None

    def about_me(self) -> dict[str, Any]:
        """What members tell one another."""
        return {
            "member": self.config.me,
            "guid": self.config.myself.guid,
            "set": self.config.guid,
            "type": self.member_type(),
            "state": self.state,
            "position": self.journal.position,
            "was_primary": self.notes["was_primary"],
            "term": self.notes["term"],
            "MaxServers": self.server.max_servers,
        }

    async def serve(self, peer: Peer) -> None:
        """Serves a connection of another member."""
        message = await peer.receive(max(self.qos, 1))
        if self.config.use_ssl:
            # Security, "Client authentication": no match, and the connection is dropped.
            dn = tls.distinguished_name(peer.certificate)
            if not dn or not self.config.authorized(dn):
                self.joining.unknown_name(dn, str(message.get("member", "")))
                return
        if message["op"] == "status":
            peer.send(**self.about_me())
        elif message["op"] == "hello" and self.primary:
            await self.primary.serve(peer, message)
        elif message["op"] == "stand down":
            await takeover.stand_down(self, message)
            peer.send(ok=True)
        elif message["op"] == "hello":
            peer.send(refused="This is not the primary", state=self.state)
        elif message["op"] == "promoted" and not self.primary:
            promotion.adopt(cast("Member", self), message["shared"])
            peer.send(ok=True)

    async def agent_request(self, request: dict[str, Any]) -> dict[str, Any]:
        """What this host's agent passes on.

        Raises:
            IrisError: If it is refused.
        """
        if request["op"] == "join":
            return await self.joining.request(request)
        if request["op"] == "entry":
            return {"entry": self.config.myself.to_json()}
        if request["op"] in ("promotion", "demotion"):
            return await promotion.asked(cast("Member", self), request)
        if request["op"] == "demoted":
            if self.primary:
                raise IrisError("Operation is not allowed on the primary mirror member")
            promotion.adopt(cast("Member", self), request["shared"])
        return self.about_me()
