"""Services that have to be restarted when their configuration has changed, and otherwise not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from ..context import RUN

if TYPE_CHECKING:
    from ..context import Context


def restart_after(host: Context, unit: str, write: Callable[[], bool]) -> None:
    """Writes a service's configuration and restarts the service, if it runs and something changed.

    Interrupted in between, it is restarted the next time.

    Args:
        host: The host.
        unit: The service.
        write: Writes the configuration, and says whether anything changed.
    """
    # Gone with a restart of the host, which restarts the service too.
    due = RUN / f"restart-{unit}"
    was_due = due.exists()
    RUN.mkdir(mode=0o700, parents=True, exist_ok=True)
    due.touch()
    if write() or was_due:
        host.run(["systemctl", "try-restart", unit])
    due.unlink()
