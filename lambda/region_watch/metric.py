"""The latch as a metric: Route 53 reads the stream of an alarm's metric in this region, whatever the alarm's state is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .core import Shown
from .errors import LatchError

if TYPE_CHECKING:
    from .core import Want
    from .settings import Settings

NAMESPACE = "cdk-intersystems"
HOLDS = "DrHoldsTraffic"
#: Route 53 takes metrics of standard resolution alone. Source: Route 53 API, AlarmIdentifier.
_STANDARD_RESOLUTION = 60


class Metric:
    """The carrier of the kind `metric`. What a metric says can't be read back at once: what counts is that CloudWatch took it.

    Args:
        cloudwatch: A client of CloudWatch.
        settings: The function's settings.
    """

    def __init__(self, cloudwatch: Any, settings: Settings) -> None:
        self._cloudwatch = cloudwatch
        self._dimensions = [
            {"Name": "deployment", "Value": settings.deployment},
            {"Name": "mirror_set", "Value": settings.mirror_set},
        ]
        self._taken: Shown | None = None

    def look(self) -> Shown:
        """What CloudWatch has taken from this run; nothing yet, so that each run tells it anew."""
        return self._taken or Shown(None)

    def write(self, want: Want) -> None:
        """Tells the metric.

        Args:
            want: Where the latch is to stand.

        Raises:
            LatchError: CloudWatch didn't take it.
        """
        datum = {
            "MetricName": HOLDS,
            "Dimensions": self._dimensions,
            "Value": float(want.held_by_dr),
            "Unit": "Count",
            "StorageResolution": _STANDARD_RESOLUTION,
        }
        try:
            self._cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])
        except (ClientError, BotoCoreError) as error:
            raise LatchError(f"CloudWatch did not take the metric {HOLDS}: {error}") from error
        self._taken = Shown(want.held_by_dr)
