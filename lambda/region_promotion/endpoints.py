"""The clients of AWS's services, all from here, so that every endpoint that a move calls is on record.

A promotion needs nothing of the region that is lost, and no control plane of another one. What it tries there all the same is
done by clients of their own, which give up after seconds, and is on record as not required.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENT = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
#: A call that nothing depends on: five seconds at most, whatever is wrong with the other side.
_IMPATIENT = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})

#: Source: AWS General Reference, "Create a signed AWS API request": Credential=<key>/<date>/<region>/<service>/aws4_request.
_SCOPE = re.compile(r"Credential=[^/]+/[0-9]{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")

#: (endpoint, whether it was required) of every call since the last one who asked.
_called: set[tuple[str, bool]] = set()


@cache
def client(service: str, region: str, *, required: bool = True) -> Any:
    """The client of a service, kept while the function is warm.

    Args:
        service: As boto3 names it.
        region: The region.
        required: Whether what is done with it has to succeed.
    """
    made = boto3.client(service, region_name=region, config=_PATIENT if required else _IMPATIENT)
    made.meta.events.register_first("before-send.*.*", _recorder(required=required))
    return made


def take_called() -> set[tuple[str, bool]]:
    """The endpoints that were called since this was asked last, each with whether it was required."""
    taken = set(_called)
    _called.clear()
    return taken


def _recorder(*, required: bool) -> Callable[..., None]:
    def record(request: Any, **_kwargs: Any) -> None:
        _called.add((_signed_for(request), required))

    return record


def _signed_for(request: Any) -> str:
    """Service and region that a request is signed for, whatever name its host has; its host if it isn't signed."""
    header = request.headers.get("Authorization", "")
    text = header.decode() if isinstance(header, bytes) else str(header)
    found = _SCOPE.search(text)
    return f"{found[2]}.{found[1]}" if found else str(urlsplit(request.url).netloc)
