"""What this program says, on its way to CloudWatch Logs: kept in a file, which a power cut may take, until it was sent."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .aws import logs
from .context import RUN
from .errors import StepError
from .steps.host_name import name_of

if TYPE_CHECKING:
    from .context import Context

UNSENT = RUN / "unsent.log"
#: Policy: the newest of what couldn't be sent for long.
_MOST_BYTES = 1_000_000


def keep(line: str) -> None:
    """Keeps a line until it is sent. Never fails: with a full disk it is in the journal alone.

    Args:
        line: The line.
    """
    with suppress(OSError), UNSENT.open("a", encoding="utf-8") as file:
        if file.tell() > 2 * _MOST_BYTES:
            file.truncate(0)
        file.write(json.dumps([time.time(), line]) + "\n")


def send(host: Context) -> None:
    """Sends what is kept to the log group of this host's group. Never fails: what can't be sent is kept.

    Args:
        host: The host.
    """
    lines = []
    with suppress(OSError):
        lines = UNSENT.read_bytes()[-_MOST_BYTES:].decode(errors="replace").splitlines()
    events = []
    for line in lines:
        # The first one may be cut.
        with suppress(ValueError, TypeError):
            moment, text = json.loads(line)
            events.append((float(moment), str(text)))
    if not events:
        return
    try:
        logs.put(host.aws, host.settings.log_group, f"{name_of(host)}/{host.me.instance_id}/bootstrap", events)
    except StepError as error:
        host.log(f"not sent to CloudWatch: {error}")
        return
    with suppress(OSError):
        UNSENT.unlink()
