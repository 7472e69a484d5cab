"""Two people promote a region with the command, as they would at a desk: real processes, signed calls, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.server import REPOSITORY

from .region_moves import Moves
from .region_world import REGIONS
from .signed import Caller

pytestmark = pytest.mark.embedded

_DONE, _WRONG, _REFUSED, _WAITS = 0, 2, 3, 5
_COMMAND = "from cdk_intersystems.command.main import run; run()"


class Desk:
    """Where the command is typed."""

    def __init__(self, moves: Moves, folder: Path) -> None:
        self._moves, self._folder = moves, folder
        text = (REPOSITORY / "config" / "trakcare.yaml").read_text().replace("name: trakcare\n", "name: fixture\n", 1)
        (folder / "fixture.yaml").write_text(text)

    def type(self, who: Caller, *words: str) -> tuple[int, Any]:
        """Types a command as somebody; its exit code, and what it printed as JSON or said."""
        assert who.credentials is not None
        environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY / "constructs"),
            "AWS_ACCESS_KEY_ID": who.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": who.credentials.secret_key,
            "AWS_SESSION_TOKEN": who.credentials.token,
        }
        place = ["--config-dir", str(self._folder), "--endpoint-url", self._moves.aws.endpoint, "--json"]
        run = subprocess.run(
            [sys.executable, "-c", _COMMAND, *words[:1], "fixture", *words[1:], *place],
            env=environment, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert who.credentials.secret_key not in run.stdout + run.stderr
        return run.returncode, json.loads(run.stdout) if run.stdout.strip() else run.stderr


@pytest.fixture
def desk(moves: Moves, tmp_path: Path) -> Desk:
    return Desk(moves, tmp_path)


def test_one_asks_another_approves_and_the_region_serves(moves: Moves, desk: Desk) -> None:
    moves.begin()
    moves.lose_primary()
    asked = ("promote", "--reason", "a test", "--yes", f"request promotion of TRAK to {REGIONS['dr']}")

    code, said = desk.type(moves.operator, *asked[:-1], "yes")
    assert (code, moves.current()) == (_WRONG, {}), said
    code, said = desk.type(moves.operator, *asked, "--accept-data-loss", moves.SENTENCE)
    assert code == _WAITS, said

    sentence = f"make TRAKC in {REGIONS['dr']} (dr) the primary of TRAK and lose what it has not copied"
    code, said = desk.type(moves.operator, "approve", "--yes", sentence)
    assert (code, moves.current()["state"]) == (_REFUSED, "checked"), said
    code, said = desk.type(moves.approver, "approve", "--yes", sentence)
    assert code == _DONE, said

    code, said = desk.type(moves.operator, "status")
    assert code == _DONE, said
    assert moves.region()["serving"] == "dr"
    assert moves.leads_to() == "dr"
