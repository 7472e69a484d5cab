"""AWS as the lab's hosts see it: the embedded AWS, behind a front that is on their network and knows who they are.

The front is the instance metadata service too. It verifies every signature with botocore's own signer, notes what was asked,
fails on request, answers what the embedded AWS can't (see `documented.py`), and gives hosts the devices of volumes they attach.
"""

import atexit
import functools
import http.client
import itertools
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from botocore.config import Config

from local.server import EmbeddedAws
from tests.bootstrap.lab import signatures
from tests.bootstrap.lab.documented import Documented, Signal
from tests.bootstrap.lab.imds import Machine
from tests.bootstrap.lab.namespaces import Keeper, sockets_of
from tests.bootstrap.lab.network import Switch
from tests.bootstrap.lab.wire import Answer, Request, refuse

METADATA_ADDRESS = "169.254.169.254"
AWS_ADDRESS = "10.20.255.254"
REGION = "eu-west-2"
_accounts = itertools.count(1)


@functools.cache
def embedded() -> EmbeddedAws:
    """The embedded AWS; started once, and gone with this process. Each lab has an account of its own in it."""
    aws = EmbeddedAws()
    aws.start()
    atexit.register(aws.stop)
    return aws


@dataclass
class Call:
    """A request that a host has made, and how it went."""

    host: str
    service: str
    action: str
    parameters: dict[str, Any]
    status: int

    def __str__(self) -> str:
        return f"{self.host}: {self.service} {self.action} -> {self.status}"


@dataclass
class _Fault:
    service: str
    action: str | None
    code: str
    status: int
    host: str | None
    left: int | None


class LabAws:
    """AWS of one lab.

    Attributes:
        clock_off: By how many seconds AWS's clock is ahead of the hosts'.
        metadata_reads: Host and path of each request to the instance metadata.
        wrongly_signed: Requests whose signature was wrong, though the time was right.
        attached: What is done when a host has attached a volume: gets its machine and the volume's id.
    """

    def __init__(self, switch: Switch, aws: EmbeddedAws | None = None, account: str = "") -> None:
        """Begins to serve.

        Args:
            switch: The network the hosts are on.
            aws: The embedded AWS behind it. Default: one for all labs of this process.
            account: The account that the hosts are in. Default: one of its own.
        """
        self.region = REGION
        self.account = account or f"{next(_accounts):012d}"
        self._embedded = aws or embedded()
        self.clock_off = 0.0
        self.metadata_reads: list[tuple[str, str]] = []
        self.wrongly_signed: list[str] = []
        self.attached: Callable[[Machine, str], None] = lambda _machine, _volume: None
        self._machines: list[Machine] = []
        self._calls: list[Call] = []
        self._faults: list[_Fault] = []
        self._lock = threading.RLock()
        self._documented = Documented(self.machine_of)
        self._network = Keeper()
        switch.plug(self._network, AWS_ADDRESS, METADATA_ADDRESS)
        self._clients: dict[tuple[str, str], Any] = {}
        self._servers = [self._listen(AWS_ADDRESS, self._serve_aws), self._listen(METADATA_ADDRESS, self._serve_metadata)]

    # For tests

    @property
    def environment(self) -> dict[str, str]:
        """What the hosts' environment says about AWS."""
        return {"AWS_ENDPOINT_URL": f"http://{AWS_ADDRESS}", "AWS_MAX_ATTEMPTS": "3"}

    @property
    def signals(self) -> list[Signal]:
        """What CloudFormation was told."""
        return self._documented.signals

    @property
    def lifecycle_actions(self) -> list[tuple[str, str]]:
        """Lifecycle actions that Auto Scaling took: action, instance id."""
        return self._documented.lifecycle

    def calls(self, host: str | None = None, service: str | None = None, action: str | None = None) -> list[Call]:
        """Requests since the last `forget_calls`, in their order, those that were refused too."""
        wanted = (host, service, action)
        with self._lock:
            return [
                call
                for call in self._calls
                if all(want in (None, got) for want, got in zip(wanted, (call.host, call.service, call.action), strict=True))
            ]

    def forget_calls(self) -> None:
        with self._lock:
            self._calls.clear()
            self.metadata_reads.clear()

    def fault(  # noqa: PLR0917
        self, service: str, action: str | None, code: str, status: int, times: int | None = None, host: str | None = None
    ) -> None:
        """Refuses requests from now on.

        Args:
            service: As signatures name it.
            action: Its action. None: all.
            code: The error's code. Empty: the connection is closed and nothing said.
            status: The status.
            times: How many requests. None: until `heal`.
            host: Of which host. None: of all.
        """
        with self._lock:
            self._faults.append(_Fault(service, action, code, status, host, times))

    def heal(self, host: str | None = None) -> None:
        """Ends the faults of a host; of none in particular, all, and sets AWS's clock right.

        Args:
            host: Name of the host.
        """
        with self._lock:
            self._faults = [fault for fault in self._faults if host is not None and fault.host != host]
            if host is None:
                self.clock_off = 0.0

    def client(self, service: str, region: str = "") -> Any:
        """A boto3 client of the embedded AWS, past the front.

        Args:
            service: The service.
            region: Its region. Default: the lab's.
        """
        key = service, region or self.region
        if key not in self._clients:
            config = Config(retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"})
            self._clients[key] = _session().client(
                service,
                region_name=key[1],
                endpoint_url=self._embedded.endpoint,
                aws_access_key_id=self.account,
                aws_secret_access_key="embedded",
                config=config,
            )
        return self._clients[key]

    def log_lines(self, group: str) -> list[str]:
        """All lines in a log group of CloudWatch Logs."""
        logs, lines = self.client("logs"), []
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
            found = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
            lines += [event["message"] for event in found["events"]]
        return lines

    def private_ca(self) -> str:
        """Makes a private CA and returns its ARN."""
        arn = f"arn:aws:acm-pca:{self.region}:{self.account}:certificate-authority/11111111-2222-3333-4444-555555555555"
        self._documented.private_ca(arn)
        return arn

    # For the lab

    def add(self, machine: Machine) -> None:
        self._machines.append(machine)

    def machine_of(self, instance_id: str) -> Machine | None:
        return next((machine for machine in self._machines if machine.instance_id == instance_id), None)

    @property
    def machines(self) -> list[Machine]:
        return self._machines

    def remove(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._network.stop()

    # The front

    def _listen(
        self, address: str, answer: Callable[[str, str, str, dict[str, str], bytes], Answer | None]
    ) -> ThreadingHTTPServer:
        with sockets_of(self._network):
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, 80))
        listener.listen(128)
        server = ThreadingHTTPServer((address, 80), _handler(answer), bind_and_activate=False)
        server.socket.close()
        server.socket = listener
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    def _machine_at(self, address: str) -> Machine | None:
        return next((machine for machine in self._machines if machine.address == address), None)

    def _serve_metadata(self, address: str, method: str, path: str, headers: dict[str, str], _body: bytes) -> Answer:
        machine = self._machine_at(address)
        if machine is None:
            return Answer(404, b"")
        self.metadata_reads.append((machine.host, path))
        return machine.answer(method, path, headers)

    def _serve_aws(self, address: str, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        machine = self._machine_at(address)
        request = Request(machine.host if machine else address, method, path, headers, body)
        answer = self._refusal(request) or self._faulty(request)
        if answer is None:
            with self._lock:
                answer = self._documented.answer(request)
            answer = answer or self._documented.corrected(request, self._forward(request))
        if answer.status:
            shown = {name: value for name, value in request.parameters.items() if name not in ("SecretString", "logEvents")}
            with self._lock:
                self._calls.append(Call(request.host, request.service, request.action, shown, answer.status))
        if machine and request.action == "AttachVolume" and answer.status == 200:
            self.attached(machine, request.parameters["VolumeId"])
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=self.clock_off), usegmt=True)
        return Answer(answer.status, answer.body, {**answer.headers, "Date": date}) if answer.status else None

    def _refusal(self, request: Request) -> Answer | None:
        """What AWS says of a request that isn't well signed."""
        found = (machine.secret_of(request.key_id) for machine in self._machines)
        credentials = next((each for each in found if each), None)
        if credentials is None:
            json = "x-amz-target" in request.headers
            return refuse(request, "ExpiredTokenException" if json else "ExpiredToken", 400 if json else 403)
        now = datetime.now(UTC) + timedelta(seconds=self.clock_off)
        refusal = signatures.refusal(request, credentials.secret, credentials.token, now)
        if refusal and not self.clock_off:
            self.wrongly_signed.append(f"{request.host}: {request.service} {request.action}: {refusal.body.decode()}")
        return refusal

    def _faulty(self, request: Request) -> Answer | None:
        with self._lock:
            for fault in self._faults:
                meant = fault.action in (None, request.action) and fault.host in (None, request.host)
                if fault.service != request.service or not meant or fault.left == 0:
                    continue
                if fault.left is not None:
                    fault.left -= 1
                if not fault.code:
                    return Answer(0, b"")
                return refuse(request, fault.code, fault.status, f"{fault.code}, by the lab")
        return None

    def _forward(self, request: Request) -> Answer:
        """Has the embedded AWS answer. It takes the key id as the account, and doesn't look at signatures."""
        headers = {
            name: value for name, value in request.headers.items() if name not in ("host", "connection", "accept-encoding")
        }
        headers["authorization"] = re.sub("Credential=[^/]+", f"Credential={self.account}", headers["authorization"])
        headers.pop("x-amz-security-token", None)
        address = self._embedded.endpoint.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=60)
        try:
            connection.request(request.method, request.path, request.body or None, headers)
            response = connection.getresponse()
            body = response.read()
            kept = {name: value for name, value in response.getheaders() if name.lower() in ("content-type", "etag")}
            return Answer(response.status, body, kept)
        finally:
            connection.close()


@functools.cache
def _session() -> Any:
    # One for all: reading the services' descriptions takes long.
    return boto3.session.Session()


def _handler(answer: Callable[[str, str, str, dict[str, str], bytes], Answer | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            given = answer(self.client_address[0], self.command, self.path, headers, body)
            if given is None:
                return
            self.send_response_only(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    return Handler
