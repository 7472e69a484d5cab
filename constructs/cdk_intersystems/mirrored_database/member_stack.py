"""The stack of one member: its volumes, role, instance, alarm and gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Environment, Stack, Tags, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.host_bundle.host_bundle import HostBundle, await_signals
from cdk_intersystems.identity.instance_role import attach_volumes, attach_volumes_wildcards, define_instance_role
from cdk_intersystems.mirrored_database.checks import arbiter_type_for
from cdk_intersystems.mirrored_database.member_host import Purchase, Tenancy, define_member_host
from cdk_intersystems.mirrored_database.member_volumes import define_member_volumes
from cdk_intersystems.mirrored_database.roll_approval import RollApproval
from cdk_intersystems.mirrored_database.security_groups import MirrorSecurityGroups
from cdk_intersystems.model import tags
from cdk_intersystems.model.automation.steps import RUNBOOK_TAG_VALUE
from cdk_intersystems.model.storage import MemberVolumes
from cdk_intersystems.model.topology import FailoverMemberId, MemberId
from cdk_intersystems.monitoring.host_alarms import alarm_on_failed_status_check
from cdk_intersystems.policy.acknowledge import acknowledge


@dataclass(frozen=True, kw_only=True)
class MemberDefaults:
    """What the hosts of a mirror have in common.

    `note` is what to think of before a failover member is rolled; `wildcards` are the resources with a wildcard in what those
    may do, with the reason.
    """

    deployment: str
    mirror_name: str
    scope: Construct
    parent: Stack
    vpc: ec2.IVpc
    machine_image: ec2.IMachineImage
    encryption_key: kms.IKey
    log_group: logs.ILogGroup
    user_data: ec2.UserData | None
    bundle: HostBundle | None
    alarm_topic: sns.ITopic | None
    termination_protection: bool
    note: str = ""
    wildcards: Mapping[str, str] = field(default_factory=dict)

    def first_start(self) -> ec2.UserData | None:
        """What a host runs when it starts for the first time."""
        return self.bundle.user_data() if self.bundle else self.user_data

    def identity(self, member: str) -> dict[str, str]:
        """The tags that together only this member's host and volumes have."""
        return {tags.DEPLOYMENT: self.deployment, tags.MIRROR_SET: self.mirror_name, tags.MEMBER: member}

    def full_name(self, member: str) -> str:
        """The member in words that are unique in an account and region."""
        return f"{self.deployment}/{self.mirror_name}/{member}"


def define_members(
    defaults: MemberDefaults,
    *,
    members: Sequence[FailoverMemberId],
    present: Sequence[FailoverMemberId],
    subnets: Mapping[MemberId, ec2.ISubnet],
    addresses: Mapping[str, str],
    instance_type: ec2.InstanceType,
    arbiter_instance_type: ec2.InstanceType | None,
    security_groups: MirrorSecurityGroups,
    volumes: MemberVolumes,
    tenancy: Tenancy,
    purchase: Purchase,
    capacity_platform: str,
    member_role: iam.IRole | None,
    arbiter_role: iam.IRole | None,
    access: Sequence[iam.PolicyStatement],
    arbiter_access: Sequence[iam.PolicyStatement],
    takes_routes: bool,
) -> tuple[ec2.Instance, dict[str, ec2.Instance], list[Stack]]:
    """Define the arbiter and the failover members, each in a stack of its own.

    Args:
        defaults: What they have in common.
        members: The failover members.
        present: Those of them whose host is there.
        subnets: The subnet of each.
        addresses: The address of each.
        instance_type: The failover members' type.
        arbiter_instance_type: The arbiter's. None: a small one.
        security_groups: Theirs.
        volumes: The volumes of each failover member.
        tenancy: Whose hardware the failover members share.
        purchase: How their capacity is bought.
        capacity_platform: How EC2 bills the image.
        member_role: Their role. None: a new one for each.
        arbiter_role: The arbiter's, likewise.
        access: What a new role of a failover member may do beside what every one may.
        arbiter_access: What a new role of the arbiter may.
        takes_routes: Whether routes lead a VIP to them.

    Returns:
        The arbiter's instance, the instances of the failover members that are there, and all stacks.
    """
    arbiter_stack, arbiter = define_arbiter(
        defaults,
        subnet=subnets["arbiter"],
        address=addresses["arbiter"],
        instance_type=arbiter_instance_type or arbiter_type_for(instance_type),
        security_group=security_groups.arbiter,
        role=arbiter_role,
        statements=arbiter_access,
    )
    defined = {
        member: define_failover_member(
            defaults,
            member=member,
            subnet=subnets[member],
            address=addresses[member],
            instance_type=instance_type,
            security_group=security_groups.members,
            volumes=volumes,
            tenancy=tenancy,
            purchase=purchase,
            capacity_platform=capacity_platform,
            role=member_role,
            statements=access,
            absent=member not in present,
            takes_routes=takes_routes,
            after=arbiter_stack,
        )
        for member in members
    }
    instances: dict[str, ec2.Instance] = {member: instance for member, (_, instance) in defined.items() if instance is not None}
    return arbiter, instances, [arbiter_stack, *(stack for stack, _ in defined.values())]


def define_failover_member(
    defaults: MemberDefaults,
    *,
    member: str,
    subnet: ec2.ISubnet,
    address: str,
    instance_type: ec2.InstanceType,
    security_group: ec2.ISecurityGroup,
    volumes: MemberVolumes,
    tenancy: Tenancy,
    purchase: Purchase,
    capacity_platform: str,
    role: iam.IRole | None,
    statements: Sequence[iam.PolicyStatement],
    absent: bool,
    takes_routes: bool,
    after: Stack,
) -> tuple[Stack, ec2.Instance | None]:
    """Define a failover member in a stack of its own; without its instance if it is absent."""
    stack = _define_stack(defaults, member, f"Failover member {member} of mirror {defaults.mirror_name}")
    if defaults.bundle:
        stack.add_stack_dependency(after, "the member that creates the mirror waits for the arbiter")
    own_volumes = define_member_volumes(
        stack, volumes=volumes, availability_zone=subnet.availability_zone, encryption_key=defaults.encryption_key
    )
    for volume in own_volumes:
        acknowledge(volume, {"HIPAA.Security-EC2EBSInBackupPlan": _BACKUP, "NIST.800.53.R5-EC2EBSInBackupPlan": _BACKUP})
    instance = None
    if not absent:
        attach = attach_volumes(stack, own_volumes, defaults.encryption_key, defaults.identity(member))
        wildcards = {**attach_volumes_wildcards(stack), **defaults.wildcards}
        own_role = role or _define_role(defaults, stack, member, [*attach, *statements], wildcards)
        instance = define_member_host(
            stack,
            vpc=defaults.vpc,
            subnet=subnet,
            address=address,
            machine_image=defaults.machine_image,
            instance_type=instance_type,
            security_group=security_group,
            role=own_role,
            encryption_key=defaults.encryption_key,
            tenancy=tenancy,
            purchase=purchase,
            capacity_platform=capacity_platform,
            user_data=defaults.first_start(),
            termination_protection=defaults.termination_protection,
            takes_routes=takes_routes,
        )
        if defaults.bundle:
            await_signals(instance.instance, 1)
            Tags.of(instance.instance).add(tags.RUNBOOK, RUNBOOK_TAG_VALUE)
        alarm_on_failed_status_check(stack, instance, defaults.full_name(member), defaults.alarm_topic)
    RollApproval(
        stack,
        "RollApproval",
        member=defaults.full_name(member),
        instance=instance.instance if instance else None,
        volumes=[_resource(volume) for volume in own_volumes],
        note=defaults.note,
    )
    return stack, instance


def define_arbiter(
    defaults: MemberDefaults,
    *,
    subnet: ec2.ISubnet,
    address: str,
    instance_type: ec2.InstanceType,
    security_group: ec2.ISecurityGroup,
    role: iam.IRole | None,
    statements: Sequence[iam.PolicyStatement],
) -> tuple[Stack, ec2.Instance]:
    """Define the arbiter in a stack of its own."""
    stack = _define_stack(defaults, "arbiter", f"Arbiter of mirror {defaults.mirror_name}")
    instance = define_member_host(
        stack,
        vpc=defaults.vpc,
        subnet=subnet,
        address=address,
        machine_image=defaults.machine_image,
        instance_type=instance_type,
        security_group=security_group,
        role=role or _define_role(defaults, stack, "arbiter", statements),
        encryption_key=defaults.encryption_key,
        tenancy="default",
        purchase="on-demand",
        capacity_platform="Linux/UNIX",
        user_data=defaults.first_start(),
        termination_protection=defaults.termination_protection,
    )
    if defaults.bundle:
        await_signals(instance.instance, 1)
    alarm_on_failed_status_check(stack, instance, defaults.full_name("arbiter"), defaults.alarm_topic)
    RollApproval(stack, "RollApproval", member=defaults.full_name("arbiter"), instance=instance.instance)
    return stack, instance


def _define_stack(defaults: MemberDefaults, member: str, description: str) -> Stack:
    parent = defaults.parent
    name = f"{parent.stack_name}-{member}"
    stack = Stack(
        defaults.scope,
        name,
        stack_name=name,
        description=description,
        env=Environment(
            account=None if Token.is_unresolved(parent.account) else parent.account,
            region=None if Token.is_unresolved(parent.region) else parent.region,
        ),
        termination_protection=defaults.termination_protection,
    )
    for key, value in defaults.identity(member).items():
        Tags.of(stack).add(key, value)
    return stack


def _define_role(
    defaults: MemberDefaults,
    stack: Stack,
    member: str,
    statements: Sequence[iam.PolicyStatement],
    wildcards: Mapping[str, str] | None = None,
) -> iam.Role:
    return define_instance_role(
        stack,
        "Role",
        description=f"Host {defaults.full_name(member)}",
        log_group=defaults.log_group,
        statements=statements,
        wildcards=wildcards,
    )


def _resource(volume: ec2.Volume) -> ec2.CfnVolume:
    resource = volume.node.default_child
    assert isinstance(resource, ec2.CfnVolume)
    return resource


_BACKUP = (
    "not yet: the volumes are to be backed up by freezing the mirror's backup member and snapshotting its volumes together, "
    "which a backup plan of AWS Backup can't do; until that construct exists only the mirror itself holds a second copy"
)
