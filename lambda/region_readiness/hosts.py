"""What the DR region's members say of themselves, asked through Systems Manager."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .settings import Settings

_DEPLOYMENT, _SET, _MEMBER = (f"cdk-intersystems:{name}" for name in ("deployment", "mirror-set", "member"))
#: How long a member has to answer, and how often it is looked whether it has.
_SECONDS, _EVERY = 30.0, 1.0
_OVER = ("Success", "Failed", "Cancelled", "TimedOut", "Cancelling", "Undeliverable", "Terminated", "DeliveryTimedOut")


@dataclass(frozen=True, slots=True)
class Member:
    """An instance of a DR member.

    Args:
        name: `a` or `b`.
        instance: Its id.
        instance_type: Its type.
        zone: Its Availability Zone.
        image: Its AMI.
        state: As EC2 says.
    """

    name: str
    instance: str
    instance_type: str
    zone: str
    image: str
    state: str


@dataclass(frozen=True, slots=True)
class Status:
    """What one member said of itself.

    Args:
        member: `a` or `b`.
        said: What `iris-region status` printed. None: nothing that can be understood.
        why: Why not.
    """

    member: str
    said: dict[str, Any] | None
    why: str = ""


def members(ec2: Any, settings: Settings) -> list[Member]:
    """The failover members' instances in a region, by their tags.

    Args:
        ec2: A client of EC2 in the region.
        settings: The function's settings.
    """
    filters = [
        {"Name": f"tag:{_DEPLOYMENT}", "Values": [settings.deployment]},
        {"Name": f"tag:{_SET}", "Values": [settings.mirror_set]},
        {"Name": f"tag:{_MEMBER}", "Values": ["a", "b"]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ]
    found = []
    for page in ec2.get_paginator("describe_instances").paginate(Filters=filters):
        for reservation in page["Reservations"]:
            for each in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
                found.append(
                    Member(
                        name=tags[_MEMBER],
                        instance=each["InstanceId"],
                        instance_type=each["InstanceType"],
                        zone=each["Placement"]["AvailabilityZone"],
                        image=each["ImageId"],
                        state=each["State"]["Name"],
                    )
                )
    return sorted(found, key=lambda member: member.name)


def ask(
    ssm: Any,
    settings: Settings,
    asked: Sequence[Member],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[Status]:
    """What the members say of themselves. It never raises: who can't be asked has said nothing.

    Args:
        ssm: A client of Systems Manager.
        settings: The function's settings.
        asked: The members.
        sleep: Waits for seconds.
        clock: Tells seconds.
    """
    running = [member for member in asked if member.state == "running"]
    statuses = [Status(member.name, None, f"its instance is {member.state}") for member in asked if member not in running]
    commands: dict[str, str] = {}
    for member in running:
        try:
            answer = ssm.send_command(
                DocumentName=settings.document,
                InstanceIds=[member.instance],
                Parameters={"Command": ["status"]},
                TimeoutSeconds=30,
            )
            commands[member.name] = answer["Command"]["CommandId"]
        except (ClientError, BotoCoreError) as error:
            statuses.append(Status(member.name, None, str(error)))
    until = clock() + _SECONDS
    waiting = [member for member in running if member.name in commands]
    while waiting:
        late = clock() >= until
        for member in list(waiting):
            status = _answer(ssm, member, commands[member.name], late=late)
            if status is not None:
                statuses.append(status)
                waiting.remove(member)
        if waiting:
            sleep(_EVERY)
    return sorted(statuses, key=lambda status: status.member)


def _answer(ssm: Any, member: Member, command: str, *, late: bool) -> Status | None:
    """What a command has printed; None while it runs."""
    try:
        answer = ssm.get_command_invocation(CommandId=command, InstanceId=member.instance)
    except ClientError as error:
        # Systems Manager needs a moment to know of what it was sent.
        if error.response["Error"]["Code"] == "InvocationDoesNotExist" and not late:
            return None
        return Status(member.name, None, str(error))
    except BotoCoreError as error:
        return Status(member.name, None, str(error))
    if answer["Status"] not in _OVER:
        return Status(member.name, None, f"it has not answered for {_SECONDS:.0f} seconds") if late else None
    if answer["Status"] != "Success":
        return Status(member.name, None, f"its command ended as {answer['Status']}")
    return Status(member.name, *read(answer.get("StandardOutputContent", "")))


def read(printed: str) -> tuple[dict[str, Any] | None, str]:
    """What a member printed: its last line has to be an object of JSON.

    Args:
        printed: Its standard output.
    """
    lines = [line for line in printed.splitlines() if line.strip()]
    try:
        said = json.loads(lines[-1]) if lines else None
    except ValueError:
        said = None
    return (said, "") if isinstance(said, dict) else (None, "it printed nothing that can be understood")
