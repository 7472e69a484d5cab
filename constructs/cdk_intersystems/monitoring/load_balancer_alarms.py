"""Alarms on an Application Load Balancer."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.monitoring.notification import notify

_PERIOD = Duration.minutes(1)
# A server that starts or is replaced is unhealthy for a while, which is no alarm.
_UNHEALTHY_PERIODS = 10


def alarm_on_unhealthy_servers(
    scope: Construct, target_group: elbv2.ApplicationTargetGroup, name: str, topic: sns.ITopic | None
) -> cloudwatch.Alarm:
    """Define an alarm on servers that fail their health check, for ten minutes.

    Args:
        scope: The construct the alarm belongs to.
        target_group: The servers, behind a load balancer.
        name: What the servers are called.
        topic: Where the alarm and its end are sent. None: nowhere.
    """
    alarm = cloudwatch.Alarm(
        scope,
        "UnhealthyServersAlarm",
        alarm_description=f"{name}: a server fails the load balancer's health check",
        metric=target_group.metrics.unhealthy_host_count(statistic="Maximum", period=_PERIOD),
        threshold=1,
        evaluation_periods=_UNHEALTHY_PERIODS,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        # Not reported while no server is registered, which the alarm on missing servers tells.
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    notify(alarm, topic)
    return alarm


def alarm_on_fail_open(
    scope: Construct, target_group: elbv2.ApplicationTargetGroup, name: str, topic: sns.ITopic | None
) -> cloudwatch.Alarm:
    """Define an alarm on requests that were sent to unhealthy servers, at the first one.

    A load balancer with no healthy target sends requests to all of them, and this can't be switched off.

    Args:
        scope: The construct the alarm belongs to.
        target_group: The servers, behind a load balancer.
        name: What the servers are called.
        topic: Where the alarm and its end are sent. None: nowhere.
    """
    alarm = cloudwatch.Alarm(
        scope,
        "FailOpenAlarm",
        alarm_description=f"{name}: no server is healthy, and the load balancer sends requests to all of them",
        metric=target_group.metrics.custom("UnhealthyRoutingRequestCount", statistic="Sum", period=_PERIOD),
        threshold=1,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        # Only reported when it happens.
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    notify(alarm, topic)
    return alarm
