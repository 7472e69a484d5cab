"""What is around a web server in the lab: IRIS and mirror members, as sockets of this process, and their authority."""

import socket
import ssl
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bootstrap.lab.namespaces import Keeper, run, sockets_of
from tests.bootstrap.lab.network import Switch

#: CSPSystem's.
PASSWORD = "Geheim-4711 of CSPSystem"


class Machine:
    """Another host: just its network, and this process's sockets in it."""

    def __init__(self, switch: Switch, address: str) -> None:
        self.address = address
        self._switch = switch
        self._keeper = Keeper()
        self._port = switch.plug(self._keeper, address)
        self._listeners: dict[int, socket.socket] = {}
        #: What the superserver was asked.
        self.asked: list[str] = []
        self.asked_for_status = 0
        #: What requests for a page `held` wait for.
        self.released = threading.Event()

    def reachable(self, yes: bool) -> None:
        self._switch.connected(self._port, yes)

    def iris(self, context: ssl.SSLContext | None) -> None:
        """Listens at the superserver's port."""
        self._listen(1972, self._superserver, context)

    def mirror_status(self, answer: bytes | None) -> None:
        """Answers at the responder's port, with nothing if None."""
        self.silence(2189)
        self._listen(2189, lambda connection: self._status(connection, answer), None)

    def silence(self, port: int) -> None:
        if listener := self._listeners.pop(port, None):
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def connect(self, address: str, port: int) -> socket.socket:
        with sockets_of(self._keeper):
            made = socket.socket()
        made.settimeout(20)
        made.connect((address, port))
        return made

    def remove(self) -> None:
        for port in list(self._listeners):
            self.silence(port)
        self._keeper.stop()

    def _listen(self, port: int, serve: Any, context: ssl.SSLContext | None) -> None:
        with sockets_of(self._keeper):
            listener = socket.create_server((self.address, port), backlog=50)
        self._listeners[port] = listener

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=self._serve, args=(connection, serve, context), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def _serve(self, connection: socket.socket, serve: Any, context: ssl.SSLContext | None) -> None:
        with suppress(OSError), closing(connection):
            connection.settimeout(20)
            if context is not None:
                while connection.recv(1) not in (b"\n", b""):
                    continue
                connection.sendall(b"tls\n")
                connection = context.wrap_socket(connection, server_side=True)
            serve(connection)
            connection.close()

    def _superserver(self, connection: socket.socket) -> None:
        line = connection.recv(8192).decode()
        if line:
            self.asked.append(line)
            if "held" in line:
                self.released.wait(20)
            user, _, rest = line.partition(" ")
            password, _, path = rest.strip().rpartition(" ")
            status = "401" if (user, password) != ("CSPSystem", PASSWORD) else "404" if "is-iris-there" in path else "200"
            connection.sendall(f"{status}\n{self.address} {path}".encode())

    def _status(self, connection: socket.socket, answer: bytes | None) -> None:
        connection.recv(4096)
        self.asked_for_status += 1
        if answer is None:
            connection.recv(1)
        else:
            connection.sendall(answer)


@dataclass
class Authority:
    """A certificate authority, with keys that are quick to make."""

    folder: Path

    def __post_init__(self) -> None:
        self.certificate, _ = self.issue("authority", self_signed=True)

    def issue(self, name: str, *, self_signed: bool = False) -> tuple[Path, Path]:
        key, certificate = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        command = [
            "openssl",
            "req",
            "-new",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]
        names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
        issuer = [] if self_signed else ["-CA", self.certificate, "-CAkey", self.folder / "authority.key"]
        run([*command, *names, *issuer, "-keyout", key, "-out", certificate])
        return certificate, key

    def context(self) -> ssl.SSLContext:
        """For a superserver."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(*self.issue("iris"))
        return made
