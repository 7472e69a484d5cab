"""What stands between the deployed functions and the embedded AWS, and kills a function in the middle of its run."""

import http.client
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

_HOP = {"connection", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Kill:
    """When a function dies, and what is done then.

    Attributes:
        operation: The operation of AWS.
        after: How many of it are let through before.
        lands: Whether the next one, which it dies of, reaches AWS nevertheless: after the function's death.
        look: Called with the function dead and nobody else past `operation`.
    """

    operation: str
    after: int
    lands: bool
    look: Callable[[], None]


class FaultyWay:
    """A proxy on 127.0.0.1.

    Attributes:
        endpoint: Its address.
        upstream: AWS's address.
        killed: The processes it has killed.
    """

    def __init__(self) -> None:
        way = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                way._pass(self)

            do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.upstream = ""
        self.killed: list[int] = []
        self._kill: Kill | None = None
        self._passed = 0
        self._one_at_a_time = threading.RLock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def kill(self, kill: Kill) -> None:
        """Kills the function that next comes so far; one."""
        with self._one_at_a_time:
            self._kill, self._passed, self.killed = kill, 0, []

    def _pass(self, request: BaseHTTPRequestHandler) -> None:
        """Passes a request on, or doesn't."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        kill = self._kill
        if kill is None or _operation(request, body) != kill.operation:
            self._forward(request, body)
            return
        with self._one_at_a_time:
            if _is_gone(request.connection):
                # Of the function that was killed, on its way at the time.
                request.close_connection = True
            elif self._passed < kill.after or self.killed:
                self._passed += 1
                self._forward(request, body)
            else:
                self.killed.append(_end(request.client_address[1]))
                kill.look()
                request.close_connection = True
                if kill.lands:
                    self._send(request, body)

    def _send(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=60)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        connection.request(request.command, request.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        answer, content = self._send(request, body)
        with suppress(ConnectionError):
            request.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP | {"content-length"}:
                    request.send_header(name, value)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content)


def _operation(request: BaseHTTPRequestHandler, body: bytes) -> str:
    """The operation that a request of DynamoDB, SQS or of a query protocol asks for."""
    if target := request.headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    return parse_qs(body.decode(errors="replace")).get("Action", [""])[0]


def _is_gone(connection: socket.socket) -> bool:
    """Whether who opened a connection has closed it."""
    ready, _, _ = select.select([connection], [], [], 0)
    try:
        return bool(ready) and connection.recv(1, socket.MSG_PEEK) == b""
    except ConnectionError:
        return True


def _end(port: int) -> int:
    """Kills the process that has opened a connection from a port of 127.0.0.1, and waits until it is dead."""
    process = _process_of(port)
    os.kill(process, signal.SIGKILL)
    ends = time.monotonic() + 10
    with suppress(FileNotFoundError):
        while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
            assert time.monotonic() < ends
            time.sleep(0.01)
    return process


def _process_of(port: int) -> int:
    """The process that holds a socket of this machine with a local port, which isn't this one."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{line[9]}]" for line in lines if int(line[1].rpartition(":")[2], 16) == port}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if any(str(file.readlink()) in sockets for file in (entry / "fd").iterdir()):
                    return int(entry.name)
    raise LookupError(f"nobody has opened a connection from port {port}")
