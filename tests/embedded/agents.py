"""Hosts' agents of Systems Manager: they fetch their commands from the embedded AWS, run them, and say what came of them."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: Takes a script and the parameters it was made of; returns an exit code and what was written.
Program = Callable[[str, dict[str, list[str]]], tuple[int, str]]


def tell(endpoint: str, topic: str, **content: Any) -> dict[str, Any]:
    """Says something at the embedded AWS's own address."""
    request = urllib.request.Request(f"{endpoint}/_embedded/{topic}", json.dumps(content).encode(), method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


class Agent:
    """One host's agent, in a thread.

    Attributes:
        connected: Whether it asks for commands.
        ran: The scripts that it has run, oldest first.
    """

    def __init__(self, endpoint: str, region: str, instance: str, program: Program) -> None:
        self.connected = True
        self.ran: list[str] = []
        self._endpoint, self._where, self._program = endpoint, {"region": region, "instance_id": instance}, program
        self._ends = threading.Event()
        # Once at once, so that it is known from here on.
        tell(endpoint, "agent/poll", **self._where)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ends.set()
        self._thread.join(5)

    def _work(self) -> None:
        while not self._ends.is_set():
            if not self._asks():
                self._ends.wait(0.05)
                continue
            with suppress(urllib.error.URLError, OSError):
                for command in tell(self._endpoint, "agent/poll", **self._where, wait_seconds=0.5)["commands"]:
                    self._run(command)

    def _asks(self) -> bool:
        """Whether it asks for commands now."""
        return self.connected

    def _run(self, command: dict[str, Any]) -> None:
        self.ran.append(command["script"])
        exit_code, said = self._program(command["script"], command["parameters"])
        answer = {"command_id": command["command_id"], "instance_id": self._where["instance_id"]}
        tell(self._endpoint, "agent/result", **answer, exit_code=exit_code, stdout=said)
