"""How commands ask a running instance. Without asyncio: they start in half the time."""

import json
import socket
from typing import Any

from .installation import Installation, IrisError

#: A stop waits for what runs, and merging for a mirror.
_SECONDS = 600


class Asker:
    """A connection to an instance for code that waits for each answer."""

    def __init__(self, installation: Installation) -> None:
        """Connects.

        Raises:
            IrisError: If the instance doesn't run.
        """
        self._name = installation.name
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_SECONDS)
        try:
            self._socket.connect(installation.socket)
        except OSError as error:
            raise IrisError(f"Instance {self._name} is not running.") from error
        self._answers = self._socket.makefile("rb")
        self._socket.sendall(b"command\n")

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """Asks, and returns the answer, which may be an error.

        Raises:
            IrisError: If there is none.
        """
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            line = self._answers.readline()
        except OSError:
            line = b""
        if not line:
            raise IrisError(f"Instance {self._name} does not answer")
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer


def ask(installation: Installation, request: dict[str, Any]) -> dict[str, Any]:
    """Asks one thing.

    Raises:
        IrisError: If the instance doesn't run, doesn't answer, or refuses.
    """
    answer = Asker(installation)(request)
    if "error" in answer:
        raise IrisError(answer["error"])
    return answer
