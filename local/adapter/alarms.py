"""When an alarm on one metric goes off: ministack takes all metrics of the name, whatever their dimensions.

Sources: "Using Amazon CloudWatch alarms", sections "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing
data" (Amazon CloudWatch User Guide). Here alarms are looked at when something is measured, not each minute.
"""

from __future__ import annotations

import operator
import time
from typing import TYPE_CHECKING, Any

from local.adapter import emulator

if TYPE_CHECKING:
    from collections.abc import Callable

Record = dict[str, Any]
_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def install() -> None:
    """Have alarms with a threshold of their own evaluated as documented; others stay ministack's."""
    service = emulator.service("cloudwatch")
    original = service._evaluate_alarm

    def evaluate(alarm: Record) -> None:
        if alarm.get("ComparisonOperator") not in _BREACHES or not alarm.get("MetricName"):
            original(alarm)
            return
        state, reason = _state(alarm, _values(service, alarm, time.time()))
        before = alarm["StateValue"]
        if state == before:
            return
        alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
        service._record_history(alarm["AlarmName"], before, state, reason)
        service._dispatch_alarm_actions(alarm, before, state, reason)
        service._evaluate_parent_alarms(alarm)

    service._evaluate_alarm = evaluate


def _values(service: Any, alarm: Record, now: float) -> list[float | None]:
    """The statistic of each period that counts, the newest first; None where nothing was measured."""
    dimensions = service._dims_key(service._dims_from_list(alarm.get("Dimensions") or []))
    points = service._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
    period, statistic = alarm.get("Period", 60), alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
    values: list[float | None] = []
    for number in range(alarm.get("EvaluationPeriods", 1)):
        ends = now - number * period
        within = [point for point in points if ends - period < point["Timestamp"] <= ends]
        values.append(service._stat_value(service._calc_stats(within), statistic, within) if within else None)
    return values


def _state(alarm: Record, values: list[float | None]) -> tuple[str, str]:
    """The state that these values give, and why."""
    breaches, threshold = _BREACHES[alarm["ComparisonOperator"]], alarm.get("Threshold", 0)
    missing = alarm.get("TreatMissingData") or "missing"
    measured = [breaches(value, threshold) for value in values if value is not None]
    reason = f"of the last {len(values)} periods {sum(measured)} of {len(measured)} with data cross the threshold {threshold}"
    if not measured and missing == "missing":
        return "INSUFFICIENT_DATA", reason
    if not measured and missing == "ignore":
        return alarm["StateValue"], reason
    counted = sum(measured) + (len(values) - len(measured) if missing == "breaching" else 0)
    return "ALARM" if counted >= alarm.get("DatapointsToAlarm", len(values)) else "OK", reason
