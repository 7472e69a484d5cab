"""A mirror member: which role it has, and how it comes to one (HA 3.3, "Automatic Failover Mechanics")."""

import asyncio
from typing import TYPE_CHECKING, Any

from . import hooks, takeover, tls
from .arbiter_link import ArbiterLink
from .exchange import Exchange
from .files import read_json, write_json
from .follower import Follower
from .installation import IrisError
from .joining import Joining
from .mirror_config import Entry, load
from .primary import Primary

if TYPE_CHECKING:
    from .server import Server


class Member(Exchange):
    """This instance as a member.

    Attributes:
        state: One of the statuses of HA 5.1.1.1.
        config: The mirror's configuration.
        no_failover: The reason why this member can't take over automatically; empty if it can.
    """

    def __init__(self, server: "Server", *, waits_for_restart: bool = False) -> None:
        self.server = server
        self._waits_for_restart = waits_for_restart
        self.log = server.log
        found = load(server.cpf)
        assert found is not None, "JoinMirror=1 without a mirror"
        self.config = found
        self.name = found.name
        self.state = "Not Initialized"
        self.no_failover = ""
        self.primary: Primary | None = None
        self.follower: Follower | None = None
        self.arbiter = ArbiterLink(self)
        self.joining = Joining(self)
        self.journal = server.journal
        self.journal.open_mirror(self.name)
        self._notes = server.installation.mgr / f"mirror-{self.name}.json"
        #: What survives a restart: the last primary's term, whether this member was primary, whether it was an active backup.
        self.notes: dict[str, Any] = {"term": 0, "was_primary": False, "active": False, **read_json(self._notes, {})}
        self._said = ""

    # What it is

    def is_primary(self) -> bool:
        return self.primary is not None and self.state in ("Primary", "In Trouble")

    def status(self) -> str:
        return self.state

    def shown_status(self) -> str:
        """What `iris qlist` and GetMemberStatus() say."""
        return self.server.settings.trouble_shows if self.state == "In Trouble" else self.state

    def become(self, state: str) -> None:
        self.state = state
        self.server.show()

    def note(self, **values: Any) -> None:
        """Remembers something across restarts."""
        if any(self.notes[key] != value for key, value in values.items()):
            self.notes.update(values)
            write_json(self._notes, self.notes)

    def say(self, severity: int, text: str) -> None:
        """Logs something that would be said again and again only once."""
        if text != self._said:
            self.log(severity, text)
            self._said = text

    def snapshot(self) -> dict[str, Any]:
        """Introspection for tests."""
        return {
            "name": self.name,
            "member": self.config.me,
            "state": self.state,
            "mode": "Arbiter Controlled" if self.arbiter.controls else "Agent Controlled",
            "arbiter_connected": self.arbiter.connected,
            "active": bool(self.follower and self.follower.active),
            "position": self.journal.position,
            "committed": self.journal.committed,
            "members": {name: entry.dn for name, entry in self.config.members.items()},
            "connected": self.primary.connected() if self.primary else {},
            "pending": sorted(self.joining.pending),
            "no_failover": self.no_failover,
        }

    def save_config(self) -> None:
        self.config.store(self.server.cpf)
        self.server.save_cpf()
        self.server.show()

    # Its life

    async def run(self) -> None:
        """Runs as long as mirroring does."""
        if trouble := self._cannot_start():
            # Class Reference, GetStatus(), STOPPED: insufficient license, service disabled, errors during initialization.
            self.log(2, f"Mirroring is not started: {trouble}")
            self.become("Stopped")
            return
        self.become("Transition")
        self.server.task(self.arbiter.run())
        if self._waits_for_restart:
            self.become("Waiting")
            return
        while self.state != "Stopped":
            try:
                await (takeover.failover_round(self) if self.is_failover() else self._async_round())
            except IrisError as error:
                self.log(2, str(error))
                self.become("Stopped")

    def _cannot_start(self) -> str:
        if not self.server.licensed:
            return "Mirroring is unavailable for current license"
        if not self.server.security.enabled("%Service_Mirror"):
            return "Mirroring Service is required but not enabled"
        if self.config.me not in self.config.members:
            return f"Failed to find our mirror name ({self.config.me}) in the mirror configuration for {self.name}"
        if self.config.use_ssl:
            try:
                for name in ("%MirrorServer", "%MirrorClient"):
                    if name not in self.server.security.data["ssl"]:
                        return f"SSL Configuration {name} is required but missing"
                dn = tls.check(self.server.security.data["ssl"]["%MirrorServer"])
            except IrisError as error:
                return f"Problem detected with mirror SSL/TLS configuration: {error}"
            if not tls.same_name(dn, self.config.myself.dn):
                # HA 5.4: the primary tells connected members of its own; the others' have to be authorized on the primary.
                self.config.with_dn(self.config.me, dn)
                self.save_config()
        return ""

    def validated(self) -> bool:
        """CPF, "ValidatedMember": otherwise it has its role from the primary before it joins, and takes none by itself."""
        return self.server.cpf.get("MirrorMember", "ValidatedMember") == "1"

    def validate(self) -> None:
        """Notes that the primary has accepted it."""
        if not self.validated():
            self.server.cpf.set("MirrorMember", "ValidatedMember", "1")
            self.save_config()

    async def may_be_primary(self) -> bool:
        """Whether it may become primary by itself at all."""
        defined = self.config.properties.get("DefinedPrimary", "")
        if not self.validated():
            self.say(1, "This member has to obtain its role from the primary")
        elif defined not in ("", self.config.me):
            self.say(1, f"No failover is set: {defined} has to be the primary")
        elif self.no_failover:
            self.say(2, f"Automatic failover does not occur: {self.no_failover}")
        else:
            return True
        return False

    async def _async_round(self) -> None:
        """An async member looks for the primary among the failover members (HA 3.5.4).

        Then among all: how one that was away learns of a promotion isn't public.
        """
        for entry in sorted(self.config.members.values(), key=lambda entry: entry.member_type):
            if entry.name != self.config.me and await self.follow(entry):
                return
        if self.state != "Stopped":
            self.become("Waiting")
        await asyncio.sleep(self.qos / 4)

    async def follow(self, entry: Entry) -> Follower | None:
        """Follows a primary until the connection ends.

        Returns:
            The connection that was; None if there was none.
        """
        follower = Follower(self, entry)
        if not await follower.connect():
            return None
        self.follower = follower
        try:
            await follower.run()
        finally:
            self.follower = None
        return follower

    async def become_primary(self, former: Entry | None) -> None:
        """Becomes primary, and is it until it isn't any more.

        Args:
            former: The failover member that was primary and may still be alive.
        """
        self.become("Transition")
        while not await hooks.may_become_primary(self.server):
            await asyncio.sleep(30 * self.server.settings.scale)
        self.log(1, "Becoming primary mirror server")
        term = int(self.notes["term"]) + 1
        self.note(term=term, was_primary=True, active=False)
        if self.config.properties.get("DefinedPrimary") == self.config.me:
            # CPF, "Mirrors", DefinedPrimary: "cleared automatically when that node starts up and becomes the primary".
            self.config.properties.pop("DefinedPrimary")
            self.save_config()
        self.journal.commit(len(self.journal.records))
        self.journal.switch()
        self.primary = Primary(self, term)
        self.become("Primary")
        if former:
            self.server.task(takeover.force_down(self, former))
        hooks.notify(self.server, "NotifyBecomePrimary")
        await self.primary.run()

    async def shut_down(self) -> None:
        """The instance is stopped in good order (HA 3.3.2.2: an active backup is told to take over)."""
        if self.primary:
            await self.primary.hand_over()
        self.state = "Stopped"

    async def set_no_failover(self, yes: bool) -> None:
        """`iris stop nofailover`, SetNoFailover() and ClearNoFailover()."""
        if yes:
            self.config.properties["DefinedPrimary"] = (
                self.config.me if self.primary else (self.primary_name() or self.config.me)
            )
        else:
            self.config.properties.pop("DefinedPrimary", None)
        self.save_config()
        if self.primary:
            await self.primary.propagate()

    def primary_name(self) -> str:
        """The current primary, as far as this member knows."""
        return self.config.me if self.primary else self.follower.entry.name if self.follower else ""

    async def write(self, value: str, identity: str = "") -> int:
        """Writes a record, and returns its number when it is durable.

        Args:
            value: The record.
            identity: Of which there is one record only; empty: none.

        Raises:
            IrisError: If this isn't the primary.
        """
        if self.primary is None:
            raise IrisError("<PROTECT>")
        return await self.primary.write(value, identity)
