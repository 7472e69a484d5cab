"""Which of a member's volumes are replaced, and which those are in EC2."""

from collections.abc import Callable
from typing import Any, Final

from cdk_intersystems.command.errors import CommandError
from cdk_intersystems.command.main import FAILED
from cdk_intersystems.command.target import Target
from cdk_intersystems.configuration.plan import volumes_of
from cdk_intersystems.model import tags

from .hosts import Member
from .marks import GOOD, HOLDS, REBUILD, SOURCE, filters, tags_of
from .volumes import Volumes, described

#: What a member that is built anew gets from the source; all else stays. High Availability Guide, 5.7: its mirrored databases.
FROM_SOURCE: Final = ("data",)


def counts(target: Target, role: str) -> dict[str, int]:
    """How many volumes are replaced, by what they hold.

    Args:
        target: The mirror set.
        role: Role of the region.
    """
    specs = volumes_of(target.deployment, role, target.mirror_set).by_role()
    every = {name.replace("_", "-"): spec.count for name, spec in specs.items()}
    return {name: every[name] for name in FROM_SOURCE}


def own_tags(target: Target, member: Member) -> dict[str, str]:
    """The tags of all volumes of a member.

    Args:
        target: The mirror set.
        member: The member.
    """
    names = {tags.DEPLOYMENT: target.deployment.name, tags.MIRROR_SET: target.mirror_set.name}
    return {**names, tags.MEMBER: member.letter}


def volumes_for(
    target: Target, member: Member, value: str, sleep: Callable[[float], None], tell: Callable[[str], None]
) -> Volumes:
    """The volumes of the member that is built anew.

    Args:
        target: The mirror set.
        member: The member.
        value: The value of the rebuild's tag.
        sleep: Waits so many seconds.
        tell: Is told what is being done.
    """
    ec2 = target.aws.client("ec2", member.region)
    return Volumes(ec2=ec2, own=own_tags(target, member), value=value, sleep=sleep, tell=tell)


def volumes_from(target: Target, source: Member) -> list[dict[str, Any]]:
    """The volumes of the source that are copied, by role and id.

    Args:
        target: The mirror set.
        source: The source.

    Raises:
        CommandError: They are more or fewer than they should be, or not all are the source's.
    """
    ec2, found = target.aws.client("ec2", source.region), list[dict[str, Any]]()
    expected = counts(target, source.role)
    for role in FROM_SOURCE:
        here = described(ec2, {**own_tags(target, source), tags.VOLUME: role})
        attached = [each for each in here if [a["InstanceId"] for a in each.get("Attachments", ())] == [source.id]]
        if len(here) != expected[role] or attached != here:
            names = ", ".join(each["VolumeId"] for each in here) or "none"
            message = f"{source.name} has the volumes {names} with {role}, and {expected[role]} should be attached to it"
            raise CommandError(FAILED, message, "volumes")
        found += here
    return found


def recorded_source(target: Target, value: str) -> str:
    """Name of the member whose databases an open rebuild has copied; empty if there is none.

    Args:
        target: The mirror set.
        value: The value of its tag.
    """
    regions = target.deployment.regions
    for region in {regions.of(role).region for role in regions.roles()}:
        ec2 = target.aws.client("ec2", region)
        made = described(ec2, {REBUILD: value})
        pages = ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=filters({REBUILD: value, HOLDS: GOOD})
        )
        for each in [*made, *(found for page in pages for found in page["Snapshots"])]:
            if name := tags_of(each).get(SOURCE):
                return name
    return ""
