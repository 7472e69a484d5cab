"""A member in the lab that has nothing but its gate and its responder, an instance to look at, and a client of the endpoint."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from cdk_intersystems.model.gate import gate_ruleset
from cdk_intersystems.model.ports import target_port
from tests.bootstrap.lab.lab import Lab, LabHost
from tests.bootstrap.lab.namespaces import Keeper, sockets_of

ADDRESS, CLIENT, PORT = "10.20.1.10", "10.20.9.9", 1972
GATE = "/usr/local/sbin/iris-gate"

# What `iris qlist` shows is a file, which stays as it is whatever the superserver does: as shared memory does.
_IRIS = "#!/bin/sh\nexec cat /etc/fake-qlist\n"
_QLIST = "IRIS^/irissys/sys^2025.1^{status}^iris.cpf^1972^0^53773^{health}^IRIS^Failover^{mirror_status}^/irissys/sys^1972\n"
_SUPERSERVER = """\
[Service]
ExecStart=/usr/bin/python3 -I -c 'import socketserver; \\
  echo = lambda self: [self.wfile.write(line) for line in self.rfile]; \\
  h = type("H", (socketserver.StreamRequestHandler,), dict(handle=echo)); \\
  s = type("S", (socketserver.ThreadingTCPServer,), dict(allow_reuse_address=True, daemon_threads=True)); \\
  s(("", 1972), h).serve_forever()'
"""


class GateMember:
    """The member and its client.

    Attributes:
        host: The member.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._client = Keeper()
        lab._switch.plug(self._client, CLIENT)
        lab.only_steps("member", prepare=["users.users", "gate.gate", "responder.responder"])
        files = {"gate.nft": gate_ruleset([PORT])}
        self.host: LabHost = lab.host(name="a", address=ADDRESS, description=lab.description("member"), files=files)
        for path, content, mode in (
            ("/usr/local/bin/iris", _IRIS, 0o755),
            ("/etc/systemd/system/superserver.service", _SUPERSERVER, 0o644),
        ):
            file = self.host.path(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
            file.chmod(mode)
        self.shows("Backup")
        self.host.boot()
        lab.wait_for_signal(self.host)
        self.host.run("systemctl", "start", "superserver.service")

    def shows(self, mirror_status: str, health: str = "ok", status: str = "running, since Sun Nov 22 10:00:00 2026") -> None:
        """Has `iris qlist` show something from now on."""
        file = self.host.path("/etc/fake-qlist")
        new = file.with_suffix(".new")
        new.write_text(_QLIST.format(mirror_status=mirror_status, health=health, status=status))
        new.replace(file)

    def gate(self) -> int:
        """The exit status of `iris-gate status`: 0 open, 3 closed, 4 not loaded."""
        return self.host.run(GATE, "status", check=False).status

    def open(self) -> None:
        """Makes it be open, whatever was before: nothing is held against the member."""
        self.shows("Primary")

        def is_open() -> bool:
            self.host.run("nft", "flush", "set", "inet", "iris_gate", "quarantine", check=False)
            return self.gate() == 0

        self.host.wait_until("the gate to be open", is_open)

    def wait_until_gate(self, status: int, seconds: float = 20) -> None:
        """Waits until the gate is open, closed, or not loaded."""
        self.host.wait_until(f"the gate to have status {status}", lambda: self.gate() == status, seconds)

    def said(self, unit: str) -> str:
        """What a unit has said in the journal so far."""
        return self.host.journal("--unit", unit)

    def connect(self, port: int = target_port(PORT)) -> socket.socket:
        """A connection of the client to the member, at a target port unless said otherwise."""
        with sockets_of(self._client):
            return socket.create_connection((ADDRESS, port), timeout=5)

    def admits(self) -> bool:
        """Whether a client of the endpoint is served now."""
        try:
            with self.connect() as connection:
                return is_served(connection)
        except (ConnectionRefusedError, ConnectionResetError):
            return False

    def remove(self) -> None:
        self._client.stop()


def is_served(connection: socket.socket) -> bool:
    """Whether a connection still leads to the superserver."""
    try:
        connection.sendall(b"hello\n")
        return connection.recv(100) == b"hello\n"
    except (ConnectionResetError, BrokenPipeError):
        return False


@contextmanager
def gate_member() -> Iterator[GateMember]:
    """A lab with this member alone."""
    with Lab() as lab:
        member = GateMember(lab)
        try:
            yield member
        finally:
            member.remove()
