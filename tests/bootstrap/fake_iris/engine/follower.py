"""A member that follows the primary: a backup, or an async member. It makes the data channel (HA 3.5.4)."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from .mirror_config import Entry

if TYPE_CHECKING:
    from .member import Member
    from .wire import Peer


class Follower:
    """A data channel to a primary.

    Attributes:
        active: Whether the primary waits for this backup's acknowledgements (HA 3.3.2.1).
        asked_to_take_over: Whether the primary has told it to take over.
    """

    def __init__(self, member: "Member", entry: Entry) -> None:
        self.entry = entry
        self.active = False
        self.asked_to_take_over = False
        self._member = member
        self._peer: Peer | None = None
        self._heard = time.monotonic()

    def seconds_since(self) -> float:
        """How long ago the primary was heard last."""
        return time.monotonic() - self._heard

    async def connect(self) -> bool:
        """Connects, and says who it is.

        Returns:
            Whether the primary has accepted it.
        """
        member = self._member
        try:
            self._peer = await member.open(self.entry)
            hello = {**member.about_me(), "outline": member.journal.outline(), "committed": member.journal.committed}
            answer = await self._peer.ask(max(member.qos, 1), op="hello", **hello)
        except OSError as error:
            member.say(1, f"MirrorClient: Failed to connect to {self.entry.name}: {error}")
            return False
        if "refused" in answer:
            self._peer.close()
            member.say(2, str(answer["refused"]))
            if answer.get("inconsistent"):
                # HA 5.7, "Rebuilding a Mirror Member": "the process is halted".
                member.become("Stopped")
            return False
        self._accepted(answer)
        return True

    def _accepted(self, answer: dict[str, Any]) -> None:
        member = self._member
        member.log(0, f"Found {self.entry.name} as primary, becoming {'backup' if member.is_failover() else 'async'}")
        member.log(0, f"MirrorClient: Connected to primary: {self.entry.name} (ver 4)", "Generic.Event")
        member.note(was_primary=False, active=False, term=answer["term"])
        member.config.take_over(answer["shared"])
        member.no_failover = answer["no_failover"]
        member.validate()
        member.save_config()
        member.become("Synchronizing")

    def hang_up(self) -> None:
        """Ends the connection."""
        if self._peer:
            self._peer.abort()

    async def run(self) -> None:
        """Receives until the primary is lost, or has told this member to take over."""
        member, peer = self._member, self._peer
        assert peer is not None
        try:
            # Between QoS/2 and QoS (HA 4.15).
            async for message in peer.messages(member.qos * 0.75):
                self._heard = time.monotonic()
                self._handle(message)
                if self.asked_to_take_over:
                    break
                # Lets others run: a long journal comes in one go.
                await asyncio.sleep(0)
        finally:
            peer.close()
            member.follower = None

    def _handle(self, message: dict[str, Any]) -> None:
        member, peer = self._member, self._peer
        assert peer is not None
        op = message["op"]
        if op == "record":
            member.journal.append(message["t"], message["v"], message["n"], message.get("i", ""))
            peer.send(op="ack", number=message["n"])
        elif op == "cut":
            member.journal.cut(message["number"])
        elif op == "commit":
            member.journal.commit(message["number"])
        elif op == "caught up":
            member.become("Backup" if member.is_failover() else "Connected")
        elif op == "active":
            self.active = message["yes"]
            member.note(active=self.active)
            peer.send(op="active", yes=self.active)
        elif op == "mode":
            member.arbiter.controls = message["arbiter"]
        elif op == "shared":
            member.config.take_over(message["shared"])
            member.no_failover = message["no_failover"]
            member.save_config()
        elif op == "take over":
            peer.send(op="taking over")
            self.asked_to_take_over = True
        elif op == "beat":
            peer.send(op="beat", arbiter=member.arbiter.connected)
