"""Makes a broken configuration whole enough that the rules between its keys can be checked as well.

Each key that is wrong by itself gets a stand-in (its default, or its example); problems that follow from a stand-in are left
out. So a person learns of the mirror set's name and of the address range in one go.
"""

import copy
from collections.abc import Iterable
from typing import Any

from .problems import Path, Problem
from .schema_walk import example, field_at, is_mapping, is_required, section_at, section_example
from .section import Section


def repaired(data: Any, broken: Iterable[Path], root: type[Section]) -> tuple[Any, list[Path]]:
    """Puts stand-ins where a configuration is broken.

    Args:
        data: The configuration as it was read.
        broken: Paths of the keys that are wrong, missing or unknown.
        root: The section the configuration is to be.

    Returns:
        A copy with stand-ins, and the paths where they stand.
    """
    whole = copy.deepcopy(data) if isinstance(data, dict) else {}
    places = []
    for path in broken:
        place = _place(path, root)
        if place is None:
            return section_example(root), [()]
        places.append(place)
        _put(whole, place, root)
    return whole, places


def follows_from(problem: Problem, places: Iterable[Path]) -> bool:
    """Whether a problem is about a key that has a stand-in, or follows from one."""
    return any(
        path[: len(place)] == place or place[: len(path)] == path for place in places for path in (problem.path, *problem.reads)
    )


def _place(path: Path, root: type[Section]) -> Path | None:
    """The nearest part around a path that can have a stand-in: a key, or a mapping in a list."""
    while path:
        if isinstance(path[-1], int):
            if section_at(root, path) is not None:
                return path
        elif section_at(root, path[:-1]) is not None or _in_mapping(path, root):
            return path
        path = path[:-1]
    return None


def _in_mapping(path: Path, root: type[Section]) -> bool:
    """Whether a path ends in a key that the user chose, such as a tag's."""
    parent = field_at(root, path[:-1])
    return parent is not None and is_mapping(parent.annotation)


def _put(whole: Any, place: Path, root: type[Section]) -> None:
    parent = whole
    for part in place[:-1]:
        try:
            parent = parent[part]
        except (KeyError, IndexError, TypeError):
            return  # a default filled it in: there is nothing to put right
    last = place[-1]
    field = field_at(root, place)
    if isinstance(last, int):
        section = section_at(root, place)
        if section is not None and isinstance(parent, list):
            parent[last] = section_example(section)
    elif isinstance(parent, dict):
        parent.pop(last, None)
        if field is not None and is_required(field):
            parent[last] = copy.deepcopy(example(field))
