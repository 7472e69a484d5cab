"""Hosts with a role of a few small steps, for tests of the way from user data to a host that serves."""

import itertools
from typing import Any

from tests.bootstrap.lab.lab import LOG_GROUP, Lab, LabHost

# A role that does what real steps do: files, a command, a secret, something that takes a while.
_STEPS = b"""
import time
from pathlib import Path
from ..aws import secrets
from ..errors import StepError

KEPT = Path("/etc/tried")

def files(host):
    for number in range(5):
        host.write(KEPT / str(number), "x" * 10000 * number, mode=0o600)

def slow(host):
    done = KEPT / "slow"
    if not done.exists():
        host.run(["sleep", "0.2"])
        host.write(done, "")

def secret(host):
    if not (KEPT / "secret").exists():
        length = len(secrets.get_secret(host.aws, host.settings.secrets.password))
        host.write(KEPT / "secret", str(length))

def serves(host):
    host.write(KEPT / "serves", host.description.name)
    if (KEPT / "break").exists():
        raise StepError("told to break: by /etc/tried/break")

def mistake(host):
    if (KEPT / "mistake").exists():
        raise ZeroDivisionError("nothing to divide by")
"""


def with_small_steps(lab: Lab) -> None:
    """Has the arbiters of a lab do small steps."""
    lab.code["host/steps/tried.py"] = _STEPS
    lab.only_steps(
        "arbiter",
        prepare=["host_name.host_name", "tried.files", "tried.slow", "tried.secret", "tried.mistake"],
        serve=["tried.serves"],
    )


_numbers = itertools.count(10)


def make(lab: Lab, name: str, **options: Any) -> LabHost:
    """A host that is the only one of its group."""
    address = f"10.20.5.{next(_numbers)}"
    described = lab.description("arbiter", group=name.upper(), name=name, hosts={name: address})
    return lab.host(name=name, address=address, description=described, **options)


def failures(host: LabHost) -> list[str]:
    """The lines that say that something failed."""
    said = host.journal("-u", "cdk-host", "-u", "cdk-host-serve", "-u", "user-data").splitlines()
    return [line for line in said if line.startswith("cdk-host: ") and " failed: " in line]


def serves(host: LabHost) -> bool:
    """Whether a host has served."""
    return host.run("cat", "/var/lib/cdk-intersystems/served", check=False).status == 0


def assert_no_secret_is_to_be_seen(lab: Lab, host: LabHost) -> None:
    """In no file, log or command line of a host, and not in what it has sent."""
    places = [f"/{name}" for name in ("etc", "opt", "run", "tmp", "usr/local", "var")]
    grep = ["grep", "--recursive", "--files-with-matches", "--fixed-strings", "--file=-", *places]
    found = host.run(*grep, stdin="\n".join(lab.all_secrets.values()), check=False)
    assert (found.status, found.output) == (1, "")
    shown = "\n".join([host.journal(), host.run("ps", "-eo", "args").output, *lab.aws.log_lines(LOG_GROUP)])
    assert not [name for name, value in lab.all_secrets.items() if value in shown]
