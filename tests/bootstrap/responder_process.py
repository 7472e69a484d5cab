"""Starts the mirror_status responder as systemd does, and asks it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from tests.bootstrap.fake_iris import FakeIris

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "constructs" / "cdk_intersystems" / "bootstrap" / "mirror_status"
PROGRAM = FOLDER / "mirror_status.py"
# What the unit file has, with the Python of the tests.
COMMAND = [sys.executable, "-I", "-S", "-B", str(PROGRAM)]

# The protocol of sd_listen_fds(3): the sockets from 3 on, and their number and our process id in the environment.
_LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ResponderProcess:
    """A responder, started by socket activation; use it with `with`."""

    def __init__(self, iris: FakeIris, log: Path) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.log = log
        self.process = self._start(iris)

    def _start(self, iris: FakeIris) -> subprocess.Popen[bytes]:
        number = self._listener.fileno()
        command = [sys.executable, "-c", _LAUNCHER, str(number), *COMMAND, iris.instance, "--iris", str(iris.command)]
        with self.log.open("w") as log:
            return subprocess.Popen(command, pass_fds=[number], stderr=log)

    def ask(self, target: str = "/csp/bin/mirror_status.cxw", method: str = "GET", timeout: float = 5) -> bytes:
        """Every byte of the response to a request as a load balancer sends it."""
        return self.send(f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n", timeout)

    def send(self, text: str, timeout: float = 5) -> bytes:
        """Every byte that comes back for some text."""
        with self.connect(timeout) as connection:
            connection.sendall(text.encode())
            return received(connection)

    def connect(self, timeout: float = 5) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def status(self) -> int:
        """The number of the response's status."""
        return int(self.ask().split(b" ")[1])

    def seconds_until(self, status: int, at_most: float) -> float:
        """How long it takes until this status is answered.

        Raises:
            AssertionError: If it takes longer than `at_most`.
        """
        started = time.monotonic()
        while (last := self.status()) != status:
            assert time.monotonic() - started < at_most, f"still {last} after {at_most} s"
            time.sleep(0.01)
        return time.monotonic() - started

    def peak_bytes(self) -> int:
        """The most memory it has held so far."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024

    def __enter__(self) -> "ResponderProcess":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        # Stopped first, so that it starts no other `iris`, and with the one it has, as systemd does it.
        self.process.send_signal(signal.SIGSTOP)
        for child in children_of(self.process.pid) if self.process.poll() is None else []:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self._listener.close()


def received(connection: socket.socket) -> bytes:
    """Everything a connection gives until its end."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    """The processes a process has started and that live, whichever thread started them."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
