"""Whether this process, and with it the host, has stood still a moment ago."""

from __future__ import annotations

from ..mirror_status.mirror_status import seconds

#: Longer than anything takes between two looks: a request has a second for each of its parts, and so has `iris qlist`.
STANDSTILL_SECONDS = 4.0
#: As the gate's, see `gate/iris-gate`: longer than the quality of service timeout of the mirror (8 s by default), within which
#: members and arbiter notice one another. So long an instance that stood still may believe that it is still primary.
QUARANTINE_SECONDS = 10.0


class Awake:
    """Notices standstills, if it is looked at often enough: more often than `STANDSTILL_SECONDS`."""

    def __init__(self) -> None:
        self._seen = seconds()
        self._ends = 0.0

    def look(self) -> None:
        """Takes notice that the process runs."""
        now = seconds()
        if now - self._seen > STANDSTILL_SECONDS:
            self._ends = now + QUARANTINE_SECONDS
        self._seen = now

    def stood_still(self) -> bool:
        """Whether what the instance says of itself may be of before a standstill."""
        self.look()
        return seconds() < self._ends
