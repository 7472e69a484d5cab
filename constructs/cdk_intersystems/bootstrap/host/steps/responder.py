"""The responder of a mirror member: whoever asks is told whether it is primary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import services
from ..context import SETTINGS

if TYPE_CHECKING:
    from ..context import Context

SOCKET, SERVICE = "mirror-status.socket", "mirror-status.service"


def responder(host: Context) -> None:
    """Installs the responder, and has systemd hold its port from now on and at every start.

    The first request starts it. Another version of its program takes the place of the one that runs by itself; another unit is
    taken up when it is started the next time.

    Args:
        host: The host.

    Raises:
        StepError: The port can't be held.
    """
    host.write(SETTINGS / "mirror-status.env", f"IRIS_INSTANCE={host.description.instance}\n")
    for unit in (SERVICE, SOCKET):
        services.install(host, host.code(f"mirror_status/{unit}"))
    services.keep_running(host, SOCKET, SERVICE)
