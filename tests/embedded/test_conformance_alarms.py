"""Alarms on a metric go off as AWS documents: "Evaluating an alarm", "Configuring how CloudWatch alarms treat missing data"."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.clients import Clients

pytestmark = pytest.mark.embedded

MINE, ANOTHERS = [{"Name": "mirror_set", "Value": "MINE"}], [{"Name": "mirror_set", "Value": "ANOTHERS"}]


class Alarm:
    """An alarm on a metric of its own, at 1 and more."""

    def __init__(self, cloudwatch: Any, **arguments: Any) -> None:
        self._cloudwatch = cloudwatch
        self.metric = f"metric-{secrets.token_hex(4)}"
        defaults = {
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        }
        cloudwatch.put_metric_alarm(
            AlarmName=self.metric, Namespace="test", MetricName=self.metric, Dimensions=MINE, **{**defaults, **arguments}
        )

    def measure(self, value: float, dimensions: list[dict[str, str]] = MINE, minutes_ago: float = 0) -> str:
        """Measures something; the alarm's state then."""
        at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        datum = {"MetricName": self.metric, "Dimensions": dimensions, "Value": value, "Timestamp": at}
        self._cloudwatch.put_metric_data(Namespace="test", MetricData=[datum])
        return self.state

    @property
    def state(self) -> str:
        (found,) = self._cloudwatch.describe_alarms(AlarmNames=[self.metric])["MetricAlarms"]
        return str(found["StateValue"])


@pytest.fixture
def alarm(clients: Clients) -> Callable[..., Alarm]:
    return lambda **arguments: Alarm(clients("cloudwatch"), **arguments)


def test_it_goes_off_and_on_again(alarm: Callable[..., Alarm]) -> None:
    found = alarm(Statistic="Minimum")
    assert [found.measure(1), found.measure(0)] == ["ALARM", "OK"]


# A metric is its name and its dimensions.
def test_it_does_not_look_at_metrics_with_other_dimensions(alarm: Callable[..., Alarm]) -> None:
    found = alarm(TreatMissingData="notBreaching")
    assert [found.measure(5, ANOTHERS), found.measure(5, [])] == ["OK", "OK"]
    assert found.measure(5) == "ALARM"


def test_it_waits_for_as_many_periods_as_it_says(alarm: Callable[..., Alarm]) -> None:
    found = alarm(EvaluationPeriods=2, TreatMissingData="notBreaching")
    assert found.measure(1) == "OK"
    assert found.measure(1, minutes_ago=1.5) == "ALARM"


@pytest.mark.parametrize(
    ("treated", "state"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "INSUFFICIENT_DATA"), ("notBreaching", "OK"), ("breaching", "ALARM")],
)
def test_where_nothing_was_measured_it_does_what_it_was_told(alarm: Callable[..., Alarm], treated: str, state: str) -> None:
    assert alarm(TreatMissingData=treated).state == state


def test_a_canary_that_stops_sets_it_off(alarm: Callable[..., Alarm]) -> None:
    found = alarm(Statistic="Sum", EvaluationPeriods=3, ComparisonOperator="LessThanThreshold", TreatMissingData="breaching")
    assert found.measure(1, minutes_ago=10) == "ALARM"
    assert found.measure(1) == "OK"
