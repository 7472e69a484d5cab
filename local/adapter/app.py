"""The ASGI application: ministack's, with the adapter in it and one address of its own, `/_embedded/`."""

from __future__ import annotations

import importlib
import json
from typing import Any

from local.adapter import install, record


def application() -> Any:
    """Put the adapter into ministack and return the application to serve."""
    install.install()
    ministack = importlib.import_module("ministack.app").app

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/_embedded/"):
            body = json.dumps(record.report(scope["path"].removeprefix("/_embedded/"))).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await ministack(scope, receive, send)

    return app
