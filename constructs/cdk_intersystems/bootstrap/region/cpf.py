"""What an instance's own configuration file says of its place in the mirror, and the one key in it that is written here.

Source: Configuration Parameter File Reference, [Mirrors], [MapMirrors.name] and [MirrorMember]; its ValidatedMember: with 0 the
instance obtains its role from the primary before it joins; class reference, Config.MirrorMember: until it is set, a member
cannot become the primary.
"""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING

from ..host.iris import keys_of

if TYPE_CHECKING:
    from pathlib import Path

_SECTION, _KEY = "[MirrorMember]", "ValidatedMember"
#: Places in a member's entry and in the mirror's.
_MEMBER_TYPE, _ARBITER = 6, 9
_FAILOVER = "0"


def is_failover(cpf: Path, mirror: str, name: str) -> bool:
    """Whether the file calls a member a failover member; also if it says nothing of it that can be read.

    Args:
        cpf: The file.
        mirror: Name of the mirror.
        name: System name of the member.
    """
    value = keys_of(cpf, f"MapMirrors.{mirror}").get(name, "")
    fields = next(csv.reader([value]), [])
    return len(fields) <= _MEMBER_TYPE or fields[_MEMBER_TYPE].strip() in (_FAILOVER, "")


def arbiter(cpf: Path, mirror: str) -> str:
    """The address of the mirror's arbiter; empty if there is none.

    Args:
        cpf: The file.
        mirror: Name of the mirror.
    """
    fields = keys_of(cpf, "Mirrors").get(mirror, "").split(",")
    return fields[_ARBITER].partition("|")[0].strip() if len(fields) > _ARBITER else ""


def is_member(cpf: Path, mirror: str) -> bool:
    """Whether the instance is a member of the mirror at all."""
    return mirror in keys_of(cpf, "Mirrors")


def is_validated(cpf: Path) -> bool:
    """Whether the instance takes its role by itself when it starts."""
    return keys_of(cpf, "MirrorMember").get(_KEY, "") == "1"


def ask_for_the_role(cpf: Path) -> bool:
    """Has the instance obtain its role from the primary when it starts. Nothing else of the file changes.

    Args:
        cpf: The file, of an instance that is down: one that runs writes it anew.

    Returns:
        Whether it was otherwise before.

    Raises:
        OSError: It can't be written.
    """
    return _set_validated(cpf, "0")


def take_the_role(cpf: Path) -> bool:
    """Has the instance take its role by itself when it starts: undoes `ask_for_the_role`.

    Args:
        cpf: The file, of an instance that is down.

    Returns:
        Whether it was otherwise before.

    Raises:
        OSError: It can't be written.
    """
    return _set_validated(cpf, "1")


def _set_validated(cpf: Path, value: str) -> bool:
    if keys_of(cpf, "MirrorMember").get(_KEY, "") == value:
        return False
    # As bytes: on some systems its lines end with carriage return and line feed.
    lines = cpf.read_bytes().decode("utf-8", "surrogateescape").splitlines(keepends=True)
    _write(cpf, "".join(_with(value, lines)).encode("utf-8", "surrogateescape"))
    return True


def _with(value: str, lines: list[str]) -> list[str]:
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    mine = f"{_KEY}={value}{ending}"
    found, inside, done = [], False, False
    for line in lines:
        if line.startswith("["):
            if inside and not done:
                found.append(mine)
                done = True
            inside = line.strip() == _SECTION
        elif inside and line.partition("=")[0].strip() == _KEY:
            found.append(mine)
            done = True
            continue
        found.append(line)
    if not done:
        found += [mine] if inside else [f"{_SECTION}{ending}", mine]
    return found


def _write(cpf: Path, content: bytes) -> None:
    old = cpf.stat()
    new = cpf.with_name(f".{cpf.name}.cdk")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fchown(file.fileno(), old.st_uid, old.st_gid)
        os.fchmod(file.fileno(), old.st_mode & 0o7777)
        os.fsync(file.fileno())
    new.replace(cpf)
