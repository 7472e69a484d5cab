"""How the fakes talk: a line that says what a connection is for, TLS if that line says so, then a JSON object a line.

The real protocols aren't public. What matters here is who connects to which port of whom, whether TLS is used, and with which
certificates.
"""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

_MOST = 1 << 22
_READY = b"tls\n"


class Peer:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def address(self) -> str:
        """The other end's address."""
        name = self._writer.get_extra_info("peername")
        return str(name[0]) if name else ""

    @property
    def local_address(self) -> str:
        return str(self._writer.get_extra_info("sockname")[0])

    @property
    def certificate(self) -> dict[str, Any]:
        """The other end's certificate, which TLS has verified; empty without TLS."""
        ssl_object = self._writer.get_extra_info("ssl_object")
        return ssl_object.getpeercert() or {} if ssl_object else {}

    def send(self, **message: Any) -> None:
        """Sends a message, without waiting until it has gone."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def receive(self, seconds: float | None = None) -> dict[str, Any]:
        """The next message.

        Raises:
            OSError: If there is none any more, or none in time (TimeoutError is one).
        """
        line = await asyncio.wait_for(self._reader.readline(), seconds)
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the other end has closed")
        message = json.loads(line)
        assert isinstance(message, dict)
        return message

    async def messages(self, seconds: float | None = None) -> AsyncIterator[dict[str, Any]]:
        """All messages until the end, or until none has come for some time."""
        with contextlib.suppress(OSError):
            while True:
                yield await self.receive(seconds)

    async def line(self) -> str:
        """The next line of a text protocol; empty at the end."""
        return (await self._reader.readline()).decode().rstrip("\r\n")

    def write_line(self, text: str) -> None:
        if not self._writer.is_closing():
            self._writer.write(text.encode() + b"\n")

    async def ask(self, seconds: float, **message: Any) -> dict[str, Any]:
        """Sends a message and returns the next that comes."""
        self.send(**message)
        return await self.receive(seconds)

    def close(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.close()

    def abort(self) -> None:
        """Ends the connection without sending what is left."""
        self._writer.transport.abort()


async def connect(
    address: str, port: int, purpose: str, *, context: ssl.SSLContext | None = None, seconds: float = 5, source: str = ""
) -> Peer:
    """Connects to a superserver or an agent.

    Args:
        address: Host name or address.
        port: Its port.
        purpose: What for.
        context: TLS as a client with this; None: without TLS.
        seconds: How long it may take.
        source: Address to connect from; empty: as the system chooses.

    Raises:
        OSError: If it can't; ssl.SSLError, TimeoutError and ConnectionError are such.
    """

    async def open_it() -> Peer:
        local = (source, 0) if source else None
        reader, writer = await asyncio.open_connection(address, port, limit=_MOST, local_addr=local)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        writer.write(f"{purpose}{' tls' if context else ''}\n".encode())
        if context:
            # The server is told by no byte of TLS before it is ready for it.
            if await reader.readline() != _READY:
                writer.close()
                raise ConnectionResetError(f"{address} port {port} does not do TLS")
            await writer.start_tls(context, server_hostname=address)
        return Peer(reader, writer)

    return await asyncio.wait_for(open_it(), seconds)


Handler = Callable[[str, Peer], Awaitable[None]]
#: For a purpose, the TLS context of the server; it raises OSError if TLS can't be had.
Contexts = Callable[[str], ssl.SSLContext]


def handler(contexts: Contexts, handle: Handler) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """What asyncio.start_server() calls for a connection: reads the first line, starts TLS, and calls a handler."""

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        try:
            sock = writer.get_extra_info("socket")
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            words = (await asyncio.wait_for(_first_line(reader), 10)).split()
            if not words:
                return
            if words[-1] == "tls":
                context = contexts(words[0])
                writer.write(_READY)
                await writer.start_tls(context)
            await handle(" ".join(word for word in words if word != "tls"), peer)
        except OSError:
            pass
        finally:
            peer.close()

    return accepted


async def _first_line(reader: asyncio.StreamReader) -> str:
    # Byte by byte: whatever comes after it belongs to TLS.
    line = b""
    while not line.endswith(b"\n") and len(line) < 200:
        byte = await reader.read(1)
        if not byte:
            return ""
        line += byte
    return line.decode("ascii", "replace").strip()
