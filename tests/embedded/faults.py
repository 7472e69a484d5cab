"""What stands between the deployed functions and the embedded AWS, and kills a function in the middle of its run."""

import http.client
import json
import os
import re
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
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


@dataclass(frozen=True)
class Asked:
    """A request of a function, by what it is signed for.

    Attributes:
        region: The region whose service is asked.
        service: The service, as signatures name it.
        operation: The operation; of services without a name for it in the request, method and path.
        refused: Whether it was not let through.
    """

    region: str
    service: str
    operation: str
    refused: bool = False


class FaultyWay:
    """A proxy on 127.0.0.1.

    Attributes:
        endpoint: Its address.
        upstream: AWS's address.
        killed: The processes it has killed.
        lost: The regions none of whose services can be reached: connections to them end without an answer.
        asked: Every request, oldest first.
        elsewhere: Service -> what answers in place of the embedded AWS, which doesn't have it: of operation, region and body
            status and answer, in JSON.
        dying: Is given operation and body of each request, and says whether the function dies of it: None if it doesn't, else
            whether the request reaches AWS nevertheless.
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
        self.lost: set[str] = set()
        self.asked: list[Asked] = []
        self.elsewhere: dict[str, Callable[[str, str, dict[str, Any]], tuple[int, dict[str, Any]]]] = {}
        self.dying: Callable[[str, bytes], bool | None] | None = None
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
        region, service = _signed_for(request)
        self.asked.append(Asked(region, service, _operation(request, body), refused=region in self.lost))
        if region in self.lost:
            request.close_connection = True
            return
        if service in self.elsewhere:
            status, said = self.elsewhere[service](_operation(request, body), region, json.loads(body))
            _reply(request, status, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(said).encode())
            return
        if self.dying is not None and self._dies(request, body):
            return
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

    def _dies(self, request: BaseHTTPRequestHandler, body: bytes) -> bool:
        """Kills the function, if it is to die of this request."""
        assert self.dying is not None
        with self._one_at_a_time:
            lands = None if _is_gone(request.connection) else self.dying(_operation(request, body), body)
            if lands is None:
                return False
            self.killed.append(_end(request.client_address[1]))
            request.close_connection = True
            if lands:
                self._send(request, body)
            return True

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
        _reply(request, answer.status, answer.getheaders(), content)


def _reply(request: BaseHTTPRequestHandler, status: int, headers: Iterable[tuple[str, str]], content: bytes) -> None:
    with suppress(ConnectionError):
        request.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP | {"content-length"}:
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


def _operation(request: BaseHTTPRequestHandler, body: bytes) -> str:
    """The operation that a request asks for, where its protocol names one; else method and path."""
    if target := request.headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    if smithy := re.search(r"/service/\w+/operation/(\w+)", request.path):
        return smithy[1]
    found = parse_qs(body.decode(errors="replace")).get("Action")
    return found[0] if found else f"{request.command} {request.path.partition('?')[0]}"


def _signed_for(request: BaseHTTPRequestHandler) -> tuple[str, str]:
    """Region and service that a request is signed for; empty without a signature."""
    scope = re.search(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request", request.headers.get("Authorization") or "")
    return (scope[1], scope[2]) if scope else ("", "")


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
    # Gone before its file is opened, or between that and reading it.
    with suppress(FileNotFoundError, ProcessLookupError):
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
