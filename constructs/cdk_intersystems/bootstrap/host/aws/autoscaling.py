"""Auto Scaling: leaving a group in good order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .client import AwsError

if TYPE_CHECKING:
    from .client import Aws


def group_of(aws: Aws, instance_id: str) -> str:
    """The name of the Auto Scaling group of an instance; empty if it has none.

    Args:
        aws: AWS.
        instance_id: The instance.

    Raises:
        AwsError: It is refused.
    """
    answer = aws.query("autoscaling", "DescribeAutoScalingInstances", {"InstanceIds.member.1": instance_id}, instance_id)
    return answer.findtext(".//AutoScalingGroupName", "").strip()


def complete_lifecycle(aws: Aws, hook: str, group: str, instance_id: str) -> None:
    """Lets Auto Scaling go on with an instance that waits in a lifecycle hook; nothing if it doesn't wait any more.

    Args:
        aws: AWS.
        hook: Name of the hook.
        group: Name of the group.
        instance_id: The instance.

    Raises:
        AwsError: It is refused.
    """
    _of_a_waiting_instance(aws, "CompleteLifecycleAction", hook, group, instance_id, {"LifecycleActionResult": "CONTINUE"})


def heartbeat(aws: Aws, hook: str, group: str, instance_id: str) -> None:
    """Has a lifecycle hook wait once more for its whole time-out; nothing if it doesn't wait any more.

    Args:
        aws: AWS.
        hook: Name of the hook.
        group: Name of the group.
        instance_id: The instance.

    Raises:
        AwsError: It is refused.
    """
    _of_a_waiting_instance(aws, "RecordLifecycleActionHeartbeat", hook, group, instance_id, {})


def _of_a_waiting_instance(  # noqa: PLR0917 (the two above are what others call)
    aws: Aws, action: str, hook: str, group: str, instance_id: str, more: dict[str, str]
) -> None:
    request = {"LifecycleHookName": hook, "AutoScalingGroupName": group, "InstanceId": instance_id, **more}
    try:
        aws.query("autoscaling", action, request, f"{instance_id} of {group}")
    except AwsError as error:
        # "No active Lifecycle Action found": it was completed before, or its time is over.
        if error.code != "ValidationError":
            raise
