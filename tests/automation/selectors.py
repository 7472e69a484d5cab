"""The JSONPath that our selectors use: names and places of lists, from the root."""

import re
from typing import Any

SELECTOR = re.compile(r"\$(\.[A-Za-z]+(\[[0-9]+\])?)+")
_PART = re.compile(r"\.([A-Za-z]+)|\[([0-9]+)\]")


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Any = _Missing()
"""What a selector gives that finds nothing."""


def select(value: Any, selector: str) -> Any:
    """The value at a selector."""
    assert SELECTOR.fullmatch(selector), selector
    for name, place in _PART.findall(selector):
        if name:
            if name not in value:
                return MISSING
            value = value[name]
        else:
            if int(place) >= len(value):
                return MISSING
            value = value[int(place)]
    return value
