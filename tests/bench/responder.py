"""How many requests the mirror_status responder answers, how soon, and how much memory it holds; measured by `wrk`."""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cdk_intersystems.model.ports import MIRROR_STATUS_PATH
from tests.bootstrap.fake_iris import FakeIris
from tests.bootstrap.responder_process import ResponderProcess

_SECONDS = 5
# More than a load balancer's nodes, which are one an Availability Zone.
_CONNECTIONS = 16
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, kw_only=True)
class ResponderMeasured:
    """A run: requests a second, the time within which 99 of 100 were answered, and the most memory it held."""

    requests_per_second: float
    p99_ms: float
    memory_mib: float

    def rounded(self) -> dict[str, float]:
        """As it stands in the result file."""
        return {
            "requests_per_second": round(self.requests_per_second),
            "p99_ms": round(self.p99_ms, 2),
            "memory_mib": round(self.memory_mib, 1),
        }


def measure_responder() -> ResponderMeasured | None:
    """Asks a primary's responder for five seconds while it watches a fake instance; None where there is no `wrk`.

    Raises:
        RuntimeError: If a response was not SUCCESS or a connection failed.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        iris = FakeIris(Path(folder) / "iris")
        iris.become("Primary")
        with ResponderProcess(iris, Path(folder) / "log") as responder:
            responder.seconds_until(200, at_most=5)
            # One thread: with the responder and what it starts that makes two cores.
            options = ["--threads=1", f"--connections={_CONNECTIONS}", f"--duration={_SECONDS}s", "--latency"]
            url = f"http://127.0.0.1:{responder.port}{MIRROR_STATUS_PATH}"
            done = subprocess.run([wrk, *options, url], capture_output=True, text=True, check=True)
            return figures(done.stdout, responder.peak_bytes())


def figures(report: str, peak_bytes: int) -> ResponderMeasured:
    """What `wrk` reports, as figures.

    Args:
        report: What it printed, with --latency.
        peak_bytes: The most memory the responder held.

    Raises:
        RuntimeError: If anything but success was answered, or figures are missing.
    """
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", report)
    slowest = re.search(r"^\s+99%\s+([0-9.]+)(us|ms|s)$", report, re.MULTILINE)
    if not rate or not slowest or re.search("Non-2xx|Socket errors", report):
        raise RuntimeError(f"the responder did not answer every request with success:\n{report}")
    return ResponderMeasured(
        requests_per_second=float(rate[1]),
        p99_ms=float(slowest[1]) * _UNITS[slowest[2]],
        memory_mib=peak_bytes / 2**20,
    )
