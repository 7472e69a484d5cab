"""Runs single steps of the bootstrap on a lab host: what they start is seen, and they can be ended in their midst."""

import atexit
import functools
import json
import shutil
import subprocess
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

# Runs on the host, by its Python, and does one job for each line that it reads, in a child: that saves starting Python and
# reading the code each time. With `die_after` a child ends as by SIGKILL, when that many commands are done.
_PROGRAM = """
import importlib, json, os, signal, subprocess, sys, tempfile
sys.path.insert(0, "/opt/cdk-intersystems")
from bootstrap.host.aws.client import Aws
from bootstrap.host.context import Context, Identity
from bootstrap.host.description import Description, build
from bootstrap.host.errors import StepError

LAST = 3

class Watched(Context):
    count, die_after, until = 0, -1, ""

    def run(self, command, **options):
        if command[0] == self.until:
            os._exit(LAST)
        if self.count == self.die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1
        return super().run(command, **options)

def module(name):
    return importlib.import_module("bootstrap.host.steps." + name)

def host_of(job):
    me = Identity(**job["me"])
    return Watched(me, build(Description, job["description"], "the test"), None, Aws(me), lambda line: print(line, flush=True))

def run(job, die_after, until=""):
    for name, value in job["changed"].items():
        where, _, variable = name.rpartition(".")
        setattr(module(where), variable, value)
    host = host_of(job)
    host.die_after, host.until = die_after, until
    try:
        for name in job["steps"]:
            getattr(module(name), name)(host)
    except StepError as error:
        print(error, file=sys.stderr)
        return 1
    return 0

def in_child(function, *arguments):
    pid = os.fork()
    if not pid:
        status = 2
        try:
            status = function(*arguments)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return os.waitpid(pid, 0)[1]

def die_everywhere(job):
    count = 0
    while True:
        print("---", flush=True)
        subprocess.run(["sh", "-c", job["undo"]], check=True)
        ended = in_child(run, job, count, job["until"])
        print("--- again", flush=True)
        if ended and in_child(run, job, -1):
            return 1
        print("--- seen", flush=True)
        subprocess.run(["sh", "-c", job["look"]], check=True)
        count += 1
        if ended != signal.SIGKILL:
            return 0 if ended in (0, LAST << 8) else 1

def do(job, output, errors):
    os.dup2(output.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    return die_everywhere(job) if "undo" in job else run(job, job["die_after"])

module("volumes")
for line in sys.stdin:
    with tempfile.TemporaryFile(dir="/run") as output, tempfile.TemporaryFile(dir="/run") as errors:
        status = in_child(do, json.loads(line), output, errors)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    print(json.dumps([os.WTERMSIG(status) << 8 or os.WEXITSTATUS(status), *texts]), flush=True)
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
    job = {"steps": steps, "die_after": die_after, "changed": dict(changed or {})}
    ran = _run(host, description, instance_id, job)
    assert not check or ran.status == 0, f"{ran.output}{ran.errors}"
    return Ran(ran.status, ran.output.splitlines(), ran.errors.strip())


def die_everywhere(
    host: Host,
    description: Mapping[str, Any],
    *steps: str,
    undo: str,
    look: str,
    until: str = "",
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
        until: The first program that is left out, and what comes after it too. Default: none.
        instance_id: Which instance it is.
        changed: As of `run_steps`.

    Returns:
        The commands, and what was seen after each time.
    """
    job = {"steps": steps, "changed": dict(changed or {}), "undo": undo, "look": look, "until": until}
    ran = _run(host, description, instance_id, job)
    assert ran.status == 0, f"{ran.output}{ran.errors}"
    times = ran.output.split("---\n")[1:]
    commands = [line[2:] for line in times[-1].partition("--- again")[0].splitlines() if line.startswith("+ ")]
    assert len(times) == len(commands) + 1
    return commands, [time.partition("--- seen\n")[2] for time in times]


def _run(host: Host, description: Mapping[str, Any], instance_id: str, job: dict[str, Any]) -> Answer:
    me = {"instance_id": instance_id, "region": "eu-west-2", "zone": "eu-west-2b", "address": host.address, "tags": {}}
    worker = _worker(host)
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps({"me": me, "description": description, **job}) + "\n")
    worker.stdin.flush()
    answer = worker.stdout.readline()
    assert answer, f"{host.name}: the process that runs steps has ended"
    return Answer(*json.loads(answer))


_workers: "dict[Host, subprocess.Popen[str]]" = {}


def _worker(host: Host) -> "subprocess.Popen[str]":
    """The process on a host that runs steps."""
    if host not in _workers:
        put_code_on(host)
        command = host.command("python3", "-I", "-c", _PROGRAM)
        _workers[host] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return _workers[host]


def leave(host: Host) -> None:
    """Lets go of a host, which must be done before it is switched off."""
    worker = _workers.pop(host, None)
    if worker:
        # Its child on the host ends when there is nothing more to read, and must have ended: nothing else may wait for it.
        worker.communicate(timeout=60)


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
