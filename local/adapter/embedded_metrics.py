"""Metrics that functions write into their logs, which CloudWatch takes out of them.

Source: "Specification: Embedded metric format" (Amazon CloudWatch User Guide).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.adapter import api, emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

# PutMetricData takes so many at a time.
_AT_ONCE = 1000


def install() -> None:
    """Have what a function logged looked through for metrics."""
    service = emulator.service("lambda_svc")
    original = service._emit_lambda_logs

    def emit(func: Any, request_id: str, log_text: str, *rest: Any, **named: Any) -> None:
        original(func, request_id, log_text, *rest, **named)
        found: dict[str, list[dict[str, Any]]] = {}
        for line in (log_text or "").splitlines():
            for namespace, datum in _metrics(line):
                found.setdefault(namespace, []).append(datum)
        for namespace, data in found.items():
            for start in range(0, len(data), _AT_ONCE):
                batch = data[start : start + _AT_ONCE]
                api.call("cloudwatch", "PutMetricData", Namespace=namespace, MetricData=batch)

    service._emit_lambda_logs = emit


def _metrics(line: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The metrics of a line of a log, with their namespaces; none, if it is an ordinary line."""
    try:
        entry = json.loads(line)
        directives = entry["_aws"]["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        for definition in directive["Metrics"]:
            value = entry.get(definition["Name"])
            values = value if isinstance(value, list) else [value]
            for names in directive["Dimensions"]:
                yield (
                    directive["Namespace"],
                    {
                        "MetricName": definition["Name"],
                        "Dimensions": [{"Name": name, "Value": str(entry[name])} for name in names],
                        "Unit": definition.get("Unit", "None"),
                        "Values": [float(each) for each in values if isinstance(each, int | float)],
                    },
                )
