"""Requests to AWS and its refusals, in the protocols that hosts use: JSON, query, EC2's query, and S3's."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

_CREDENTIAL = re.compile(r"Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """A request as it came.

    Attributes:
        host: Name of the host that sent it.
        headers: By their names in lower case.
    """

    host: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def _scope(self) -> tuple[str, str, str]:
        found = _CREDENTIAL.search(self.headers.get("authorization", ""))
        return (found[1], found[3], found[4]) if found else ("", "", "")

    @property
    def key_id(self) -> str:
        """The access key id it is signed with; empty if it isn't."""
        return self._scope[0]

    @property
    def region(self) -> str:
        return self._scope[1]

    @property
    def service(self) -> str:
        """As signatures name it: `ssm`, `s3`, `ec2`."""
        return self._scope[2]

    @property
    def action(self) -> str:
        if target := self.headers.get("x-amz-target"):
            return target.rpartition(".")[2]
        if self.service == "s3":
            return {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject"}.get(self.method, self.method)
        return str(self.parameters.get("Action", ""))

    @property
    def parameters(self) -> dict[str, Any]:
        """What it asks for."""
        if "x-amz-target" in self.headers:
            return dict(json.loads(self.body or b"{}"))
        if self.service == "s3":
            return {"Path": unquote(self.path)}
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


def refuse(request: Request, code: str, status: int, message: str = "") -> Answer:
    """A refusal as the request's service writes it."""
    said = escape(message)
    if "x-amz-target" in request.headers:
        version = request.headers.get("content-type", "application/x-amz-json-1.1")
        return Answer(status, json.dumps({"__type": code, "message": message}).encode(), {"Content-Type": version})
    if request.service == "s3":
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{said}</Message></Error>'
    elif request.service == "ec2":
        text = f"<Response><Errors><Error><Code>{code}</Code><Message>{said}</Message></Error></Errors></Response>"
    else:
        text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{said}</Message></Error></ErrorResponse>"
    return Answer(status, text.encode(), {"Content-Type": "text/xml"})


def accept(request: Request, result: Mapping[str, Any] | str = "") -> Answer:
    """A success: a mapping in JSON, or XML below the result's element."""
    if "x-amz-target" in request.headers:
        return Answer(200, json.dumps(result or {}).encode(), {"Content-Type": "application/x-amz-json-1.1"})
    name = request.action
    text = f"<{name}Response><{name}Result>{result}</{name}Result></{name}Response>"
    return Answer(200, text.encode(), {"Content-Type": "text/xml"})
