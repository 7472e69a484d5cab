"""Alarms on moves between regions; each names the runbook that stands behind it."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk_intersystems.failover_automation.router import METRIC_NAMESPACE
from cdk_intersystems.monitoring.notification import notify

_MINUTE = Duration.minutes(1)
STUCK_SECONDS = 1800
"""How long a move may be under way since its approval: the slowest one gives the database a larger instance, in 15 minutes."""

# A step that fails is tried again within half a minute; for so many minutes in a row nothing has helped.
_FAILING_MINUTES = 5


class RegionFailoverAlarms(Construct):
    """Defines the alarms on the moves of one mirror set."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        mirror_set: str,
        function: lambda_.IFunction,
        workflow: stepfunctions.IStateMachine,
        topic: sns.ITopic | None,
    ) -> None:
        """Define the alarms.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            deployment: Name of the deployment.
            mirror_set: Name of the mirror set.
            function: The function that runs the steps.
            workflow: The workflow.
            topic: Where alarms go. None: nowhere.
        """
        super().__init__(scope, id)
        self._name, self._topic = f"{deployment}/{mirror_set}", topic
        under_way = cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name="MoveSeconds",
            dimensions_map={"deployment": deployment, "mirror_set": mirror_set},
            statistic="Maximum",
            period=_MINUTE,
        )
        minutes = STUCK_SECONDS // 60
        self._add(
            "MoveStuck", "move-stuck", f"a move was approved {minutes} minutes ago and is not done", under_way, STUCK_SECONDS
        )
        ended = {
            "failed": workflow.metric_failed(statistic="Sum", period=_MINUTE),
            "aborted": workflow.metric_aborted(statistic="Sum", period=_MINUTE),
            "timed_out": workflow.metric_timed_out(statistic="Sum", period=_MINUTE),
        }
        broken = cloudwatch.MathExpression(
            expression=" + ".join(f"FILL({each}, 0)" for each in ended),
            using_metrics=ended,
            label="workflows that did not come to an end",
            period=_MINUTE,
        )
        self._add("WorkflowEnded", "move-stuck", "the workflow of a move has ended before the move has: resume it", broken, 1)
        self._add(
            "StepsFail",
            "promotion-failed",
            "a step of a move fails again and again",
            function.metric_errors(statistic="Sum", period=_MINUTE),
            1,
            periods=_FAILING_MINUTES,
        )

    def _add(self, id: str, runbook: str, says: str, metric: cloudwatch.IMetric, threshold: int, *, periods: int = 1) -> None:
        alarm = cloudwatch.Alarm(
            self,
            id,
            alarm_description=f"{self._name}: {says}. Runbook: docs/runbooks/{runbook}.md",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        notify(alarm, self._topic)
