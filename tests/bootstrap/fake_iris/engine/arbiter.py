"""The arbiter's part of an ISCAgent: it knows which failover members of a mirror it has contact with (HA 3.1.4, 3.3.5.2)."""

import asyncio
from typing import Any

from .wire import Peer


class _Member:
    def __init__(self, peer: Peer, qos: float) -> None:
        self.peer = peer
        self.qos = qos
        self.answered = asyncio.Event()
        self.gone = False


class Arbiter:
    """Contacts with members of any number of mirrors."""

    def __init__(self) -> None:
        self._mirrors: dict[str, dict[str, _Member]] = {}

    async def serve(self, peer: Peer) -> None:
        """Serves a member as long as it is heard."""
        hello = await peer.receive(10)
        members = self._mirrors.setdefault(hello["set"], {})
        name, member = hello["member"], _Member(peer, hello["qos"])
        members[name] = member
        beat = asyncio.ensure_future(self._beat(member))
        try:
            # "If the arbiter does not receive a response from a failover member within the range defined by the QoS timeout, it
            # considers its connection with that failover member to be lost" (HA 4.15).
            async for message in peer.messages(member.qos * 0.75):
                self._handle(members, name, member, message)
        finally:
            beat.cancel()
            # Whoever waits for its answer needn't any longer: it is asked on a connection that has ended.
            member.gone = True
            member.answered.set()
            if members.get(name) is member:
                del members[name]

    async def _beat(self, member: _Member) -> None:
        while True:
            member.peer.send(op="ping")
            await asyncio.sleep(member.qos / 6)

    def _handle(self, members: dict[str, _Member], name: str, me: _Member, message: dict[str, Any]) -> None:
        other = next((member for known, member in members.items() if known != name), None)
        if message["op"] == "pong":
            me.answered.set()
        elif message["op"] == "relay" and other:
            other.peer.send(**message)
        elif message["op"] == "probe":
            asyncio.ensure_future(self._probe(me, other))  # noqa: RUF006 - it ends by itself

    async def _probe(self, asking: _Member, other: _Member | None) -> None:
        """Whether the other member answers now."""
        connected = False
        if other and not other.gone:
            other.answered.clear()
            other.peer.send(op="ping")
            try:
                await asyncio.wait_for(other.answered.wait(), other.qos * 0.7)
                connected = not other.gone
            except TimeoutError:
                other.peer.abort()
        asking.peer.send(op="peer", connected=connected)
