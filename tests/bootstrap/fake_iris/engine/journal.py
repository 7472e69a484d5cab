"""Journal files: numbered records, in the directories that the CPF names."""

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .installation import IrisError

if TYPE_CHECKING:
    from .server import Server


def usable_directory(server: "Server") -> Path:
    """The directory to journal to.

    CPF, "CurrentDirectory" and "AlternateDirectory": full paths of existing directories, the alternate one for when the other
    is unavailable; not set they become mgr/journal. SAG 25.1: a journal directory belongs to the group of InterSystems'
    processes, with full permissions; "failure to set the permissions properly may lead to unexpected and serious errors". Here:
    it isn't used.

    Raises:
        IrisError: If neither can be used; also if the directory of the write image journal can't (CPF, "wijdir").
    """
    default = server.installation.mgr / "journal"
    names = [server.cpf.get("Journal", key) for key in ("CurrentDirectory", "AlternateDirectory")]
    for key, name in zip(("CurrentDirectory", "AlternateDirectory"), names, strict=True):
        if not name:
            server.cpf.set("Journal", key, f"{default}/")
            server.save_cpf()
    if (names[0] or default) == (names[1] or default):
        server.log(1, "Warning: Alternate and primary journal directories are the same")
    wij = Path(server.cpf.get("config", "wijdir") or server.installation.mgr)
    if reason := _trouble(wij):
        raise IrisError(f"Cannot create the write image journal: {reason}")
    (wij / "IRIS.WIJ").touch()
    if server.cpf.number("Journal", "FileSizeLimit") + server.cpf.number("config", "jrnbufs") > 4096:
        # CPF, "FileSizeLimit": together 4 GB at most.
        raise IrisError("FileSizeLimit and jrnbufs exceed their combined limit of 4 GB")
    for name in names:
        folder = Path(name or default)
        reason = _trouble(folder)
        if not reason:
            return folder
        server.log(2, f"Failed to open the latest journal file: {reason}")
    raise IrisError("Neither the primary nor the alternate journal directory can be used")


def _trouble(folder: Path) -> str:
    try:
        found = folder.stat()
    except OSError as error:
        return f"{folder}: {error.strerror}"
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder}: Permission denied"
    if found.st_gid != os.getegid() or found.st_mode & 0o070 != 0o070:
        return f"{folder}: its group has not got full permissions"
    return ""


class Journal:
    """Records of one instance or mirror, in order. Every record has a number, and the term of the primary that wrote it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._prefix = ""
        self.records: list[dict[str, Any]] = []
        self.committed = 0
        self._file: Path | None = None

    def open_mirror(self, mirror: str) -> None:
        """HA 3.2: a member's mirror journal files are named MIRROR-name-yyyymmdd.nnn; what is in them counts, whatever their
        day.
        """
        self._prefix = f"MIRROR-{mirror}-"
        self.records, self.committed = [], 0
        for file in sorted(self.folder.glob(f"{self._prefix}*")):
            for line in file.read_text().splitlines():
                self._read(json.loads(line))
            self._file = file

    def _read(self, entry: dict[str, Any]) -> None:
        if "c" in entry:
            self.committed = max(self.committed, entry["c"])
        elif "cut" in entry:
            del self.records[entry["cut"] :]
        else:
            del self.records[entry["n"] - 1 :]
            self.records.append(entry)

    def switch(self) -> None:
        """Begins a new file, as a member that becomes primary does (HA 3.2)."""
        day = time.strftime("%Y%m%d")
        number = len(list(self.folder.glob(f"{self._prefix}{day}.*"))) + 1
        self._file = self.folder / f"{self._prefix}{day}.{number:03}"
        self._file.touch(mode=0o660)

    @property
    def position(self) -> list[int]:
        """Term and number of the last record; later journals compare greater."""
        return [self.records[-1]["t"], len(self.records)] if self.records else [0, 0]

    def find(self, identity: str) -> dict[str, Any] | None:
        """The record of an identity."""
        return next((entry for entry in reversed(self.records) if identity and entry.get("i") == identity), None)

    def append(self, term: int, value: str, number: int = 0, identity: str = "", written: float = 0) -> dict[str, Any]:
        """Writes a record to disk.

        Args:
            term: The primary's term.
            value: The record.
            number: Its number; 0: the next. A record of another journal replaces those from its number on.
            identity: See find().
            written: When the primary wrote it; 0: now.
        """
        entry: dict[str, Any] = {"n": number or len(self.records) + 1, "t": term, "v": value, "w": written or time.time()}
        if identity:
            entry["i"] = identity
        self._write(entry)
        self._read(entry)
        return entry

    def commit(self, number: int) -> None:
        """Notes that records up to a number are durable: they were acknowledged to whoever wrote them."""
        if number > self.committed:
            self._write({"c": number})
            self.committed = number

    def cut(self, number: int) -> None:
        """Discards the records after a number."""
        if number < len(self.records):
            self._write({"cut": number})
            del self.records[number:]

    def _write(self, entry: dict[str, Any]) -> None:
        if self._file is None:
            self.switch()
        assert self._file is not None
        with self._file.open("a") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fdatasync(file.fileno())

    def agrees_with(self, position: list[int]) -> bool:
        """Whether this journal holds a given record."""
        term, number = position
        return number == 0 or (number <= len(self.records) and self.records[number - 1]["t"] == term)

    def common_with(self, other: list[list[int]]) -> int:
        """The number of the last record that this journal and another one have in common.

        Args:
            other: Term and number of records of the other one, last first.
        """
        return next((number for term, number in other if self.agrees_with([term, number])), 0)

    def outline(self) -> list[list[int]]:
        """Term and number of the last record of each term, and the last few of all: enough to find what is common."""
        found = [[entry["t"], entry["n"]] for entry in self.records]
        return found[::-1]

    @staticmethod
    def left_by(folder: Path, mirror: str) -> bool:
        """Whether a directory has journal files of a mirror."""
        return any(folder.glob(f"MIRROR-{mirror}-*"))
