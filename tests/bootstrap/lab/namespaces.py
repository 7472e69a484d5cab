"""Linux namespaces that live exactly as long as this process, and ways to work in them.

A namespace lives while a process is in it or a descriptor names it. None of those used here has a name in the file system,
and each process is told to die with this one, so that nothing of a run that was killed is left for the next.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
#: For commands of the lab itself; those that tests run on a host have limits of their own.
_SECONDS = 60


def run(command: Sequence[str | Path], *, stdin: str = "", check: bool = True, seconds: float = _SECONDS) -> str:
    """Runs a command of the lab and returns what it printed.

    Args:
        command: The command.
        stdin: What it reads.
        check: Whether a status other than 0 fails the test.
        seconds: How long it may take.
    """
    words = [str(word) for word in command]
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, timeout=seconds)
    assert not check or done.returncode == 0, f"{' '.join(words)}: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


class Keeper:
    """A process that does nothing but keep a network namespace, and if asked a mount namespace, alive.

    Args:
        mounts: Whether it has mounts of its own.
    """

    def __init__(self, *, mounts: bool = False) -> None:
        options = ["--net", *(["--mount", "--propagation", "private"] if mounts else [])]
        # The kernel ends it when the thread that started it ends: start it in the main thread.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", *options, "sh", "-c", "echo ready; exec sleep infinity"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", (
            "no namespaces: is this root, and is the kernel's support for them there?"
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def namespace(self, kind: str) -> Path:
        """The namespace as a file.

        Args:
            kind: `net` or `mnt`.
        """
        return Path(f"/proc/{self.pid}/ns/{kind}")

    def seen_from_outside(self, path: Path) -> Path:
        """A file in the keeper's mounts, for this process."""
        return Path(f"/proc/{self.pid}/root{path}")

    def enter(self, *kinds: str) -> list[str]:
        """The beginning of a command that is to run in its namespaces.

        Args:
            kinds: `net`, `mount`.
        """
        return ["nsenter", "--target", str(self.pid), *(f"--{kind}" for kind in kinds), "--"]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def sockets_of(keeper: Keeper) -> Iterator[None]:
    """Sockets that this thread makes meanwhile belong to the keeper's network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as before, keeper.namespace("net").open() as there:
        assert libc.setns(there.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(before.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
