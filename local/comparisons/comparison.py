"""What a comparison of a resource type consists of, and when two values count as the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from local.clients import Clients

Description = Mapping[str, Any]
Path = str | Callable[[Description], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A resource type.

    Attributes:
        describe: Takes the clients, the physical id and the desired properties; returns what the API reports, or
            None where it reports no such resource.
        properties: For each property where it stands in the description: a path of names with dots, or a function.
        stored: The properties that only the adapter keeps and reports, nothing in the emulator acting on them; with
            ``"*"`` in it, all of them.
    """

    describe: Callable[[Clients, str, dict[str, Any]], Description | None]
    properties: Mapping[str, Path]
    stored: frozenset[str] = field(default_factory=frozenset)

    def is_stored(self, name: str) -> bool:
        """Whether a property is only stored."""
        return "*" in self.stored or name in self.stored


def same(*names: str) -> dict[str, Path]:
    """Properties that the API names as the template does."""
    return {name: name for name in names}


def at(description: Description, path: Path) -> Any:
    """Find a property in a description."""
    if callable(path):
        return path(description)
    value: Any = description
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def first(answer: Mapping[str, Any], *path: str) -> Description | None:
    """The first entry of a list in an API's answer, or None."""
    entry: Any = answer
    for name in path:
        found = entry.get(name)
        entry = found[0] if isinstance(found, list) and found else None if isinstance(found, list) else found
        if entry is None:
            return None
    described: Description = entry
    return described


def matches(desired: Any, reported: Any) -> bool:
    """Whether what is reported is what was desired.

    A structure may report more than was asked for (defaults), a list may not; the order of a list does not count; a
    list of one is its entry; "true" is true, "5" is 5 and an empty text is none; a document is the same as text or as
    a structure, URL-encoded or not.
    """
    if isinstance(desired, dict):
        reported = _document(reported)
        return isinstance(reported, Mapping) and all(matches(value, reported.get(key)) for key, value in desired.items())
    if isinstance(desired, list):
        entries = reported if isinstance(reported, list | tuple) else [reported]
        return len(entries) == len(desired) and _same_entries(desired, list(entries))
    if isinstance(reported, list) and len(reported) == 1:
        return matches(desired, reported[0])
    nothing = desired == "" and reported is None
    return nothing or _scalar(desired) == _scalar(reported) or _documents_equal(desired, reported)


def _same_entries(desired: list[Any], reported: list[Any]) -> bool:
    """Whether each desired entry has a reported one of its own."""
    for entry in desired:
        found = next((number for number, other in enumerate(reported) if matches(entry, other)), None)
        if found is None:
            return False
        del reported[found]
    return True


def _document(value: Any) -> Any:
    """Read a policy or another document that an API reports as text."""
    if isinstance(value, str):
        for text in (value, unquote(value)):
            try:
                return json.loads(text)
            except ValueError:
                continue
    return value


def _documents_equal(desired: Any, reported: Any) -> bool:
    """Whether two texts are the same document."""
    left, right = _document(desired), _document(reported)
    return isinstance(left, dict | list) and isinstance(right, dict | list) and matches(left, right)


def _scalar(value: Any) -> str:
    """A scalar in one spelling."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return text.removesuffix(".0") if text.endswith(".0") and text[:-2].isdigit() else text


def has_tags(desired: Any, reported: Any) -> bool:
    """Whether every tag of the template is there, each side a list or a mapping; stacks and services add tags of their own."""
    present = _tags(reported)
    return all(present.get(key) == value for key, value in _tags(desired).items())


def _tags(tags: Any) -> dict[str, str]:
    if isinstance(tags, dict):
        return {str(key): str(value) for key, value in tags.items()}
    return {str(entry["Key"]): str(entry.get("Value", "")) for entry in tags or []}
