"""Where things stand on a host, and how they are written."""

import errno
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

#: UNIX, 3.4 "Begin Installation": the registry directory, always made along with the installation directory.
REGISTRY = Path("/usr/local/etc/irissys")
#: What the fake remembers for tests. A host that does nothing doesn't write here.
NOTES = Path("/var/log/fake-iris")
#: Set by a test: times are multiplied by "scale"; see Settings.
SETTINGS = Path("/etc/fake-iris/settings.json")
#: Stands for the instance's shared memory (SAG 25.2).
SHARED_MEMORY = Path("/dev/shm")


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


def write_json(path: Path, value: Any, mode: int = 0o660) -> None:
    """Writes a file at once, so that readers see the old or the new content; owner and group stay as they are."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
    new.chmod(mode)
    if path.exists():
        found = path.stat()
        if os.geteuid() == 0:
            os.chown(new, found.st_uid, found.st_gid)
    new.replace(path)


def read_json(path: Path, default: Any = None) -> Any:
    """A file's content, or something else if it isn't there."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return default


def note_call(program: str, arguments: list[str]) -> None:
    """Keeps who called what, for tests: secrets must never appear in arguments.

    Of the environment only the names of InterSystems' variables are kept, and what isn't a password.
    """
    shown = {
        name: "" if "PASSWORD" in name else value
        for name, value in sorted(os.environ.items())
        if name.startswith(("ISC_", "IRISSYS"))
    }
    line = json.dumps(
        {"time": time.time(), "uid": os.getuid(), "program": program, "arguments": arguments, "environment": shown}
    )
    NOTES.mkdir(mode=0o1777, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        NOTES.chmod(0o1777)
    try:
        descriptor = os.open(NOTES / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    except OSError as error:
        # A service whose file system is read-only, such as the responder, is asked nothing worth keeping.
        if error.errno != errno.EROFS:
            raise
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, (line + "\n").encode())
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, 0o666)
    finally:
        os.close(descriptor)


class Settings:
    """What a test may set on a host, in SETTINGS. The defaults are as documented.

    Attributes:
        scale: All waiting times of mirroring and ECP are multiplied by it.
        trouble_shows: What `iris qlist` and GetMemberStatus() say of a primary in trouble. HA 5.1.1.1 says "In Trouble"; the
            Class Reference, %SYSTEM.Mirror.GetMemberStatus(), says "Primary" with a second item. Both are tried.
        restart_after_joining: A member that was authorized doesn't connect before it is restarted. Undocumented; seen by
            others.
        installer_stands: The installer stands still in the midst of placing its files, until it is ended.
    """

    def __init__(self) -> None:
        found = read_json(SETTINGS, {})
        self.scale = float(found.get("scale", 1))
        self.trouble_shows = str(found.get("trouble_shows", "In Trouble"))
        self.restart_after_joining = bool(found.get("restart_after_joining", False))
        self.installer_stands = bool(found.get("installer_stands", False))
