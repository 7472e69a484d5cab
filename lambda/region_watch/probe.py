"""Asks members of both regions for their mirror status. What they say confirms or alarms; it never moves the latch."""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIMARY, NOT_PRIMARY, UNKNOWN = "primary", "not primary", "unknown"

#: For everything from the first packet to the last: the responder answers within milliseconds, another region's a few
#: hundred later. Who drips an answer gives none.
_SECONDS = 2.0
_LONGEST = 4096
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r\n")


def ask(address: str, port: int, path: str, seconds: float = _SECONDS) -> str:
    """What a member says it is: `primary`, `not primary`, or `unknown` if it says nothing that can be understood.

    Args:
        address: The member's address.
        port: Its responder's port.
        path: The path of the status.
        seconds: How long all of it may take.
    """
    until = time.monotonic() + seconds
    request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()
    answer = b""
    try:
        with socket.create_connection((address, port), timeout=seconds) as connection:
            connection.sendall(request)
            while len(answer) < _LONGEST and not _is_whole(answer):
                left = until - time.monotonic()
                if left <= 0:
                    return UNKNOWN
                connection.settimeout(left)
                part = connection.recv(_LONGEST - len(answer))
                if not part:
                    break
                answer += part
    except OSError:
        return UNKNOWN
    return meaning(answer)


def meaning(answer: bytes) -> str:
    """What an answer says: only 200 with SUCCESS is a yes, only another status with FAILED a no.

    Args:
        answer: Status line, headers and body.
    """
    head, found, body = answer.partition(b"\r\n\r\n")
    status = _STATUS.match(head + b"\r\n")
    if not found or not status:
        return UNKNOWN
    if status[1] == b"200":
        return PRIMARY if body.strip() == b"SUCCESS" else UNKNOWN
    # Of the responder alone: a redirect, or what a proxy says on the way, is nobody's answer.
    return NOT_PRIMARY if status[1] in (b"500", b"503") and body.strip() == b"FAILED" else UNKNOWN


def ask_all(members: Mapping[str, str], port: int, path: str) -> dict[str, str]:
    """What members say, asked at the same time.

    Args:
        members: Name -> address.
        port: Their responders' port.
        path: The path of the status.
    """
    if not members:
        return {}
    with ThreadPoolExecutor(len(members)) as pool:
        answers = pool.map(lambda address: ask(address, port, path), members.values())
        return dict(zip(members, answers, strict=True))


def _is_whole(answer: bytes) -> bool:
    """Whether all of the body has come that the headers tell of."""
    head, found, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length:[ \t]*([0-9]{1,6})[ \t]*\r?$", head)
    return bool(found and length and len(body) >= int(length[1]))
