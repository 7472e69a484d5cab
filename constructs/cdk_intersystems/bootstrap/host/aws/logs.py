"""CloudWatch Logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

from .client import AwsError

if TYPE_CHECKING:
    from .client import Aws

#: Limits of one PutLogEvents. Source: CloudWatch Logs API Reference, PutLogEvents: 1,048,576 bytes in UTF-8, 26
#: more counted for each event, and 10,000 events.
_BATCH_BYTES, _EVENT_EXTRA, _BATCH_EVENTS, _LINE_BYTES = 1_048_576, 26, 10_000, 250_000


def put(aws: Aws, group: str, stream: str, lines: Sequence[tuple[float, str]]) -> None:
    """Adds lines to a log stream, which is made if it isn't there.

    Args:
        aws: AWS.
        group: Name of the log group, which is there.
        stream: Name of the stream.
        lines: Time (seconds since 1970) and text of each.

    Raises:
        AwsError: It is refused.
    """
    where = {"logGroupName": group, "logStreamName": stream}
    try:
        aws.json("logs", "CreateLogStream", where, f"{group} {stream}")
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise
    for batch in _batches(sorted(lines, key=lambda line: line[0])):
        events = [{"timestamp": int(time * 1000), "message": text} for time, text in batch]
        aws.json("logs", "PutLogEvents", {**where, "logEvents": events}, f"{group} {stream}")


def _batches(lines: Sequence[tuple[float, str]]) -> list[list[tuple[float, str]]]:
    batches: list[list[tuple[float, str]]] = []
    size = _BATCH_BYTES
    for time, text in lines:
        # An event without a text is refused.
        cut = text.encode()[:_LINE_BYTES].decode(errors="ignore") or " "
        needs = len(cut.encode()) + _EVENT_EXTRA
        if size + needs > _BATCH_BYTES or len(batches[-1]) == _BATCH_EVENTS:
            batches.append([])
            size = 0
        batches[-1].append((time, cut))
        size += needs
    return batches
