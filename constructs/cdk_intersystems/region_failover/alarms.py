"""Alarms on moves between regions; each names the runbook that stands behind it."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk_intersystems.failover_automation.router import METRIC_NAMESPACE
from cdk_intersystems.monitoring.runbook_alarm import alarm_with_runbook

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
        name = f"{deployment}/{mirror_set}"
        under_way = cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name="MoveSeconds",
            dimensions_map={"deployment": deployment, "mirror_set": mirror_set},
            statistic="Maximum",
            period=_MINUTE,
        )
        alarm_with_runbook(
            self,
            "MoveStuck",
            name=name,
            says=f"a move was approved {STUCK_SECONDS // 60} minutes ago and is not done",
            runbook="move-stuck",
            metric=under_way,
            topic=topic,
            threshold=STUCK_SECONDS,
            # The watch tells it each minute, 0 where no move is under way: a minute without it is no end of a move.
            missing=cloudwatch.TreatMissingData.IGNORE,
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
        alarm_with_runbook(
            self,
            "WorkflowEnded",
            name=name,
            says="the workflow of a move has ended before the move has: resume it",
            runbook="move-stuck",
            metric=broken,
            topic=topic,
        )
        alarm_with_runbook(
            self,
            "StepsFail",
            name=name,
            says="a step of a move fails again and again",
            runbook="promotion-failed",
            metric=function.metric_errors(statistic="Sum", period=_MINUTE),
            topic=topic,
            periods=_FAILING_MINUTES,
        )
