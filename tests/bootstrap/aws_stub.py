"""AWS and the instance metadata on a port of this machine, for tests of the client: it says what it is told to say."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.bootstrap.lab.imds import Machine
from tests.bootstrap.lab.wire import Answer, Request

_METADATA = "/latest/"


@dataclass
class AwsStub:
    """The stub; it listens while it is used by `with`.

    Attributes:
        machine: The instance that asks.
        requests: What AWS was asked.
        answers: What AWS says, one after the other, the last one again and again: a response, or a function from the request to
            one. None: the connection is closed.
    """

    machine: Machine = field(
        default_factory=lambda: Machine(
            "a", "i-0123456789abcdef0", "10.0.1.10", "eu-west-2", "eu-west-2a", "111122223333", {"Name": "a"}
        )
    )
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer | Callable[[Request], Answer] | None] = field(default_factory=lambda: [Answer(200, b"{}")])

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        if path.startswith(_METADATA):
            return self.machine.answer(method, path, headers)
        request = Request("a", method, path, headers, body)
        self.requests.append(request)
        given = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        return given(request) if callable(given) else given

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", "0")))
                given = stub._answer(self.command, self.path, headers, body)
                if given is None:
                    return
                self.send_response_only(given.status)
                for name, value in {"Content-Length": str(len(given.body)), **given.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(given.body)

            do_GET = do_PUT = do_POST = handle_any  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        return Handler
