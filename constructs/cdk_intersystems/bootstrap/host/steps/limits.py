"""Limits of the users IRIS runs as, their shared memory, and memory images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .restart import restart_after
from .users import IRISOWNER, IRISUSR

if TYPE_CHECKING:
    from ..context import Context

_LIMITS = Path("/etc/security/limits.d/90-cdk-intersystems.conf")
_LOGIND = Path("/etc/systemd/logind.conf.d/90-cdk-intersystems.conf")
_COREDUMP = Path("/etc/systemd/coredump.conf.d/90-cdk-intersystems.conf")

#: Policy: files a process may have open. IRIS wants enough for all databases and what an application opens (I/O Device Guide,
#: "OPEN command"), and the usual 1,024 is little for a large site. IRIS's unit sets the same.
OPEN_FILES = 65536

_WRITTEN = "# Written by cdk-host; changes are overwritten.\n"


def limits(host: Context) -> None:
    """Lets IRIS have the processes and files it needs, and its shared memory when somebody logs out; no core dumps.

    The limits are for those who work as IRIS's users in a session; services have theirs from their units. A core dump contains
    whatever the process was working on, patients' data too (Security Reference, "Protect Sensitive Data in Memory Images").
    For the support it can be switched on in one session: `ulimit -c unlimited`.

    Args:
        host: The host.
    """
    restart_after(
        host,
        "systemd-logind.service",
        # Source: UNIX, Linux, and macOS Installation, "Ubuntu Platform Notes"; RHEL's default is the same today.
        lambda: host.write(_LOGIND, f"{_WRITTEN}[Login]\nRemoveIPC=no\n"),
    )
    host.write(_LIMITS, _WRITTEN + "".join(_lines(user) for user in (IRISOWNER, IRISUSR)))
    host.write(_COREDUMP, f"{_WRITTEN}[Coredump]\nStorage=none\nProcessSizeMax=0\n")


def _lines(user: str) -> str:
    # Every user's connection is a process. Source: UNIX, Linux, and macOS Installation, "Maximum User Processes
    # Recommendations".
    return f"{user} - nofile {OPEN_FILES}\n{user} - nproc unlimited\n{user} soft core 0\n"
