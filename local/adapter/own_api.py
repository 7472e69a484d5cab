"""The embedded AWS's own address, `/_embedded/`: what AWS has no documented API for.

GET `record` and `ready`; POST `agent/poll` and `agent/result` (the hosts' agents of Systems Manager), `shortage` (instance
types that are not to be had), `machines` (instances whose states follow real machines).
"""

from __future__ import annotations

import inspect
import json
from typing import Any

from local.adapter import commands, record
from local.adapter.ec2 import images, machines

Receive = Any
_POSTED: dict[str, Any] = {
    "agent/poll": commands.poll,
    "agent/result": commands.result,
    "console": images.console,
    "machines": machines.report,
    "shortage": machines.shortage,
}


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def answer(method: str, topic: str, receive: Receive) -> tuple[int, bytes]:
    """Answer a request: a status and JSON."""
    if method != "POST":
        return 200, json.dumps(record.report(topic)).encode()
    if topic not in _POSTED:
        return 404, json.dumps({"error": f"there is no {topic}"}).encode()
    try:
        done = _POSTED[topic](json.loads(await body_of(receive) or b"{}"))
        return 200, json.dumps(await done if inspect.isawaitable(done) else done).encode()
    except (KeyError, ValueError, TypeError) as error:
        return 400, json.dumps({"error": repr(error)}).encode()
