"""Alarms on what the watch sees; each names the runbook that stands behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.failover_automation.router import METRIC_NAMESPACE
from cdk_intersystems.monitoring.notification import NO_TOPIC
from cdk_intersystems.monitoring.runbook_alarm import ABOVE, AT_LEAST, BELOW, alarm_with_runbook

_MINUTE = Duration.minutes(1)


@dataclass(frozen=True, kw_only=True)
class _Watch:
    """An alarm on one of the watch's metrics, at its first count.

    Args:
        runbook: Name of the runbook.
        says: What is wrong.
        periods: For how many minutes in a row.
        asks_elsewhere: Whether it takes members elsewhere that can be asked.
    """

    runbook: str
    says: str
    periods: int = 1
    asks_elsewhere: bool = False


# By metric. Where a failover that goes well may show it for a moment, several minutes in a row count.
_WATCHES: Final[Mapping[str, _Watch]] = {
    "SplitRegions": _Watch(
        runbook="split-regions", says="each region has a member that says it is primary", asks_elsewhere=True
    ),
    "HeldByOtherRegion": _Watch(
        runbook="split-regions",
        says="a member is primary in the region that, by the newest epoch, doesn't hold the mirror",
        periods=5,
    ),
    "LatchRepaired": _Watch(runbook="latch-changed", says="the latch was changed by somebody else, and was put right"),
    "LatchNotDelivered": _Watch(
        runbook="latch-not-delivered", says="Route 53 is not shown which region holds the traffic", periods=2
    ),
    "DrMembersDown": _Watch(runbook="dr-member-down", says="a member of the DR region does not answer", periods=5),
    "HolderNotServing": _Watch(
        runbook="region-not-serving", says="no member of the region that holds the traffic is primary", periods=3
    ),
}
# The watch runs each minute; so long it may be throttled, or not be there for an update.
_SILENT_MINUTES = 5
_AS_IT_WAS = cloudwatch.TreatMissingData.IGNORE


class RegionWatchAlarms(Construct):
    """Defines the alarms on what the watch sees, and the two that Route 53's health checks read."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        mirror_set: str,
        function: lambda_.IFunction,
        asks_elsewhere: bool,
        topic: sns.ITopic | None,
    ) -> None:
        """Define the alarms.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            deployment: Name of the deployment.
            mirror_set: Name of the mirror set.
            function: The watch.
            asks_elsewhere: Whether members elsewhere can be asked.
            topic: Where alarms go. None: nowhere.
        """
        super().__init__(scope, id)
        self._name = f"{deployment}/{mirror_set}"
        self._topic = topic
        self._dimensions = {"deployment": deployment, "mirror_set": mirror_set}
        # One period, and the higher of two values in it: Route 53 reads exactly this.
        # Without data both are what they were last, for the alarm as for Route 53.
        self.holds = self._add(
            "DrHoldsTraffic",
            "latch-changed",
            "the DR region holds the traffic",
            self._metric("DrHoldsTraffic"),
            missing=_AS_IT_WAS,
        )
        self.primary: cloudwatch.Alarm | None = None
        if asks_elsewhere:
            self.primary = self._add(
                "PrimaryRegionServes",
                "region-not-serving",
                "no member of the primary region is primary, seen from the DR region (for Route 53; it tells nobody else)",
                self._metric("PrimaryRegionServes"),
                below=True,
                missing=_AS_IT_WAS,
                told=False,
            )
        for metric, watch in _WATCHES.items():
            if asks_elsewhere or not watch.asks_elsewhere:
                self._add(metric, watch.runbook, watch.says, self._metric(metric), periods=watch.periods)
        self._add(
            "WatchSilent",
            "watch-silent",
            f"the watch has told nothing, or nothing of a move, for {_SILENT_MINUTES} minutes",
            # It is told last, each minute, if there is a move or not.
            self._metric("MoveSeconds", "SampleCount"),
            periods=_SILENT_MINUTES,
            below=True,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
        self._add(
            "WatchErrors",
            "watch-silent",
            "the watch function fails",
            function.metric_errors(statistic="Sum", period=_MINUTE),
            periods=2,
        )

    def _metric(self, name: str, statistic: str = "Maximum") -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            period=_MINUTE,
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
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
        told: bool = True,
    ) -> cloudwatch.Alarm:
        """Define an alarm on a metric of 1 and more or, with `below`, of less than 1."""
        return alarm_with_runbook(
            self,
            id,
            name=self._name,
            says=says,
            runbook=runbook,
            metric=metric,
            topic=self._topic if told else None,
            comparison=BELOW if below else AT_LEAST,
            periods=periods,
            missing=missing,
            untold=NO_TOPIC if told else _FOR_ROUTE_53,
        )


class ReadinessAlarms(Construct):
    """Defines the alarms on what the readiness function sees."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        mirror_set: str,
        lag_limit_seconds: int,
        check_every: Duration,
        lag_every: Duration,
        topic: sns.ITopic | None,
    ) -> None:
        """Define the alarms.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            deployment: Name of the deployment.
            mirror_set: Name of the mirror set.
            lag_limit_seconds: What the journals of the DR region may be behind.
            check_every: How often everything is checked.
            lag_every: How often the lag is asked.
            topic: Where alarms go. None: nowhere.
        """
        super().__init__(scope, id)
        name, dimensions = f"{deployment}/{mirror_set}", {"deployment": deployment, "mirror_set": mirror_set}
        alarm_with_runbook(
            self,
            "JournalLag",
            name=name,
            says=f"the DR region's journals are more than {lag_limit_seconds} seconds behind",
            runbook="journal-lag",
            metric=cloudwatch.Metric(
                namespace=METRIC_NAMESPACE,
                metric_name="JournalLagSeconds",
                dimensions_map=dimensions,
                statistic="Minimum",
                period=lag_every,
            ),
            topic=topic,
            threshold=lag_limit_seconds,
            comparison=ABOVE,
            periods=2,
            # Nobody says how far behind it is: that is what `dr-member-down` and `not-ready` are for.
            missing=cloudwatch.TreatMissingData.MISSING,
        )
        alarm_with_runbook(
            self,
            "NotReady",
            name=name,
            says="the DR region is not ready to take over",
            runbook="not-ready",
            metric=cloudwatch.Metric(
                namespace=METRIC_NAMESPACE,
                metric_name="Readiness",
                dimensions_map=dimensions,
                statistic="Minimum",
                period=check_every,
            ),
            topic=topic,
            comparison=BELOW,
            periods=2,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )


_FOR_ROUTE_53 = (
    "Route 53's health check reads the stream of its metric; the alarm on HolderNotServing tells the topic of what lasts "
    "longer than a failover within the region"
)
