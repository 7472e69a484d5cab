"""What a step has in its hands: who the host is, AWS, and ways to run commands and write files that can be repeated."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Mapping, Optional, Sequence

from ..first_boot import ROOT, Identity
from .errors import StepError

if TYPE_CHECKING:
    from .aws.client import Aws
    from .description import Description
    from .settings import Settings

__all__ = ["BUNDLES", "CODE", "CONFIG", "ROOT", "RUN", "SETTINGS", "STATE", "Completed", "Context", "Identity", "sync"]

#: Everything of ours on a host. `CURRENT` is a link to the folder of the bundle that was applied last.
BUNDLES = ROOT / "bundles"
CODE = ROOT / "bootstrap"
CONFIG = ROOT / "config"
SETTINGS = Path("/etc/cdk-intersystems")
STATE = Path("/var/lib/cdk-intersystems")
#: Gone at each start, and never on a disk: secrets stand here for as long as a command needs them.
RUN = Path("/run/cdk-intersystems")


def sync(path: Path) -> None:
    """Returns when all that was written to a file, folder or device is on the disk: of a folder which files it has.

    Args:
        path: What it is.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True)
class Completed:
    """A command that has run."""

    status: int
    output: str
    errors: str


class Context:
    """The host, as steps see it."""

    def __init__(
        self, me: Identity, description: Description, settings: Settings, aws: Aws, log: Callable[[str], None]
    ) -> None:
        self.me = me
        self.description = description
        self.settings = settings
        self.aws = aws
        self.log = log

    def code(self, name: str) -> Path:
        """A file of the bundle's code, by its path below `bootstrap/`: the same on every host and in every version."""
        return CODE / name

    def config(self, name: str) -> Path:
        """A file that was rendered for this host, beside its `host.json`."""
        return CONFIG / name

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: str = "",
        environment: Optional[Mapping[str, str]] = None,
        check: bool = True,
        seconds: float = 300,
    ) -> Completed:
        """Runs a command and waits for it.

        Args:
            command: The command and its arguments. They are logged and seen in the process list: never a secret.
            stdin: What it reads; not logged. The place for a secret.
            environment: What is added to its environment; not logged.
            check: Whether a status other than 0 is an error.
            seconds: How long it may take.

        Raises:
            StepError: It isn't there, took too long, or failed with `check`.
        """
        self.log("+ " + " ".join(command))
        try:
            done = subprocess.run(
                list(command),
                input=stdin,
                env={**os.environ, "LC_ALL": "C", **(environment or {})},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError:
            raise StepError(f"{command[0]} is not on this host") from None
        except subprocess.TimeoutExpired:
            raise StepError(f"{command[0]} took longer than {seconds:g} s: {' '.join(command)}") from None
        if check and done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            raise StepError(f"{' '.join(command)} ended with {done.returncode}: {said}")
        return Completed(done.returncode, done.stdout, done.stderr)

    def write(self, path: Path, text: str, *, mode: int = 0o644, owner: str = "root:root") -> bool:
        """Makes a file be as it should, at once, and leaves it alone if it is so already.

        Args:
            path: Where; missing folders are made.
            text: Its whole content.
            mode: Its mode.
            owner: Its user and group, with a colon between.

        Returns:
            Whether anything changed.

        Raises:
            StepError: It can't be written, for example since the disk is full.
        """
        user, _, group = owner.partition(":")
        uid, gid = pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
        with contextlib.suppress(FileNotFoundError):
            found = path.lstat()
            same = (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (mode, uid, gid)
            if same and path.is_file() and not path.is_symlink() and path.read_bytes() == text.encode():
                return False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f".{path.name}.new")
            new.unlink(missing_ok=True)
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fchown(file.fileno(), uid, gid)
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            raise StepError(f"cannot write {path}: {error.strerror}") from None
        self.log(f"wrote {path}")
        return True

    def wait_until(self, what: str, ready: Callable[[], bool], *, seconds: float, every: float = 2) -> None:
        """Waits for something, and says once for what.

        Args:
            what: What is waited for, as the end of a sentence.
            ready: Whether it is there.
            seconds: How long at most.
            every: How often it is looked at, in seconds.

        Raises:
            StepError: It didn't come in time.
        """
        ends = time.monotonic() + seconds
        said = False
        while not ready():
            if time.monotonic() >= ends:
                raise StepError(f"waited {seconds:g} s for {what}")
            if not said:
                self.log(f"waiting for {what}, {seconds:g} s at most")
                said = True
            time.sleep(every)
