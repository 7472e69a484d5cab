"""What is wrong with a configuration, and the one error that tells all of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

_UNSAID: Any = object()


def path_text(path: Path) -> str:
    """Writes a path as a person would: `mirror_sets[0].volumes.data.iops`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("_", "").replace("-", "").isalnum():
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Args:
        path: The key, from the top of the YAML.
        message: What is allowed, in words.
        got: What was there, as a person reads it; `None` if nothing was.
        line: Line in the YAML, from 1; `None` if there is none.
        reads: Other keys the problem follows from. Default: none.
    """

    path: Path
    message: str
    got: str | None = None
    line: int | None = None
    reads: tuple[Path, ...] = ()

    def text(self, origin: str) -> str:
        """The problem as one line, with the place where a person can put it right."""
        place = origin if self.line is None else f"{origin}:{self.line}"
        parts = [place, path_text(self.path), f"got {self.got}" if self.got is not None else "", self.message]
        head = ": ".join(part for part in parts[:2] if part)
        return f"{head}: {'; '.join(part for part in parts[2:] if part)}"


class ConfigurationError(Exception):
    """The configuration cannot be used; `str()` tells every problem at once, one a line.

    Args:
        problems: The problems, in any order.
        origin: The file, or whatever else a person calls the source.
    """

    def __init__(self, problems: Sequence[Problem], origin: str = "configuration") -> None:
        self.origin = origin
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(problem.text(origin) for problem in self.problems))


def shown(value: object) -> str:
    """What was there, as a person reads it in the YAML."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return repr(text if len(text) <= 100 else text[:97] + "...")
