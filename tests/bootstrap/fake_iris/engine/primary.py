"""The primary: writes the journal, sends it to the others, and decides what to do when a backup is lost (HA 3.3.2.1, 3.3.5)."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from .installation import IrisError

if TYPE_CHECKING:
    from .member import Member
    from .wire import Peer


class _Channel:
    """A connected member."""

    def __init__(self, peer: "Peer", hello: dict[str, Any]) -> None:
        self.peer = peer
        self.name: str = hello["member"]
        self.type: str = hello["type"]
        self.max_servers: int = hello["MaxServers"]
        self.acknowledged = 0
        self.active = False
        self.arbiter_connected = False
        self.heard = time.monotonic()
        self.taking_over = asyncio.Event()


class Primary:
    """The role of the primary.

    Attributes:
        term: Grows with each primary of the mirror.
    """

    def __init__(self, member: "Member", term: int) -> None:
        self.term = term
        self._member = member
        self._channels: dict[str, _Channel] = {}
        self._changed = asyncio.Condition()
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._isolated = False
        self._ended = asyncio.Event()

    # What others ask

    def connected(self) -> dict[str, str]:
        """Connected members, and what HA 5.1.1.1 calls their journal transfer."""
        return {name: "Active" if channel.active else "Caught up" for name, channel in self._channels.items()}

    def seconds_behind(self, name: str) -> int:
        """For how long a connected member has not acknowledged what was sent; 0 if it has all."""
        records, acknowledged = self._member.journal.records, self._channels[name].acknowledged
        return max(1, round(time.time() - records[acknowledged]["w"])) if acknowledged < len(records) else 0

    def backup(self) -> _Channel | None:
        return next((channel for channel in self._channels.values() if channel.type == "Failover"), None)

    async def write(self, value: str, identity: str) -> int:
        """Journals a record and sends it; returns when it is durable: at once without an active backup."""
        await self._resumed.wait()
        if self._ended.is_set():
            raise IrisError("<PROTECT>")
        member = self._member
        entry = member.journal.find(identity)
        if entry is None:
            entry = member.journal.append(self.term, value, identity=identity)
            for channel in self._channels.values():
                channel.peer.send(op="record", **entry)
        await self._durable(entry["n"])
        member.journal.commit(entry["n"])
        for channel in self._channels.values():
            channel.peer.send(op="commit", number=entry["n"])
        return int(entry["n"])

    async def _durable(self, number: int) -> None:
        while True:
            async with self._changed:
                backup = self.backup()
                if self._ended.is_set():
                    raise IrisError("<PROTECT>")
                if self._resumed.is_set() and (not backup or not backup.active or backup.acknowledged >= number):
                    return
                await self._changed.wait()

    async def propagate(self) -> None:
        """Tells all connected members the configuration (HA 5.2)."""
        self._compare_max_servers()
        for channel in self._channels.values():
            channel.peer.send(op="shared", shared=self._member.config.shared(), no_failover=self._member.no_failover)

    def _compare_max_servers(self) -> None:
        """CPF, "MaxServers": it has to be the same on failover and DR members, or automatic failover doesn't occur."""
        member = self._member
        all_of_them = {
            channel.name: channel.max_servers for channel in self._channels.values() if "Reporting" not in channel.type
        }
        differ = {name: number for name, number in all_of_them.items() if number != member.server.max_servers}
        before = member.no_failover
        member.no_failover = f"MaxServers is {member.server.max_servers} here, and {differ}" if differ else ""
        if member.no_failover and member.no_failover != before:
            member.log(2, f"Automatic failover will not occur: {member.no_failover}")

    def reclassify(self) -> None:
        """Members have got other roles: whoever was backup and isn't any more is waited for no longer."""
        members = self._member.config.members
        for channel in self._channels.values():
            if channel.type == "Failover" and members[channel.name].member_type:
                channel.type, channel.active = "Disaster Recovery", False
        self._member.server.task(self._notify())

    # Its life

    async def run(self) -> None:
        """Runs until it isn't primary any more."""
        while not self._ended.is_set():
            for channel in self._channels.values():
                channel.peer.send(op="beat")
            self._choose_mode()
            await asyncio.sleep(self._member.qos / 6)

    def _choose_mode(self) -> None:
        """HA 3.3.5.2: arbiter controlled if the members are connected, both to the arbiter, and the backup is active."""
        arbiter, backup = self._member.arbiter, self.backup()
        wanted = bool(arbiter.connected and backup and backup.active and backup.arbiter_connected)
        if backup and not arbiter.connected and backup.heard < arbiter.lost:
            # Not before it is known that the backup is still there: "multiple connection losses arising from a single network
            # event are processed as a single event".
            return
        if wanted != arbiter.controls and backup and not self._isolated:
            arbiter.controls = wanted
            arbiter.peer_knows = False
            backup.peer.send(op="mode", arbiter=wanted)
            self._member.log(0, f"Switched to {'arbiter' if wanted else 'agent'} controlled failover mode")
            self._member.server.show()

    def close(self) -> None:
        """Ends the role at once."""
        self._ended.set()
        self._resumed.set()
        for channel in list(self._channels.values()):
            channel.peer.close()
        self._member.server.task(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def hand_over(self) -> None:
        """A normal shutdown: an active backup is asked to take over (HA 3.3.2.2); with no failover it isn't (HA 6.1.3)."""
        member, backup = self._member, self.backup()
        member.become("Transition")
        self._resumed.clear()
        if backup and backup.active and member.config.properties.get("DefinedPrimary") != member.config.me:
            backup.peer.send(op="take over")
            try:
                await asyncio.wait_for(backup.taking_over.wait(), member.qos)
            except TimeoutError:
                member.log(2, "The backup did not answer the request to take over")
        member.note(was_primary=True)
        self.close()

    # Channels

    async def serve(self, peer: "Peer", hello: dict[str, Any]) -> None:
        """Serves a member that follows."""
        member, journal = self._member, self._member.journal
        if hello["member"] not in member.config.members or hello["set"] != member.config.guid:
            peer.send(refused=f"'{hello['member']}' is not a mirror member")
            return
        common = journal.common_with(hello["outline"])
        if hello["committed"] > common:
            # HA 5.7 has the text. What was never acknowledged is discarded (HA 6.2.3.4, "has been discarded").
            text = (
                f"This member has detected that its data is inconsistent with the mirror {member.name}. If the primary is "
                "running and has the correct mirrored data, this member, including its mirrored databases, must be rebuilt."
            )
            peer.send(refused=text, inconsistent=True)
            return
        if self._isolated:
            # HA 3.3.5.2, "All three connections lost": contacted by the backup, it resumes.
            self._resume("contacted by the backup")
        channel = _Channel(peer, hello)
        if member.config.members[channel.name].member_type:
            # It was demoted while it was down, and learns so only now.
            channel.type = "Disaster Recovery"
        if old := self._channels.get(channel.name):
            old.peer.close()
        self._channels[channel.name] = channel
        self._compare_max_servers()
        peer.send(term=self.term, shared=member.config.shared(), no_failover=member.no_failover)
        await self.propagate()
        peer.send(op="cut", number=common)
        for entry in journal.records[common:]:
            peer.send(op="record", **entry)
        peer.send(op="commit", number=journal.committed)
        channel.acknowledged = common
        peer.send(op="caught up")
        await self._receive(channel)

    async def _receive(self, channel: _Channel) -> None:
        try:
            async for message in channel.peer.messages(self._member.qos * 0.75):
                channel.heard = time.monotonic()
                if message["op"] == "ack":
                    channel.acknowledged = message["number"]
                elif message["op"] == "beat":
                    channel.arbiter_connected = message["arbiter"]
                elif message["op"] == "active":
                    channel.active = message["yes"]
                elif message["op"] == "taking over":
                    channel.taking_over.set()
                self._activate(channel)
                async with self._changed:
                    self._changed.notify_all()
        finally:
            if self._channels.get(channel.name) is channel:
                del self._channels[channel.name]
                if not self._ended.is_set():
                    self._member.log(1, f"Mirror connection of {channel.name} was lost")
                    await self._lost(channel)

    def _activate(self, channel: _Channel) -> None:
        """A backup that has all is asked to be active; from its agreement on it is waited for."""
        if channel.type == "Failover" and not channel.active and channel.acknowledged >= len(self._member.journal.records):
            channel.peer.send(op="active", yes=True)

    # Trouble

    def _trouble(self) -> None:
        self._resumed.clear()
        self._member.become("In Trouble")
        self._member.log(1, "Primary is in trouble state")

    def _resume(self, why: str) -> None:
        self._isolated = False
        self._member.arbiter.controls = False
        self._member.become("Primary")
        self._member.log(0, f"Primary has left the trouble state: {why}")
        self._resumed.set()
        self._member.server.task(self._notify())

    async def _lost(self, channel: _Channel) -> None:
        """HA 3.3.5.1 and 3.3.5.2: the primary's response to the loss of its backup."""
        self._compare_max_servers()
        if channel.type != "Failover" or not channel.active:
            await self._notify()
            return
        arbiter, member = self._member.arbiter, self._member
        self._trouble()
        if not arbiter.controls:
            # Until the backup acknowledges that it isn't active any more, or for the trouble timeout: twice the QoS timeout.
            await self._wait_for_backup(2 * member.qos)
            if not self._resumed.is_set():
                self._resume("trouble timeout")
            return
        sees = await arbiter.sees_peer()
        if sees is None:
            self._isolated = True
            member.log(2, "Lost contact with the backup and the arbiter: this member remains in the trouble state indefinitely")
        elif sees is False:
            self._resume("the arbiter has lost the backup as well")
        else:
            while await arbiter.sees_peer() and not arbiter.peer_knows and not self._ended.is_set():
                await asyncio.sleep(member.qos / 8)
            if not self._ended.is_set():
                self._resume("the backup knows that it is not active")

    async def _wait_for_backup(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self.backup() and not self._ended.is_set():
            await asyncio.sleep(seconds / 50)
