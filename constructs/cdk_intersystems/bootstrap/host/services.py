"""Units of systemd that steps install and keep running."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .context import Context

UNITS = Path("/etc/systemd/system")


def install(host: Context, source: Path) -> bool:
    """Installs a unit. What runs by the former one goes on so, and systemd isn't told yet: `keep_running` does that.

    Args:
        host: The host.
        source: The unit's file in the bundle.

    Returns:
        Whether it is another one than before.
    """
    return host.write(UNITS / source.name, source.read_text(encoding="utf-8"))


def keep_running(host: Context, name: str, *parts: str) -> bool:
    """Makes systemd know a unit as it was installed, start it with the host, and start it now if it doesn't run.

    Args:
        host: The host.
        name: The unit.
        parts: Units that belong to it and that it starts itself.

    Returns:
        Whether it ran already.

    Raises:
        StepError: It can't be started.
    """
    show = ["systemctl", "show", "--property=NeedDaemonReload,UnitFileState,ActiveState"]
    known = [
        dict(line.split("=", 1) for line in unit.splitlines()) for unit in host.run([*show, name, *parts]).output.split("\n\n")
    ]
    if any(unit.get("NeedDaemonReload") == "yes" for unit in known):
        host.run(["systemctl", "daemon-reload"])
    if known[0].get("UnitFileState") != "enabled":
        host.run(["systemctl", "enable", name])
    if known[0].get("ActiveState") in ("active", "reloading"):
        return True
    host.run(["systemctl", "start", name], seconds=60)
    return False
