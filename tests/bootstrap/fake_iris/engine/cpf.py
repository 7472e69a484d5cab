"""Configuration parameter files: reading, checking and merging (CPF 1.1.1, "CPF Format")."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .installation import IrisError
from .parameters import FREE_SECTIONS, PARAMETERS, RANGES


@dataclass
class Section:
    """A section: its name as it stands in the file, and its parameters in order."""

    name: str
    values: dict[str, str] = field(default_factory=dict)


class Document:
    """A CPF, or a merge file."""

    def __init__(self, text: str = "") -> None:
        self.sections: list[Section] = []
        #: Lines of [Actions] with their numbers, which a failed merge names (Merge 7).
        self.actions: list[tuple[int, str]] = []
        section: Section | None = None
        for number, line in _lines(text):
            if line.startswith("["):
                if not line.endswith("]"):
                    raise IrisError(f"line {number}: {line!r} is no section heading")
                section = self.section(line[1:-1]) or self._added(line[1:-1])
            elif section is None:
                raise IrisError(f"line {number}: {line!r} stands before the first section")
            elif section.name.lower() == "actions":
                self.actions.append((number, line))
            else:
                name, equals, value = line.partition("=")
                if not equals:
                    # "Long items cannot be continued on a following line."
                    raise IrisError(f"line {number}: {line!r} is neither a section nor a parameter")
                section.values[name.strip()] = value.strip()

    def section(self, name: str) -> Section | None:
        """A section. The guides write [config] and [Config] of the same one, so case doesn't matter here."""
        return next((found for found in self.sections if found.name.lower() == name.lower()), None)

    def _added(self, name: str) -> Section:
        self.sections.append(Section(name))
        return self.sections[-1]

    def get(self, section: str, name: str, default: str = "") -> str:
        """A parameter's value."""
        found = self.section(section)
        values = {key.lower(): value for key, value in found.values.items()} if found else {}
        return values.get(name.lower(), default)

    def number(self, section: str, name: str) -> int:
        """A parameter's value as a number; 0 if it is empty."""
        return int(self.get(section, name) or 0)

    def set(self, section: str, name: str, value: str) -> None:
        """Sets a parameter, adding it "in the appropriate place" if it isn't there (Merge 3)."""
        found = self.section(section) or self._added(section)
        same = next((key for key in found.values if key.lower() == name.lower()), name)
        found.values[same] = value

    def remove(self, section: str) -> None:
        """Removes a section."""
        self.sections = [found for found in self.sections if found.name.lower() != section.lower()]

    def entries(self, section: str) -> dict[str, str]:
        """All parameters of a section."""
        found = self.section(section)
        return dict(found.values) if found else {}

    def check(self, *, merge: bool) -> None:
        """Refuses what an instance would not start with.

        Args:
            merge: Whether it is a merge file: only there may actions stand (CPF, "[Actions]": startup fails if they are in a
                CPF).

        Raises:
            IrisError: If a section or parameter isn't documented, or a value isn't as documented.
        """
        for section in self.sections:
            if section.name.lower() == "actions":
                if not merge:
                    raise IrisError("[Actions] is not supported in the configuration parameter file")
                continue
            if section.name.lower().startswith(FREE_SECTIONS):
                continue
            known = PARAMETERS.get(section.name.lower())
            if known is None:
                raise IrisError(f"unknown section [{section.name}]")
            for name, value in section.values.items():
                if name.lower() not in known:
                    raise IrisError(f"unknown parameter {name} in [{section.name}]")
                check_value(section.name, name, value)

    def merge(self, other: "Document") -> None:
        """Takes over every parameter of a merge file; its actions are performed elsewhere."""
        for section in other.sections:
            if section.name.lower() != "actions":
                for name, value in section.values.items():
                    self.set(section.name, name, value)

    def text(self) -> str:
        """The file's content. CPF 1.1.1 says that lines end with carriage return and line feed; on UNIX they don't need to."""
        parts = []
        for section in self.sections:
            lines = [f"[{section.name}]", *(f"{name}={value}" for name, value in section.values.items())]
            parts.append("\n".join(lines) + "\n")
        return "\n".join(parts)


def check_value(section: str, name: str, value: str) -> None:
    """Refuses a value out of its documented range.

    Raises:
        IrisError: If it is.
    """
    limits = RANGES.get((section.lower(), name.lower()))
    if limits and value:
        lowest, highest = limits
        by_system = value == "0" and name.lower() in ("gmheap", "locksiz")
        if not re.fullmatch(r"-?[0-9]+", value) or not (lowest <= int(value) <= highest or by_system):
            raise IrisError(f"[{section}] {name}={value}: not in {lowest} to {highest}")
    if (section.lower(), name.lower()) == ("config", "globals") and not re.fullmatch(r"0,0(,[0-9]+){4}", value):
        raise IrisError(f"[{section}] {name}={value}: not six numbers, of which the first two are 0")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments and blanks, with their numbers (CPF 1.1.1.4, "Comments")."""
    inside = False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if inside:
            inside = "*/" not in line
            continue
        if line.startswith("/*"):
            inside = "*/" not in line
            continue
        # After other content too, but "#", ";" and "//" also stand in values, as URLs do: only with a blank before it.
        line = re.split(r"^(?:;|#|//)|\s(?:;|#|//)", line)[0].strip()
        if line:
            yield number, line
