"""Answers on a web server whether a failover member of its region is primary, for the health check of the whole region.

A mirror-aware Web Gateway follows the primary wherever it goes, into the other region too (Web Gateway Guide, "Mirrored
Configurations"), so it can't tell. This asks the members it is given, and no others, for their own mirror_status.cxw. It runs
with the Python of the host (3.9 on RHEL 9) and its standard library; Apache is its only client.

The members are asked when somebody wants to know, all at once, and the answer is good for a second: however many ask, a
member is asked once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time

#: Of the responder on each member: the same as MIRROR_STATUS_PORT and MIRROR_STATUS_PATH in model/ports.py.
MEMBER_PORT = 2189
MEMBER_PATH = "/csp/bin/mirror_status.cxw"

#: How long an answer is given again.
KEEP_SECONDS = 1.0
#: How long the members may take. The responders answer at once; a packet that opens a connection is sent again after a
#: second, and one lost packet is not to be a region lost.
ASK_SECONDS = 2.0
#: How long a client may take to ask.
REQUEST_SECONDS = 2.0
MOST_BYTES = 8192

#: The responses of mirror_status.py. Source: reference architecture, "ELB Polling Method".
_HEADERS = "Content-Type: text/plain\r\nConnection: close\r\nContent-Length: {}\r\n\r\n"
PRIMARY = ("HTTP/1.1 200 OK\r\n" + _HEADERS.format(7)).encode(), b"SUCCESS"
NO_PRIMARY = ("HTTP/1.1 503 Service Unavailable\r\n" + _HEADERS.format(6)).encode(), b"FAILED"
NOT_ALLOWED = b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", b""


def seconds() -> float:
    """A clock that nobody sets, and that runs on while the host sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def is_primary(address: str) -> bool:
    """Whether the member at an address says that it is primary. No answer, or any other, is no."""
    try:
        reader, writer = await asyncio.open_connection(address, MEMBER_PORT)
    except OSError:
        return False
    try:
        writer.write(f"GET {MEMBER_PATH} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while len(answer) < MOST_BYTES and (more := await reader.read(MOST_BYTES)):
            answer += more
    except OSError:
        return False
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b" ", 2)[1:2] == [b"200"] and body == b"SUCCESS"


class Region:
    """The members of a region.

    Args:
        members: Their addresses.
    """

    def __init__(self, members: list[str]) -> None:
        self._members = members
        self._known = (False, 0.0)
        self._asking: asyncio.Future[bool] | None = None

    async def has_primary(self) -> bool:
        """Whether one of them is primary, as of a second ago at most."""
        answer, until = self._known
        if seconds() < until:
            return answer
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> bool:
        asked = [asyncio.ensure_future(is_primary(member)) for member in self._members]
        answer = False
        try:
            with contextlib.suppress(asyncio.TimeoutError):
                for done in asyncio.as_completed(asked, timeout=ASK_SECONDS):
                    if await done:
                        answer = True
                        break
        finally:
            for each in asked:
                each.cancel()
            if not self._known[1] or answer != self._known[0]:
                log(f"{'a' if answer else 'no'} member of this region is primary: asked {', '.join(self._members)}")
            self._known = (answer, seconds() + KEEP_SECONDS)
            self._asking = None
        return answer


async def respond(region: Region, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads a request and answers it."""
    with contextlib.suppress(OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        request = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_SECONDS)
        method = request.split(b" ", 1)[0]
        if method in (b"GET", b"HEAD"):
            head, body = PRIMARY if await region.has_primary() else NO_PRIMARY
            writer.write(head if method == b"HEAD" else head + body)
        else:
            writer.write(NOT_ALLOWED[0])
        await writer.drain()
    writer.close()


def log(line: str) -> None:
    """Writes a line for the journal."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


async def serve(port: int, members: list[str]) -> None:
    """Answers for ever.

    Args:
        port: Port of 127.0.0.1.
        members: Addresses of the members.
    """
    region = Region(members)
    server = await asyncio.start_server(
        lambda *client: respond(region, *client), "127.0.0.1", port, limit=MOST_BYTES, backlog=512
    )
    async with server:
        await server.serve_forever()


def main(arguments: list[str]) -> None:
    """Runs the responder: PORT MEMBER..."""
    if len(arguments) < 2 or not all(re.fullmatch(r"[0-9.]+", each) for each in arguments):
        sys.exit(f"got {' '.join(arguments)!r}; usage: region_status.py PORT ADDRESS...")
    asyncio.run(serve(int(arguments[0]), arguments[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
