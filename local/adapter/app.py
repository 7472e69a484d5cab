"""The ASGI application: ministack's, with the adapter in it and one address of its own, `/_embedded/`."""

from __future__ import annotations

import importlib
from typing import Any

from local.adapter import http_api, install, own_api


def application() -> Any:
    """Put the adapter into ministack and return the application to serve."""
    install.install()
    ministack = importlib.import_module("ministack.app").app

    guarded = http_api.guard(ministack)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/_embedded/"):
            status, body = await own_api.answer(scope["method"], scope["path"].removeprefix("/_embedded/"), receive)
            await http_api.reply(send, status, body)
            return
        await guarded(scope, receive, send)

    return app
