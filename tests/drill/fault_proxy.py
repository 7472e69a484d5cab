"""microburst between the deployed functions and AWS: errors, delays and resets as AWS's own, by service and operation."""

import json
import socket
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.drill.place import Process

_START_SECONDS = 30


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has: in a namespace of one's own it stays so."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class FaultProxy:
    """The proxy.

    Attributes:
        endpoint: Where the functions find AWS.
    """

    def __init__(self, port: int, upstream: str) -> None:
        """Starts it.

        Args:
            port: Its port.
            upstream: The embedded AWS.
        """
        self.endpoint = f"http://127.0.0.1:{port}"
        program = Path(sys.executable).with_name("microburst")
        command = [program, "--upstream", upstream, "--host", "127.0.0.1", "--port", str(port), "--no-resign"]
        self._process = Process(["setpriv", "--pdeathsig", "KILL", *map(str, command)], None)
        ends = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._ask("GET", "rules")
                return
            except OSError:
                assert self._process.runs(), self._process.said
                assert time.monotonic() < ends, f"microburst does not answer: {self._process.said}"
                time.sleep(0.05)

    def faults(self, *rules: dict[str, Any]) -> None:
        """What goes wrong from now on, in place of what went wrong before; nothing: all goes well.

        Args:
            rules: As microburst's documentation has them.
        """
        self._ask("POST", "rules", list(rules))

    def fired(self) -> list[dict[str, Any]]:
        """Which faults there were since they were last forgotten."""
        found = self._ask("GET", "fired?limit=1000")
        assert isinstance(found, list)
        return found

    def forget(self) -> None:
        """Forgets which faults there were."""
        self._ask("DELETE", "fired")

    def _ask(self, method: str, what: str, body: object = None) -> object:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.endpoint}/_microburst/{what}", data, {"Content-Type": "application/json"}, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def stop(self) -> None:
        """Ends it."""
        self._process.stop()
