"""What holding the gate costs: processor time of a renewal, and memory of the renewer; measured in a network namespace."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cdk_intersystems.model.gate import gate_ruleset
from cdk_intersystems.model.ports import SUPERSERVER_PORT
from tests.bootstrap.lab.namespaces import Keeper, run, sockets_of

_RENEWER = Path(__file__).parents[2] / "constructs" / "cdk_intersystems" / "bootstrap" / "gate" / "iris-gate-renewer"
# The kernel counts processor time in hundredths of a second.
_SECONDS = 10
# Next to nothing: what `iris qlist` costs isn't known here, and comes on top.
_IRIS = (
    f"#!/bin/sh\necho 'IRIS^/irissys/sys^2025.1^running^iris.cpf^{SUPERSERVER_PORT}^0^0^ok^IRIS^Failover^{{}}^/irissys/sys^0'\n"
)


@dataclass(frozen=True, kw_only=True)
class GateMeasured:
    """Processor time of a renewal while the gate is open and while it is closed, without `iris`; and the renewer's memory."""

    open_ms: float
    closed_ms: float
    memory_mib: float

    def rounded(self) -> dict[str, float]:
        """As it stands in the result file."""
        return {
            "open_ms": round(self.open_ms, 1),
            "closed_ms": round(self.closed_ms, 1),
            "memory_mib": round(self.memory_mib, 1),
        }


def measure_gate() -> GateMeasured | None:
    """Has a renewer renew each second, for ten seconds open and ten closed; None without root or nftables."""
    if os.geteuid() != 0 or shutil.which("nft") is None:
        return None
    network = Keeper()
    try:
        run([*network.enter("net"), "ip", "link", "set", "lo", "up"])
        with sockets_of(network):
            superserver = socket.create_server(("127.0.0.1", SUPERSERVER_PORT))
        threading.Thread(target=_take, args=(superserver,), daemon=True).start()
        with superserver, tempfile.TemporaryDirectory() as folder:
            return _measure(network, Path(folder))
    finally:
        network.stop()


def _measure(network: Keeper, folder: Path) -> GateMeasured:
    iris, rules = folder / "iris", folder / "gate.nft"
    rules.write_text(gate_ruleset([SUPERSERVER_PORT]))
    spent = []
    for mirror_status in ("Primary", "Backup"):
        new = folder / "new"
        new.write_text(_IRIS.format(mirror_status))
        new.chmod(0o755)
        new.replace(iris)
        words = [sys.executable, "-I", "-S", "-B", _RENEWER, "IRIS", rules, iris]
        renewer = subprocess.Popen([*network.enter("net"), *map(str, words)], stderr=subprocess.DEVNULL)
        try:
            time.sleep(2)
            before = _cpu_ms(renewer.pid)
            time.sleep(_SECONDS)
            spent.append((_cpu_ms(renewer.pid) - before) / _SECONDS)
            lines = Path(f"/proc/{renewer.pid}/status").read_text().splitlines()
            peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
        finally:
            renewer.kill()
            renewer.wait()
    return GateMeasured(open_ms=spent[0], closed_ms=spent[1], memory_mib=peak / 1024)


def _take(superserver: socket.socket) -> None:
    with suppress(OSError):
        while True:
            superserver.accept()[0].close()


def _cpu_ms(pid: int) -> float:
    """The processor time of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) * 1000 / os.sysconf("SC_CLK_TCK")
