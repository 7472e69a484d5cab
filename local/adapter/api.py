"""Calls a service of the emulator as a client would, without leaving the process.

A resource handler runs while the server's only thread is busy with the stack, so it cannot call over the network;
and a handler that changed ministack's records itself would be one more thing to keep true.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import botocore.parsers
import botocore.serialize

from local.adapter import emulator, wire
from local.adapter.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Coroutine

# Botocore's name of a service -> ministack's module.
_MODULES = {
    "backup": "backup",
    "cloudwatch": "cloudwatch",
    "ec2": "ec2",
    "iam": "iam",
    "route53": "route53",
    "s3": "s3",
    "wafv2": "waf",
}


def call(service: str, operation: str, **request: Any) -> dict[str, Any]:
    """Do an operation and return its answer in the form boto3 gives.

    Args:
        service: Botocore's name of the service, one of those above.
        operation: The operation, for example ``"CreateHealthCheck"``.
        **request: Its parameters.

    Raises:
        AwsError: As the service refuses it.
    """
    model = wire.model(service).operation_model(operation)
    # CloudWatch has a binary protocol first, which botocore itself passes over for JSON.
    protocol = str(model.service_model.resolved_protocol)
    message = _serializer(protocol).serialize_to_request(wire.conform(model, request), model)
    headers = {str(name).lower(): str(value) for name, value in message["headers"].items()}
    body = message["body"]
    if isinstance(body, dict):
        # The query protocols hand their parameters over as they are.
        query, content = {name: [str(value)] for name, value in body.items()}, b""
    else:
        pairs = message.get("query_string") or {}
        query = {name: [str(value)] for name, value in pairs.items()}
        content = body if isinstance(body, bytes) else str(body or "").encode()
    path, _, flags = message["url_path"].partition("?")
    query |= {name: [value] for name, value in parse_qsl(flags, keep_blank_values=True)}
    handler = emulator.service(_MODULES[service]).handle_request
    status, reply_headers, reply = _finish(handler(message["method"], path, headers, content, query))
    parsed: dict[str, Any] = _parser(protocol).parse(
        {"status_code": status, "headers": reply_headers, "body": _bytes(reply)}, model.output_shape
    )
    if status >= 300:
        error = parsed.get("Error", {})
        raise AwsError(str(error.get("Code", status)), str(error.get("Message", reply)), status)
    return parsed


def _bytes(reply: Any) -> bytes:
    """A body as bytes, whichever way ministack gave it."""
    return reply if isinstance(reply, bytes) else str(reply).encode()


@functools.cache
def _serializer(protocol: str) -> Any:
    return botocore.serialize.create_serializer(protocol, include_validation=True)


@functools.cache
def _parser(protocol: str) -> Any:
    return botocore.parsers.create_parser(protocol)


def _finish(coroutine: Coroutine[Any, Any, tuple[int, dict[str, str], Any]]) -> tuple[int, dict[str, str], Any]:
    """Run a handler that is a coroutine in name only: these services never wait for anything."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        answer: tuple[int, dict[str, str], Any] = finished.value
        return answer
    coroutine.close()
    raise RuntimeError("the service waits for something; it can't be called from a resource handler")
