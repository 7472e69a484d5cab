"""Where people type the command: real processes, with the credentials of whoever types, against the embedded AWS."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from local.server import REPOSITORY

from .region_moves import Moves
from .signed import Caller

DONE, FAILED, WRONG, REFUSED, NOT_READY, WAITS = 0, 1, 2, 3, 4, 5

_COMMAND: Final = "from cdk_intersystems.command.main import run; run()"
#: In a hurry: what these wait for is there at once in the embedded AWS, or nearly. Command -> how many times faster.
_HURRIED: Final = {"rehearse": 100, "rebuild": 10}


class Desk:
    """A folder with the configuration of the deployed mirror, and the command."""

    def __init__(self, moves: Moves, folder: Path) -> None:
        self._moves, self.folder = moves, folder
        text = (REPOSITORY / "config" / "trakcare.yaml").read_text().replace("name: trakcare\n", "name: fixture\n", 1)
        (folder / "fixture.yaml").write_text(text)

    def start(self, who: Caller, *words: str) -> "subprocess.Popen[str]":
        """Starts a command as somebody.

        Args:
            who: Whose credentials it has.
            words: The command, and what follows the name of the deployment.
        """
        assert who.credentials is not None
        environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY / "constructs"),
            "AWS_ACCESS_KEY_ID": who.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": who.credentials.secret_key,
            "AWS_SESSION_TOKEN": who.credentials.token,
        }
        place = ["--config-dir", str(self.folder), "--endpoint-url", self._moves.aws.endpoint]
        program = _COMMAND
        if faster := _HURRIED.get(words[0]):
            module = f"{words[0]}_command"
            waits = f"{module}.sleep = lambda seconds: time.sleep(seconds / {faster})"
            program = f"import time; from cdk_intersystems.command import {module}; {waits}; {_COMMAND}"
        return subprocess.Popen(
            [sys.executable, "-c", program, *words[:1], "fixture", *words[1:], *place],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def type(self, who: Caller, *words: str) -> tuple[int, Any]:
        """Types a command as somebody, with `--json`; its exit code, and what it printed or, if that is nothing, said."""
        code, printed, said = self.read(who, *words, "--json")
        return code, json.loads(printed) if printed.strip() else said

    def read(self, who: Caller, *words: str) -> tuple[int, str, str]:
        """Types a command as somebody; its exit code, what it printed, and what it said beside that."""
        with self.start(who, *words) as running:
            try:
                printed, said = running.communicate(timeout=180)
            finally:
                running.kill()
        assert who.credentials is not None
        assert who.credentials.secret_key not in printed + said
        return running.returncode, printed, said
