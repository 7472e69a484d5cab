"""Backup.General, and what else the system has for scripts."""

from typing import TYPE_CHECKING, Any

from .. import control
from ..installation import IrisError
from . import globals_store

if TYPE_CHECKING:
    from ..server import Server


async def _freeze(
    server: "Server", log: str = "", _text: str = "", _switch: str = "1", _timeout: str = "10", _hibernate: str = "0",
    _verbose: str = "0", seconds: str = "0", _user: str = "", _password: str = "", limit: str = "0", *_: Any,
) -> None:  # fmt: skip
    """ExternalFreeze()."""
    await control._freeze(server, {"blocked_after": seconds, "limit": limit})
    _append(log, "System suspended")


async def _thaw(server: "Server", log: str = "", *_: Any) -> None:
    await control._thaw(server, {})
    _append(log, "System resumed")


def _append(log: str, line: str) -> None:
    if log:
        try:
            with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123 - a path of the script's
                file.write(line + "\n")
        except OSError as error:
            raise IrisError(f"{log}: {error.strerror}") from error


def _suspended(server: "Server") -> str:
    return str(int(server.frozen))


def _load(server: "Server", file: str, _flags: str = "", *_: Any) -> None:
    globals_store.load_file(server, file)


METHODS = {
    "Backup.General.ExternalFreeze": _freeze,
    "Backup.General.ExternalThaw": _thaw,
    "Backup.General.ExternalSetHistory": lambda server, *_: None,
    "Backup.General.IsWDSuspended": _suspended,
    "Backup.General.IsWDSuspendedExt": _suspended,
    "%SYSTEM.OBJ.Load": _load,
    "%SYSTEM.Version.GetVersion": lambda server: f"IRIS for UNIX {server.installation.version}",
}
