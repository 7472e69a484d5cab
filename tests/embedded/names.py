"""Route 53 by what is deployed: records with failover, and the health checks behind them.

Of CloudWatch it asks what an alarm is about and what was measured, not the alarm's state, as Route 53 does, which monitors the
stream of a metric. What it doesn't have: the delay of its checkers and of name servers, see `cdk-intersystems predict`.
Sources: "How Amazon Route 53 determines whether a health check is healthy", "How Amazon Route 53 chooses records when health
checking is configured" (Amazon Route 53 Developer Guide).
"""

import json
import operator
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.clients import Clients

_EVERY_SECONDS = 0.5
#: How far back the data points of a metric are looked for, as a schedule of a minute may be late.
_LOOK_BACK = timedelta(minutes=5)
_CROSSES: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

Entry = dict[str, Any]


class Names:
    """Answers for names, in a file that clients read as they would ask a name server.

    Attributes:
        changes: When an answer changed: name, the name it led to, seconds of the monotonic clock.
        problem: Why it could not look, the last time.
    """

    def __init__(self, clients: Mapping[str, Clients], answers: Path, *, by_the_second: bool = False) -> None:
        """Begins.

        Args:
            clients: Region -> boto3's clients; of Route 53 the first one's are asked.
            answers: The file: JSON, name -> the name it leads to.
            by_the_second: Whether a metric is taken by the second, and not by the minute, as Route 53 takes it: for who
                doesn't want to wait until a minute is over in which both was measured.
        """
        self.changes: list[tuple[str, str, float]] = []
        self.problem = ""
        self._clients, self._file, self._period = clients, answers, 1 if by_the_second else None
        self._route53 = next(iter(clients.values()))("route53")
        self._last: dict[str, bool] = {}
        self._answers: dict[str, str] = {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """Looks once, then again and again."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        self._ends.set()
        self._thread.join(30)

    def leads_to(self, name: str) -> str:
        """The name that a name leads to."""
        return self._answers.get(name, "")

    def _follow(self) -> None:
        while not self._ends.wait(_EVERY_SECONDS):
            try:
                self.look()
                self.problem = ""
            except (ClientError, BotoCoreError, OSError, KeyError) as error:
                self.problem = repr(error)

    def look(self) -> None:
        """Finds out where each name leads now."""
        checks = {each["Id"]: each["HealthCheckConfig"] for each in self._route53.list_health_checks()["HealthChecks"]}
        healthy = {identifier: self._is_healthy(identifier, checks) for identifier in checks}
        found: dict[str, str] = {}
        for zone in self._route53.list_hosted_zones()["HostedZones"]:
            records = self._route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
            pairs: dict[str, dict[str, Entry]] = {}
            for record in records:
                if "Failover" in record:
                    pairs.setdefault(record["Name"].rstrip("."), {})[record["Failover"]] = record
            for name, pair in pairs.items():
                found[name] = chosen(pair, healthy)["ResourceRecords"][0]["Value"].rstrip(".")
        at = time.monotonic()
        self.changes += [(name, to, at) for name, to in found.items() if self._answers.get(name) != to]
        self._answers = found
        written = self._file.with_suffix(".new")
        written.write_text(json.dumps(found))
        written.replace(self._file)

    def _is_healthy(self, identifier: str, checks: Mapping[str, Entry]) -> bool:
        config = checks[identifier]
        if config["Type"] == "CALCULATED":
            children = [self._is_healthy(child, checks) for child in config["ChildHealthChecks"]]
            good = sum(children) >= config["HealthThreshold"]
        elif config["Type"] == "CLOUDWATCH_METRIC":
            good = self._metric(identifier, config)
        else:
            raise KeyError(f"a health check of type {config['Type']} is not stood in for")
        return good != config.get("Inverted", False)

    def _metric(self, identifier: str, config: Entry) -> bool:
        """Whether the newest data points of an alarm's metric don't cross its threshold; as it was, where there are none."""
        named = config["AlarmIdentifier"]
        cloudwatch = self._clients[named["Region"]]("cloudwatch")
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[named["Name"]])["MetricAlarms"]
        now = datetime.now(UTC)
        found = cloudwatch.get_metric_statistics(
            Namespace=alarm["Namespace"],
            MetricName=alarm["MetricName"],
            Dimensions=alarm["Dimensions"],
            StartTime=now - _LOOK_BACK,
            EndTime=now + timedelta(minutes=1),
            Period=self._period or alarm["Period"],
            Statistics=[alarm["Statistic"]],
        )["Datapoints"]
        newest = sorted(found, key=lambda point: point["Timestamp"])[-alarm["EvaluationPeriods"] :]
        if newest:
            crosses = _CROSSES[alarm["ComparisonOperator"]]
            crossed = [crosses(point[alarm["Statistic"]], alarm["Threshold"]) for point in newest]
            self._last[identifier] = sum(crossed) < alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
        # A check that never had data is healthy: "LastKnownStatus: ... for new health checks, the default is healthy".
        return self._last.get(identifier, True)


def chosen(pair: Mapping[str, Entry], healthy: Mapping[str, bool]) -> Entry:
    """The record of a pair that answers: the primary while it is healthy, or neither is; else the secondary."""
    good = {which: healthy.get(record.get("HealthCheckId", ""), True) for which, record in pair.items()}
    return pair["SECONDARY"] if good.get("SECONDARY") and not good.get("PRIMARY", True) else pair["PRIMARY"]


def wait_for(names: Names, name: str, ends_with: str, seconds: float) -> float:
    """Waits until a name leads to a region, and returns the time."""
    ends = time.monotonic() + seconds
    while ends_with not in names.leads_to(name):
        assert time.monotonic() < ends, f"{name} leads to {names.leads_to(name)} after {seconds:g} s; {names.problem}"
        with suppress(ClientError, BotoCoreError):
            time.sleep(0.1)
    return time.monotonic()
