"""One call-out: does the steps of `core.py`, again and again until they are done, and says each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Callable, Optional

from ..mirror_status.mirror_status import seconds
from . import core
from .core import Ask, Await, Claim, Raise, Read, Send, State
from .epochs import Epochs, Reading
from .requests import FailedError, wait_after

if TYPE_CHECKING:
    from .entitlement import Entitlement
    from .said import Teller

#: How often it is looked whether the router has confirmed: at first, and from `_SLOWLY_AFTER_SECONDS` on.
_LOOK_SECONDS, _LOOK_SLOWLY_SECONDS = 0.5, 3.0
_SLOWLY_AFTER_SECONDS = 15.0
#: When the router is told again, and how much longer each time. A run of the router may take 30 s.
_AGAIN_SECONDS, _LONGEST_AGAIN_SECONDS = 10.0, 60.0
#: How often the role is asked while something is waited for.
_ROLE_SECONDS = 2.0
_NOT_KNOWN_SECONDS = 0.5

Pause = Callable[[float], None]


class CallOut:
    """A call-out.

    Args:
        epochs: The table and the queue.
        entitlement: Knows whether this member may take an epoch.
        me: Member and instance; the epoch is 0.
        teller: Is told each step.
        how: How the member came to it: `takeover` or `watch`.
        pause: Waits for some seconds.
        holds: Is called once, with the claim, when the member holds an epoch.
    """

    def __init__(
        self,
        epochs: Epochs,
        entitlement: Entitlement,
        me: Claim,
        teller: Teller,
        *,
        how: str,
        pause: Pause = time.sleep,
        holds: Callable[[Claim], None] = lambda _claim: None,
    ) -> None:
        self._epochs = epochs
        self._entitlement = entitlement
        self._teller = teller
        self._how = how
        self._pause = pause
        self._holds = holds
        self._reading = Reading(None, False, "")
        self._taken_at = ""
        self._attempt = 0
        self._told = seconds()
        self._asked = seconds()
        self.state = State(me)

    def claim(self, limit: Optional[float] = None) -> bool:
        """Takes the epoch, and tells the router once.

        Args:
            limit: For how many seconds it is tried. None: as long as the member is primary, or about to be.

        Returns:
            Whether the member holds an epoch.
        """
        self._run(lambda: self.state.mine is not None, limit)
        if self.state.mine is not None:
            self._try()
        return self.state.mine is not None

    def follow(self, limit: Optional[float] = None) -> str:
        """Waits until the router has confirmed the epoch that the member holds, and tells it again if that takes long.

        Args:
            limit: As for `claim`.

        Returns:
            How it ended, as `State.ended` says it; `late` if not within the limit.
        """
        self._run(lambda: False, limit)
        return self.state.ended or "late"

    def adopt(self, claim: Claim, taken_at: str, *, told: bool) -> None:
        """Goes on with an epoch that this member has taken.

        Args:
            claim: The epoch.
            taken_at: When it was taken.
            told: Whether the router was told of it.
        """
        self._taken_at = taken_at
        self.state = self.state._replace(newest=claim, mine=claim, sent=told)

    def _run(self, done: Callable[[], bool], limit: Optional[float]) -> None:
        ends = seconds() + limit if limit is not None else float("inf")
        failures = 0
        while not self.state.ended and not done() and seconds() < ends:
            if self._try():
                failures = 0
                continue
            failures += 1
            self._pause(max(0.0, min(wait_after(failures), ends - seconds())))
            self._give_up_if_not_primary()

    def _try(self) -> bool:
        """Does the next step; whether it could be done."""
        step = core.next_step(self.state)
        try:
            if isinstance(step, Read):
                self._read()
            elif isinstance(step, Ask):
                self._ask()
            elif isinstance(step, Raise):
                self._raise(step)
            elif isinstance(step, Send):
                self._send(step)
            elif isinstance(step, Await):
                self._await(step)
        except FailedError as error:
            epoch = f"epoch {self.state.mine.epoch}: " if self.state.mine else ""
            self._teller.problem(f"{epoch}{error}")
            # Whether it was written isn't known: the table is read again.
            if isinstance(step, Raise):
                self.state = core.after_raise(self.state, False)
            return False
        self._teller.solved()
        return True

    def _read(self) -> None:
        self._reading = self._epochs.read()
        self.state = core.after_read(self.state, self._reading.claim)
        if self.state.mine is not None:
            self._hold(self.state.mine, self._reading.taken_at, "is this member's already")

    def _ask(self) -> None:
        assert self.state.newest is not None
        newest = self.state.newest.epoch
        answer = self._entitlement.ask(newest)
        while answer is None:
            self._pause(_NOT_KNOWN_SECONDS)
            answer = self._entitlement.ask(newest)
        self.state = core.after_ask(self.state, answer)
        if not answer:
            self._teller.say(f"epoch {newest} stays the newest, given up: {self._entitlement.why}")

    def _raise(self, step: Raise) -> None:
        taken_at = self._epochs.take(step.claim, self._reading, self._how)
        self.state = core.after_raise(self.state, bool(taken_at))
        if taken_at:
            before = self._reading.claim
            whose = f"after {before.epoch} of {before.member or 'nobody known'}" if before else "the first one"
            self._hold(step.claim, taken_at, f"taken at {taken_at}, {whose}: {self._entitlement.why}")
        else:
            self._teller.say(f"epoch {step.claim.epoch}: somebody was faster, reading again")

    def _hold(self, claim: Claim, taken_at: str, said: str) -> None:
        self._taken_at = taken_at
        self._holds(claim)
        self._teller.say(f"epoch {claim.epoch} {said}")

    def _send(self, step: Send) -> None:
        self._epochs.tell(step.claim, self._taken_at, self._attempt)
        self._attempt += 1
        self._told = seconds()
        self.state = core.after_send(self.state)
        self._teller.say(f"epoch {step.claim.epoch}: the router was told" + (" again" if self._attempt > 1 else ""))

    def _await(self, step: Await) -> None:
        slowly = seconds() - self._told > _SLOWLY_AFTER_SECONDS
        self._pause(_LOOK_SLOWLY_SECONDS if slowly else _LOOK_SECONDS)
        reading, routed = self._epochs.read(), self._epochs.routed()
        newest = reading.claim.epoch if reading.claim else 0
        again = seconds() - self._told > min(_LONGEST_AGAIN_SECONDS, _AGAIN_SECONDS * 2 ** max(0, self._attempt - 1))
        self.state = core.after_await(self.state, routed, newest, again)
        if self.state.ended == "routed":
            self._teller.say(f"epoch {step.claim.epoch}: routed, the router has confirmed")
        elif self.state.ended:
            self._teller.say(f"epoch {step.claim.epoch}: superseded by epoch {newest}")
        else:
            self._give_up_if_not_primary()

    def _give_up_if_not_primary(self) -> None:
        if seconds() - self._asked < _ROLE_SECONDS:
            return
        self._asked = seconds()
        if not self.state.ended and self._entitlement.gave_up():
            self.state = core.after_ask(self.state, False)
            self._teller.say(f"given up: {self._entitlement.why}")
