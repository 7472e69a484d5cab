"""A member in the lab that has nothing but its gate and its responder, an instance to look at, and a client of the endpoint."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from cdk_intersystems.model.gate import gate_ruleset
from cdk_intersystems.model.ports import target_port
from tests.bootstrap.bare_member import ADDRESS, BareMember
from tests.bootstrap.lab.lab import Lab
from tests.bootstrap.lab.namespaces import Keeper, sockets_of

CLIENT, PORT = "10.20.9.9", 1972
GATE = "/usr/local/sbin/iris-gate"


class GateMember(BareMember):
    """The member and its client."""

    def __init__(self, lab: Lab) -> None:
        self._client = Keeper()
        lab._switch.plug(self._client, CLIENT)
        steps = ["users.users", "gate.gate", "responder.responder"]
        super().__init__(lab, prepare=steps, files={"gate.nft": gate_ruleset([PORT])})

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
