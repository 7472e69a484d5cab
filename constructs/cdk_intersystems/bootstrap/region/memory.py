"""Before IRIS starts: the sizes in its configuration file that fit the huge pages of the host."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from ..host import memory
from .cpf import _write

_MEMINFO = Path("/proc/meminfo")


def fit(cpf: Path, folder: Path) -> Optional[str]:
    """Writes the sizes into the configuration file of an instance that is down. Nothing else of the file changes.

    Args:
        cpf: The file.
        folder: Where the host's files of the bundle stand.

    Returns:
        What to say of it; None if the host's memory never changes, or the file has what fits already.

    Raises:
        StepError: The choices can't be read.
        OSError: The file can't be read or written.
    """
    found = memory.choices(folder)
    pages = memory.meminfo("HugePages_Total", _MEMINFO.read_text(encoding="ascii"))
    choice = memory.for_pages(found, pages)
    before = cpf.read_bytes().decode("utf-8", "surrogateescape")
    after = memory.fitted(before, choice)
    if choice is None or after == before:
        return None
    _write(cpf, after.encode("utf-8", "surrogateescape"))
    return f"{pages} huge pages: sizes for {choice.memory_mib} MiB of memory, globals={choice.config.get('globals', '')}"
