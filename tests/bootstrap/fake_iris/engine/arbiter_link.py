"""A failover member's connection to the arbiter, which the members make (HA 3.3.5, 3.6.1.1)."""

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from .wire import connect

if TYPE_CHECKING:
    from .member import Member
    from .wire import Peer


class ArbiterLink:
    """The connection.

    Attributes:
        connected: Whether there is one.
        lost: When it was lost last, by the monotonic clock.
        controls: Whether the mirror is in arbiter controlled mode, as far as this member knows.
        peer_knows: Whether the other member has said, through the arbiter, that it knows it is not active.
    """

    def __init__(self, member: "Member") -> None:
        self.connected = False
        self.lost = 0.0
        self.controls = False
        self.peer_knows = False
        self._member = member
        self._peer: Peer | None = None
        self._answers: asyncio.Queue[bool] = asyncio.Queue()

    async def run(self) -> None:
        """Connects, again and again."""
        while True:
            member = self._member
            address = member.config.arbiter
            if address and member.is_failover():
                with contextlib.suppress(OSError):
                    peer = await connect(*address, "arbiter", seconds=max(member.qos / 2, 0.3))
                    await self._talk(peer)
            if self.connected:
                # HA 5.1.1: "a severity 2 message is sent to the messages log".
                member.log(2, "Arbiter connection lost")
                self.connected, self.lost, self._peer = False, time.monotonic(), None
                member.server.show()
            await asyncio.sleep(member.qos / 4)

    async def _talk(self, peer: "Peer") -> None:
        member = self._member
        peer.send(op="register", set=member.config.guid, member=member.config.me, qos=member.qos)
        self._peer = peer
        try:
            async for message in peer.messages(member.qos * 0.75):
                if not member.is_failover():
                    # It was demoted.
                    break
                if not self.connected:
                    self.connected = True
                    member.log(0, f"Connected to arbiter {member.config.properties['ArbiterNode']}")
                    member.server.show()
                self._handle(peer, message)
        finally:
            peer.close()

    def _handle(self, peer: "Peer", message: dict[str, Any]) -> None:
        if message["op"] == "ping":
            peer.send(op="pong")
        elif message["op"] == "peer":
            self._answers.put_nowait(bool(message["connected"]))
        elif message["op"] == "relay":
            self.peer_knows = bool(message.get("not_active"))

    async def sees_peer(self) -> bool | None:
        """Whether the arbiter has contact with the other failover member; None if this member has none with the arbiter."""
        if self._peer is None or not self.connected:
            return None
        while not self._answers.empty():
            self._answers.get_nowait()
        self._peer.send(op="probe")
        try:
            return await asyncio.wait_for(self._answers.get(), self._member.qos)
        except TimeoutError:
            return None

    def relay(self, **message: Any) -> None:
        """Sends something to the other member through the arbiter."""
        if self._peer:
            self._peer.send(op="relay", **message)
