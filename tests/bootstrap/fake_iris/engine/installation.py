"""Installed instances, and the registry that lists them."""

import fcntl
import json
import os
import pwd
from pathlib import Path
from typing import NamedTuple

from .files import REGISTRY, SHARED_MEMORY, read_json, write_json


class IrisError(Exception):
    """Something that InterSystems' programs refuse; the message is what they say."""


class Installation(NamedTuple):
    """What the installer was told, kept in the installation directory.

    Attributes:
        owner: Owner of the instance (SAG 25.1).
        manager_group: Group allowed to start and stop it.
        user: Effective user for the superserver and its jobs.
        group: Effective group for all its processes.
    """

    name: str
    directory: Path
    version: str
    product: str
    security: str
    owner: str
    manager_group: str
    user: str
    group: str

    @property
    def mgr(self) -> Path:
        return self.directory / "mgr"

    @property
    def cpf(self) -> Path:
        return self.directory / "iris.cpf"

    @property
    def shared_memory(self) -> Path:
        """What the running instance shows of itself."""
        return SHARED_MEMORY / ("fake-iris" + str(self.directory).replace("/", "-") + ".json")

    @property
    def socket(self) -> str:
        """Where its commands reach it: an abstract socket, so that nothing is left of it."""
        return f"\0fake-iris{self.directory}"

    def seen(self) -> dict[str, object]:
        """What shared memory says; empty if the instance has left none."""
        found = read_json(self.shared_memory, {})
        assert isinstance(found, dict)
        return found

    def locked_by(self) -> int:
        """The process that holds the daemon resource locks; 0 if none does (SAG 25.2.1)."""
        lock = self.mgr / "ilock"
        if not lock.exists():
            return 0
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read_text() or "0") or -1
        return 0

    def save(self) -> None:
        """Writes the installation's parameters, and its entry in the registry."""
        values = {**self._asdict(), "directory": str(self.directory)}
        write_json(self.directory / "parameters.isc", values, 0o644)
        entries = read_json(REGISTRY / "iris.reg", {})
        entries[self.name] = str(self.directory)
        write_json(REGISTRY / "iris.reg", entries, 0o644)

    def owner_ids(self) -> tuple[int, int]:
        """Numbers of the owner, and of the effective group."""
        import grp

        return pwd.getpwnam(self.owner).pw_uid, grp.getgrnam(self.group).gr_gid


def load(directory: Path) -> Installation:
    """An installation by its directory."""
    found = json.loads((directory / "parameters.isc").read_text())
    return Installation(**{**found, "directory": Path(found["directory"])})


def registered() -> list[Installation]:
    """The instances of this host whose directories are there (a volume may be missing); nothing public tells of others."""
    folders = map(Path, read_json(REGISTRY / "iris.reg", {}).values())
    return [load(folder) for folder in folders if (folder / "parameters.isc").exists()]


def find(name: str) -> Installation:
    """An instance by name.

    Raises:
        IrisError: If there is none. No public page tells what is said of it.
    """
    for found in registered():
        if found.name == name.upper():
            return found
    raise IrisError(f"Instance '{name}' is not registered on this system.")


def os_user() -> str:
    """The login name of whoever runs this."""
    return pwd.getpwuid(os.getuid()).pw_name
