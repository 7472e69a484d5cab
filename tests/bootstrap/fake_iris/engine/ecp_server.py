"""This instance as a data server: which application servers it lets in (Scale 3.4, 4.1; HA 4.12)."""

from typing import TYPE_CHECKING, Any

from . import records, tls
from .installation import IrisError

if TYPE_CHECKING:
    from .server import Server
    from .wire import Peer


class EcpServer:
    """Connections of application servers."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._clients: dict[str, Peer] = {}

    def rows(self) -> list[list[str]]:
        """The query ClientList."""
        return [[name, "Normal", peer.address, "1972"] for name, peer in sorted(self._clients.items())]

    def snapshot(self) -> dict[str, Any]:
        return {"clients": sorted(self._clients), "pending": self._server.security.data["ecp_pending"]}

    def close(self) -> None:
        """Ends all connections."""
        for peer in list(self._clients.values()):
            peer.close()

    def tls_allowed(self) -> bool:
        """Scale 4.1: TLS has to be enabled for the superserver's clients, and not be disabled for ECP."""
        data = self._server.security.data
        superserver = data["servers"].get(str(self._server.port), {})
        return int(superserver.get("SSLSupportLevel") or 0) > 0 and int(data["system"]["SSLECPServer"]) > 0

    async def serve(self, peer: "Peer") -> None:
        """Serves a connection."""
        server = self._server
        hello = await peer.receive(10)
        if refused := self._refused(peer, hello):
            server.log(1, f"ECP connection of {hello['client']} from {peer.address} was refused: {refused}", "Generic.Event")
            peer.send(refused=refused, members=self._members())
            return
        name = str(hello["client"])
        if name not in self._clients and len(self._clients) >= server.max_server_connections:
            # Scale 3.4.1: "the data server instance automatically restarts".
            server.log(3, f"More than {server.max_server_connections} application servers: restarting", "Generic.Event")
            server.begin_stop(restart=True)
            return
        self._clients[name] = peer
        server.show()
        peer.send(members=self._members(), read_only=self._read_only())
        try:
            async for message in peer.messages():
                peer.send(number=message["number"], **await self._answer(message))
        finally:
            if self._clients.get(name) is peer:
                del self._clients[name]
                server.show()

    async def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"answer": await records.answer(self._server, message["line"], message.get("id", ""))}
        except IrisError as error:
            return {"error": str(error)}

    def _refused(self, peer: "Peer", hello: dict[str, Any]) -> str:
        server, data = self._server, self._server.security.data
        service = server.security.service("%Service_ECP")
        if not service["Enabled"]:
            return "%Service_ECP is not enabled"
        if service["ClientSystems"] and peer.address not in [
            one.split("|")[0] for one in str(service["ClientSystems"]).split(";")
        ]:
            return "not an allowed incoming connection"  # Scale 4.3
        dn = tls.distinguished_name(peer.certificate)
        if int(data["system"]["SSLECPServer"]) == 2 and not dn:
            return "TLS is required"
        if dn and not any(tls.same_name(dn, known) for known in data["ecp_authorized"]):
            # Scale 4.2: "displayed in a list of pending ECP application servers to be authorized or rejected".
            data["ecp_pending"][dn] = peer.address
            server.security.save()
            return f"{dn} is not authorized"
        return self._wrong_kind(int(hello["mirror"]))

    def _wrong_kind(self, mirror: int) -> str:
        """HA 4.12: mirror connections and others, and which member takes them."""
        member = self._server.mirror
        if member is None:
            return "not a mirror member, but the connection is a mirror connection" if mirror else ""
        if not mirror:
            return "a mirror member, but the connection is not a mirror connection"
        if member.is_failover():
            return "" if member.is_primary() else f"not the primary but {member.state}"
        return "" if mirror == -1 else "not a failover member"

    def _read_only(self) -> bool:
        return self._server.mirror is not None and not self._server.mirror.is_failover()

    def _members(self) -> list[list[Any]]:
        """Where the failover members are: application servers learn that from the mirror (HA 4.12)."""
        member = self._server.mirror
        return [[entry.superserver, entry.port] for entry in member.config.failover()] if member else []
