"""Evaluates the metric math of an alarm, as far as this library uses it: an expression over series with gaps."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

Series = Sequence[float | None]


def metrics_of(alarm: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """An alarm's queries by their ids."""
    return {query["Id"]: query for query in alarm["Metrics"]}


def returned(alarm: Mapping[str, Any], given: Mapping[str, Series]) -> list[float | None]:
    """The values that an alarm compares with its threshold.

    Args:
        alarm: The alarm's properties.
        given: The series of each metric by its name; metrics of the same name have the same.
    """
    queries = metrics_of(alarm)
    (result,) = (query["Id"] for query in queries.values() if query.get("ReturnData", True))
    return list(_series(result, queries, given))


def breaches(alarm: Mapping[str, Any], given: Mapping[str, Series]) -> bool:
    """Whether an alarm is on after the last of the values."""
    operators = {
        "GreaterThanOrEqualToThreshold": lambda value: value >= alarm["Threshold"],
        "LessThanThreshold": lambda value: value < alarm["Threshold"],
    }
    crosses = operators[alarm["ComparisonOperator"]]
    last = returned(alarm, given)[-alarm["EvaluationPeriods"] :]
    assert len(last) == alarm["EvaluationPeriods"], "give as many values as it looks at"
    return all(alarm["TreatMissingData"] == "breaching" if value is None else crosses(value) for value in last)


def _series(id: str, queries: Mapping[str, Mapping[str, Any]], given: Mapping[str, Series]) -> Series:
    query = queries[id]
    if "MetricStat" in query:
        return given[query["MetricStat"]["Metric"]["MetricName"]]
    tree = ast.parse(query["Expression"], mode="eval").body
    length = len(next(iter(given.values())))
    values = _evaluate(tree, queries, given)
    return values if isinstance(values, list) else [values] * length


def _evaluate(node: ast.expr, queries: Mapping[str, Mapping[str, Any]], given: Mapping[str, Series]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return list(_series(node.id, queries, given))
    length = len(next(iter(given.values())))

    def rows(*parts: ast.expr) -> list[tuple[float | None, ...]]:
        values = [_evaluate(part, queries, given) for part in parts]
        return list(zip(*(value if isinstance(value, list) else [value] * length for value in values), strict=True))

    result: list[float | None]
    match node:
        case ast.Compare(ops=[ast.GtE()]):
            result = [None if a is None or b is None else float(a >= b) for a, b in rows(node.left, node.comparators[0])]
        case ast.BinOp(op=ast.Add()):
            result = [None if a is None or b is None else a + b for a, b in rows(node.left, node.right)]
        case ast.Call(func=ast.Name(id="FILL"), args=[what, ast.Name(id="REPEAT")]):
            result = []
            for (value,) in rows(what):
                result.append(value if value is not None or not result else result[-1])
        case ast.Call(func=ast.Name(id="FILL"), args=[what, ast.Constant(value=default)]):
            values = [value for (value,) in rows(what)]
            # Whether CloudWatch fills a metric that has no value at all isn't documented; nothing here may rest on it.
            result = values if set(values) == {None} else [default if value is None else value for value in values]
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            # A point is missing where one of the three is.
            result = [None if None in row else row[1] if row[0] else row[2] for row in rows(condition, then, otherwise)]
        case _:
            raise ValueError(f"no metric math we know: {ast.unparse(node)}")
    return result
