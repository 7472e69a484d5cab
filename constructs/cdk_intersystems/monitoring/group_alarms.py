"""Alarms on an Auto Scaling group."""

from aws_cdk import Duration
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.monitoring.notification import notify

_PERIOD = Duration.minutes(1)
# Longer than a replacement takes that goes well.
_PERIODS = 15


def alarm_on_missing_servers(
    scope: Construct, group: autoscaling.AutoScalingGroup, name: str, topic: sns.ITopic | None
) -> cloudwatch.Alarm:
    """Define an alarm on fewer servers in service than the group is to have, for 15 minutes.

    It compares with the desired capacity of the moment, which a deployment doesn't know.

    Args:
        scope: The construct the alarm belongs to.
        group: The group, with its group metrics on.
        name: What its servers are called.
        topic: Where the alarm and its end are sent. None: nowhere.
    """
    alarm = cloudwatch.Alarm(
        scope,
        "MissingServersAlarm",
        alarm_description=f"{name}: fewer servers are in service than desired",
        metric=cloudwatch.MathExpression(
            expression="desired - inService",
            using_metrics={
                "desired": _metric(group, "GroupDesiredCapacity"),
                "inService": _metric(group, "GroupInServiceInstances"),
            },
            label="missing servers",
            period=_PERIOD,
        ),
        threshold=1,
        evaluation_periods=_PERIODS,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        # A group that reports nothing can't be told from one without servers.
        treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
    )
    notify(alarm, topic)
    return alarm


def _metric(group: autoscaling.AutoScalingGroup, name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/AutoScaling",
        metric_name=name,
        dimensions_map={"AutoScalingGroupName": group.auto_scaling_group_name},
        statistic="Minimum",
        period=_PERIOD,
    )
