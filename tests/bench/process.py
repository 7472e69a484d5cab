"""Runs a program and says how long it took and how much memory it and its children had."""

import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# A tenth of a process's shortest life here.
_LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run: seconds by the clock and of processor time, peak memory in MiB, what it printed."""

    seconds: float
    cpu_seconds: float
    mib: float
    output: str


def measure(command: Sequence[str], environment: Mapping[str, str], output: Path) -> Measured:
    """Run a program once.

    The memory is the sum over all processes of the program (Python and the Node processes that run the CDK) of each one's own
    peak of resident memory (VmHWM), which is at most a little more than the peak of the sum. Where there is no /proc it is
    the peak of the largest process.

    Args:
        command: The program.
        environment: All of its environment variables.
        output: A file for what it prints.

    Raises:
        RuntimeError: If it fails.
    """
    cpu_before = _cpu_of_children()
    with output.open("w+") as file:
        started = time.perf_counter()
        process = subprocess.Popen(list(command), env=dict(environment), stdout=file, stderr=subprocess.STDOUT)
        peaks: dict[int, int] = {}
        while process.poll() is None:
            if _PROC.is_dir():
                for pid, peak in _peaks(process.pid).items():
                    # One that has just ended has none any more.
                    peaks[pid] = max(peak, peaks.get(pid, 0))
            time.sleep(_LOOK_EVERY_SECONDS)
        seconds = time.perf_counter() - started
        file.seek(0)
        text = file.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{text}")
    return Measured(
        seconds=seconds,
        cpu_seconds=_cpu_of_children() - cpu_before,
        mib=sum(peaks.values()) / 1024 if peaks else _largest_child_mib(),
        output=text,
    )


def _peaks(pid: int) -> dict[int, int]:
    """The peak in KiB of a process and of all its children that live now."""
    try:
        status = (_PROC / str(pid) / "status").read_text()
        # A child is listed with the thread that started it.
        threads = list((_PROC / str(pid) / "task").iterdir())
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return {}
    peak = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)
    found = {pid: peak}
    for child in children:
        found |= _peaks(int(child))
    return found


def _cpu_of_children() -> float:
    """What all ended children have used so far, with their own children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _largest_child_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
