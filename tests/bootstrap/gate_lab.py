"""A client, a router that is also the load balancer, and two members, each in a network namespace of its own.

Servers and clients are sockets of this process that were made in a namespace, so nothing is left behind when it ends.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

CLIENT_ADDRESS = "10.1.0.2"
MEMBERS = {"a": "10.2.1.10", "b": "10.2.2.10"}
#: The load balancer's addresses: one leaves the client's address as it is, the other puts its own in its place.
PRESERVING, HIDING = "10.1.0.100", "10.1.0.101"
ROUTER_AT_A = "10.2.1.1"
OVERLAY = "100.64.0.1"

_CLONE_NEWNET = 0x40000000
_NEEDED = {"ip": "iproute2", "ss": "iproute2", "nft": "nftables", "sysctl": "procps"}

_LOAD_BALANCER = f"""\
table ip balancer {{
  chain in {{ type nat hook prerouting priority dstnat;
    ip daddr {{ {PRESERVING}, {HIDING} }} tcp dport 1972 dnat to {MEMBERS["a"]}:11972
    ip daddr {{ {PRESERVING}, {HIDING} }} tcp dport 5000 dnat to {MEMBERS["a"]}:15000
    ip daddr {{ {PRESERVING}, {HIDING} }} tcp dport 2189 dnat to {MEMBERS["a"]}:2189
  }}
  chain out {{ type nat hook postrouting priority srcnat; ct original ip daddr {HIDING} masquerade; }}
}}
"""


def run(*command: str | Path, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(part) for part in command], input=stdin, capture_output=True, text=True, check=False, timeout=30)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


class Server:
    """Accepts at a port of a member; answers each line with the member's name and who the client seems to be.

    The line `later` is answered after a second, `stream` with a line every 20 ms, `never` not at all.
    """

    def __init__(self, name: str, listener: socket.socket) -> None:
        self._name = name
        self._listener = listener
        #: Every line that reached the server.
        self.received: list[bytes] = []
        #: For each connection that ended how it did, and when.
        self.ended: list[tuple[str, float]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, (peer, _) = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection, peer), daemon=True).start()

    def _serve(self, connection: socket.socket, peer: str) -> None:
        how = "closed by the client"
        with closing(connection):
            connection.settimeout(60)
            try:
                while line := connection.recv(100):
                    self.received.append(line)
                    if line == b"later":
                        time.sleep(1)
                    while line == b"stream":
                        connection.sendall(b"data\n")
                        time.sleep(0.02)
                    if line != b"never":
                        connection.sendall(f"{self._name} {peer}".encode())
            except OSError as error:
                how = type(error).__name__
        self.ended.append((how, time.monotonic()))


class Lab:
    """The four namespaces, with servers at 1972, 5000 and 2189 of both members."""

    def __init__(self) -> None:
        for program, package in _NEEDED.items():
            assert shutil.which(program), f"{program} is missing: install the package {package}"
        self._prefix = f"gate{os.getpid()}"
        self.servers: dict[tuple[str, int], Server] = {}
        try:
            self._build()
        except BaseException:
            self.remove()
            raise

    def _build(self) -> None:
        for host in ("client", "router", "a", "b"):
            run("ip", "netns", "add", self.name(host))
            self.on(host, "ip", "link", "set", "lo", "up")
        self._link("client", CLIENT_ADDRESS, "10.1.0.1")
        self._link("a", MEMBERS["a"], ROUTER_AT_A)
        self._link("b", MEMBERS["b"], "10.2.2.1")
        self.on("router", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for address in (PRESERVING, HIDING):
            self.on("router", "ip", "address", "add", f"{address}/32", "dev", "lo")
        self.on("router", "nft", "-f", "-", stdin=_LOAD_BALANCER)
        for member in MEMBERS:
            for port in (1972, 5000, 2189):
                with self.inside(member):
                    listener = socket.create_server(("0.0.0.0", port))
                self.servers[member, port] = Server(member, listener)

    def _link(self, host: str, address: str, router: str) -> None:
        there = f"to-{host}"
        ends = ("eth0", "netns", self.name(host), "type", "veth", "peer", "name", there, "netns", self.name("router"))
        run("ip", "link", "add", *ends)
        self.on(host, "ip", "address", "add", f"{address}/24", "dev", "eth0")
        self.on("router", "ip", "address", "add", f"{router}/24", "dev", there)
        self.on(host, "ip", "link", "set", "eth0", "up")
        self.on("router", "ip", "link", "set", there, "up")
        self.on(host, "ip", "route", "add", "default", "via", router)

    def remove(self) -> None:
        for server in self.servers.values():
            server.close()
        for host in ("client", "router", "a", "b"):
            run("ip", "netns", "delete", self.name(host), check=False)

    def name(self, host: str) -> str:
        return f"{self._prefix}-{host}"

    def command(self, host: str, *command: str | Path) -> list[str]:
        return ["ip", "netns", "exec", self.name(host), *(str(part) for part in command)]

    def on(self, host: str, *command: str | Path, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return run(*self.command(host, *command), check=check, stdin=stdin)

    def route_overlay_to(self, member: str) -> None:
        self.on("router", "ip", "route", "replace", f"{OVERLAY}/32", "via", MEMBERS[member])

    @contextmanager
    def inside(self, host: str) -> Iterator[None]:
        """Sockets made by this thread meanwhile belong to the host."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/thread-self/ns/net").open() as before, Path("/run/netns", self.name(host)).open() as there:
            assert libc.setns(there.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(before.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())

    def connect(self, address: str, port: int = 1972, host: str = "client") -> socket.socket:
        with self.inside(host):
            return socket.create_connection((address, port), timeout=5)

    def ask(self, address: str, port: int = 1972, host: str = "client") -> str:
        """Who answers there, and whom it takes the client for; or `refused` if that is told at once."""
        began = time.monotonic()
        try:
            with self.connect(address, port, host) as connection:
                return request(connection)
        except (ConnectionRefusedError, ConnectionResetError):
            # One that is not told tries again after a second.
            assert time.monotonic() - began < 0.9, "refused, but not at once"
            return "refused"


def request(connection: socket.socket, line: str = "who") -> str:
    connection.sendall(line.encode())
    return connection.recv(100).decode()
