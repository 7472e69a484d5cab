"""A place on the drill's network that isn't a host: a namespace with an address, and processes in it."""

import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bootstrap.lab.namespaces import Keeper, run
from tests.bootstrap.lab.network import Switch

_ENDS = ("setpriv", "--pdeathsig", "KILL")


class Place:
    """A namespace with an address.

    Args:
        switch: The network.
        address: Its address.
        gateway: Where it sends what isn't on the network. Default: nowhere.
    """

    def __init__(self, switch: Switch, address: str, gateway: str = "") -> None:
        self.address = address
        self.keeper = Keeper()
        switch.plug(self.keeper, address)
        # Hosts may not learn a shorter way than through the router, which in a VPC there isn't.
        self.run("sysctl", "-qw", "net.ipv4.conf.all.accept_redirects=0", "net.ipv4.conf.eth0.accept_redirects=0")
        if gateway:
            self.run("ip", "route", "add", "default", "via", gateway)

    def forwards(self) -> None:
        """Makes it a router."""
        for setting in ("ip_forward=1", "conf.all.send_redirects=0", "conf.eth0.send_redirects=0", "conf.all.rp_filter=0"):
            self.run("sysctl", "-qw", f"net.ipv4.{setting}")

    def run(self, *command: str | Path) -> str:
        """Runs a command in it, and returns what it printed."""
        return run([*self.keeper.enter("net"), *command])

    def start(self, command: Sequence[str | Path], each: Callable[[dict[str, Any]], None] | None = None) -> "Process":
        """Starts a process in it, which ends with this one.

        Args:
            command: The command.
            each: Is given each line of JSON that it prints. Default: they are read and forgotten.
        """
        words = [*_ENDS, *self.keeper.enter("net"), *map(str, command)]
        return Process(words, each)

    def remove(self) -> None:
        """Ends the namespace. Processes in it end with whoever started them."""
        self.keeper.stop()


class Process:
    """A process, and a thread that reads what it prints.

    Attributes:
        pid: Its number.
        said: Its last lines that aren't JSON: what went wrong.
    """

    def __init__(self, command: Sequence[str], each: Callable[[dict[str, Any]], None] | None) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        self._each = each
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if self._each is not None and line.startswith("{"):
                try:
                    said = json.loads(line)
                except ValueError:
                    # Nobody would read what follows: whoever asks whether it runs is to learn of it.
                    self._process.kill()
                    self.said.append(f"not JSON: {line.rstrip()}")
                    return
                self._each(said)
            else:
                self.said = [*self.said[-50:], line.rstrip()]

    def stop(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()
        self._reader.join(10)
