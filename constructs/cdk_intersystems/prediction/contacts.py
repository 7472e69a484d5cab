"""Which of the three of a mirror have noticed that they have lost each other, and which have found each other again."""

from collections.abc import Callable
from random import Random

from . import constants
from .clock import Clock, Timer
from .hosts import Network

MEMBERS = ("a", "b")
ARBITER = "arbiter"
_PAIRS = (("a", "b"), ("a", ARBITER), ("b", ARBITER))


class Contacts:
    """The connections between members and arbiter, and when what happens to them is noticed.

    Args:
        clock: The clock.
        network: The network.
        chance: The mirror's stream of chance.
        runs: Whether the instance of a name runs; the arbiter's always does.
        qos_timeout: The quality of service timeout, seconds.
        noticed: Called when somebody has noticed a loss.
        met: Called when two have found each other again.
        waking: Whether one of a pair is just waking as a primary that was superseded.
    """

    def __init__(
        self,
        clock: Clock,
        network: Network,
        chance: Random,
        *,
        runs: Callable[[str], bool],
        qos_timeout: float,
        noticed: Callable[[], None],
        met: Callable[[], None],
        waking: Callable[[frozenset[str]], bool],
    ) -> None:
        self._lost: set[tuple[str, str]] = set()
        self._noticing: dict[tuple[str, str], Timer] = {}
        self._meeting: dict[frozenset[str], Timer] = {}
        self._clock = clock
        self._network = network
        self._chance = chance
        self._runs = runs
        self._qos_timeout = qos_timeout
        self._noticed = noticed
        self._met = met
        self._waking = waking

    @property
    def all_there(self) -> bool:
        """Whether nobody misses anybody, and all connections can be used."""
        return not self._lost and all(self.connected(one, two) for one, two in _PAIRS)

    def connected(self, one: str, two: str) -> bool:
        """Whether a connection between the two can be used."""
        return self._runs(one) and self._runs(two) and self._network.reaches(one, two)

    def lost(self, observer: str, subject: str) -> bool:
        """Whether an observer has noticed that its connection is broken."""
        return (observer, subject) in self._lost

    def apart(self, one: str, two: str) -> bool:
        """Whether either of two has noticed it, or the connection can't be used."""
        return self.lost(one, two) or self.lost(two, one) or not self.connected(one, two)

    def forget(self, one: str, two: str) -> None:
        """Neither has a connection to the other, and both know."""
        self._lost |= {(one, two), (two, one)}

    def look(self) -> None:
        """Something has changed: start the time in which it is noticed."""
        for one, two in _PAIRS:
            if self.connected(one, two):
                for pair in ((one, two), (two, one)):
                    if (noticing := self._noticing.pop(pair, None)) is not None:
                        noticing.cancel()
                self._meet_soon(one, two)
                continue
            for observer, subject in ((one, two), (two, one)):
                if not self.lost(observer, subject) and (observer, subject) not in self._noticing and self._runs(observer):
                    delay = self._notice_after(observer, subject)
                    self._noticing[observer, subject] = self._clock.call_after(delay, self._noticer(observer, subject))

    def _notice_after(self, observer: str, subject: str) -> float:
        if not self._runs(subject) and self._network.reaches(observer, subject):
            return constants.CLOSED_CONNECTION.draw(self._chance)
        return self._chance.uniform(constants.QOS_LEAST_SHARE, 1.0) * self._qos_timeout

    def _noticer(self, observer: str, subject: str) -> Callable[[], None]:
        def notice() -> None:
            self._noticing.pop((observer, subject), None)
            if self._network.hosts[observer].state == "frozen" or not self._runs(observer):
                return  # looked at again when the host goes on
            if not self.connected(observer, subject):
                self._lost.add((observer, subject))
                self._noticed()

        return notice

    def _meet_soon(self, one: str, two: str) -> None:
        """Two that can reach each other again find each other after a while."""
        pair = frozenset((one, two))
        if not (self.lost(one, two) or self.lost(two, one)) or pair in self._meeting:
            return

        def meet() -> None:
            self._meeting.pop(pair, None)
            if self.connected(one, two):
                self._lost -= {(one, two), (two, one)}
                self._met()

        # A member that was frozen and is thawed has its packets at once.
        delay = constants.WAKING if self._waking(pair) else constants.RECONNECT
        self._meeting[pair] = self._clock.call_after(delay.draw(self._chance), meet)
