"""AWS::CloudWatch::Alarm: ministack's, and for alarms on an expression over metrics a record that never fires."""

from __future__ import annotations

from local.adapter import emulator, record
from local.adapter.resources.handler import Handler, Made, Properties, Resource

# What DescribeAlarms shows of an alarm on an expression, which ministack can't evaluate.
_UNEVALUATED = {"MetricName": "metric-math-is-not-emulated", "Namespace": "not-emulated"}


def create(resource: Resource) -> Made:
    """Create the alarm."""
    return _put(resource.properties.get("AlarmName") or resource.name(), resource)


def _put(name: str, resource: Resource) -> Made:
    """Put the alarm under a name."""
    given = resource.properties
    if "Metrics" in given:
        record.store(resource.type, resource.stack, resource.logical_id, name, given)
        given = {**{key: value for key, value in given.items() if key != "Metrics"}, **_UNEVALUATED}
    made: Made = emulator.provisioners._cw_metric_alarm_put(name, given)
    return made


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Put the alarm again; its state stays."""
    record.unstore(physical_id)
    return _put(physical_id, resource)


def delete(physical_id: str, properties: Properties) -> None:
    """Delete the alarm."""
    record.unstore(physical_id)
    emulator.provisioners._cw_metric_alarm_delete(physical_id, properties)


HANDLERS = {
    "AWS::CloudWatch::Alarm": Handler(
        create=create,
        update=update,
        delete=delete,
        known=(
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "InsufficientDataActions",
            "MetricName",
            "Metrics",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Tags",
            "Threshold",
            "TreatMissingData",
            "Unit",
        ),
        replacing=("AlarmName",),
        tags=True,
    )
}
