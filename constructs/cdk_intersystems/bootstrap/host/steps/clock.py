"""The clock: chrony, with the Amazon Time Sync Service alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from ..errors import StepError
from ..services import UNITS
from .restart import restart_after

if TYPE_CHECKING:
    from ..context import Context

#: Reached from every instance, without a route or a security group's rule. Source: Amazon EC2 User Guide, "Set the time
#: reference on your EC2 instance to use the local Amazon Time Sync Service".
SERVER = "169.254.169.123"

#: How long the first measurements may take.
SECONDS = 60

#: Policy: further off than this a host doesn't start work. The gate's lease is a matter of 3 s.
_MOST_OFF_SECONDS = 1.0

#: Among the fields of chronyc(1), "tracking": the fifth is how far the clock is off in seconds, the last the leap status.
_FIELDS = 14

_WANTS = UNITS / "multi-user.target.wants"

#: One server: others would differ from it around a leap second, which Amazon's smears over a day. Asked each second at first,
#: so that a start needn't wait, and every 16 s once it is steady. A step is possible only with the first measurement after
#: chronyd's start, and only if the clock is more than a second off: the gate relies on a clock that is slewed once the host
#: is up.
_CONFIGURATION = f"""\
# Written by cdk-host; changes are overwritten.
server {SERVER} prefer iburst minpoll 0 maxpoll 4
makestep 1.0 1
driftfile /var/lib/chrony/drift
rtcsync
"""


def clock(host: Context) -> None:
    """Makes sure that chrony runs with Amazon's time, and that the clock is right.

    Args:
        host: The host.

    Raises:
        StepError: The clock is not synchronised within a minute, or is off.
    """
    path, service = _names(host)
    restart_after(host, service, lambda: host.write(path, _CONFIGURATION))
    if not (_WANTS / service).exists():
        host.run(["systemctl", "enable", service])
    if _tracking(host) is None:
        host.run(["systemctl", "start", service])
    off = _offset(host)
    if abs(off) > _MOST_OFF_SECONDS:
        raise StepError(
            f"the clock is {abs(off):.1f} s off, and chrony only slews it: with IRIS stopped run chronyc makestep, then "
            "cdk-host prepare"
        )


def _offset(host: Context) -> float:
    """How far the clock is off in seconds, as soon as it was measured. Says nothing: it takes a moment at each start."""
    ends = time.monotonic() + SECONDS
    while True:
        fields = _tracking(host)
        if fields and fields[-1] != "Not synchronised":
            return float(fields[4])
        if time.monotonic() >= ends:
            raise StepError(f"the clock is not synchronised with {SERVER} after {SECONDS} s: see chronyc sources")
        time.sleep(0.3)


def _names(host: Context) -> tuple[Path, str]:
    if host.description.operating_system.startswith("ubuntu"):
        return Path("/etc/chrony/chrony.conf"), "chrony.service"
    return Path("/etc/chrony.conf"), "chronyd.service"


def _tracking(host: Context) -> Optional[list[str]]:
    """What chronyd knows about the clock: the fields of `chronyc tracking`; None while it doesn't answer."""
    asked = host.run(["chronyc", "-c", "-n", "tracking"], check=False)
    fields = asked.output.strip().split(",")
    return fields if asked.status == 0 and len(fields) == _FIELDS else None
