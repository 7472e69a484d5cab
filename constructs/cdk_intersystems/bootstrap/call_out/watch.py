"""Watches over the call-out on a member, once a second, for as long as the service runs.

A primary whose epoch isn't the newest one takes the next: whatever became of the job that the takeover has started. And each
minute the way to the router is tried, by both members, before it is needed.
"""

from __future__ import annotations

import os
import random
import time
from typing import Optional, Tuple

from ..gate import role
from ..gate.renewer import notify
from ..mirror_status.mirror_status import identity, seconds
from .awake import Awake
from .call_out import CallOut
from .core import Claim
from .entitlement import Entitlement
from .epochs import Epochs, Settings
from .requests import Aws, FailedError
from .said import Teller

_LOOK_SECONDS = 1.0
#: For how long a member has to show itself as primary before the watch acts: the call-out of the takeover is faster.
_PRIMARY_SECONDS = 2.0
#: How often a primary reads the newest claim at most.
_READ_SECONDS = 10.0
#: How often the way to the router is tried. An alarm tells of canaries that don't come.
CANARY_SECONDS = 60.0
#: For tests: another number of seconds.
CANARY_VARIABLE = "CALL_OUT_CANARY_SECONDS"


class Watch:
    """The watch.

    Args:
        settings: The mirror set and this member.
        files: The files that this process runs by; it ends when one of them is replaced.
    """

    def __init__(self, settings: Settings, files: Tuple[str, ...]) -> None:
        self._settings = settings
        self._files = files
        self._teller = Teller(settings.name, in_journal="JOURNAL_STREAM" in os.environ)
        self._awake = Awake()
        self._aws = Aws(self._awake, self._teller)
        self._epochs = Epochs(self._aws, settings)
        self._canary_seconds = float(os.environ.get(CANARY_VARIABLE, CANARY_SECONDS))
        # Members that start together don't send together.
        self._next_canary = seconds() + random.uniform(0, min(5.0, self._canary_seconds))  # noqa: S311
        self._next_read = 0.0
        self._since: Optional[float] = None
        self._said = ""
        self._lost = False

    def run(self) -> None:
        """Ends only with the process, or when the program or its settings were replaced."""
        started_from = {file: identity(file) for file in self._files}
        notify("READY=1")
        while all(identity(file) in (known, None) for file, known in started_from.items()):
            started = seconds()
            if self._is_primary() and seconds() >= self._next_read:
                self._next_read = seconds() + _READ_SECONDS
                self._claim_if_lost()
            self._tick()
            time.sleep(max(0.0, started + _LOOK_SECONDS - seconds()))

    def _is_primary(self) -> bool:
        """Whether the member has been primary for long enough, without a standstill between."""
        answer = role.ask("iris", self._settings.instance)
        still = self._awake.stood_still()
        line = f"{answer.word}: {answer.why}" + ("; this host stood still a moment ago" if still else "")
        if line != self._said:
            self._teller.say(line)
            self._said = line
        if answer.status != role.PRIMARY or still:
            self._since = None
            return False
        self._since = seconds() if self._since is None else self._since
        return seconds() - self._since >= _PRIMARY_SECONDS

    def _claim_if_lost(self) -> None:
        try:
            me = Claim(0, self._settings.member, self._aws.instance_id)
            claim = self._epochs.read().claim
        except FailedError as error:
            self._teller.problem(f"primary, and can't see which epoch is the newest: {error}")
            return
        if claim is not None and claim[1:] == me[1:]:
            return
        newest = f"epoch {claim.epoch} of {claim.member or 'nobody known'}" if claim else "none"
        self._teller.say(f"this member is primary, and the newest epoch is not its own ({newest}): taking the next")
        entitlement = Entitlement(self._settings.instance, self._awake)
        call_out = CallOut(self._epochs, entitlement, me, self._teller, how="watch", pause=self._pause)
        call_out.follow()

    def _pause(self, wait: float) -> None:
        ends = seconds() + wait
        while seconds() < ends:
            time.sleep(min(_LOOK_SECONDS, max(0.0, ends - seconds())))
            self._tick()

    def _tick(self) -> None:
        self._awake.look()
        notify(f"WATCHDOG=1\nSTATUS={self._said}")
        if seconds() >= self._next_canary:
            self._next_canary = seconds() + self._canary_seconds
            self._canary()

    def _canary(self) -> None:
        """Reads the table and sends a message, as a call-out does: none comes if either isn't possible."""
        try:
            self._epochs.read()
            self._epochs.canary()
        except FailedError as error:
            self._teller.say(f"canary: {error}")
            self._lost = True
            return
        if self._lost:
            self._teller.say("canary: the way to the router is open again")
            self._lost = False
