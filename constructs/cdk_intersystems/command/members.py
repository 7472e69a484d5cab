"""The mirror's members in both places, as EC2 knows them."""

from dataclasses import asdict, dataclass
from typing import Any

from cdk_intersystems.configuration.plan import on_premises_mirror, system_names
from cdk_intersystems.model import tags

from .target import Target

_STATES = ("pending", "running", "stopping", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member.

    Args:
        name: Its system name; `arbiter` for the arbiter.
        role: Role of its region: `primary`, `dr` or `on_premises`.
        region: Name of its region; empty on premises.
        state: As EC2 says; `absent` if it has no instance, `unknown` if nobody says.
        instance: Id of its instance.
        instance_type: Type of its instance.
        zone: Its Availability Zone.
        why: Why its state isn't known.
    """

    name: str
    role: str
    region: str = ""
    state: str = "unknown"
    instance: str = ""
    instance_type: str = ""
    zone: str = ""
    why: str = ""

    def as_json(self) -> dict[str, str]:
        """As plain values."""
        return asdict(self)


def members_of(target: Target) -> list[Member]:
    """The members of a mirror set; a region that doesn't answer has members whose state is unknown.

    Args:
        target: The mirror set.
    """
    found = [member for role in target.deployment.regions.roles() for member in _in_region(target, role)]
    mirror = on_premises_mirror(target.deployment, target.mirror_set)
    if mirror is not None:
        found = [*(Member(name=name, role="on_premises", why="outside AWS") for name in mirror.members), *found]
    return found


def _in_region(target: Target, role: str) -> list[Member]:
    region = target.deployment.regions.of(role).region
    names: dict[str, str] = {"arbiter": "arbiter"}
    for letter, name in system_names(target.deployment, role, target.mirror_set).items():
        names[letter] = name
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        instances = instances_of(target, region)
    except (BotoCoreError, ClientError) as error:
        return [Member(name=name, role=role, region=region, why=str(error)) for name in names.values()]
    return [_member(name, role, region, instances.get(letter)) for letter, name in names.items()]


def _member(name: str, role: str, region: str, instance: dict[str, Any] | None) -> Member:
    if instance is None:
        return Member(name=name, role=role, region=region, state="absent")
    return Member(
        name=name,
        role=role,
        region=region,
        state=instance["State"]["Name"],
        instance=instance["InstanceId"],
        instance_type=instance["InstanceType"],
        zone=instance["Placement"]["AvailabilityZone"],
    )


def instances_of(target: Target, region: str) -> dict[str, dict[str, Any]]:
    """Letter -> instance of a mirror set in a region, as EC2 describes it.

    Args:
        target: The mirror set.
        region: Name of the region.
    """
    filters = [
        {"Name": f"tag:{tags.DEPLOYMENT}", "Values": [target.deployment.name]},
        {"Name": f"tag:{tags.MIRROR_SET}", "Values": [target.mirror_set.name]},
        {"Name": "instance-state-name", "Values": list(_STATES)},
    ]
    pages = target.aws.client("ec2", region).get_paginator("describe_instances").paginate(Filters=filters)
    instances = [each for page in pages for reservation in page["Reservations"] for each in reservation["Instances"]]
    return {tag["Value"]: each for each in instances for tag in each.get("Tags", []) if tag["Key"] == tags.MEMBER}
