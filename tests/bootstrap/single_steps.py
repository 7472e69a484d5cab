"""Runs single steps of the bootstrap on a lab host: what they start is seen, and they can be ended in their midst."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bootstrap.lab.host import Host
from tests.bootstrap.lab.image import REPOSITORY

_CODE = REPOSITORY / "constructs" / "cdk_intersystems" / "bootstrap"
_ON_HOST = "/opt/cdk-intersystems/bootstrap"
_JOB = "/run/job.json"

# Runs on the host, by its Python. With `die_after` it ends as by SIGKILL, when that many commands are done.
_PROGRAM = f"""
import importlib, json, os, signal, sys
sys.path.insert(0, "/opt/cdk-intersystems")
from bootstrap.host.aws.client import Aws
from bootstrap.host.context import Context, Identity
from bootstrap.host.description import Description, build
from bootstrap.host.errors import StepError

with open({_JOB!r}) as file:
    job = json.load(file)
count = 0

class Watched(Context):
    def run(self, command, **options):
        global count
        if count == job["die_after"]:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return super().run(command, **options)
        finally:
            count += 1

me = Identity(**job["me"])
host = Watched(me, build(Description, job["description"], "the test"), None, Aws(me), lambda line: print(line, flush=True))
for name, value in job["changed"].items():
    module, _, variable = name.rpartition(".")
    setattr(importlib.import_module("bootstrap.host.steps." + module), variable, value)
for name in job["steps"]:
    try:
        getattr(importlib.import_module("bootstrap.host.steps." + name), name)(host)
    except StepError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
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
        shutil.copytree(_CODE, target, ignore=shutil.ignore_patterns("__pycache__"))


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
    put_code_on(host)
    me = {"instance_id": instance_id, "region": "eu-west-2", "zone": "eu-west-2b", "address": host.address, "tags": {}}
    job = {"me": me, "description": description, "steps": steps, "die_after": die_after, "changed": dict(changed or {})}
    host.path(_JOB).write_text(json.dumps(job))
    # What is compiled stands where it is no change of the host.
    ran = host.run("python3", "-X", "pycache_prefix=/run/compiled", "-I", "-c", _PROGRAM, check=False)
    assert not check or ran.status == 0, f"{ran.output}{ran.errors}"
    return Ran(ran.status, ran.output.splitlines(), ran.errors.strip())


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
