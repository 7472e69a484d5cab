"""EC2's query protocol, both ways, driven by botocore's description of the service.

An action of the adapter takes a request as boto3 callers write it and returns a response as boto3 callers read it;
this module turns form parameters into the one and the other into XML. Because names and types come from botocore,
an action cannot answer in a shape that AWS does not have.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from local.adapter.errors import AwsError

Action = Callable[[dict[str, Any]], dict[str, Any]]
Reply = tuple[int, dict[str, str], bytes]

EC2: ServiceModel = botocore.session.Session().get_service_model("ec2")
_NAMESPACE = f"http://ec2.amazonaws.com/doc/{EC2.api_version}/"
_HEADERS = {"Content-Type": "text/xml;charset=UTF-8"}


def served(name: str, action: Action) -> Callable[[Mapping[str, Any]], Reply]:
    """Wrap an action so that ministack can dispatch a request to it.

    Args:
        name: The EC2 operation, for example ``"RunInstances"``.
        action: The function that does it.
    """
    operation = EC2.operation_model(name)

    def handle(params: Mapping[str, Any]) -> Reply:
        try:
            return 200, dict(_HEADERS), response(operation, action(request(operation, params)))
        except AwsError as error:
            return error.status, dict(_HEADERS), refusal(error)

    return handle


def request(operation: OperationModel, params: Mapping[str, Any]) -> dict[str, Any]:
    """Read the form parameters of a request into the nested form of the service model."""
    flat = {key: value[0] if isinstance(value, list) else value for key, value in params.items()}
    shape = operation.input_shape
    return {} if shape is None else _read_structure(shape, flat, "")


def _read_structure(shape: Any, flat: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """Read a structure: one member after the other, leaving out what was not sent."""
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        value = _read(member, flat, prefix + _query_name(name, member))
        if value is not None:
            found[name] = value
    return found


def _query_name(name: str, shape: Shape) -> str:
    """Name a member as EC2's query protocol does: its own query name, or its capitalized location name."""
    serialization = shape.serialization
    if "queryName" in serialization:
        return str(serialization["queryName"])
    location = str(serialization.get("name", name))
    return location[0].upper() + location[1:]


def _read(shape: Shape, flat: Mapping[str, str], key: str) -> Any:
    """Read the value at ``key``, or None where the request has none."""
    if isinstance(shape, StructureShape):
        if not any(sent.startswith(key + ".") for sent in flat):
            return None
        return _read_structure(shape, flat, key + ".")
    if isinstance(shape, ListShape):
        values: list[Any] = []
        while (value := _read(shape.member, flat, f"{key}.{len(values) + 1}")) is not None:
            values.append(value)
        return values or None
    if key not in flat:
        return None
    return _scalar(shape.type_name, flat[key], key)


def _scalar(kind: str, text: str, key: str) -> Any:
    """Turn one parameter into the type the service model gives it."""
    try:
        if kind == "boolean":
            return text.lower() == "true"
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "blob":
            return base64.b64decode(text)
    except ValueError:
        raise AwsError("InvalidParameterValue", f"Value ({text}) for parameter {key} is invalid.") from None
    return text


def response(operation: OperationModel, answer: Mapping[str, Any]) -> bytes:
    """Write a response as XML in the shape the service model gives it."""
    shape = operation.output_shape
    inner = "<return>true</return>" if shape is None else _write_members(shape, answer)
    name = f"{operation.name}Response"
    request_id = "00000000-0000-0000-0000-000000000000"
    return f'<{name} xmlns="{_NAMESPACE}"><requestId>{request_id}</requestId>{inner}</{name}>'.encode()


def _write_members(shape: Any, value: Mapping[str, Any]) -> str:
    """Write the members of a structure that have a value; what the model does not know is left out."""
    parts = []
    for name, member in shape.members.items():
        if value.get(name) is not None:
            parts.append(_write(member, str(member.serialization.get("name", name)), value[name]))
    return "".join(parts)


def _write(shape: Shape, tag: str, value: Any) -> str:
    """Write one value under its tag."""
    if isinstance(shape, StructureShape):
        return f"<{tag}>{_write_members(shape, value)}</{tag}>"
    if isinstance(shape, ListShape):
        item = str(shape.member.serialization.get("name", "item"))
        inner = "".join(_write(shape.member, item, entry) for entry in value)
        return f"<{tag}>{inner}</{tag}>"
    if shape.type_name == "boolean":
        return f"<{tag}>{'true' if value else 'false'}</{tag}>"
    if shape.type_name == "blob":
        return f"<{tag}>{base64.b64encode(value).decode()}</{tag}>"
    return f"<{tag}>{escape(str(value))}</{tag}>"


def refusal(error: AwsError) -> bytes:
    """Write an error as EC2 does."""
    return (
        f"<Response><Errors><Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        "</Error></Errors><RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    ).encode()


def conform(operation: OperationModel, given: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a request made in Python to the types of the service model: templates may have "true" and "443".

    Raises:
        KeyError: The request has a member the operation does not know; a mistake of the adapter.
    """
    conformed: dict[str, Any] = _conform(operation.input_shape, given, operation.name)
    return conformed


def _conform(shape: Any, value: Any, where: str) -> Any:
    if isinstance(shape, StructureShape):
        unknown = set(value) - set(shape.members)
        if unknown:
            raise KeyError(f"{where} has no member {sorted(unknown)[0]}")
        return {
            name: _conform(shape.members[name], content, f"{where}.{name}")
            for name, content in value.items()
            if content is not None
        }
    if isinstance(shape, ListShape):
        return [_conform(shape.member, entry, where) for entry in value]
    if shape.type_name == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if shape.type_name in ("integer", "long"):
        return int(value)
    return value if shape.type_name in ("blob", "timestamp") else str(value)
