"""Synthesis needs neither network nor credentials, whether the deployment states its account or not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lint_templates import command, environment

ROOT = Path(__file__).parents[2]

# A network namespace of its own, with nothing in it but a loopback interface that is down.
_NO_NETWORK = ["unshare", "--map-root-user", "--net"]
_CONNECT = "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)"


@pytest.fixture(scope="module")
def no_network() -> list[str]:
    """The beginning of a command line that runs something without network."""
    assert shutil.which("unshare"), "needs util-linux's unshare"
    done = subprocess.run([*_NO_NETWORK, sys.executable, "-c", _CONNECT], capture_output=True, text=True, check=False)
    assert "Network is unreachable" in done.stderr, done.stderr
    return _NO_NETWORK


@pytest.mark.parametrize(
    ("deployment", "environments"),
    [
        ("trakcare", {"aws://111122223333/eu-west-2", "aws://111122223333/eu-west-1"}),
        ("minimal", {"aws://unknown-account/eu-west-2"}),
    ],
)
def test_synthesizes(no_network: list[str], tmp_path: Path, deployment: str, environments: set[str]) -> None:
    out = tmp_path / "cdk.out"
    done = subprocess.run(
        [*no_network, *command(deployment, out)],
        cwd=ROOT,
        # A home without ~/.aws and ~/.cdk; the linter's time is spent in `make lint`.
        env={**environment(), "HOME": str(tmp_path), "CDK_VALIDATION": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((out / "manifest.json").read_text())
    stacks = {name: each for name, each in manifest["artifacts"].items() if each["type"] == "aws:cloudformation:stack"}
    assert f"{deployment}-primary-network" in stacks
    assert {each["environment"] for each in stacks.values()} == environments
    assert "missing" not in manifest, "a value that the CLI would look up in an account"
