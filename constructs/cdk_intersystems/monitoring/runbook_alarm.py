"""An alarm that names the runbook behind it."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.monitoring.notification import NO_TOPIC, notify

AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
AT_MOST = cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD


def alarm_with_runbook(
    scope: Construct,
    id: str,
    *,
    name: str,
    says: str,
    runbook: str,
    metric: cloudwatch.IMetric,
    topic: sns.ITopic | None,
    threshold: float = 1,
    comparison: cloudwatch.ComparisonOperator = AT_LEAST,
    periods: int = 1,
    missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    untold: str = NO_TOPIC,
) -> cloudwatch.Alarm:
    """Define an alarm whose description says what is wrong, and which page says what to do.

    Args:
        scope: The construct the alarm belongs to.
        id: Its id within the scope.
        name: What it is about.
        says: What is wrong with that.
        runbook: Name of the page in `docs/runbooks`.
        metric: What is watched.
        topic: Where the alarm and its end are sent. None: nowhere.
        threshold: What the metric is compared with.
        comparison: How.
        periods: For how many of the metric's periods in a row.
        missing: What a period without data means.
        untold: With no topic, why there is none, for the packs of rules.
    """
    alarm = cloudwatch.Alarm(
        scope,
        id,
        alarm_description=f"{name}: {says}. Runbook: docs/runbooks/{runbook}.md",
        metric=metric,
        threshold=threshold,
        evaluation_periods=periods,
        comparison_operator=comparison,
        treat_missing_data=missing,
    )
    notify(alarm, topic, untold=untold)
    return alarm
