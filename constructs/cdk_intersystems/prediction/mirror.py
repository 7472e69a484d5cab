"""A mirror: two failover members and an arbiter, what they notice, and who becomes primary when.

`failover_rules` has what a member does; this has when it does it: what nobody closes is noticed between half of the QoS
timeout and all of it, what a kernel closes at once.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from . import constants
from .clock import Clock, Process, Signal, Task, Wait
from .contacts import ARBITER, MEMBERS, Contacts
from .failover_rules import BackupResponse, Mode, PrimaryResponse, backup_response, primary_response
from .hosts import Network

#: `taking over` ends as `primary`; `down`: the instance doesn't run; `waiting`: it runs and found neither primary nor agent.
Role = Literal["primary", "backup", "trouble", "taking over", "waiting", "down"]

#: What a takeover calls before it lets users in, as `CheckBecomePrimaryOK`; it is waited for.
Hook = Callable[[str], Process]


def other(member: str) -> str:
    """The other failover member."""
    return "b" if member == "a" else "a"


class Mirror:
    """A mirror set at work: member a is primary, b its active backup, and all three are connected.

    Args:
        clock: The clock.
        network: Hosts named `a`, `b` and `arbiter`.
        qos_timeout: The quality of service timeout, seconds. Default: IRIS's own.
    """

    def __init__(self, clock: Clock, network: Network, qos_timeout: float = constants.QOS_TIMEOUT) -> None:
        self.qos_timeout = qos_timeout
        self.mode: Mode = "arbiter"
        self.roles: dict[str, Role] = {"a": "primary", "b": "backup"}
        #: Whether the backup has everything that the primary has committed.
        self.active = True
        self.hooks: list[Hook] = []
        self.changed = Signal()
        #: What happened: time, member, what.
        self.log: list[tuple[float, str, str]] = []
        self._clock = clock
        self._network = network
        self._chance = clock.random("mirror")
        self._contacts = Contacts(
            clock,
            network,
            self._chance,
            runs=self._runs,
            qos_timeout=qos_timeout,
            noticed=self._noticed,
            met=self._met,
            waking=lambda pair: self._superseded() in pair,
        )
        self._takeover: Task | None = None
        self._stopping: set[str] = set()
        self._behind: set[str] = set()
        self._reigns = "a"
        #: Mode, and whether the backup is active, as one that was primary before the last takeover still has them.
        self._before: tuple[Mode, bool] = ("arbiter", True)
        network.changed.tell(self._look)

    # --- What others see ------------------------------------------------------------------------------------------------------

    def believes_primary(self, member: str) -> bool:
        """Whether the instance says of itself that it is primary, as `iris qlist` does. A frozen host says nothing."""
        return self.roles[member] == "primary" and self._network.hosts[member].up

    def entitled(self, member: str) -> bool:
        """Whether it is primary or about to be, as a call-out asks."""
        return self._network.hosts[member].up and self.roles[member] in ("primary", "taking over")

    @property
    def primary(self) -> str | None:
        """The member that lets users in and whose writes last; None if there is none.

        One that was frozen and is thawed may take itself for the primary for a moment: `believes_primary`.
        """
        return self._reigns if self.believes_primary(self._reigns) else None

    def commits(self, member: str) -> bool:
        """Whether a write on this member is durable now: an active backup has to acknowledge it."""
        return self.primary == member and (not self.active or self._contacts.connected(member, other(member)))

    # --- What people and failures do ------------------------------------------------------------------------------------------

    def kill(self, member: str) -> None:
        """The instance dies; host, kernel and ISCAgent go on."""
        if self.roles[member] != "down":
            self._set(member, "down", "killed")
            self._abandon(member)
            self._look()

    def stop(self, member: str) -> None:
        """A clean `iris stop`: users are out at once, and an active backup is told to take over."""
        if self.roles[member] not in ("primary", "backup", "waiting") or not self._network.hosts[member].up:
            return
        partner, was = other(member), self.roles[member]
        self._set(member, "down", "stopped")
        if was == "primary" and self.roles[partner] == "backup" and not self._contacts.lost(member, partner):
            self._stopping.add(member)
            self._clock.call_after(constants.HANDOVER.draw(self._chance), lambda: self._handed_over(member))
        else:
            self._look()

    def start(self, member: str) -> None:
        """`iris start` on a host that is up: it joins the primary, or takes over if the other's agent says that it is down."""
        if self.roles[member] == "down" and self._network.hosts[member].up:
            self._contacts.forget(member, other(member))
            self._set(member, "waiting", "started")
            self._look()

    # --- What follows from it -------------------------------------------------------------------------------------------------

    def _runs(self, name: str) -> bool:
        return name == ARBITER or self.roles[name] != "down"

    def _look(self) -> None:
        """Something has changed."""
        for member in MEMBERS:
            if self._network.hosts[member].state == "down" and self.roles[member] != "down":
                self._set(member, "down", "host lost")
                self._abandon(member)
        self._contacts.look()
        self._noticed()

    def _noticed(self) -> None:
        for member in MEMBERS:
            self._consider(member)
        self.changed.fire()

    def _superseded(self) -> str | None:
        """The member that takes itself for the primary while the other has taken over, or is about to."""
        old = other(self._reigns)
        return (
            old
            if self.roles[old] in ("primary", "trouble") and self.roles[self._reigns] in ("primary", "taking over")
            else None
        )

    def _met(self) -> None:
        """Connections are there again: who is what, and is the backup active?"""
        if not (self._contacts.lost("a", "b") or self._contacts.lost("b", "a")):
            self._settle()
        self._look()

    def _settle(self) -> None:
        if (old := self._superseded()) is not None:
            # It was primary before; it stays down until a person starts it (HA 3.3.2.2).
            self._set(old, "down", "forced down")
            return
        for member in MEMBERS:
            if self.roles[member] == "trouble" and self.roles[other(member)] in ("backup", "waiting"):
                self.mode = "agent"
                self._set(member, "primary", "out of trouble: the backup is there")
        backup = next((member for member in MEMBERS if self.roles[member] in ("backup", "waiting")), None)
        if backup is not None and self.roles[other(backup)] == "primary":
            self.roles[backup] = "backup"
            self._clock.call_after(constants.CATCH_UP.draw(self._chance), lambda: self._caught_up(backup))

    def _caught_up(self, backup: str) -> None:
        together = not self._contacts.apart("a", "b")
        if self.roles[backup] == "backup" and self.roles[other(backup)] == "primary" and together:
            self.active = True
            self._behind.clear()
            if self._contacts.all_there:
                self.mode = "arbiter"
            self.changed.fire()

    # --- What they do about it ------------------------------------------------------------------------------------------------

    def _consider(self, member: str) -> None:
        """Let a member respond to what it has noticed."""
        if not self._network.hosts[member].up:
            return
        role = self.roles[member]
        if role == "primary":
            self._consider_primary(member)
        elif role in ("backup", "waiting"):
            self._consider_backup(member)

    def _consider_primary(self, member: str) -> None:
        partner = other(member)
        mode, active = (self.mode, self.active) if member == self._reigns else self._before
        response = primary_response(
            mode=mode,
            active=active,
            lost_backup=self._contacts.lost(member, partner),
            reaches_backup=self._contacts.connected(member, partner),
            lost_arbiter=self._contacts.lost(member, ARBITER),
            reaches_arbiter=self._contacts.connected(member, ARBITER),
        )
        if response is PrimaryResponse.AGENT_MODE:
            self._remember(member, "agent", active)
        elif response is PrimaryResponse.CONTINUE_ALONE:
            self._remember(member, "agent", False)
            self._note(member, "goes on alone")
        elif response is PrimaryResponse.TROUBLE:
            self._set(member, "trouble", "in trouble")
        elif response is PrimaryResponse.TROUBLE_UNTIL_TIMEOUT:
            self._set(member, "trouble", "in trouble")
            self._network.hosts[member].start(self._troubled(member, len(self.log)))

    def _remember(self, member: str, mode: Mode, active: bool) -> None:
        if member == self._reigns:
            self.mode, self.active = mode, active
        else:
            self._before = (mode, active)

    def _troubled(self, member: str, since: int) -> Process:
        yield constants.TROUBLE_TIMEOUTS * self.qos_timeout
        still = not any(who == member for _, who, _ in self.log[since:])
        if still and self.roles[member] == "trouble":
            self._remember(member, "agent", False)
            self._set(member, "primary", "goes on alone")

    def _consider_backup(self, member: str) -> None:
        partner = other(member)
        if partner in self._stopping:
            return
        response = backup_response(
            mode=self.mode,
            active=self.active and member not in self._behind and self.roles[member] == "backup",
            lost_primary=self._contacts.lost(member, partner) or self.roles[member] == "waiting",
            reaches_primary=self._contacts.connected(member, partner),
            lost_arbiter=self._contacts.lost(member, ARBITER),
            reaches_arbiter=self._contacts.connected(member, ARBITER),
            arbiter_lost_primary=self._contacts.lost(ARBITER, partner),
            arbiter_reaches_primary=self._contacts.connected(ARBITER, partner),
            agent_says_down=self.roles[partner] == "down" and self._network.reaches(member, partner),
        )
        if response is BackupResponse.TAKE_OVER:
            self._take_over(member)
        elif response is BackupResponse.FALL_BEHIND:
            self._fall_behind(member)
        elif response is BackupResponse.AGENT_MODE:
            self.mode = "agent"

    def _fall_behind(self, member: str) -> None:
        """It won't take over any more. What the primary makes of it depends on whether the arbiter can tell it."""
        self._behind.add(member)
        self._note(member, "falls behind")
        if self._contacts.connected(member, ARBITER) and self._contacts.connected(other(member), ARBITER):
            self.mode, self.active = "agent", False

    def _handed_over(self, member: str) -> None:
        self._stopping.discard(member)
        if self.roles[other(member)] == "backup" and self._network.hosts[other(member)].up:
            self._take_over(other(member))
        self._look()

    def _take_over(self, member: str) -> None:
        self._before = (self.mode, self.active)
        self.mode, self.active, self._reigns = "agent", False, member
        self._set(member, "taking over", "takes over")
        self._takeover = self._network.hosts[member].start(self._taking_over(member))

    def _taking_over(self, member: str) -> Process:
        yield constants.TAKEOVER.draw(self._chance)
        self._note(member, "asks CheckBecomePrimaryOK")
        asked: Sequence[Task] = [self._network.hosts[member].start(hook(member)) for hook in self.hooks]
        for task in asked:
            if not task.done:
                yield Wait(task.ended)
        yield constants.TAKEOVER_END.draw(self._chance)
        if self.roles[member] == "taking over":
            self._takeover = None
            self._set(member, "primary", "open for users")
            self._look()

    def _abandon(self, member: str) -> None:
        """A takeover dies with its member."""
        if self._takeover is not None and self.roles[member] == "down":
            task, self._takeover = self._takeover, None
            task.kill()

    def _set(self, member: str, role: Role, what: str) -> None:
        self.roles[member] = role
        self._note(member, what)
        self.changed.fire()

    def _note(self, member: str, what: str) -> None:
        self.log.append((self._clock.now, member, what))
