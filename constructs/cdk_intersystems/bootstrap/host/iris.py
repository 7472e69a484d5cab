"""The instance on this host: what it says of itself, what its configuration file says, and how it is spoken to."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from ..mirror_status.mirror_status import (
    MEMBER_TYPE_FIELD,
    MIRROR_STATUS_FIELD,
    STATUS_FIELD,
    UnknownError,
    fields_of,
)
from .errors import StepError
from .layout import MESSAGES
from .steps.users import IRISOWNER

if TYPE_CHECKING:
    from .context import Context

#: Source of the fields: System Administration Guide, "iris list, qlist, and all". The configuration file is named relative
#: to the installation directory.
_DIRECTORY_FIELD, _CPF_FIELD = 1, 4
_QLIST_SECONDS = 20

#: Of `iris stop`: "incomplete start or stop, logins disabled", "starting or stopping".
_RUNNING, _DOWN = "running", "down"

#: A line of messages.log: time, process, severity (0 to 3), event, text. Source: Monitoring Guide, "Monitoring Log Files".
_MESSAGE = re.compile(r"\S+ \(\d+\) (?P<severity>[0-3])(?: \[[^\]]*\])? (?P<text>.*)")
_SEVERE = "2"


@dataclass(frozen=True)
class Instance:
    """What `iris qlist` says of the instance.

    Args:
        directory: Its installation directory.
        status: `running`, `down`, or a word for something between.
        cpf: Its configuration file.
        member_type: What kind of mirror member it is: `Failover`, `Disaster Recovery`; empty if none.
        mirror_status: Its status in the mirror: `Primary`, `Backup`, `Connected`, and others on the way there; empty if none.
        since: Since when it runs, as IRIS shows it; empty if it isn't told.
    """

    directory: Path
    status: str
    cpf: Path
    member_type: str
    mirror_status: str
    since: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it is up."""
        return self.status == _RUNNING

    @property
    def is_down(self) -> bool:
        """Whether it isn't up, nor on its way up or down."""
        return self.status == _DOWN

    @property
    def is_primary(self) -> bool:
        """Whether it is the primary of its mirror."""
        return self.is_running and (self.member_type, self.mirror_status) == ("Failover", "Primary")

    @property
    def is_in_place(self) -> bool:
        """Whether it is in the mirror as what it should be: primary, backup, or a connected member for disaster recovery."""
        wanted = (("Failover", "Primary"), ("Failover", "Backup"), ("Disaster Recovery", "Connected"))
        return self.is_running and (self.member_type, self.mirror_status) in wanted


def look(name: str) -> Optional[Instance]:
    """Asks `iris qlist`; None if there is no such instance, or no IRIS.

    Args:
        name: Name of the instance.

    Raises:
        StepError: It gave no answer that can be read.
    """
    if shutil.which("iris") is None:
        return None
    try:
        said = subprocess.run(
            ["iris", "qlist", name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_QLIST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StepError(f"iris qlist {name} took longer than {_QLIST_SECONDS} s: see {MESSAGES}") from None
    # What is said of an instance that isn't there is documented nowhere.
    if said.returncode or not said.stdout.strip():
        return None
    try:
        fields = fields_of(said.stdout, name)
    except UnknownError as error:
        raise StepError(str(error)) from None
    directory = Path(fields[_DIRECTORY_FIELD])
    return Instance(
        directory=directory,
        status=fields[STATUS_FIELD].split(",")[0],
        cpf=directory / fields[_CPF_FIELD],
        member_type=fields[MEMBER_TYPE_FIELD],
        mirror_status=fields[MIRROR_STATUS_FIELD],
        since=fields[STATUS_FIELD].partition("since ")[2].strip(),
    )


def installed(host: Context) -> Instance:
    """The host's instance.

    Raises:
        StepError: There is none.
    """
    found = look(host.description.instance)
    if found is None:
        raise StepError(f"the instance {host.description.instance} is not installed: run cdk-host prepare")
    return found


def keys_of(cpf: Path, section: str) -> dict[str, str]:
    """The keys of a section of a configuration file; empty if it isn't there.

    Args:
        cpf: The file.
        section: Name of the section.
    """
    try:
        lines = cpf.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    found, inside = {}, False
    for line in lines:
        if line.startswith("["):
            inside = line.strip() == f"[{section}]"
        elif inside and "=" in line:
            name, _, value = line.partition("=")
            found[name.strip()] = value.strip()
    return found


def is_configured(host: Context, instance: Instance) -> bool:
    """Whether the instance has become what it is to be: a member of the mirror, or a client of it.

    IRIS's own configuration file says so. Source: Configuration Parameter File Reference, [Mirrors] and [ECPServers].
    """
    section = "Mirrors" if host.description.role == "member" else "ECPServers"
    return host.description.mirror.name in keys_of(instance.cpf, section)


def as_owner(*command: str) -> list[str]:
    """A command that is run as the owner of the instance.

    As root it would leave files behind that the owner can't write (System Administration Guide, "Managing InterSystems
    IRIS"), and root is nobody in IRIS, while the installation makes the owner a user with all rights (Security Reference,
    "Configure User Accounts"), who logs in by being who he is.
    """
    return ["setpriv", f"--reuid={IRISOWNER}", f"--regid={IRISOWNER}", "--init-groups", "--", *command]


def call(host: Context, what: str, *, seconds: float = 120) -> str:
    """Calls a routine or a method in the namespace %SYS.

    Args:
        host: The host.
        what: The call, with literal arguments; seen in the process list.
        seconds: How long it may take.

    Returns:
        What it printed.

    Raises:
        StepError: IRIS couldn't be entered, or it took too long.
    """
    return host.run(as_owner("iris", "terminal", host.description.instance, "-U", "%SYS", what), seconds=seconds).output


def load_code(host: Context) -> bool:
    """Loads what the host calls into %SYS; a routine whose name begins with %Z survives upgrades of IRIS.

    Source: class reference, %SYSTEM.OBJ.Load; Specialized System Tools and Utilities, on %Z routines and upgrades.

    Returns:
        Whether it can be called now: whether the owner of the instance may log in.
    """
    load(host, "ZcdkHost.mac", check=False)
    command = as_owner("iris", "terminal", host.description.instance, "-U", "%SYS", "Ready^%ZcdkHost")
    return "cdk:ready" in host.run(command, check=False, seconds=120).output.splitlines()


def load(host: Context, name: str, *, check: bool = True) -> None:
    """Loads and compiles a routine of the bundle's, in %SYS.

    Args:
        host: The host.
        name: Its file in `objectscript/`.
        check: Whether it is an error if the owner of the instance may not log in.

    Raises:
        StepError: With `check`: it couldn't be loaded.
    """
    what = f'##class(%SYSTEM.OBJ).Load("{host.code(f"objectscript/{name}")}","ck-d")'
    host.run(as_owner("iris", "terminal", host.description.instance, "-U", "%SYS", what), check=check, seconds=120)


def log_size() -> int:
    """How much stands in messages.log now: what comes later is `complaint`'s."""
    try:
        return MESSAGES.stat().st_size
    except FileNotFoundError:
        return 0


def complaint(since: int) -> str:
    """What IRIS complained of last, in messages.log; with a separator before it, or empty.

    Args:
        since: What stood there before.
    """
    try:
        with MESSAGES.open("rb") as file:
            file.seek(since if since <= MESSAGES.stat().st_size else 0)
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    found = last_severe(text)
    return f"; {MESSAGES} says: {found}" if found else ""


def last_severe(text: str) -> str:
    """The text of the last message that is an alert or worse; empty if there is none.

    Args:
        text: Lines of messages.log.
    """
    severe = [found["text"] for found in map(_MESSAGE.fullmatch, text.splitlines()) if found and found["severity"] >= _SEVERE]
    return severe[-1].strip() if severe else ""
