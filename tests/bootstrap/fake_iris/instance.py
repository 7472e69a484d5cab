"""One fake instance: its state in a folder, and an `iris` command of its own."""

import json
import shlex
import sys
from pathlib import Path

_COMMAND = Path(__file__).with_name("command.py")


class FakeIris:
    """An instance as a test sees it. Whatever a test sets, the next call of the command says or does.

    Attributes:
        command: The `iris` command; its folder can stand in PATH.
    """

    def __init__(self, folder: Path, instance: str = "IRIS") -> None:
        """Installs the command and registers a running instance that belongs to no mirror.

        Args:
            folder: Where command and state go; it is made.
            instance: The instance's name.
        """
        self.instance = instance
        self._state = folder / "state"
        self._state.mkdir(parents=True)
        self.command = folder / "bin" / "iris"
        self.command.parent.mkdir()
        # -I and -S: half the time of a plain start.
        words = [sys.executable, "-I", "-S", "-B", str(_COMMAND), str(self._state)]
        self.command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        self.command.chmod(0o755)
        self._write(
            {
                "directory": "/irissys/sys",
                "version": "2025.1.0.223.0com",
                "status": "running, since Sun Nov 22 10:00:00 2026",
                "health": "ok",
                "member_type": "",
                "mirror_status": "",
            }
        )

    def set(self, **fields: str) -> None:
        """Changes fields of `iris qlist`: status, health, member_type, mirror_status."""
        state = json.loads(self._file.read_text())
        assert set(fields) <= set(state), f"the fake knows {sorted(state)}"
        self._write({**state, **fields})

    def become(self, mirror_status: str, member_type: str = "Failover") -> None:
        """Makes it a mirror member with a status, running."""
        self.set(status="running, since Sun Nov 22 10:00:00 2026", member_type=member_type, mirror_status=mirror_status)

    def fault(self, fault: str | None) -> None:
        """Makes every later call fail in a way that command.py lists, or heals it."""
        path = self._state / "fault"
        if fault is None:
            path.unlink(missing_ok=True)
        else:
            _replace(path, fault)

    def calls(self) -> list[str]:
        """The arguments of each call so far."""
        log = self._state / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def children(self) -> list[int]:
        """The processes that calls with the fault hang-with-child have left behind, if nobody ended them."""
        log = self._state / "children"
        return [int(pid) for pid in log.read_text().split()] if log.exists() else []

    @property
    def _file(self) -> Path:
        return self._state / f"{self.instance}.json"

    def _write(self, state: dict[str, str]) -> None:
        _replace(self._file, json.dumps(state))


def _replace(path: Path, text: str) -> None:
    # At once: the command reads it at any moment.
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)
