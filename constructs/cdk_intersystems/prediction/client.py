"""A client that writes through an endpoint, and finds out that it no longer can.

It is followed from event to event, not from write to write: a client that tries again each half second finds a way that is
there now after some part of half a second.
"""

from dataclasses import dataclass
from typing import Literal

from . import constants
from .clock import Clock, Timer
from .endpoint import Endpoint
from .hosts import Network
from .mirror import Mirror

#: TCP sends a SYN six times again, the last one 32 s after the one before, and gives up after 127 s in all.
#: Source: Linux, Documentation/networking/ip-sysctl.rst, tcp_syn_retries.
_LAST_SYN = 32.0
_SYN_TRIES = 127.0

State = Literal["connected", "silent", "broken"]


@dataclass(frozen=True, slots=True)
class Manners:
    """How a client behaves.

    Args:
        name: What it is called.
        response_timeout: Seconds it waits for the answer to a write. None: as long as TCP does.
        connect_timeout: Seconds it waits for a connection. None: as TCP does, sending again after 1, 2, 4, ... s.
        again: Seconds between two tries when it is refused.
    """

    name: str
    response_timeout: float | None
    connect_timeout: float | None
    again: float


#: A client that was written with failovers in mind, as the drill's.
ATTENTIVE = Manners("attentive", response_timeout=5.0, connect_timeout=1.0, again=0.5)
#: A client that leaves everything to TCP.
PATIENT = Manners("patient", response_timeout=None, connect_timeout=None, again=5.0)


class Client:
    """One client with one connection, writing all the time.

    Args:
        clock: The clock.
        network: The network.
        mirror: The mirror.
        endpoint: What it connects to.
        manners: How it behaves.
        gate_opens: When each member's gate takes connections, once it is primary; kept by the world.
    """

    def __init__(
        self,
        clock: Clock,
        network: Network,
        mirror: Mirror,
        endpoint: Endpoint,
        *,
        manners: Manners,
        gate_opens: dict[str, float],
    ) -> None:
        #: When its first write failed or had to wait; None: none did.
        self.failed_at: float | None = None
        #: When the first write was good that wasn't followed by another failure.
        self.good_at: float | None = None
        #: Whether it ever lost its connection.
        self.lost_connection = False
        self.member: str | None = mirror.primary
        self._state: State = "connected"
        self._clock = clock
        self._network = network
        self._mirror = mirror
        self._endpoint = endpoint
        self._manners = manners
        self._gate_opens = gate_opens
        self._chance = clock.random(f"client/{manners.name}/{endpoint.name}")
        self._since = 0.0
        self._trying_since = 0.0
        self._unanswered = False
        self._timer: Timer | None = None
        endpoint.changed.tell(self.look)
        mirror.changed.tell(self.look)
        endpoint.on_reset.append(self.reset)

    @property
    def down(self) -> bool:
        """Whether it has failed and not succeeded since."""
        return self.failed_at is not None and self.good_at is None

    @property
    def waits_for_tcp(self) -> bool:
        """Whether nothing but TCP's own timeout will tell it that its connection is gone."""
        return self._state == "silent" and self._manners.response_timeout is None

    def outage(self) -> float | None:
        """Seconds from its first failed to its first good write; 0 if none failed, None if there is no end in sight."""
        if self.failed_at is None:
            return 0.0
        if self.good_at is not None:
            return self.good_at - self.failed_at
        if self.waits_for_tcp and any(self._takes(member) for member in self._endpoint.choices()):
            return constants.TCP_GIVES_UP
        return None

    def look(self) -> None:
        """Something has changed: what does it mean for this client?"""
        if self._state == "broken":
            self._look_for_a_way()
        elif self.member is not None:
            self._look_at_connection(self.member)

    def reset(self, member: str) -> None:
        """Connections of a member were reset."""
        if self._state != "broken" and self.member == member:
            self._break()

    def _look_at_connection(self, member: str) -> None:
        alive = self._network.reaches("client", member)
        led_away = self._endpoint.moves_packets and member not in self._endpoint.choices()
        if alive and not led_away and self._mirror.roles[member] != "primary":
            # The kernel closes what a dead instance had; the gate of a living one ends the connections of who isn't primary.
            self._break()
        elif alive and not led_away and self._mirror.commits(member):
            if self._state == "silent":
                self._good()
        elif self._state == "connected":
            self._fall_silent()
        elif led_away:
            self._retransmit()

    def _fall_silent(self) -> None:
        self._state = "silent"
        self._since = self._clock.now
        self._fail()
        limit = self._manners.response_timeout
        self._set_timer(constants.TCP_GIVES_UP if limit is None else limit, self._break)
        if self._endpoint.moves_packets:
            self._retransmit()

    def _retransmit(self) -> None:
        """Where packets are led to another host that answers, the next one that TCP sends again is answered by a reset."""
        if not self._answers_elsewhere():
            return
        at, wait = self._since, constants.TCP_RTO_LEAST
        while at <= self._clock.now:
            at, wait = at + wait, min(wait * 2, constants.TCP_RTO_MOST)

        def sent(lost: str | None = self.member) -> None:
            if self._state == "silent" and self.member == lost and self._answers_elsewhere():
                self._break()

        self._clock.call_at(at, sent)

    def _answers_elsewhere(self) -> bool:
        return any(each != self.member and self._network.reaches("client", each) for each in self._endpoint.choices())

    def _break(self) -> None:
        self._state = "broken"
        self.lost_connection = True
        self._trying_since = self._clock.now
        self._set_timer(None)
        self._fail()
        self._look_for_a_way()

    def _fail(self) -> None:
        self.good_at = None
        if self.failed_at is None:
            self.failed_at = self._clock.now

    def _look_for_a_way(self) -> None:
        if self._timer is not None:
            return
        if any(self._takes(member) for member in self._endpoint.choices()):
            self._set_timer(self._until_next_try(), self._try)
        else:
            self._unanswered = not any(self._network.reaches("client", member) for member in self._endpoint.choices())

    def _takes(self, member: str) -> bool:
        """Whether a member would take this client's connection and write now."""
        if not self._network.reaches("client", member) or not self._mirror.commits(member):
            return False
        opens = self._gate_opens.get(member, 0.0)
        if self._clock.now < opens:
            self._clock.call_at(opens, self.look)
            return False
        return True

    def _until_next_try(self) -> float:
        """From the moment at which there is a way until this client tries again."""
        if self._clock.now == self._trying_since:
            return 0.0
        manners = self._manners
        if not self._unanswered:
            return self._chance.uniform(0.0, manners.again)
        if manners.connect_timeout is not None:
            return self._chance.uniform(0.0, manners.connect_timeout)
        at, wait = self._trying_since, constants.TCP_SYN_AGAIN
        while at <= self._clock.now:
            at, wait = (at + wait, wait * 2) if wait <= _LAST_SYN else (at + wait, constants.TCP_SYN_AGAIN)
        return at - self._clock.now

    def _try(self) -> None:
        self._timer = None
        choices = self._endpoint.choices()
        if not choices:
            return  # another change will come
        self.member = member = self._chance.choice(choices)
        if self._takes(member):
            self._set_timer(constants.ROUND_TRIP.draw(self._chance), self._answered)
        elif any(self._takes(each) for each in choices):
            answers = self._network.reaches("client", member)
            timeout = self._manners.connect_timeout
            self._set_timer(self._manners.again if answers else _SYN_TRIES if timeout is None else timeout, self._try)

    def _answered(self) -> None:
        self._timer = None
        if self.member is not None and self._mirror.commits(self.member):
            self._good()
        else:
            self._look_for_a_way()

    def _good(self) -> None:
        self._state = "connected"
        self._set_timer(None)
        self.good_at = self._clock.now

    def _set_timer(self, delay: float | None, action: object = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_after(delay, action) if delay is not None and callable(action) else None
