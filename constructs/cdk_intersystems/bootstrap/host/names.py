"""Distinguished names, compared as names: exactly, however they are written down."""

from __future__ import annotations

import re
from typing import Optional

#: What stands in the names that a deployment gives. A name with anything else in it (an escape, a quotation mark, a plus
#: sign, a slash) is none of ours, and isn't taken apart.
_PART = re.compile(r"(?P<kind>[A-Za-z]+)=(?P<value>[A-Za-z0-9._ -]*[A-Za-z0-9._-])")

Name = tuple[tuple[str, str], ...]


def parts(name: str) -> Optional[Name]:
    """The parts of a distinguished name in the order they are in; None if it is none that a deployment can have given.

    Args:
        name: For example `CN=TRAKA, OU=TRAK, O=trakcare`.
    """
    found = [_PART.fullmatch(part.strip(" ")) for part in name.split(",")]
    if not all(found):
        return None
    return tuple((part["kind"].upper(), part["value"]) for part in found if part)


def same_name(one: str, other: str) -> bool:
    """Whether two texts are the same distinguished name: begun with the common name or with the root, with spaces or without.

    Args:
        one: A name.
        other: Another.
    """
    first, second = parts(one), parts(other)
    return first is not None and second is not None and second in (first, first[::-1])


def as_shown(name: str) -> str:
    """A name as IRIS's documentation shows one.

    Source: Scalability Guide, "Adding Authorized ECP Connections".

    Args:
        name: The name, the common name first.
    """
    return ", ".join(part.strip() for part in name.split(","))
