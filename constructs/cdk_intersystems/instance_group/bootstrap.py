"""How the servers of a tier set themselves up, and how they leave."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_intersystems.host_bundle.host_bundle import HostBundle
from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
from cdk_intersystems.model import tags
from cdk_intersystems.model.host_files import HostFiles
from cdk_intersystems.model.host_settings import SecretArns
from cdk_intersystems.model.names import LIFECYCLE_HOOK
from cdk_intersystems.model.platform import S3Object

# A server that still has work asks for another such time; one that says nothing is terminated after it.
_HEARTBEAT = Duration.minutes(15)


@dataclass(frozen=True, kw_only=True)
class GroupBootstrap:
    """With what the servers of a tier set themselves up.

    Args:
        deployment: Name of the deployment.
        tier: Name of the tier.
        files: What their bundle has beside the code.
        secrets: ARNs of the secrets they may read.
        parameters: Names of the SSM parameters they read beside their own.
        objects: The objects in S3 they fetch beside their bundle, those that there are.
        leaves: Whether a server says itself when it may be terminated, by a lifecycle hook that waits for it.
    """

    deployment: str
    tier: str
    files: HostFiles
    secrets: SecretArns
    parameters: Sequence[str]
    objects: Sequence[S3Object | None]
    leaves: bool

    def define_bundle(self, scope: Construct, log_group: logs.ILogGroup) -> HostBundle:
        """Define the servers' bundle."""
        return HostBundle(
            scope,
            "Bootstrap",
            deployment=self.deployment,
            group=self.tier,
            files=self.files,
            secrets=self.secrets,
            log_group=log_group,
        )

    def add_hook(self, group: autoscaling.AutoScalingGroup) -> None:
        """Define the hook that waits for a server that leaves, on the tier's group."""
        if self.leaves:
            group.add_lifecycle_hook(
                "Leave",
                lifecycle_hook_name=LIFECYCLE_HOOK,
                lifecycle_transition=autoscaling.LifecycleTransition.INSTANCE_TERMINATING,
                heartbeat_timeout=_HEARTBEAT,
                default_result=autoscaling.DefaultResult.CONTINUE,
            )

    def statements(self, scope: Construct, bundle: HostBundle) -> list[iam.PolicyStatement]:
        """The statements that let a server set itself up, and say how far its leaving is, in its own group alone.

        The group can't be named: it is complete only once its servers have started, which need their role for that.
        """
        reads = bundle.read(scope, parameters=self.parameters, objects=self.objects)
        if not self.leaves:
            return reads
        return [
            *reads,
            iam.PolicyStatement(
                sid="Leave",
                actions=["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"],
                resources=[_any_group(scope)],
                conditions={
                    "StringEquals": {
                        f"aws:ResourceTag/{tags.DEPLOYMENT}": self.deployment,
                        f"aws:ResourceTag/{tags.TIER}": self.tier,
                    }
                },
            ),
            iam.PolicyStatement(actions=["autoscaling:DescribeAutoScalingInstances"], resources=["*"]),
        ]

    def wildcards(self, scope: Construct) -> dict[str, str]:
        """The resource with a wildcard in the statements, with the reason."""
        return {_any_group(scope): _BY_TAGS} if self.leaves else {}


def start_after(scope: Construct, whose: str, database: MirroredDatabase) -> None:
    """Have servers deployed after the members of the mirror they work with, for which their start waits.

    Args:
        scope: A construct of the servers' stack.
        whose: Which servers these are, for errors.
        database: The mirror.

    Raises:
        ValueError: If the mirror's hosts don't set themselves up, or the servers are in the stack that the members' depend on.
    """
    if database.platform is None:
        raise ValueError(f"{whose} has a platform, and its mirror {database.mirror_name} has none: supply one there too")
    stack = Stack.of(scope)
    if stack is Stack.of(database):
        raise ValueError(
            f"put {whose} into a stack of its own: its servers wait for the members of {database.mirror_name}, whose stacks "
            "are deployed after the one it is in"
        )
    for members in database.member_stacks:
        stack.add_stack_dependency(members, f"{whose} starts once the mirror is there")


def _any_group(scope: Construct) -> str:
    # Source: Service Authorization Reference, Amazon EC2 Auto Scaling, resource type autoScalingGroup.
    return Stack.of(scope).format_arn(
        service="autoscaling",
        resource="autoScalingGroup",
        resource_name="*:autoScalingGroupName/*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


_BY_TAGS = (
    "CloudFormation completes the group only when its servers have started, and they start with this policy, so it can't name "
    "the group; the condition admits only the group with the tags of this deployment and tier"
)
