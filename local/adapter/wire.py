"""The query protocols of EC2 and of older services, both ways, driven by botocore's description of a service.

An action of the adapter takes a request as boto3 callers write it and returns a response as boto3 callers read it;
this module turns form parameters into the one and the other into XML. Because names and types come from botocore,
an action cannot answer in a shape that AWS does not have.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from local.adapter.errors import AwsError

Action = Callable[[dict[str, Any]], dict[str, Any]]
Reply = tuple[int, dict[str, str], bytes]

_HEADERS = {"Content-Type": "text/xml;charset=UTF-8"}
_REQUEST_ID = "00000000-0000-0000-0000-000000000000"


@functools.cache
def model(service: str) -> ServiceModel:
    """Botocore's description of a service, for example ``"ec2"`` or ``"elbv2"``."""
    return botocore.session.Session().get_service_model(service)


def served(service: str, name: str, action: Action) -> Callable[[Mapping[str, Any]], Reply]:
    """Wrap an action so that ministack can dispatch a request to it.

    Args:
        service: The service, one of those with a query protocol.
        name: The operation, for example ``"RunInstances"``.
        action: The function that does it.
    """

    def handle(params: Mapping[str, Any]) -> Reply:
        operation = model(service).operation_model(name)
        try:
            return 200, dict(_HEADERS), response(operation, action(request(operation, params)))
        except AwsError as error:
            return error.status, dict(_HEADERS), refusal(operation, error)

    return handle


def _is_ec2(operation: OperationModel) -> bool:
    """Whether an operation speaks EC2's own variant of the query protocol."""
    return bool(operation.service_model.protocol == "ec2")


def request(operation: OperationModel, params: Mapping[str, Any]) -> dict[str, Any]:
    """Read the form parameters of a request into the nested form of the service model."""
    flat = {key: value[0] if isinstance(value, list) else value for key, value in params.items()}
    shape = operation.input_shape
    return {} if shape is None else _Reader(flat, ec2=_is_ec2(operation)).structure(shape, "")


class _Reader:
    """Reads form parameters by the shapes of a service model."""

    def __init__(self, flat: Mapping[str, str], *, ec2: bool) -> None:
        self._flat = flat
        self._ec2 = ec2

    def structure(self, shape: Any, prefix: str) -> dict[str, Any]:
        """Read a structure: one member after the other, leaving out what was not sent."""
        found: dict[str, Any] = {}
        for name, member in shape.members.items():
            value = self._value(member, prefix + self._name(name, member))
            if value is not None:
                found[name] = value
        return found

    def _name(self, name: str, shape: Shape) -> str:
        """Name a member as it is sent; EC2 has query names of its own, or capitalizes the location name."""
        serialization = shape.serialization
        if "queryName" in serialization:
            return str(serialization["queryName"])
        location = str(serialization.get("name", name))
        return location[0].upper() + location[1:] if self._ec2 else location

    def _value(self, shape: Shape, key: str) -> Any:
        """Read the value at ``key``, or None where the request has none."""
        if isinstance(shape, StructureShape):
            if not any(sent.startswith(key + ".") for sent in self._flat):
                return None
            return self.structure(shape, key + ".")
        if isinstance(shape, ListShape):
            values: list[Any] = []
            part = key if self._ec2 or shape.serialization.get("flattened") else f"{key}.member"
            while (value := self._value(shape.member, f"{part}.{len(values) + 1}")) is not None:
                values.append(value)
            return values or None
        return _scalar(shape.type_name, self._flat[key], key) if key in self._flat else None


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
    shape, name = operation.output_shape, operation.name
    inner = "" if shape is None else _write_members(shape, answer)
    if _is_ec2(operation):
        inner = f"<requestId>{_REQUEST_ID}</requestId>" + (inner or "<return>true</return>")
        version = operation.service_model.api_version
        return f'<{name}Response xmlns="http://ec2.amazonaws.com/doc/{version}/">{inner}</{name}Response>'.encode()
    result = f"<{name}Result>{inner}</{name}Result>"
    result += f"<ResponseMetadata><RequestId>{_REQUEST_ID}</RequestId></ResponseMetadata>"
    return f'<{name}Response xmlns="{operation.metadata["xmlNamespace"]}">{result}</{name}Response>'.encode()


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
        item = str(shape.member.serialization.get("name", "member"))
        inner = "".join(_write(shape.member, item, entry) for entry in value)
        return f"<{tag}>{inner}</{tag}>"
    if shape.type_name == "boolean":
        return f"<{tag}>{'true' if value else 'false'}</{tag}>"
    if shape.type_name == "blob":
        return f"<{tag}>{base64.b64encode(value).decode()}</{tag}>"
    return f"<{tag}>{escape(str(value))}</{tag}>"


def refusal(operation: OperationModel, error: AwsError) -> bytes:
    """Write an error as the service does."""
    inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    if _is_ec2(operation):
        errors = f"<Errors><Error>{inner}</Error></Errors><RequestID>{_REQUEST_ID}</RequestID>"
        return f"<Response>{errors}</Response>".encode()
    errors = f"<Error><Type>Sender</Type>{inner}</Error><RequestId>{_REQUEST_ID}</RequestId>"
    return f'<ErrorResponse xmlns="{operation.metadata["xmlNamespace"]}">{errors}</ErrorResponse>'.encode()


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
    if shape.type_name in ("float", "double"):
        return float(value)
    return value if shape.type_name in ("blob", "timestamp") else str(value)
