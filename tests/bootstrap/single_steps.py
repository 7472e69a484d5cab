"""Runs single steps of the bootstrap on a lab host: what they start is seen, and they can be ended in their midst."""

import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bootstrap.lab.host import Answer, Host
from tests.bootstrap.lab.image import REPOSITORY
from tests.bootstrap.lab.namespaces import run

_CODE = REPOSITORY / "constructs" / "cdk_intersystems" / "bootstrap"
_ON_HOST = "/opt/cdk-intersystems/bootstrap"
_JOB = "/run/job.json"

# Runs on the host, by its Python. With `die_after` it ends as by SIGKILL, when that many commands are done.
_PROGRAM = f"""
import importlib, json, os, signal, subprocess, sys
sys.path.insert(0, "/opt/cdk-intersystems")
from bootstrap.host.aws.client import Aws
from bootstrap.host.context import Context, Identity
from bootstrap.host.description import Description, build
from bootstrap.host.errors import StepError

with open({_JOB!r}) as file:
    job = json.load(file)

class Watched(Context):
    count, die_after = 0, job["die_after"]

    def run(self, command, **options):
        if self.count == self.die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1
        return super().run(command, **options)

for name, value in job["changed"].items():
    module, _, variable = name.rpartition(".")
    setattr(importlib.import_module("bootstrap.host.steps." + module), variable, value)
steps = [getattr(importlib.import_module("bootstrap.host.steps." + name), name) for name in job["steps"]]
me = Identity(**job["me"])
host = Watched(me, build(Description, job["description"], "the test"), None, Aws(me), lambda line: print(line, flush=True))

def run():
    for step in steps:
        try:
            step(host)
        except StepError as error:
            print(error, file=sys.stderr, flush=True)
            return 1
    return 0

def run_in_child(die_after):
    pid = os.fork()
    if not pid:
        host.die_after = die_after
        os._exit(run())
    return os.waitpid(pid, 0)[1]

if job["undo"] is None:
    sys.exit(run())
while True:
    subprocess.run(["sh", "-c", job["undo"]], check=True)
    print("---", flush=True)
    died = run_in_child(host.die_after)
    if died == signal.SIGKILL and run_in_child(-1):
        sys.exit(1)
    subprocess.run(["sh", "-c", job["look"]], check=True)
    if died != signal.SIGKILL:
        sys.exit(died)
    host.die_after += 1
"""


@dataclass(frozen=True)
class Ran:
    """How steps went.

    Attributes:
        status: 0: well, 1: failed, others: ended in their midst.
        log: What they said.
        failure: The failure's one line.
    """

    status: int
    log: list[str]
    failure: str

    @property
    def commands(self) -> list[str]:
        """The commands that were started."""
        return [line[2:] for line in self.log if line.startswith("+ ")]

    @property
    def said(self) -> list[str]:
        """All else that was said."""
        return [line for line in self.log if not line.startswith("+ ")]


def put_code_on(host: Host) -> None:
    """Gives a running host the code of the steps."""
    target = host.path(_ON_HOST)
    if not target.exists():
        shutil.copytree(_compiled(), target)


@functools.cache
def _compiled() -> Path:
    """The code, compiled once for all hosts by the Python they have."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    shutil.copytree(_CODE, folder / "bootstrap", ignore=shutil.ignore_patterns("__pycache__"))
    run(["/usr/bin/python3", "-m", "compileall", "-q", "-d", _ON_HOST, folder / "bootstrap"], check=False)
    return folder / "bootstrap"


def run_steps(
    host: Host,
    description: Mapping[str, Any],
    *steps: str,
    instance_id: str = "i-0",
    die_after: int = -1,
    changed: Mapping[str, Any] | None = None,
    check: bool = True,
) -> Ran:
    """Runs steps, by names that are those of their modules too.

    Args:
        host: A host that is on.
        description: Its `host.json`.
        steps: The steps.
        instance_id: Which instance it is.
        die_after: After how many commands they are ended. Default: not at all.
        changed: Variables of modules of steps (`module.variable`) -> what they are instead.
        check: Whether a failure fails the test.
    """
    job = {"steps": steps, "die_after": die_after, "changed": dict(changed or {}), "undo": None}
    ran = _run(host, description, instance_id, job)
    assert not check or ran.status == 0, f"{ran.output}{ran.errors}"
    return Ran(ran.status, ran.output.splitlines(), ran.errors.strip())


def die_everywhere(
    host: Host,
    description: Mapping[str, Any],
    *steps: str,
    undo: str,
    look: str,
    instance_id: str = "i-0",
    changed: Mapping[str, Any] | None = None,
) -> tuple[list[str], list[str]]:
    """Ends steps before their first command, after it, after the second one and so on; each time they are run again.

    Args:
        host: A host that is on.
        description: Its `host.json`.
        steps: The steps.
        undo: A shell command that makes the host as it was; run before each time.
        look: A shell command that shows what the steps have done; run after each time.
        instance_id: Which instance it is.
        changed: As of `run_steps`.

    Returns:
        The commands of the last time, which nothing interrupted, and what was seen after each time.
    """
    job = {"steps": steps, "die_after": 0, "changed": dict(changed or {}), "undo": undo, "look": f"echo '--- seen'; {look}"}
    ran = _run(host, description, instance_id, job)
    assert ran.status == 0, f"{ran.output}{ran.errors}"
    times = ran.output.split("---\n")[1:]
    commands = [line[2:] for line in times[-1].splitlines() if line.startswith("+ ")]
    assert len(times) == len(commands) + 1
    return commands, [time.partition("--- seen\n")[2] for time in times]


def _run(host: Host, description: Mapping[str, Any], instance_id: str, job: dict[str, Any]) -> Answer:
    put_code_on(host)
    me = {"instance_id": instance_id, "region": "eu-west-2", "zone": "eu-west-2b", "address": host.address, "tags": {}}
    host.path(_JOB).write_text(json.dumps({"me": me, "description": description, **job}))
    return host.run("python3", "-I", "-c", _PROGRAM, check=False)


def write_program(host: Host, name: str, text: str) -> None:
    """Puts a program on the host that is found before the system's of the same name.

    Args:
        host: The host.
        name: Its name.
        text: What it is.
    """
    path = host.path(Path("/usr/local/sbin") / name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
