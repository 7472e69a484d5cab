"""The bundle of a group of hosts: one tar with the code that runs on them and what each is to become.

It is made at synthesis, from the files in `bootstrap/`, and is the same to the byte wherever it is made: names are sorted,
times are 0, owners are root, nothing is compressed. Its version is its SHA-256.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

#: The package whose files run on hosts.
_BOOTSTRAP: Final = "cdk_intersystems.bootstrap"

#: Has cloud-init run what follows at each start, not once in the life of an instance: a power cut may come before it has done
#: anything. Source: cloud-init's documentation, "User data formats", cloud boothook.
_AT_EACH_START: Final = "#cloud-boothook\n"

_FOLDER, _FILE, _PROGRAM = 0o755, 0o644, 0o755


@cache
def first_boot() -> str:
    """The user data of every host, byte for byte."""
    return _AT_EACH_START + files(_BOOTSTRAP).joinpath("first_boot.py").read_text(encoding="utf-8")


@cache
def code() -> Mapping[str, bytes]:
    """The files that run on hosts: path below `bootstrap/` -> content."""
    return dict(_walk(files(_BOOTSTRAP), ""))


def bundle(hosts: Mapping[str, Mapping[str, str | bytes]]) -> bytes:
    """Makes a bundle.

    Args:
        hosts: Host (`a`, `b`, `arbiter` or `server`) -> name of each of its files -> content.

    Returns:
        The tar.
    """
    members = {f"bootstrap/{path}": content for path, content in code().items()}
    for host, config in hosts.items():
        for name, content in config.items():
            members[f"config/{host}/{name}"] = content.encode() if isinstance(content, str) else content
    folders = {parent for path in members for parent in _parents(path)}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(folders | set(members)):
            if path in folders:
                archive.addfile(_entry(path, tarfile.DIRTYPE, _FOLDER, 0))
                continue
            content = members[path]
            mode = _PROGRAM if content.startswith(b"#!") else _FILE
            archive.addfile(_entry(path, tarfile.REGTYPE, mode, len(content)), io.BytesIO(content))
    return packed.getvalue()


def version_of(packed: bytes) -> str:
    """The version of a bundle: its SHA-256."""
    return hashlib.sha256(packed).hexdigest()


def write_bundle(path: Path, hosts: Mapping[str, Mapping[str, str | bytes]]) -> str:
    """Writes a bundle.

    Args:
        path: Where to.
        hosts: As for `bundle`.

    Returns:
        Its version.
    """
    packed = bundle(hosts)
    path.write_bytes(packed)
    return version_of(packed)


def _walk(folder: Traversable, below: str) -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        path = f"{below}{each.name}"
        if each.name.startswith(".") or each.name == "__pycache__":
            continue
        if each.is_dir():
            yield from _walk(each, f"{path}/")
        elif not each.name.endswith(".pyc"):
            yield path, each.read_bytes()


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _entry(path: str, kind: bytes, mode: int, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.size = kind, mode, size
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = 0
    return entry
