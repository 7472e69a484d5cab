"""HTTP APIs whose routes ask for IAM: the signature is checked, which ministack doesn't do, before the caller counts.

Without it anybody could name another's access key and would be taken for its owner. What a caller's policies allow is not
checked: IAM is not enforced here. Sources: "Control access to HTTP APIs with IAM authorization" (API Gateway Developer Guide),
"Signature Version 4 for API requests" (IAM User Guide).

An API is reached by the name that AWS gives it, too: `ID.execute-api.REGION.amazonaws.com` as the header `Host`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from typing import Any
from urllib.parse import parse_qs

from local.adapter.own_api import body_of

_HOST = re.compile(r"(?P<api>[a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(\.cn)?(:\d+)?")
_PREFIX = "/_aws/execute-api/"
_FORBIDDEN = json.dumps({"message": "Forbidden"}).encode()


def guard(application: Any) -> Any:
    """Put the check before an ASGI application."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        named = _HOST.fullmatch(_headers(scope).get("host", ""))
        inner = _led(scope, named["api"]) if named else scope
        reached = _reached(inner)
        if reached is None:
            await application(inner, receive, send)
            return
        body = await body_of(receive)
        if not _is_signed(scope, body, *reached):
            await reply(send, 403, _FORBIDDEN)
            return
        await application(inner, _again(body, receive), send)

    return app


async def reply(send: Any, status: int, body: bytes) -> None:
    """Answer with JSON."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _headers(scope: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _led(scope: Any, api: str) -> Any:
    """A request to an API by its name, as one to the path that ministack serves it at."""
    raw = scope.get("raw_path") or scope["path"].encode()
    return {**scope, "path": f"{_PREFIX}{api}{scope['path']}", "raw_path": f"{_PREFIX}{api}".encode() + raw.partition(b"?")[0]}


def _again(body: bytes, receive: Any) -> Any:
    """A `receive` that gives a body which was read already."""
    given = False

    async def once() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _reached(scope: Any) -> tuple[str, str] | None:
    """Account and region of the API whose route asks for IAM that a request reaches; None for any other request."""
    app: Any = importlib.import_module("ministack.app")
    parsed = app._parse_execute_api_url(_headers(scope).get("host", ""), scope["path"])
    if parsed is None:
        return None
    service: Any = importlib.import_module("ministack.services.apigateway")
    place: tuple[str, str] | None = service.find_api_scope(parsed[0])
    if place is None:
        return None
    stage, path = app._resolve_stage_and_path(*parsed)
    asked = app._execute_api_authorization_type(parsed[0], stage, scope["method"], path)
    return place if asked == "AWS_IAM" else None


def _is_signed(scope: Any, body: bytes, account: str, region: str) -> bool:
    """Whether a request is signed for the API, now, by whom it says."""
    sigv4: Any = importlib.import_module("ministack.core.sigv4")
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    headers = _headers(scope)
    signature = sigv4.parse_header_signature(headers)
    if isinstance(signature, tuple) or signature.region_set is not None:
        return False
    if (signature.service, signature.region) != ("execute-api", region) or sigv4.request_time_failure(signature):
        return False
    claimed = headers.get("x-amz-content-sha256")
    token = headers.get("x-amz-security-token", "")
    credential = evaluator.resolve_credential(signature.access_key_id, account, token)
    if isinstance(credential, evaluator.CredentialResolutionError) or not _covers(body, claimed):
        return False
    query = parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True)
    path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
    secret = credential.secret_access_key
    return sigv4.header_signature_failure(signature, secret, scope["method"], path, query, headers, body) is None


def _covers(body: bytes, claimed: str | None) -> bool:
    """Whether the hash that was signed is that of the body which came."""
    digest = hashlib.sha256(body).hexdigest()
    return claimed in (None, digest)
