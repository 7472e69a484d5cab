"""The ISCAgent, which members and arbiter ask about one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import network
from ..errors import StepError
from ..layout import ISCAGENT_PORT
from .kit import AGENT_UNIT

if TYPE_CHECKING:
    from ..context import Context

_UNIT = AGENT_UNIT.name

#: The agent answers as soon as it listens.
_SECONDS = 120


def agent(host: Context) -> None:
    """Makes sure that the agent starts with the host, and is about to start now.

    Its own settings are left as they are: it listens at its port on all addresses, as its user, unless somebody wrote
    /etc/iscagent/iscagent.conf (High Availability Guide, "Configuring the ISCAgent").

    Raises:
        StepError: There is none.
    """
    if not AGENT_UNIT.exists():
        raise StepError(f"there is no {AGENT_UNIT}: the kit brings it, with the instance or by itself")
    show = ["systemctl", "show", "--property=UnitFileState,ActiveState,Job", _UNIT]
    known = dict(line.split("=", 1) for line in host.run(show).output.splitlines())
    if known["UnitFileState"] != "enabled":
        host.run(["systemctl", "daemon-reload"])
        host.run(["systemctl", "enable", _UNIT])
    # At a start of the host it is about to start already.
    if known["ActiveState"] != "active" and known.get("Job", "0") in ("", "0"):
        # It starts when this unit has done its work: waiting for it here would never end.
        host.run(["systemctl", "start", "--no-block", _UNIT])


def agent_answers(host: Context) -> None:
    """Waits until the agent of this host takes connections.

    Raises:
        StepError: It doesn't.
    """
    host.wait_until(
        f"the ISCAgent to take connections at port {ISCAGENT_PORT}; see journalctl -u {_UNIT}",
        lambda: network.takes_connections("127.0.0.1", ISCAGENT_PORT),
        seconds=_SECONDS,
        every=0.5,
    )
