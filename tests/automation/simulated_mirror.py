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
        version: The version that is linked on the host.
        served: The version that was applied completely.
        host: Whether its host runs.
        iris: Whether its IRIS runs.
        stopped: Whether `cdk-host` stopped IRIS and nothing started it again.
    """

    letter: str
    version: int = 1
    served: int = 1
    host: bool = True
    iris: bool = True
    stopped: bool = False

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
        """What members say of the mirror's readiness."""
        backup = [each for each in self.members.values() if each.letter != self.primary and each.host and each.iris]
        if self.primary is None or not backup or not self.active:
            return "no"
        return "yes" if self.arbiter else "agent-controlled"

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
        found = [member for member in self.members.values() if member.letter in letters and member.host]
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
        elif found := re.fullmatch(r"member hand-over --agent-controlled (accept|refuse)", arguments):
            ran = self._hand_over(member, found[1] == "accept", halfway=fault in ("fails halfway", "hangs halfway"))
        else:
            waited = re.fullmatch(r"member await-ready --agent-controlled (accept|refuse) --seconds [0-9]+", arguments)
            assert waited, arguments
            ran = self._await_ready(member, waited[1] == "accept", stuck=fault == "never catches up")
        if fault in ("fails halfway", "fails in the end"):
            return Ran(1, "it failed")
        return Ran(0, "", NEVER) if fault == "hangs halfway" else ran

    def _tell(self, member: Member) -> Ran:
        role = "primary" if self.primary == member.letter else "backup" if member.iris and self.primary else "none"
        facts = {
            "role": role,
            "ready": self.ready() if member.iris else "no",
            "current": "yes" if self.current(member) else "no",
            "unfinished": "yes" if member.stopped or member.version != member.served else "no",
        }
        return Ran(0, " ".join(f"{key}={value};" for key, value in facts.items()))

    def _apply(self, member: Member, *, halfway: bool) -> Ran:
        if self.careful and self._needed(member):
            return Ran(1, "this member is the primary, or may become it")
        if self.primary == member.letter:
            self.violations.append(f"{self.step}: a version was applied to the primary")
        if not self.current(member):
            self._take_down(member)
            member.version, member.stopped = self.published, True
        if halfway:
            return Ran(1)
        if self.primary == member.letter or self.primary is None:
            return Ran(1, "waited for the other member to answer as the primary")
        self._start(member)
        member.served = member.version
        return Ran(0)

    def _stop(self, member: Member) -> Ran:
        if self.careful and self._needed(member):
            return Ran(1, "this member is the primary, or may become it")
        self._take_down(member)
        member.stopped = True
        return Ran(0)

    def _hand_over(self, member: Member, agent_controlled: bool, *, halfway: bool) -> Ran:
        accepted = ("yes", "agent-controlled") if agent_controlled else ("yes",)
        if self.careful and (self.primary != member.letter or self.ready() not in accepted):
            return Ran(1, "this member is not the primary of a mirror that is ready")
        other = self.other(member)
        if other.served < member.served:
            self.violations.append(f"{self.step}: handed over to a member with an older version")
        self._take_down(member)
        member.stopped = True
        if halfway:
            return Ran(1)
        if self.primary != other.letter:
            self._start(member)
            self.primary = self.primary or member.letter
            return Ran(1, "the other member did not take over; IRIS runs here again")
        return Ran(0)

    def _await_ready(self, member: Member, agent_controlled: bool, *, stuck: bool) -> Ran:
        if not stuck and member.iris and self.primary:
            self.active = True
        good = ("yes", "agent-controlled") if agent_controlled else ("yes",)
        return Ran(0) if self.ready() in good and self.primary != member.letter else Ran(1, "not ready in time")

    def _needed(self, member: Member) -> bool:
        """Whether nobody but this member is the primary or could be."""
        return member.iris and self.primary in (None, member.letter)

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
        member.iris, member.stopped = True, False

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
                member.host, member.iris, member.stopped = True, True, False
        running = [member.letter for member in self.members.values() if member.iris]
        self.primary = self.primary or next(iter(running), None)
        self.active = len(running) == len(self.members)
