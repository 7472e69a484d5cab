"""Two failover members and their arbiter, as far as the Automation documents see them, with faults.

What hosts do is what `cdk_intersystems.bootstrap.host.member` says it does. How members take over from each other follows the
High Availability Guide, "Automatic Failover Mechanics" and "Planned Outage Procedures": an active backup takes over from a
primary that is shut down in good order; one that isn't active doesn't.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.automation.interpreter import ApiError, Ran

NEVER = 1e9
"""Longer than any time limit, in seconds."""


@dataclass
class Member:
    """A failover member.

    Args:
        letter: `a` or `b`.
        version: The version that is on the host.
        served: The version that was applied completely; 0 once `cdk-host` has stopped IRIS.
        host: Whether its host runs.
        iris: Whether its IRIS runs.
    """

    letter: str
    version: int = 1
    served: int = 1
    host: bool = True
    iris: bool = True

    @property
    def instance(self) -> str:
        """Id of its instance."""
        return f"i-{self.letter}"


@dataclass
class SimulatedMirror:
    """A mirror.

    Args:
        primary: The member that is primary; None if nobody is.
        active: Whether the other one is active and caught up.
        arbiter: Whether the arbiter is connected to both members.
        published: The version that is published.
        careful: Whether hosts refuse what their role forbids. False shows what the documents prevent by themselves.
        others: How many other executions change the mirror.
        copies: How many hosts have the tags of a member. Default: one.
        step: The step that is being run.
        faults: What goes wrong, by the step at which it does.
    """

    members: dict[str, Member] = field(default_factory=lambda: {letter: Member(letter) for letter in "ab"})
    primary: str | None = "a"
    active: bool = True
    arbiter: bool = True
    published: int = 2
    careful: bool = True
    others: int = 0
    copies: dict[str, int] = field(default_factory=dict)
    step: str = ""
    faults: dict[str, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def other(self, member: Member) -> Member:
        """The other member."""
        return self.members["b" if member.letter == "a" else "a"]

    def current(self, member: Member) -> bool:
        """Whether a member has what is published, completely."""
        return member.version == member.served == self.published

    def ready(self) -> str:
        """What members say of the mirror."""
        backup = [each for each in self.members.values() if each.letter != self.primary and each.host and each.iris]
        if self.primary is None or not backup or not self.active:
            return "no"
        return "ready" if self.arbiter else "active"

    # What AWS answers.

    def api(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answers the two operations that documents call."""
        if self.faults.get(self.step) == "throttled":
            raise ApiError(f"{operation}: ThrottlingException")
        filters = {each.get("Name", each.get("Key")): each["Values"] for each in parameters["Filters"]}
        if (service, operation) == ("ssm", "DescribeAutomationExecutions"):
            return {"AutomationExecutionMetadataList": [{"AutomationExecutionId": f"1-{n}"} for n in range(1 + self.others)]}
        assert (service, operation) == ("ec2", "DescribeInstances")
        letters = filters["tag:cdk-intersystems:member"]
        found = [
            member
            for member in self.members.values()
            for _ in range(self.copies.get(member.letter, 1))
            if member.letter in letters and member.host
        ]
        # An operation of its own for each instance that was launched: so each has a reservation.
        return {
            "Reservations": [{"Instances": [{"InstanceId": each.instance, "State": {"Name": "running"}}]} for each in found]
        }

    # What hosts do.

    def host(self, instance: str, command: str, seconds: int) -> Ran:
        """Runs a command on a member's host, or what a fault makes of it."""
        member = next(each for each in self.members.values() if each.instance == instance)
        fault = self.faults.get(self.step)
        if not member.host or fault == "undelivered":
            return Ran(None)
        if fault == "fails at once":
            return Ran(1, "it failed")
        arguments = command.removeprefix("/usr/local/bin/cdk-host ")
        if arguments == "member tell":
            return self._tell(member)
        if arguments == "apply":
            ran = self._apply(member, halfway=fault in ("fails halfway", "hangs halfway"))
        elif arguments == "member stop":
            ran = self._stop(member)
        elif found := re.fullmatch(r"member hand-over --needs (active|ready)", arguments):
            ran = self._hand_over(member, found[1], halfway=fault in ("fails halfway", "hangs halfway"))
        else:
            waited = re.fullmatch(r"member await --needs (active|ready) --seconds [0-9]+", arguments)
            assert waited, arguments
            ran = self._await(member, waited[1], stuck=fault == "never catches up")
        if fault in ("fails halfway", "fails in the end"):
            return Ran(1, "it failed")
        return Ran(0, "", NEVER) if fault == "hangs halfway" else ran

    def _tell(self, member: Member) -> Ran:
        role = "primary" if self.primary == member.letter else "backup" if member.iris and self.primary else "none"
        facts = {
            "role": role,
            "mirror": self.ready() if member.iris else "no",
            "current": "yes" if self.current(member) else "no",
            "unfinished": "no" if member.version == member.served else "yes",
        }
        return Ran(0, " ".join(f"{key}={value};" for key, value in facts.items()) + "\n")

    def _apply(self, member: Member, *, halfway: bool) -> Ran:
        if self.primary == member.letter:
            if self.careful:
                return Ran(1, "this member is primary")
            self.violations.append(f"{self.step}: a version was applied to the primary")
        if member.version != self.published:
            member.version = self.published
            # Not every change needs it.
            self._take_down(member)
        if halfway:
            return Ran(1)
        self._start(member)
        member.served = member.version
        return Ran(0)

    def _stop(self, member: Member) -> Ran:
        if self.careful and member.iris and self.primary in (None, member.letter):
            return Ran(1, "this member is not a backup")
        member.served = 0
        self._take_down(member)
        return Ran(0)

    def _hand_over(self, member: Member, needs: str, *, halfway: bool) -> Ran:
        if self.careful and (self.primary != member.letter or not self._suffices(needs)):
            return Ran(1, "this member is not the primary of a mirror that is ready")
        other = self.other(member)
        if 0 < other.served < member.served:
            self.violations.append(f"{self.step}: handed over to a member with an older version")
        served, member.served = member.served, 0
        self._take_down(member)
        if halfway:
            return Ran(1)
        if self.primary != other.letter:
            self._start(member)
            member.served = served
            return Ran(1, "the other member did not take over; IRIS runs here again")
        return Ran(0)

    def _await(self, member: Member, needs: str, *, stuck: bool) -> Ran:
        if not stuck and member.iris and self.primary:
            self.active = True
        return Ran(0) if self._suffices(needs) and self.primary != member.letter else Ran(1, "not ready in time")

    def _suffices(self, needs: str) -> bool:
        return self.ready() in ("ready", needs)

    def _take_down(self, member: Member) -> None:
        """Stops a member's IRIS, and tells if nobody is left."""
        if not member.iris:
            return
        other = self.other(member)
        member.iris = False
        self.changed.append(member.letter)
        if self.primary == member.letter:
            self.primary = other.letter if other.host and other.iris and self.active else None
        if self.primary is None:
            self.violations.append(f"{self.step}: IRIS was stopped on {member.letter}, and {other.letter} is not the primary")
        self.active = False

    def _start(self, member: Member) -> None:
        member.iris = True
        self.primary = self.primary or member.letter

    # What happens to them.

    def suffer(self, name: str) -> None:
        """Called before each step: what goes wrong there."""
        self.step = name
        fault = self.faults.get(name, "")
        primary = self.members[self.primary] if self.primary else None
        backup = self.other(primary) if primary else None
        if fault == "roles swap" and primary and backup and backup.iris and self.active:
            self.primary = backup.letter
        elif fault == "the primary's host is lost" and primary and backup:
            primary.host = primary.iris = False
            self.primary = backup.letter if backup.iris and self.active else None
            self.active = False
        elif fault == "the backup's host is lost" and backup:
            backup.host = backup.iris = self.active = False
        elif fault == "the arbiter is lost":
            self.arbiter = False
        elif fault == "another version is published":
            self.published += 1

    def heal(self) -> None:
        """Hosts that were lost come back and start their IRIS; the arbiter too; who is up becomes primary if nobody is."""
        self.faults, self.step, self.arbiter = {}, "", True
        for member in self.members.values():
            if not member.host:
                member.host, member.iris, member.served = True, True, member.version
        running = [member.letter for member in self.members.values() if member.iris]
        self.primary = self.primary or next(iter(running), None)
        self.active = len(running) == len(self.members)
