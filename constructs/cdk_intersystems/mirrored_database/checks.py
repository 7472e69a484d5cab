"""What `MirroredDatabase` refuses, in words, and what it works out from its arguments."""

from collections.abc import Sequence
from ipaddress import IPv4Network

from aws_cdk import Token
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems.model.addresses import fixed_address
from cdk_intersystems.model.databases import database_problem
from cdk_intersystems.model.ecp import ceiling_problem
from cdk_intersystems.model.platform import Platform, packages_problem
from cdk_intersystems.model.storage import MemberVolumes
from cdk_intersystems.model.topology import FAILOVER_MEMBERS, AwsRole, mirror_name_problem


def check_subnets(tier: str, subnets: Sequence[ec2.ISubnet]) -> None:
    """Refuse subnets that aren't three in three zones."""
    zones = [subnet.availability_zone for subnet in subnets]
    if len(zones) != 3 or len(set(zones)) != 3:
        raise ValueError(f"supply three {tier} subnets, each in its own availability zone, got {zones}")


def check_mirror(name: str, volumes: MemberVolumes, ecp_client_ceiling: int) -> None:
    """Refuse a name that IRIS refuses, volumes that EBS refuses, and a ceiling that IRIS can't have."""
    if problem := mirror_name_problem(name):
        raise ValueError(f"{problem}, got {name!r}")
    problems = [f"{role}.{field}: {problem}" for role, spec in volumes.by_role().items() for field, problem in spec.problems()]
    if problems:
        raise ValueError("; ".join(problems))
    if ceiling := ceiling_problem(ecp_client_ceiling, ()):
        raise ValueError(f"ecp_client_ceiling of {name} is {ecp_client_ceiling}: {ceiling}")


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


def check_absence(absent_member: str | None, member_count: int, role: AwsRole) -> None:
    """Refuse a mirror without the members it needs."""
    if absent_member is not None and absent_member not in FAILOVER_MEMBERS:
        raise ValueError(f"only failover member a or b can be absent, got {absent_member!r}")
    if member_count not in (1, 2):
        raise ValueError(f"member_count is 1 or 2, got {member_count!r}")
    if member_count == 1 and role != "dr":
        raise ValueError("member_count is 1 in the DR region alone: elsewhere a mirror needs two failover members")
    if member_count == 1 and absent_member == "a":
        raise ValueError(
            "absent_member is a, and with member_count=1 there is no other: supply member_count=2, or leave a there"
        )


def waiting_type(full: ec2.InstanceType, warm: ec2.InstanceType | None, *, role: AwsRole, tenancy: str) -> ec2.InstanceType:
    """The type that failover members start with: their own, or the one with which they wait in the DR region."""
    if warm is None:
        return full
    if role != "dr":
        raise ValueError(f"warm_instance_type is for members that wait, with role='dr', got {warm.to_string()} with {role!r}")
    if warm.architecture != full.architecture:
        raise ValueError(
            f"warm_instance_type {warm.to_string()} and instance_type {full.to_string()} have different architectures: a host "
            "keeps its image when a promotion changes its type"
        )
    if tenancy == "dedicated-host" and warm.to_string() != full.to_string():
        raise ValueError(
            f"a dedicated host has room for the type it was made for, {warm.to_string()}, and a promotion couldn't raise it to "
            f"{full.to_string()}: supply another tenancy, or leave out warm_instance_type"
        )
    return warm


def arbiter_type_for(instance_type: ec2.InstanceType) -> ec2.InstanceType:
    """The type an arbiter has beside failover members of a type."""
    arm = instance_type.architecture == ec2.InstanceArchitecture.ARM_64
    return ec2.InstanceType("t4g.small" if arm else "t3.small")
