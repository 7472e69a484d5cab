"""A DR region of one address, as the embedded AWS is: Systems Manager, EC2 and the API that moves a mirror, on HTTP."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY, SECRET = "AKIDEXAMPLE", "a-secret"
HOST = "abcd1234.execute-api.eu-west-1.amazonaws.com"
PARAMETER = "/cdk-intersystems/trakcare/TRAK/region-api"
Answer = tuple[int, dict[str, Any] | str]

HASH = "a" * 64
PLAN = {
    "kind": "promotion",
    "mirror_set": "TRAK",
    "target": "dr",
    "accept_data_loss": False,
    "member": "TRAKC",
    "partner": "auto",
    "lag_seconds": 2.0,
}
REGION = {"serving": "primary", "epoch": 4, "latch_epoch": 4, "since": "2026-01-31T10:00:00Z", "by": "m-1"}


def move(state: str, **more: Any) -> dict[str, Any]:
    """A move as the API shows it."""
    return {
        "id": "m-20260131t120000-0123abcd",
        "kind": "promotion",
        "state": state,
        "plan": PLAN,
        "plan_hash": HASH,
        "epoch": 5,
        "requester": "arn:aws:sts::111122223333:assumed-role/operator/anne",
        "approver": None,
        "expires_at": "2026-01-31T12:30:00Z",
        "why": "",
        "stages": ["fence", "resize", "promote", "latch"],
        "steps": {},
        "report": None,
    } | more


def current(state: str, **more: Any) -> Answer:
    """The answer of GET /moves/current."""
    return 200, {"region": REGION, "move": move(state, **more)}


@dataclass
class FakeRegion:
    """The region, and what it was asked.

    Args:
        currents: Answers of GET /moves/current, one after the other; the last one stays.
        answers: Method and path -> answer.
        url: What the parameter says; None: there is no parameter.
        instances: Region -> the answer of DescribeInstances.
    """

    currents: list[Answer] = field(default_factory=lambda: [current("checked")])
    answers: dict[str, Answer] = field(default_factory=dict)
    url: str | None = f"https://{HOST}"
    instances: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    address: str = ""

    def answer(self, method: str, path: str, body: str) -> Answer:
        """Answers a request to the API."""
        self.asked.append((f"{method} {path}", json.loads(body) if body else None))
        if (method, path) == ("GET", "/moves/current"):
            return self.currents.pop(0) if len(self.currents) > 1 else self.currents[0]
        return self.answers[f"{method} {path}"]

    def posts(self) -> list[tuple[str, Any]]:
        """What was asked that changes something."""
        return [(what, body) for what, body in self.asked if what.startswith("POST")]


@contextmanager
def serving(region: FakeRegion) -> Iterator[FakeRegion]:
    """Serves a region on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

        def _answer(self, body: str) -> None:
            status, content, kind = _answer_of(region, self, body)
            text = content.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    region.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield region
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer_of(region: FakeRegion, handler: BaseHTTPRequestHandler, body: str) -> tuple[int, str, str]:
    if handler.headers["Host"] == HOST:
        if not _is_signed(handler, body):
            return 403, json.dumps({"message": "Forbidden"}), "application/json"
        status, content = region.answer(handler.command, handler.path, body)
        return status, content if isinstance(content, str) else json.dumps(content), "application/json"
    scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", handler.headers.get("Authorization", ""))
    assert scope is not None
    if scope[2] == "ssm":
        return _parameter(region, json.loads(body)["Name"])
    assert scope[2] == "ec2", scope[2]
    if scope[1] not in region.instances:
        return (
            403,
            "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>",
            "text/xml",
        )
    return 200, region.instances[scope[1]], "text/xml"


def _parameter(region: FakeRegion, name: str) -> tuple[int, str, str]:
    kind = "application/x-amz-json-1.1"
    if name != PARAMETER or region.url is None:
        return 400, json.dumps({"__type": "ParameterNotFound", "message": name}), kind
    return 200, json.dumps({"Parameter": {"Name": name, "Value": region.url}}), kind


def _is_signed(handler: BaseHTTPRequestHandler, body: str) -> bool:
    """Whether the signature is the one that the key of `KEY` makes for this request, in the region's name."""
    given = handler.headers.get("Authorization", "")
    names = re.search(r"SignedHeaders=([^,]+)", given)
    if names is None or "/eu-west-1/execute-api/aws4_request" not in given:
        return False
    headers = {name: handler.headers[name] for name in names[1].split(";")}
    request = AWSRequest(method=handler.command, url=f"https://{HOST}{handler.path}", data=body.encode(), headers=headers)
    request.context["timestamp"] = handler.headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials(KEY, SECRET), "execute-api", "eu-west-1")
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return given.endswith(f"Signature={signature}")


def instances(*members: tuple[str, str, str]) -> str:
    """The answer of DescribeInstances: (letter, state, type)."""
    items = "".join(
        f"<item><instancesSet><item><instanceId>i-{letter}</instanceId><instanceType>{kind}</instanceType>"
        f"<instanceState><name>{state}</name></instanceState><placement><availabilityZone>zone-{letter}</availabilityZone>"
        f"</placement><tagSet><item><key>cdk-intersystems:member</key><value>{letter}</value></item></tagSet>"
        "</item></instancesSet></item>"
        for letter, state, kind in members
    )
    return f"<DescribeInstancesResponse><reservationSet>{items}</reservationSet></DescribeInstancesResponse>"
