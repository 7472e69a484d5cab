"""Asks the members for their mirror status. It confirms or alarms; it never moves a route."""

from __future__ import annotations

import http
import http.client
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .settings import Settings

#: The responder answers within milliseconds; who takes longer gives no answer that could be relied on.
_SECONDS = 1.0
_LONGEST = 64

PRIMARY, NOT_PRIMARY, UNKNOWN = "primary", "not primary", "unknown"


def ask(settings: Settings, member: str) -> str:
    """What a member says it is: `primary`, `not primary`, or `unknown` if it says nothing that can be understood.

    Args:
        settings: The function's settings.
        member: The member.
    """
    connection = http.client.HTTPConnection(settings.members[member], settings.status_port, timeout=_SECONDS)
    try:
        connection.request("GET", settings.status_path)
        response = connection.getresponse()
        body = response.read(_LONGEST)
    except (OSError, http.client.HTTPException):
        return UNKNOWN
    finally:
        connection.close()
    if response.status == http.HTTPStatus.OK and body.strip() == b"SUCCESS":
        return PRIMARY
    return NOT_PRIMARY if body.strip() == b"FAILED" and response.status != http.HTTPStatus.OK else UNKNOWN


def ask_all(settings: Settings, members: Iterable[str]) -> dict[str, str]:
    """What members say, asked at the same time.

    Args:
        settings: The function's settings.
        members: The members.
    """
    wanted = tuple(members)
    with ThreadPoolExecutor(len(wanted)) as pool:
        return dict(zip(wanted, pool.map(lambda member: ask(settings, member), wanted), strict=True))
