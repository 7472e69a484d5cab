"""What `DrRegion` refuses, in words."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal, get_args

from aws_cdk import Stack, Token
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
from cdk_intersystems.model.arns import shape_problem
from cdk_intersystems.model.names import region_state_table_name
from cdk_intersystems.model.region_capacity import TierCapacity
from cdk_intersystems.model.region_latch import Latch, latch_problems
from cdk_intersystems.model.regions import partition, partitions

HomeRole = Literal["primary", "on_premises"]
"""Where the mirror's primary is at home: in another region of AWS, or on premises."""

#: An approval that nobody has time to give is none, and one that is good for days approves what nobody remembers.
_APPROVAL_MINUTES: Final = range(1, 24 * 60 + 1)


def check_database(database: MirroredDatabase, stack: Stack) -> None:
    """Refuse a database that is not the DR region's side of a mirror, or whose members ask another table."""
    mirror, state = database.mirror_name, database.facts.region_state
    if database.role != "dr" or state is None:
        raise ValueError(f"supply a MirroredDatabase with role='dr' and region_state, got {mirror} with role={database.role!r}")
    if Token.is_unresolved(stack.region):
        raise ValueError("put DrRegion into a stack with a concrete region: what it must not need depends on it")
    expected = region_state_table_name(database.facts.deployment, mirror)
    if (state.table, state.region) != (expected, stack.region):
        raise ValueError(
            f"region_state of {mirror} is the table {state.table} in {state.region}, and this DrRegion has {expected} in "
            f"{stack.region}: supply RegionStateAt(table={expected!r}, region={stack.region!r}) in both regions"
        )


def check_home(home_role: str, old_region: str | None, own_region: str) -> None:
    """Refuse a home that can't be, or that is this region itself."""
    if home_role not in get_args(HomeRole):
        raise ValueError(f"home_role is {' or '.join(get_args(HomeRole))}, got {home_role!r}")
    if home_role == "on_premises":
        if old_region is not None:
            raise ValueError(f"a mirror that is at home on premises has no old_region, got {old_region!r}")
        return
    if old_region is None:
        raise ValueError("supply old_region, the AWS region the mirror is at home in, or home_role='on_premises'")
    if old_region not in partitions():
        raise ValueError(f"old_region is an AWS region, got {old_region!r}")
    if old_region == own_region:
        raise ValueError(f"old_region is another one than the DR region, got {old_region} for both")
    if partition(old_region) != partition(own_region):
        raise ValueError(
            f"old_region {old_region} is in the partition {partition(old_region)}, and {own_region} in "
            f"{partition(own_region)}: no role reaches from one to the other"
        )


def check_people(approvers: Sequence[str], requesters: Sequence[str], approval_minutes: int, lag_limit_seconds: int) -> None:
    """Refuse a promotion that nobody could request or approve, or could not in time."""
    for what, arns in (("approvers", approvers), ("requesters", requesters)):
        if not arns:
            raise ValueError(
                f"supply {what}, ARNs of IAM roles: a promotion takes one person who requests it and one who approves"
            )
        for arn in arns:
            if problem := shape_problem(arn, "iam-role"):
                raise ValueError(f"{what}: {problem}, got {arn!r}")
    if approval_minutes not in _APPROVAL_MINUTES:
        raise ValueError(f"approval_minutes is {_APPROVAL_MINUTES[0]} to {_APPROVAL_MINUTES[-1]}, got {approval_minutes}")
    if lag_limit_seconds < 1:
        raise ValueError(f"lag_limit_seconds is at least 1, got {lag_limit_seconds}")


def check_capacity(full: ec2.InstanceType, fallback_types: Sequence[ec2.InstanceType], tiers: Sequence[TierCapacity]) -> None:
    """Refuse types that a member's image doesn't run on, and tiers that can't be told apart."""
    for each in fallback_types:
        if each.architecture != full.architecture:
            raise ValueError(
                f"fallback type {each.to_string()} and instance type {full.to_string()} have different architectures: a host "
                "keeps its image when a promotion changes its type"
            )
    counted = Counter(each.to_string() for each in [full, *fallback_types])
    if twice := [name for name, number in counted.items() if number > 1]:
        raise ValueError(f"fallback_types has {', '.join(twice)} twice, or it is the full type: what failed is not tried again")
    if same := [name for name, number in Counter(tier.name for tier in tiers).items() if number > 1]:
        raise ValueError(f"tiers has {', '.join(same)} twice")


def check_latch(latch: Latch, own_region: str) -> None:
    """Refuse a latch that isn't there in this partition; what else is wrong with one, it refuses itself."""
    found = latch_problems(
        kind=latch.kind,
        public=latch.public,
        primary=latch.primary,
        dr=latch.dr,
        endpoints=latch.endpoints,
        partition=partition(own_region),
    )
    for key, problem in found:
        raise ValueError(f"latch: {key}: {problem}")
