"""A member that follows the primary: a backup, or an async member. It makes the data channel (HA 3.5.4)."""

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import promotion
from .mirror_config import Entry

if TYPE_CHECKING:
    from .member import Member
    from .wire import Peer


#: As long as this file is there the host's member takes up no journal data, as over a slow line: a test makes it lag.
HOLD = Path("/etc/fake-iris/hold")
_JOURNAL = ("record", "cut", "commit", "caught up")


class Follower:
    """A data channel to a primary.

    Attributes:
        active: Whether the primary waits for this backup's acknowledgements (HA 3.3.2.1).
        asked_to_take_over: Whether the primary has told it to take over.
        waiting: What has come and isn't applied yet, since a test holds this member back (see `HOLD`).
    """

    def __init__(self, member: "Member", entry: Entry) -> None:
        self.entry = entry
        self.active = False
        self.asked_to_take_over = False
        self._member = member
        self._peer: Peer | None = None
        self._heard = time.monotonic()
        self.waiting: list[dict[str, Any]] = []

    def bytes_behind(self) -> int:
        """How many bytes of journal have not been taken up."""
        return sum(len(json.dumps(one)) for one in self.waiting if one["op"] == "record")

    def seconds_behind(self) -> int:
        """HA 5.1.1.2: the time since the last journal block this member took up was written; 0 if it has all."""
        written = [float(one["w"]) for one in self.waiting if one["op"] == "record"]
        return max(1, round(time.time() - written[0])) if written else 0

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
                if message["op"] in _JOURNAL and (self.waiting or HOLD.exists()):
                    self.waiting.append(message)
                else:
                    self._handle(message)
                if self.waiting and not HOLD.exists():
                    held, self.waiting = self.waiting, []
                    for one in held:
                        self._handle(one)
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
            member.journal.append(message["t"], message["v"], message["n"], message.get("i", ""), message["w"])
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
            member.no_failover = message["no_failover"]
            promotion.adopt(member, message["shared"])
        elif op == "take over":
            peer.send(op="taking over")
            self.asked_to_take_over = True
        elif op == "beat":
            peer.send(op="beat", arbiter=member.arbiter.connected)
