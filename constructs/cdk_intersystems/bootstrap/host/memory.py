"""Shared memory that follows the host's own: a promotion changes a member's instance type, and nobody renders its bundle then.

`memory.json`, which only such a member has, says what goes with how much memory. The kernel step takes huge pages for what fits
the host; before IRIS starts its configuration file gets the sizes that fit the huge pages there are.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping, Optional, Sequence

from .errors import StepError

if TYPE_CHECKING:
    from pathlib import Path

#: Of a host's files in the bundle.
FILE = "memory.json"
#: Linux sees some 3 % less than an instance type has; the choices are farther apart than this.
_SEEN_PERCENT = 92
_SECTION = "[config]"


@dataclass(frozen=True)
class Choice:
    """Sizes for a host with so much memory, or more.

    Args:
        memory_mib: The memory, as the instance type has it.
        huge_pages: Huge pages that IRIS's shared memory takes.
        config: Keys of `[config]` -> their values.
    """

    memory_mib: int
    huge_pages: int
    config: Mapping[str, str]


def choices(folder: Path) -> list[Choice]:
    """The choices of a host, from the smallest on; none if its memory never changes.

    Args:
        folder: Where the host's files of the bundle stand.

    Raises:
        StepError: The file can't be understood.
    """
    path = folder / FILE
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        found = [Choice(int(each["memory_mib"]), int(each["huge_pages"]), dict(each["config"])) for each in stated]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(f"cannot read {path}: {error}") from None
    return sorted(found, key=lambda each: each.memory_mib)


def for_memory(found: Sequence[Choice], total_kib: int) -> Optional[Choice]:
    """The largest choice that fits a host's memory; the smallest if none does, and None if there are none.

    Args:
        found: The choices, from the smallest on.
        total_kib: Memory of the host as Linux sees it, in KiB.
    """
    fitting = [each for each in found if each.memory_mib * 1024 * _SEEN_PERCENT // 100 <= total_kib]
    return fitting[-1] if fitting else next(iter(found), None)


def for_pages(found: Sequence[Choice], pages: int) -> Optional[Choice]:
    """The largest choice for which there are huge pages; the smallest if there is none, and None if there are no choices.

    Args:
        found: The choices, from the smallest on.
        pages: Huge pages of the host.
    """
    fitting = [each for each in found if each.huge_pages <= pages]
    return fitting[-1] if fitting else next(iter(found), None)


def meminfo(name: str, text: str) -> int:
    """A number of /proc/meminfo.

    Args:
        name: Its name.
        text: The file.

    Raises:
        StepError: It isn't there.
    """
    found = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
    if not found:
        raise StepError(f"/proc/meminfo doesn't tell {name}")
    return int(found[1])


def fitted(text: str, choice: Optional[Choice]) -> str:
    """A configuration or merge file with the sizes of a choice; as it is without one, or where it has no such section.

    Args:
        text: The file.
        choice: The choice.
    """
    if choice is None:
        return text
    ending = "\r\n" if "\r\n" in text else "\n"
    left, inside = dict(choice.config), False
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            if inside:
                found += _rest(left, found, ending)
            inside = line.strip() == _SECTION
        key = line.partition("=")[0].strip()
        if inside and key in choice.config:
            if key in left:
                found.append(f"{key}={left.pop(key)}{ending}")
            continue
        found.append(line)
    if inside:
        found += _rest(left, found, ending)
    return "".join(found)


def _rest(left: dict[str, str], found: list[str], ending: str) -> list[str]:
    """The keys that the section doesn't have yet, at its end: before the empty lines that part it from the next."""
    blank = []
    while left and found and not found[-1].strip():
        blank.append(found.pop())
    lines = [f"{key}={value}{ending}" for key, value in left.items()]
    left.clear()
    return [*lines, *reversed(blank)]
