"""The members of a mirror set, asked and told by `iris-region`, through its document of Systems Manager."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cdk_intersystems.command.errors import CommandError
from cdk_intersystems.command.main import FAILED
from cdk_intersystems.command.members import instances_of
from cdk_intersystems.command.target import Target
from cdk_intersystems.configuration.plan import system_names
from cdk_intersystems.model.region_document import region_document_name

#: Source: Systems Manager API Reference, SendCommand, TimeoutSeconds: at least 30.
_DELIVERY_SECONDS: Final = 30
_EVERY_SECONDS: Final = 2.0
#: Most answers are there before that.
_FIRST_SECONDS: Final = 0.5
#: Source: Systems Manager API Reference, GetCommandInvocation, Status.
_RUNNING: Final = ("Pending", "InProgress", "Delayed", "Cancelling")
#: What `iris-region` exits with when it refuses.
_REFUSES: Final = 3
#: Most commands end within seconds; the others are given theirs.
_SECONDS: Final = 120.0


class HostError(CommandError):
    """A member did not do what it was asked.

    Args:
        message: Why.
        refused: Whether it refused, and nothing was changed.
        busy: Whether it refused because an earlier step is at work there, of which nothing is known yet.
    """

    def __init__(self, message: str, *, refused: bool = False, busy: bool = False) -> None:
        super().__init__(FAILED, message, "host_refused" if refused else "host")
        self.refused, self.busy = refused, busy


@dataclass(frozen=True, kw_only=True)
class Member:
    """A member in AWS, and what it says of itself.

    Args:
        name: Its system name.
        role: Role of its region.
        region: Its region.
        letter: `a` or `b`.
        instance: Its instance, as EC2 describes it; empty if there is none.
        said: The answer of `iris-region status`; empty if there was none.
        why: Why there was none.
    """

    name: str
    role: str
    region: str
    letter: str
    instance: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    why: str = ""

    @property
    def id(self) -> str:
        """Id of its instance."""
        return str(self.instance.get("InstanceId", ""))

    @property
    def runs(self) -> bool:
        """Whether its instance does."""
        return bool(self.instance) and self.instance["State"]["Name"] == "running"


class Hosts:
    """Has commands run on members.

    Args:
        target: The mirror set.
        sleep: Waits so many seconds.
    """

    def __init__(self, target: Target, sleep: Callable[[float], None]) -> None:
        self._target, self._sleep = target, sleep
        self._document = region_document_name(target.deployment.name, target.mirror_set.name)

    def ask(
        self, region: str, instance: str, command: str, arguments: str = "", *, seconds: float = _SECONDS
    ) -> dict[str, Any]:
        """Has one command run on a member, and waits for its end.

        Args:
            region: The member's region.
            instance: Its instance.
            command: The command of `iris-region`.
            arguments: Its arguments.
            seconds: How long it may take.

        Returns:
            What it answered.

        Raises:
            HostError: It refused, failed, or could not be asked.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._target.aws.client("ssm", region)
        try:
            sent = client.send_command(
                DocumentName=self._document,
                InstanceIds=[instance],
                Parameters={"Command": [command], "Arguments": [arguments]},
                TimeoutSeconds=_DELIVERY_SECONDS,
            )["Command"]["CommandId"]
        except (BotoCoreError, ClientError) as error:
            raise HostError(f"{command} could not be sent to {instance}: {error}") from None
        problem = "it has not ended"
        for look in range(max(2, int((seconds + _DELIVERY_SECONDS) / _EVERY_SECONDS))):
            try:
                got = client.get_command_invocation(CommandId=sent, InstanceId=instance)
            except (BotoCoreError, ClientError) as error:
                # Just sent, it is not known everywhere yet; and of what was done the answer is wanted whatever comes between.
                problem = str(error)
            else:
                if got["Status"] not in _RUNNING:
                    return _judged(got, command, instance)
                problem = "it has not ended"
            self._sleep(_FIRST_SECONDS if look < 2 else _EVERY_SECONDS)
        raise HostError(f"{command} on {instance} has no answer within {seconds:.0f} s: {problem}")

    def members(self, *, ask: bool = True) -> list[Member]:
        """All members in AWS.

        Args:
            ask: Whether each is asked what it says of itself.
        """
        found = [member for role in self._target.deployment.regions.roles() for member in self._in_region(role)]
        return [self._asked(member) for member in found] if ask else found

    def _in_region(self, role: str) -> list[Member]:
        from botocore.exceptions import BotoCoreError, ClientError

        region = self._target.deployment.regions.of(role).region
        why = "it has no instance"
        try:
            instances = instances_of(self._target, region)
        except (BotoCoreError, ClientError) as error:
            instances, why = {}, str(error)
        return [
            Member(
                name=name,
                role=role,
                region=region,
                letter=letter,
                instance=instances.get(letter, {}),
                why="" if letter in instances else why,
            )
            for letter, name in system_names(self._target.deployment, role, self._target.mirror_set).items()
        ]

    def _asked(self, member: Member) -> Member:
        if not member.instance:
            return member
        if not member.runs:
            return replace(member, why=f"its instance is {member.instance['State']['Name']}")
        try:
            return replace(member, said=self.ask(member.region, member.id, "status"))
        except HostError as error:
            return replace(member, why=error.message)


def _judged(got: dict[str, Any], command: str, instance: str) -> dict[str, Any]:
    answer = _json(got.get("StandardOutputContent") or "")
    if got["Status"] == "Success":
        if answer is None:
            raise HostError(f"the answer of {command} on {instance} can't be understood")
        return answer
    if got.get("ResponseCode") == _REFUSES:
        refusal = answer or {}
        message = f"{instance} refuses {command}: {refusal.get('refused') or 'it gives no reason'}"
        raise HostError(message, refused=True, busy=refusal.get("busy") is True)
    said = (answer or {}).get("error") or (got.get("StandardErrorContent") or "").strip()[-300:]
    raise HostError(f"{command} on {instance}: {got.get('StatusDetails') or got['Status']} {said}".rstrip())


def _json(text: str) -> dict[str, Any] | None:
    """The object on the last line that is one; None if there is none."""
    for line in reversed(text.strip().splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return None
