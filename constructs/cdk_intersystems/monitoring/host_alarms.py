"""Alarms on a single EC2 host."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.monitoring.notification import notify


def alarm_on_failed_status_check(
    scope: Construct, instance: ec2.Instance, name: str, topic: sns.ITopic | None
) -> cloudwatch.Alarm:
    """Define an alarm on two failed EC2 status checks in a row, one a minute, of the instance or of its hardware.

    Args:
        scope: The construct the alarm belongs to.
        instance: The host.
        name: What the host is called.
        topic: Where the alarm and its end are sent. None: nowhere.
    """
    alarm = cloudwatch.Alarm(
        scope,
        "StatusCheckAlarm",
        alarm_description=f"{name}: the EC2 status check of the host fails",
        metric=cloudwatch.Metric(
            namespace="AWS/EC2",
            metric_name="StatusCheckFailed",
            dimensions_map={"InstanceId": instance.instance_id},
            statistic="Maximum",
            period=Duration.minutes(1),
        ),
        threshold=1,
        evaluation_periods=2,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        # A host that reports nothing is not running.
        treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
    )
    notify(alarm, topic)
    return alarm
