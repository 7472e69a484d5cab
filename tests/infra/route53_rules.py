"""Route 53 as far as failover records with health checks need it: which record it answers, from a template alone.

After the Route 53 Developer Guide ("How Amazon Route 53 determines the status of health checks", "How Route 53 chooses records
when health checking is configured") and the API's HealthCheckConfig. Not verified on AWS.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tests.infra.templates import by_id

#: What an alarm's metric, an endpoint or a routing control says: logical id of the alarm, URL, or ARN -> whether it is well.
#: None: no data (a metric), or no answer yet (the check is new).
World = Callable[[str], bool | None]


def name_of(value: Any) -> str:
    """The logical id that a reference names; a text as it is."""
    if isinstance(value, str):
        return value
    ((_, argument),) = value.items()
    return argument if isinstance(argument, str) else str(argument[0])


class Checkers:
    """Health checks of a template, evaluated again and again as the world changes.

    Args:
        template: The template.
    """

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._configs = {name: each["HealthCheckConfig"] for name, each in by_id(template, "Route53::HealthCheck")}
        # A health check that has no data yet counts as healthy.
        self._last = dict.fromkeys(self._configs, True)

    def is_healthy(self, name: str, world: World) -> bool:
        """Whether a check is healthy now."""
        config = self._configs[name]
        inverted = bool(config.get("Inverted", False))
        if config["Type"] == "CALCULATED":
            healthy = sum(self.is_healthy(name_of(each), world) for each in config["ChildHealthChecks"])
            threshold = config["HealthThreshold"]
            assert 0 < threshold <= len(config["ChildHealthChecks"]), "0 is always healthy, more than there are never"
            return (healthy >= threshold) != inverted
        said = world(_subject(config))
        if said is None:
            if config["Type"] == "CLOUDWATCH_METRIC":
                assert config["InsufficientDataHealthStatus"] == "LastKnownStatus"
            return self._last[name] != inverted
        self._last[name] = said
        return said != inverted

    def all_of(self, world: World) -> dict[str, bool]:
        """Every check's health now."""
        return {name: self.is_healthy(name, world) for name in self._configs}


def _subject(config: Mapping[str, Any]) -> str:
    kind = config["Type"]
    if kind == "CLOUDWATCH_METRIC":
        return name_of(config["AlarmIdentifier"]["Name"])
    if kind == "RECOVERY_CONTROL":
        return str(config["RoutingControlArn"])
    assert kind in ("HTTPS", "HTTPS_STR_MATCH"), kind
    return f"https://{name_of(config['FullyQualifiedDomainName'])}{config['ResourcePath']}"


def answered(template: Mapping[str, Any], health: Mapping[str, bool]) -> str:
    """The set identifier of the record that a query is answered with."""
    records = {each["Failover"]: each for _, each in by_id(template, "Route53::RecordSet") if "Failover" in each}
    assert set(records) == {"PRIMARY", "SECONDARY"}
    is_well = {failover: health[name_of(each["HealthCheckId"])] for failover, each in records.items()}
    # None of them healthy: Route 53 takes all as healthy, and the primary record is the answer.
    chosen = "SECONDARY" if is_well["SECONDARY"] and not is_well["PRIMARY"] else "PRIMARY"
    return str(records[chosen]["SetIdentifier"])
