"""The filters of the describe actions."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from typing import Any

from local.adapter.ec2 import common
from local.adapter.errors import AwsError

Getter = Callable[[common.Record], Any]


def matching(
    records: list[common.Record], request: Mapping[str, Any], identifier: str, known: Mapping[str, str | Getter]
) -> list[common.Record]:
    """Keep the records that every filter of a request accepts.

    A filter this table does not know is refused, as EC2 refuses one it does not know: ignoring it would return more
    than was asked for.

    Args:
        records: What to choose from.
        request: The request, whose ``Filters`` are read.
        identifier: The key that holds a record's id, which the tag filters need.
        known: For each filter's name the path of the value in a record (``"State.Name"``; lists are searched), or a
            function that finds it.
    """
    for chosen in request.get("Filters") or []:
        name, wanted = str(chosen.get("Name")), [str(value) for value in chosen.get("Values") or []]
        records = [record for record in records if _accepts(record, name, wanted, identifier, known)]
    return records


def _accepts(record: common.Record, name: str, wanted: list[str], identifier: str, known: Mapping[str, str | Getter]) -> bool:
    """Say whether one filter accepts one record; a filter's values are alternatives and may hold wildcards."""
    if name.startswith("tag:"):
        tags = common.tags_of(record[identifier])
        values = [entry["Value"] for entry in tags if entry["Key"] == name.removeprefix("tag:")]
    elif name == "tag-key":
        values = [entry["Key"] for entry in common.tags_of(record[identifier])]
    elif name in known:
        path = known[name]
        values = _values(record, path.split(".")) if isinstance(path, str) else _texts(path(record))
    else:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return any(fnmatch.fnmatchcase(value, pattern) for value in values for pattern in wanted)


def _values(value: Any, path: list[str]) -> list[str]:
    """Follow a path into a record, through every entry of the lists on the way."""
    if isinstance(value, list):
        return [found for entry in value for found in _values(entry, path)]
    if not path:
        return _texts(value)
    return _values(value.get(path[0]), path[1:]) if isinstance(value, Mapping) else []


def _texts(value: Any) -> list[str]:
    """Write values as filters spell them: booleans in lower case."""
    if value is None:
        return []
    if isinstance(value, list | tuple | set):
        return [text for entry in value for text in _texts(entry)]
    return [str(value).lower() if isinstance(value, bool) else str(value)]
