"""The hosts of a mirror set in one region: found by their tags, and asked by commands of Systems Manager.

A command runs for longer than a function may: it is sent once, its id is noted with the step, and each run of the step looks
whether it has ended. Sent again after a crash it finds its work done: `iris-region` is idempotent.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .endpoints import client
from .errors import StepError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .settings import Settings

# As `model/tags.py` of the library has them.
_TAG = "cdk-intersystems:"
_MEMBERS = ("a", "b")
#: Source: Systems Manager API Reference, SendCommand, TimeoutSeconds: at least 30. `core.SETTLE_SECONDS` rests on it.
_DELIVERY_SECONDS = 30
_EVERY_SECONDS = 0.5
_WAIT_SECONDS = 5.0
#: What `iris-region` exits with when it refuses.
_REFUSES = 3
#: Source: Systems Manager API Reference, GetCommandInvocation, Status.
_RUNNING = ("Pending", "InProgress", "Delayed", "Cancelling")


@dataclass(frozen=True, slots=True)
class Host:
    """A failover or DR member's instance.

    Args:
        member: `a` or `b`.
        instance: Its id.
        state: What EC2 says that it does.
        type: Its instance type.
        why: Why it is in that state, in EC2's word.
    """

    member: str
    instance: str
    state: str
    type: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answered.

    Args:
        data: What it said.
        refused: Why it refused; empty if it didn't.
        error: Why it failed; empty if it didn't.
    """

    data: dict[str, Any] = field(default_factory=dict)
    refused: str = ""
    error: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it did what it was asked."""
        return not self.refused and not self.error


class Hosts:
    """The hosts of one region.

    Args:
        settings: The function's settings.
        region: The region.
        required: Whether what is done there has to succeed.
    """

    def __init__(self, settings: Settings, region: str, *, required: bool = True) -> None:
        self._settings = settings
        self.region = region
        self.required = required

    def find(self) -> dict[str, Host]:
        """The members' instances by member; those that are gone are left out.

        Raises:
            StepError: There is more than one of a member.
        """
        filters = [
            {"Name": f"tag:{_TAG}deployment", "Values": [self._settings.deployment]},
            {"Name": f"tag:{_TAG}mirror-set", "Values": [self._settings.mirror_set]},
            {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
        ]
        answer = client("ec2", self.region, required=self.required).describe_instances(Filters=filters)
        found: dict[str, Host] = {}
        for instance in (each for reservation in answer["Reservations"] for each in reservation["Instances"]):
            member = next((tag["Value"] for tag in instance.get("Tags", ()) if tag["Key"] == f"{_TAG}member"), "")
            if member not in _MEMBERS:
                continue
            if member in found:
                raise StepError(f"more than one instance is tagged as member {member} in {self.region}")
            why = instance.get("StateReason", {}).get("Code", "")
            state = instance["State"]["Name"]
            found[member] = Host(member, instance["InstanceId"], state, instance["InstanceType"], why)
        return found

    def send(self, instance: str, command: str, arguments: str) -> str:
        """Sends a command to a host, and returns its id."""
        sent = client("ssm", self.region, required=self.required).send_command(
            DocumentName=self._settings.document,
            InstanceIds=[instance],
            Parameters={"Command": [command], "Arguments": [arguments]},
            TimeoutSeconds=_DELIVERY_SECONDS,
        )
        return str(sent["Command"]["CommandId"])

    def look(self, command: str, instance: str) -> Answer | None:
        """What came of a command; None while it runs."""
        try:
            got = client("ssm", self.region, required=self.required).get_command_invocation(
                CommandId=command, InstanceId=instance
            )
        except ClientError as error:
            # It was just sent, and is not known everywhere yet.
            if error.response["Error"]["Code"] == "InvocationDoesNotExist":
                return None
            raise
        if got["Status"] in _RUNNING:
            return None
        data = _json(got.get("StandardOutputContent", ""))
        if got["Status"] == "Success":
            return Answer(data) if data is not None else Answer(error="its answer can't be understood")
        if got.get("ResponseCode") == _REFUSES:
            return Answer(data or {}, refused=str((data or {}).get("refused") or "it gave no reason"))
        said = (got.get("StandardErrorContent") or got.get("StandardOutputContent") or "").strip()[-300:]
        return Answer(data or {}, error=f"{got.get('StatusDetails') or got['Status']} {said}".strip())


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


class Commands:
    """The commands of one step, known by names that are the same in each of its runs.

    Args:
        note: What is known of the step; what was sent is noted there.
        save: Has the note written.
    """

    def __init__(self, note: dict[str, Any], save: Callable[[], None]) -> None:
        self._sent: dict[str, dict[str, str]] = note.setdefault("commands", {})
        self._save = save

    def ask(self, hosts: Hosts, instance: str, command: str, arguments: str = "") -> Answer | None:
        """Has one command run on a host, the only one of its kind in this step.

        Args:
            hosts: The hosts of the region.
            instance: The instance.
            command: The command of `iris-region`.
            arguments: Its arguments.

        Returns:
            What it answered, once: asked again it runs again. None: it still runs.
        """
        return self.ask_all({command: (hosts, instance, command, arguments)}).get(command)

    def ask_all(self, asked: dict[str, tuple[Hosts, str, str, str]], seconds: float | None = None) -> dict[str, Answer]:
        """Has commands run on hosts at the same time; those that still run are not in the answer.

        Args:
            asked: Name -> hosts, instance, command, arguments.
            seconds: How long to wait for their end. Default: some seconds, since most end at once.
        """
        until = time.monotonic() + (_WAIT_SECONDS if seconds is None else seconds)
        answers: dict[str, Answer] = {}
        for name, (hosts, instance, command, arguments) in asked.items():
            if self._sent.get(name, {}).get("instance") != instance:
                try:
                    self._sent[name] = {"id": hosts.send(instance, command, arguments), "instance": instance}
                except (ClientError, BotoCoreError) as error:
                    # Such as an agent that is not running. The others are asked all the same.
                    answers[name] = Answer(error=f"{type(error).__name__}: {error}"[:300])
                    self._sent.pop(name, None)
                    continue
                self._save()
        while True:
            for name in asked.keys() - answers.keys():
                hosts, instance, *_ = asked[name]
                if answer := self._look(hosts, name, instance):
                    answers[name] = answer
            if len(answers) == len(asked) or time.monotonic() >= until:
                self._forget(answers)
                return answers
            time.sleep(_EVERY_SECONDS)

    def _look(self, hosts: Hosts, name: str, instance: str) -> Answer | None:
        try:
            return hosts.look(self._sent[name]["id"], instance)
        except (ClientError, BotoCoreError) as error:
            return Answer(error=f"{type(error).__name__}: {error}"[:300])

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._sent.pop(name, None)
