"""A web server in the lab, its clients, and what AWS tells it."""

import itertools
import json
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdk_intersystems.host_bundle import bundle
from tests.bootstrap import fake_web_gateway
from tests.bootstrap.lab.host import Host
from tests.bootstrap.lab.namespaces import Keeper, run
from tests.bootstrap.lab.network import Switch
from tests.bootstrap.web_machines import PASSWORD, Authority, Machine

WEB, CLIENT = "10.20.9.10", "10.20.0.9"
MEMBERS = {"TRAKA": "10.20.1.10", "TRAKB": "10.20.2.10"}
_labs = itertools.count(1)
NAME = "web.trakcare.internal"

#: As a web server's roles list them, but for those of others.
PREPARE = ("web_gateway", "gateway_password", "discovery", "web_server", "schedules")


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def by_the_gateway(self) -> bool:
        """Whether the Web Gateway got to see the request."""
        return "X-Fake-Gateway" in self.headers


@contextmanager
def web_lab(folder: Path, *, tier: str = "app") -> Iterator["WebLab"]:
    """A web server that was never prepared, with a certificate, and the authority that everyone here trusts."""
    lab = WebLab(folder / "lab", tier=tier)
    try:
        lab.authority = Authority(folder)
        lab.iris_certificate = lab.authority.context()
        lab.certified(lab.authority)
        yield lab
    finally:
        lab.remove()


class WebLab:
    """One web server, installed by its own steps.

    Attributes:
        host: The host.
        members: The mirror members' machines.
        client: Who is outside.
        authority: Who has issued the certificates here.
        iris_certificate: That of the instances.
    """

    authority: Authority
    iris_certificate: ssl.SSLContext

    def __init__(self, folder: Path, *, tier: str = "app") -> None:
        folder.mkdir()
        self._keeper = Keeper(mounts=True)
        run([*self._keeper.enter("mount"), "mount", "-t", "tmpfs", "lab", folder])
        run([*self._keeper.enter("mount"), "mkdir", "-p", folder / "groups", folder / "kernel", folder / "hosts"])
        self.switch = Switch()
        # A name that no other host of this process has.
        name, compiled = f"web{next(_labs)}", {"PYTHONPYCACHEPREFIX": "/tmp/compiled"}
        self.host = Host(self._keeper, folder, self.switch, name=name, address=WEB, environment=compiled)
        self.client = Machine(self.switch, CLIENT)
        self.members = {name: Machine(self.switch, address) for name, address in MEMBERS.items()}
        self.machines: list[Machine] = []
        self._numbers = itertools.count(11)
        #: What all steps have logged.
        self.logged = ""
        self.host.boot()
        self.aws: dict[str, Any] = {"instances": [], "refused": [], "secret": PASSWORD, "arn": "arn:secret", "kit": "kit"}
        self.description: dict[str, Any] = _description(tier)
        self._put_code()
        self.put("/srv/kit", fake_web_gateway.kit(fake_web_gateway.files()))
        self.say()

    def _put_code(self) -> None:
        for path, content in bundle.code().items():
            self.put(f"/opt/cdk-intersystems/bootstrap/{path}", content, 0o755 if content.startswith(b"#!") else 0o644)
        self.put("/usr/local/bin/cdk-host", Path(__file__).with_name("web_steps.py").read_bytes(), 0o755)

    def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        target = self.host.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)

    def say(self, **aws: Any) -> None:
        """Sets what AWS answers, and the host's description as it is."""
        self.aws.update(aws)
        self.put("/srv/aws.json", json.dumps(self.aws).encode())
        self.put("/opt/cdk-intersystems/config/host.json", json.dumps(self.description).encode())

    def calls(self) -> list[str]:
        """What AWS was asked since the last time."""
        path = self.host.path("/srv/calls")
        if not path.exists():
            return []
        said = path.read_text().split()
        path.unlink()
        return said

    def steps(self, *names: str) -> str:
        """Runs steps, and returns what they logged."""
        done = self.host.run("cdk-host", *names)
        self.logged += done.output + done.errors
        return done.output + done.errors

    def install(self) -> None:
        """Prepares it, with one application server."""
        server = self.application_server()
        self.say(instances=[["i-0aa", server.address]])
        self.steps(*PREPARE)
        self.without_timer()

    def fails(self, *names: str) -> str:
        """Runs steps of which the last one fails, and returns the line it ends with."""
        done = self.host.run("cdk-host", *names, check=False)
        assert done.status == 1, done.output + done.errors
        return done.errors.strip()

    def dies_after(self, changes: int, *names: str) -> bool:
        """Runs steps, and kills them after a number of changes. Returns whether they got so far."""
        done = self.host.run("env", f"DIES_AFTER={changes}", "cdk-host", *names, check=False)
        assert done.status in (0, 137, -9), done.output + done.errors
        return done.status != 0

    def text(self, path: str) -> str:
        """A file of the host."""
        return self.host.path(path).read_text()

    def without_timer(self) -> None:
        """Has the servers looked for only when a test says so."""
        self.host.run("systemctl", "stop", "cdk-host-discover.timer", "cdk-host-discover.service", check=False)

    def application_server(self) -> Machine:
        """A machine with IRIS, at an address that none had before."""
        made = Machine(self.switch, f"10.20.5.{next(self._numbers)}")
        self.machines.append(made)
        made.iris(self.iris_certificate)
        return made

    def certified(self, authority: Authority, name: str = NAME) -> None:
        """Gives the host a certificate, as the certificates' step does."""
        certificate, key = authority.issue(name, self_signed=True)
        self.put("/irissys/tls/CertificateFile.pem", certificate.read_bytes())
        self.put("/irissys/tls/PrivateKeyFile.pem", key.read_bytes(), 0o600)
        self.put("/irissys/tls/CAFile.pem", authority.certificate.read_bytes())

    # Clients

    def tls(self) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        return made

    def raw(self, request: bytes, context: ssl.SSLContext | None = None) -> bytes:
        """Sends bytes from outside, and returns all that comes back."""
        with closing(self.client.connect(WEB, 443)) as plain, (context or self.tls()).wrap_socket(plain) as connection:
            connection.sendall(request)
            received = b""
            with suppress(TimeoutError):
                while more := connection.recv(65536):
                    received += more
            return received

    def get(self, target: str, *headers: str, method: str = "GET") -> Response:
        """A request from outside, whose address is sent as it is."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {NAME}", "Connection: close", *headers, "", ""]
        said = self.raw("\r\n".join(lines).encode())
        head, _, body = said.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in rest)
        if fields.get("Transfer-Encoding") == "chunked":
            body = _unchunked(body)
        return Response(int(first.split()[1]), fields, body)

    def remove(self) -> None:
        self.host.remove()
        for machine in (self.client, *self.members.values(), *self.machines):
            machine.remove()
        self.switch.remove()
        self._keeper.stop()


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return whole


def _description(tier: str) -> dict[str, Any]:
    kit = {"bucket": "kits", "key": "WebGateway.tar.gz", "sha256": "1" * 64, "region": ""}
    mirror = {
        "name": "TRAK",
        "members": MEMBERS,
        "arbiter": "10.20.3.10",
        "databases": ["TRAKDATA"],
        "member_subjects": {},
        "ecp_subjects": [],
        "created_parameter": "/created",
        "authority_parameter": "/authority",
        "others": {},
        "other_authority_region": "",
    }
    return {
        "schema": 1,
        "role": "web",
        "member_type": "",
        "deployment": "trakcare",
        "group": "web",
        "host": "server",
        "name": "web",
        "hosts": {},
        "operating_system": "ubuntu2404",
        "architecture": "x86_64",
        "packages_from": "repositories",
        "packages": None,
        "kit": kit,
        "instance": "IRIS",
        "huge_pages": 0,
        "volumes": [],
        "local_storage": False,
        "tls": None,
        "mirror": mirror,
        "web": {"application_tier": tier, "server_name": NAME, "paths": ["/csp"], "gateway_parameters": {}},
        "service_ports": [],
        "lifecycle_hook": "",
        "call_out": None,
        "region": None,
    }
