"""Reads, before IRIS starts, who holds the mirror: from the table, from the region's parameter, from this host's mark.

All at once, and within some seconds: a member that starts must not wait for a region that is gone.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple

from . import mark, question

if TYPE_CHECKING:
    from ..call_out.requests import Aws
    from ..host.description import Region

#: For everything together. Each request has a second to connect in, and one for each wait for bytes.
LIMIT_SECONDS = 3.0


def read(region: Region, new_aws: Callable[[], Aws], limit: float = LIMIT_SECONDS) -> Tuple[List[question.Holds], List[str]]:
    """What is known, and what could not be read.

    Args:
        region: Where to look.
        new_aws: Makes a way to AWS; each question has its own.
        limit: For how many seconds at most it is waited.
    """
    asked: List[Tuple[str, Callable[[], Optional[question.Holds]]]] = [
        (f"the table {region.table} in {region.table_region}", lambda: of_table(region, new_aws())),
        (f"the parameter {region.fenced_parameter}", lambda: of_parameter(region, new_aws())),
    ]
    found: List[Tuple[str, Optional[question.Holds], str]] = []
    threads = [threading.Thread(target=_ask, args=(name, ask, found), daemon=True) for name, ask in asked]
    ends = time.monotonic() + limit
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    heard = list(found)
    late = [name for name, _ in asked if name not in [each[0] for each in heard]]
    known = [each[1] for each in heard if each[1] is not None]
    marked = mark.read()
    problems = [f"{name}: {why}" for name, _, why in heard if why] + [f"{name}: no answer within {limit:g} s" for name in late]
    return known + ([marked] if marked else []), problems


def of_table(region: Region, aws: Aws) -> Optional[question.Holds]:
    """What the table says; None if it has no item: the mirror has never moved.

    Raises:
        Exception: It can't be read, or what it says is nothing.
    """
    key = {"key": {"S": region.mirror_set}}
    request = {"TableName": region.table, "Key": key, "ConsistentRead": True}
    about = f"{region.table} {region.mirror_set}"
    answer = aws.call("dynamodb", "DynamoDB_20120810.GetItem", request, about, region.table_region)
    if answer.get("Item") is None:
        return None
    return _good(question.of_item(answer["Item"], f"the table {region.table}"))


def of_parameter(region: Region, aws: Aws) -> Optional[question.Holds]:
    """What the region's parameter says; None if there is none.

    Raises:
        Exception: It can't be read, or what it says is nothing.
    """
    from ..call_out.requests import RefusedError

    name = region.fenced_parameter
    try:
        answer = aws.call("ssm", "AmazonSSM.GetParameter", {"Name": name}, name, version="1.1")
    except RefusedError as error:
        if error.code == "ParameterNotFound":
            return None
        raise
    value: Any = json.loads(str(answer["Parameter"]["Value"]))
    return _good(question.of_json(value, f"the parameter {name}"))


def _good(found: Optional[question.Holds]) -> question.Holds:
    if found is None:
        raise ValueError("what stands there is no epoch and no region, it counts for nothing")
    return found


def _ask(
    name: str,
    ask: Callable[[], Optional[question.Holds]],
    found: List[Tuple[str, Optional[question.Holds], str]],
) -> None:
    try:
        found.append((name, ask(), ""))
    except Exception as error:
        found.append((name, None, " ".join(str(error).split()) or type(error).__name__))
