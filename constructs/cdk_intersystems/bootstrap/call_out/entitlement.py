"""Whether this member may take a route epoch: whether it is primary, or about to be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Optional

from ..gate import role
from ..gate.role import NOT_PRIMARY, PRIMARY
from ..mirror_status.mirror_status import MIRROR_STATUS_FIELD, UnknownError, fields_of, output_of, seconds

if TYPE_CHECKING:
    from .awake import Awake

#: For how long what the mirror has said counts: "this member is about to become primary", when it called the routine.
BECOMING_SECONDS = 5.0
#: For how long a member that isn't primary, nor on its way there, may yet be: what `iris qlist` says may be late.
_NOT_YET_SECONDS = 5.0
#: How a member shows that is becoming something. Source: class reference, %SYSTEM.Mirror, GetMemberStatus.
_ON_ITS_WAY = "Transition"
#: $ZTIMESTAMP counts days from 31 December 1840. Source: ObjectScript Reference, $ZTIMESTAMP.
_DAYS_BEFORE_1970 = 47117


class Entitlement:
    """Asks, and remembers since when the answer is what it is.

    Args:
        instance: Name of the instance.
        awake: Knows of standstills.
        becoming: The time of which the mirror said that this member is about to become primary, as $ZTIMESTAMP shows it. Empty:
            it didn't.
        patience: For how long a member is waited for that is on its way, or whose role isn't known, in seconds.
    """

    def __init__(self, instance: str, awake: Awake, *, becoming: str = "", patience: float = 0.0) -> None:
        self._instance = instance
        self._awake = awake
        self._becoming = _of_ztimestamp(becoming) if becoming else 0.0
        self._patience = patience
        self._first: Optional[int] = None
        self._not_since: Optional[float] = None
        self._open_since: Optional[float] = None
        #: On what the last answer rests.
        self.why = ""

    def ask(self, newest: int) -> Optional[bool]:
        """Whether the member may take an epoch; None if that isn't known yet, and is to be asked again in a moment.

        Args:
            newest: The newest epoch that was read.
        """
        self._first = newest if self._first is None else self._first
        # Somebody else has taken an epoch meanwhile: then this one is about to become primary no longer, or not for sure.
        just_now = abs(time.time() - self._becoming) < BECOMING_SECONDS
        if just_now and self._first == newest and not self._awake.stood_still():
            self.why = "the mirror said that it is about to become primary"
            return True
        answer = self.look()
        if answer:
            self._open_since = None
            return True
        if self._is_not(answer):
            return False
        self._open_since = seconds() if self._open_since is None else self._open_since
        return None if seconds() - self._open_since < self._patience else False

    def look(self) -> Optional[bool]:
        """Whether the member is primary; None if it is on its way, or if that isn't known."""
        answer = role.ask("iris", self._instance)
        self.why = answer.why
        if answer.status == PRIMARY and not self._awake.stood_still():
            return True
        if answer.status == PRIMARY:
            # After a standstill it may be what was so before: another one may have become primary meanwhile.
            self.why = f"this host stood still a moment ago; {answer.why}"
            return None
        return False if answer.status == NOT_PRIMARY and not self._on_its_way() else None

    def gave_up(self) -> bool:
        """Whether it has not been primary, nor on its way, for so long that it isn't any more."""
        return self._is_not(self.look())

    def _is_not(self, answer: Optional[bool]) -> bool:
        now = seconds()
        if answer is not False:
            self._not_since = None
            return False
        self._not_since = now if self._not_since is None else self._not_since
        return now - self._not_since >= min(_NOT_YET_SECONDS, self._patience)

    def _on_its_way(self) -> bool:
        try:
            fields = fields_of(output_of(["iris", "qlist", self._instance], role.QLIST_SECONDS), self._instance)
        except UnknownError:
            return True
        return fields[MIRROR_STATUS_FIELD] == _ON_ITS_WAY


def _of_ztimestamp(text: str) -> float:
    """A time as $ZTIMESTAMP shows it, in seconds since 1970; 0 if it is none."""
    days, _, rest = text.partition(",")
    try:
        return (int(days) - _DAYS_BEFORE_1970) * 86400 + float(rest)
    except ValueError:
        return 0.0
