"""This instance as an application server: its connections to data servers (Scale 3.4.2, 5.2; HA 4.12)."""

import asyncio
import contextlib
import os
import ssl
import time
from typing import TYPE_CHECKING, Any

from . import tls
from .installation import IrisError
from .wire import Peer, connect

if TYPE_CHECKING:
    from .server import Server


class Connection:
    """A connection to a data server, as [ECPServers] defines it.

    Attributes:
        state: As Scale 5.2 names them.
        reason: Why it isn't connected.
    """

    def __init__(self, server: "Server", name: str, definition: str) -> None:
        address, port, mirror, use_tls, *_ = [*definition.split(","), "", "", "", ""]
        self.name = name
        self.address, self.port = address, int(port or 1972)
        self.mirror = int(mirror or 0)
        self.use_tls = use_tls == "1"
        self.state = "Not Connected"
        self.reason = ""
        self._server = server
        self._members: list[tuple[str, int]] = []
        self._peer: Peer | None = None
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Connects, and again when the connection is lost."""
        server = self._server
        interval = server.cpf.number("ECP", "ClientReconnectInterval") * server.settings.scale
        duration = server.cpf.number("ECP", "ClientReconnectDuration") * server.settings.scale
        since = time.monotonic()
        while self.state != "Disabled":
            if self.state != "Trouble":
                self._become("Connection in Progress")
            for address, port in self._places():
                if await self._try(address, port):
                    # The connection was good, and is lost now.
                    since = time.monotonic()
                    self._become("Trouble")
            if self.state == "Trouble" and time.monotonic() - since > duration:
                # CPF, "ClientReconnectDuration": then it gives up. What it waits for fails with <NETWORK>.
                self._become("Not Connected")
                self._fail("<NETWORK>")
            await asyncio.sleep(interval)

    def _places(self) -> list[tuple[str, int]]:
        """The address of the definition, and for a mirror connection those of the members that it was told of."""
        first = [(self.address, self.port)]
        return [*dict.fromkeys([*first, *self._members])] if self.mirror == 1 else first

    def _become(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._changed.set()
            self._server.show()

    def _context(self) -> ssl.SSLContext | None:
        if not self.use_tls:
            return None
        configuration = self._server.security.data["ssl"].get("%ECPClient")
        if not configuration:
            raise OSError("SSL Configuration %ECPClient is required but missing")
        return tls.context(configuration, server=False)

    async def _try(self, address: str, port: int) -> bool:
        """Connects to one place and stays while it lasts.

        Returns:
            Whether the data server had accepted it.
        """
        server = self._server
        system = server.cpf.get("Startup", "CliSysName") or os.uname().nodename
        try:
            peer = await connect(address, port, "ecp", context=self._context(), seconds=3)
            answer = await peer.ask(5, client=f"{self.name}:{system}:{server.installation.name}", mirror=self.mirror)
        except OSError as error:
            self._say(f"{address}: {error}")
            return False
        if self.mirror:
            self._members = [(member, number) for member, number in answer["members"]] or self._members
        if "refused" in answer:
            peer.close()
            self._say(f"{address}: {answer['refused']}")
            return False
        self._peer, self.reason = peer, ""
        self._become("Normal")
        server.log(0, f"ECP connection {self.name} to {address} is established", "Generic.Event")
        async for message in peer.messages():
            if waiting := self._waiting.pop(message["number"], None):
                waiting.set_result(message)
        self._peer = None
        for number in list(self._waiting):
            # They are sent again when the connection is recovered.
            self._waiting.pop(number).set_exception(ConnectionResetError())
        return True

    def _say(self, reason: str) -> None:
        if reason != self.reason:
            self.reason = reason
            self._server.log(1, f"ECP connection {self.name}: {reason}", "Generic.Event")

    def _fail(self, text: str) -> None:
        self._changed.set()
        self.reason = text

    async def ask(self, line: str, identity: str) -> str:
        """Asks the data server; while the connection is in trouble it waits (Scale, "ECP Recovery Protocol").

        Raises:
            IrisError: If the data server refuses, or the connection isn't recovered.
        """
        while True:
            while self._peer is None:
                if self.state in ("Not Connected", "Disabled"):
                    raise IrisError("<NETWORK>")
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.2)
            self._number += 1
            answer = asyncio.get_running_loop().create_future()
            self._waiting[self._number] = answer
            self._peer.send(number=self._number, line=line, id=identity)
            try:
                found = await answer
            except ConnectionResetError:
                continue
            if "error" in found:
                raise IrisError(found["error"])
            return str(found["answer"])

    def hang_up(self) -> None:
        """Ends the connection."""
        if self._peer:
            self._peer.abort()

    def disable(self) -> None:
        self.state = "Disabled"
        self.hang_up()


class EcpClient:
    """All connections to data servers."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._connections: dict[str, Connection] = {}
        self._count = 0

    def look_again(self) -> None:
        """Begins to use data servers that databases name. (An instance connects at first use; this one at once.)"""
        cpf = self._server.cpf
        used = {value.split(",")[1] for value in cpf.entries("Databases").values() if len(value.split(",")) > 1}
        for name, definition in cpf.entries("ECPServers").items():
            if name in used and name not in self._connections:
                if len(self._connections) >= self._server.max_servers:
                    # CPF, "MaxServers": "the maximum number of connections that this instance can establish".
                    self._server.log(
                        2, f"More than {self._server.max_servers} data servers: {name} is not used", "Generic.Event"
                    )
                    continue
                connection = Connection(self._server, name, definition)
                self._connections[name] = connection
                self._server.task(connection.run())

    def is_used(self) -> bool:
        """Whether records are on a data server rather than here."""
        return bool(self._connections)

    async def pass_on(self, line: str) -> str:
        """Passes a client's line on to the data server."""
        self._count += 1
        connection = next(iter(self._connections.values()))
        return await connection.ask(line, f"{os.uname().nodename}-{os.getpid()}-{self._count}")

    def rows(self) -> list[list[str]]:
        """The query ServerList."""
        return [[one.name, one.address, str(one.port), one.state] for one in self._connections.values()]

    def act(self, name: str, action: int) -> None:
        """SYS.ECP.ServerAction()."""
        if action == 2:
            self._connections[name].disable()
        elif action == 1:
            self._connections.pop(name).disable()
        else:
            self._connections.pop(name, None)
            self.look_again()
        self._server.show()

    def snapshot(self) -> dict[str, Any]:
        return {one.name: {"state": one.state, "reason": one.reason} for one in self._connections.values()}

    def close(self) -> None:
        """Ends all connections."""
        for connection in self._connections.values():
            connection.disable()
