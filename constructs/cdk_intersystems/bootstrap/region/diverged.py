"""Whether this member's data contradicts its mirror's: High Availability Guide, 5.7, says how IRIS shows it.

Mirroring is stopped, and messages.log has one text since the instance was started. **Never run on a licensed IRIS.**
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Optional

from ..host.layout import MESSAGES

if TYPE_CHECKING:
    from ..host.iris import Instance

_STOPPED = "Stopped"
_TEXT = "This member has detected that its data is inconsistent with the mirror {}."
#: Its beginning on a line: month/day/year-hour:minute:second, by the host's clock. Source: Monitoring Guide, "Monitoring Log
#: Files"; how `iris qlist` shows a time: System Administration Guide, "iris list, qlist, and all".
_LINE_TIME, _LINE_LENGTH, _SHOWN_TIME = "%m/%d/%y-%H:%M:%S", 17, "%a %b %d %H:%M:%S %Y"
#: Of a log that is never cut this much is read from its end.
_READ = 4 * 1024 * 1024


def is_inconsistent(instance: Instance, mirror: str) -> Optional[bool]:
    """Whether it is so; None if it can't be known: the instance doesn't run, or its log can't be read.

    Args:
        instance: The instance.
        mirror: Name of the mirror.
    """
    if not instance.is_running:
        return None
    if instance.mirror_status != _STOPPED:
        return False
    since = started(instance)
    try:
        lines = _lines(_TEXT.format(mirror))
    except OSError:
        return None
    if since is None:
        return None if lines else False
    # In whole seconds, as both are shown.
    return any((_moment(line[:_LINE_LENGTH], _LINE_TIME) or 0) >= since for line in lines)


def started(instance: Instance) -> Optional[float]:
    """When the instance was started, in seconds since 1970; None if what IRIS shows can't be read.

    Args:
        instance: The instance.
    """
    return _moment(instance.since, _SHOWN_TIME)


def _lines(text: str) -> list[str]:
    with MESSAGES.open("rb") as file:
        file.seek(max(0, MESSAGES.stat().st_size - _READ))
        return [line for line in file.read().decode("utf-8", "replace").splitlines() if text in line]


def _moment(text: str, form: str) -> Optional[float]:
    try:
        return time.mktime(time.strptime(text, form))
    except (ValueError, OverflowError):
        return None
