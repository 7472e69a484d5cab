"""Alarms on the failover automation; each names the runbook that stands behind it.

In the DR region no member is primary for as long as the region waits, and an alarm that always burns is no alarm. There,
what only a region that serves has to have is asked for only while the region holds the traffic: by metric math with the
metric `DrHoldsTraffic` of the region's watch. Not by composite alarms, which would leave the alarms below them burning, on the
dashboard and in each list, and double their number. If the watch has reported nothing at all, nothing is asked for either:
the watch has an alarm of its own.

The call-out's canary stays as it is. Members send it whether they are primary or not, and that the way to the router
is open has to be known before a promotion needs it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_intersystems.failover_automation.router import METRIC_NAMESPACE
from cdk_intersystems.model.topology import AwsRole
from cdk_intersystems.monitoring.runbook_alarm import AT_LEAST, BELOW, alarm_with_runbook

_MINUTE = Duration.minutes(1)
# A canary comes each minute. Some are late, or are lost with a member that fails over.
_CANARY_MINUTES = 5
# The router runs each minute; so long it may be throttled, or not be there for an update.
_SILENT_MINUTES = 5


@dataclass(frozen=True, kw_only=True)
class _Watch:
    """An alarm on one of the router's own metrics, at its first count.

    Args:
        runbook: Name of the runbook.
        says: What is wrong.
        periods: For how many minutes in a row.
        serving: Whether it is wrong only in a region that holds the traffic.
    """

    runbook: str
    says: str
    periods: int = 1
    serving: bool = False


# By metric. Where a failover that goes well may show it for a moment, two minutes in a row count.
_ROUTER: Final[Mapping[str, _Watch]] = {
    "NoPrimary": _Watch(runbook="no-primary", says="no member says that it is primary", periods=2, serving=True),
    "SeveralPrimaries": _Watch(runbook="several-primaries", says="more than one member says that it is primary"),
    "RoutedMemberNotPrimary": _Watch(
        runbook="routed-member-not-primary",
        says="the member that clients are led to is not primary",
        periods=2,
        serving=True,
    ),
    "RoutesRepaired": _Watch(
        runbook="routes-repaired", says="routes or listeners led elsewhere with no failover, and were put right"
    ),
    "RoutingFailed": _Watch(runbook="routing-failed", says="clients could not be led to the member with the newest epoch"),
    "EpochJump": _Watch(runbook="epoch-jump", says="route epochs were taken that nobody was led by"),
}


class FailoverAlarms(Construct):
    """Defines the alarms on the automation of one mirror set."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        mirror_set: str,
        function: lambda_.IFunction,
        parked: sqs.IQueue,
        calling_members: Sequence[str],
        target_groups: Sequence[elbv2.NetworkTargetGroup],
        topic: sns.ITopic | None,
        role: AwsRole = "primary",
    ) -> None:
        """Define the alarms.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            deployment: Name of the deployment.
            mirror_set: Name of the mirror set.
            function: The router.
            parked: The dead-letter queue.
            calling_members: The failover members whose way to the router is tried each minute.
            target_groups: The endpoint's target groups of one service: one with both members, or one for each. All services
                have the same health check of the same members, so that those of one stand for all. Empty: there are none.
            topic: Where alarms go. None: nowhere.
            role: The role of the region. In `dr`, what only a region that serves has to have is asked for while it serves.
        """
        super().__init__(scope, id)
        self._name = f"{deployment}/{mirror_set}"
        self._topic = topic
        dimensions = {"deployment": deployment, "mirror_set": mirror_set}
        # Of the region's watch; present with value 0 while the region waits.
        self._holds = _router_metric("DrHoldsTraffic", dimensions, "Maximum") if role == "dr" else None
        for metric, watch in _ROUTER.items():
            self._add(
                metric,
                watch.runbook,
                watch.says,
                _router_metric(metric, dimensions, "Maximum"),
                periods=watch.periods,
                serving=watch.serving,
            )
        self._add(
            "RouterSilent",
            "router-silent",
            f"no run of the router has come to its end for {_SILENT_MINUTES} minutes",
            _router_metric("RoutesChanged", dimensions, "SampleCount"),
            periods=_SILENT_MINUTES,
            below=True,
        )
        self._add(
            "RouterErrors",
            "routing-failed",
            "the router function fails",
            function.metric_errors(statistic="Sum", period=_MINUTE),
            periods=2,
        )
        for member in calling_members:
            self._add(
                f"CallOut{member.upper()}",
                "call-out-unreachable",
                f"member {member} has not reached the router for {_CANARY_MINUTES} minutes, and could not in a failover",
                _router_metric("CallOutCanary", {**dimensions, "member": member}, "Sum"),
                periods=_CANARY_MINUTES,
                below=True,
            )
        self._add(
            "DeadLetters",
            "dead-letters",
            "messages to the router were parked: nothing could be done with them",
            parked.metric_approximate_number_of_messages_visible(statistic="Maximum", period=_MINUTE),
        )
        if target_groups:
            self._watch_load_balancer(target_groups)

    def _watch_load_balancer(self, target_groups: Sequence[elbv2.NetworkTargetGroup]) -> None:
        # Not by the groups' own metrics, which a group has only while a listener of the template leads to it.
        balancer = target_groups[0].first_load_balancer_full_name
        healthy = {
            f"healthy{number}": cloudwatch.Metric(
                namespace="AWS/NetworkELB",
                metric_name="HealthyHostCount",
                dimensions_map={"LoadBalancer": balancer, "TargetGroup": group.target_group_full_name},
                statistic="Maximum",
                period=_MINUTE,
            )
            for number, group in enumerate(target_groups)
        }
        metric: cloudwatch.IMetric = next(iter(healthy.values()))
        if len(healthy) > 1:
            # A group that reports nothing has nobody healthy, such as one that somebody took out of its listener.
            metric = cloudwatch.MathExpression(
                expression=" + ".join(f"FILL({each}, 0)" for each in healthy),
                using_metrics=healthy,
                label="healthy members",
                period=_MINUTE,
            )
        self._add(
            "LoadBalancerFailsOpen",
            "load-balancer-fails-open",
            "no member is healthy for the load balancer, which then sends clients to all of them",
            metric,
            periods=2,
            below=True,
            serving=True,
        )

    def _add(
        self,
        id: str,
        runbook: str,
        says: str,
        metric: cloudwatch.IMetric,
        *,
        periods: int = 1,
        below: bool = False,
        serving: bool = False,
    ) -> None:
        """Define an alarm on a metric of 1 and more or, with `below`, of less than 1 and none.

        With `serving` the DR region's is one only while that region holds the traffic.
        """
        breaching = below
        if serving and self._holds is not None:
            metric = cloudwatch.MathExpression(
                # A report of the watch that is late or lost leaves what was. Where there was none, nothing is asked for.
                expression=f"IF(FILL(holds, REPEAT) >= 1, FILL(counted, 0), {1 if below else 0})",
                using_metrics={"holds": self._holds, "counted": metric},
                label="while the region holds the traffic",
                period=_MINUTE,
            )
            breaching = False
        missing = cloudwatch.TreatMissingData
        alarm_with_runbook(
            self,
            id,
            name=self._name,
            says=says,
            runbook=runbook,
            metric=metric,
            topic=self._topic,
            comparison=BELOW if below else AT_LEAST,
            periods=periods,
            missing=missing.BREACHING if breaching else missing.NOT_BREACHING,
        )


def _router_metric(name: str, dimensions: Mapping[str, str], statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=name,
        dimensions_map=dict(dimensions),
        statistic=statistic,
        period=_MINUTE,
    )
