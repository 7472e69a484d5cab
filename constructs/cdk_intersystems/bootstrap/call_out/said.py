"""What a call-out says: each step with its time, in the journal."""

from __future__ import annotations

import sys
import syslog
import time

#: The same problem is said again after this time.
_AGAIN_SECONDS = 60


def now() -> str:
    """The time, as it stands in claims, messages and lines: ISO 8601, UTC, milliseconds."""
    stamp = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(stamp)) + f".{int(stamp % 1 * 1000):03d}Z"


class Teller:
    """Says lines.

    Args:
        name: The member's system name.
        in_journal: Whether what goes to the standard error is in the journal anyway, as a unit's is.
    """

    def __init__(self, name: str, *, in_journal: bool) -> None:
        self._name = name
        self._in_journal = in_journal
        self._problem = ("", 0.0)
        if not in_journal:
            syslog.openlog("iris-call-out", facility=syslog.LOG_DAEMON)

    def say(self, line: str) -> None:
        """Says a line."""
        line = f"{now()} {self._name} {line}"
        try:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            pass
        if not self._in_journal:
            syslog.syslog(line)

    def problem(self, line: str) -> None:
        """Says what doesn't work: once, and again each minute as long as it is the same."""
        said, when = self._problem
        if line != said or time.monotonic() - when >= _AGAIN_SECONDS:
            self._problem = (line, time.monotonic())
            self.say(line)

    def solved(self) -> None:
        """What didn't work works again; the next problem is said at once."""
        self._problem = ("", 0.0)
