"""What runs again and again: timers of systemd, whose units stand in `bootstrap/units`.

Each timer says in its section X-Cdk-Host for which roles it is, and if it is for one kind of region alone; systemd passes over
sections that begin with X-.
"""

from __future__ import annotations

from configparser import ConfigParser
from typing import TYPE_CHECKING, Iterator

from .. import services
from ..context import CODE

if TYPE_CHECKING:
    from pathlib import Path

    from ..context import Context

_OURS = "X-Cdk-Host"


def schedules(host: Context) -> None:
    """Makes sure that the timers of the host's role run, now and from each start on.

    Raises:
        StepError: One doesn't start.
    """
    region = host.description.region.role if host.description.region else ""
    for timer in timers_for(host.description.role, CODE / "units", region):
        services.install(host, timer.with_suffix(".service"))
        services.install(host, timer)
        services.keep_running(host, timer.name, timer.with_suffix(".service").name)


def timers_for(role: str, folder: Path, region: str = "") -> Iterator[Path]:
    """The timers of a role, by name.

    Args:
        role: The role.
        folder: Where the units stand.
        region: `primary` or `dr`. Default: the mirror has one region.
    """
    for timer in sorted(folder.glob("*.timer")):
        unit = ConfigParser(interpolation=None, strict=False)
        unit.read_string(timer.read_text(encoding="utf-8"))
        if role in unit.get(_OURS, "Roles", fallback="").split() and unit.get(_OURS, "Region", fallback=region) == region:
            yield timer
