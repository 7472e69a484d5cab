"""What `MirroredDatabase` refuses, in words, and what it works out from its arguments."""

from collections.abc import Sequence
from ipaddress import IPv4Network

from aws_cdk import Token
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems.model.addresses import fixed_address
from cdk_intersystems.model.databases import database_problem
from cdk_intersystems.model.platform import Platform, packages_problem
from cdk_intersystems.model.storage import MemberVolumes


def check_subnets(tier: str, subnets: Sequence[ec2.ISubnet]) -> None:
    """Refuse subnets that aren't three in three zones."""
    zones = [subnet.availability_zone for subnet in subnets]
    if len(zones) != 3 or len(set(zones)) != 3:
        raise ValueError(f"supply three {tier} subnets, each in its own availability zone, got {zones}")


def check_volumes(volumes: MemberVolumes) -> None:
    """Refuse volumes that EBS would refuse."""
    problems = [f"{role}.{field}: {problem}" for role, spec in volumes.by_role().items() for field, problem in spec.problems()]
    if problems:
        raise ValueError("; ".join(problems))


def check_bootstrap(
    whose: str,
    platform: Platform,
    databases: Sequence[str] | None = None,
    *,
    user_data: ec2.UserData | None,
    internet: bool,
) -> None:
    """Refuse what keeps hosts from setting themselves up.

    Args:
        whose: Whose hosts they are.
        platform: What they run on.
        databases: Names of the mirrored databases; None for hosts that have none of their own.
        user_data: What was given to run instead.
        internet: Whether they may open connections to the Internet.
    """
    if user_data is not None:
        raise ValueError(
            f"supply either platform or user_data for {whose}, got both: with a platform its hosts run this library's"
        )
    if problem := packages_problem(platform.packages, internet=internet):
        raise ValueError(f"packages of the platform of {whose} is 'repositories', and internet is False: {problem}")
    if databases is None:
        return
    if not databases:
        raise ValueError(f"supply databases, the names of those that {whose} mirrors: with a platform it needs at least one")
    for name in databases:
        if problem := database_problem(name):
            raise ValueError(f"databases of {whose} has {name!r}: {problem}")
    if twice := sorted({name for name in databases if list(databases).count(name) > 1}):
        raise ValueError(f"databases of {whose} has {', '.join(twice)} twice: a database is mirrored once")


def planned_address(subnet: ec2.ISubnet, number: int, member: str) -> str:
    """The fixed address of a member by the address plan."""
    try:
        cidr: str | None = subnet.ipv4_cidr_block
    except RuntimeError:
        # The CDK's answer for a subnet that exists and was described without its range.
        cidr = None
    if cidr is None or Token.is_unresolved(cidr):
        raise ValueError(
            f"the range of the subnet of member {member} isn't known at synthesis; supply addresses={{'a': ..., 'b': ..., "
            "'arbiter': ...}"
        )
    return str(fixed_address(IPv4Network(cidr), number))


def arbiter_type_for(instance_type: ec2.InstanceType) -> ec2.InstanceType:
    """The type an arbiter has beside failover members of a type."""
    arm = instance_type.architecture == ec2.InstanceArchitecture.ARM_64
    return ec2.InstanceType("t4g.small" if arm else "t3.small")
