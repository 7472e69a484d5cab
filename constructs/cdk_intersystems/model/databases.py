"""Names of databases that can be mirrored."""

import re
from typing import Final

#: Source: High Availability Guide, "Adding databases to a mirror", and its chapter on healthcare products for HSLIB.
_SYSTEM: Final = ("IRISSYS", "IRISLIB", "IRISTEMP", "IRISLOCALDATA", "IRISAUDIT", "ENSLIB", "HSLIB")

#: Source: "Rules and Guidelines for Identifiers", databases. IRIS would store lower case as upper case.
_NAME: Final = re.compile(r"[A-Z][A-Z0-9_-]{0,29}")


def database_problem(name: str) -> str | None:
    """Says why a database can't be mirrored under a name; `None` if it can."""
    if name in _SYSTEM:
        return "a system database cannot be mirrored"
    if _NAME.fullmatch(name):
        return None
    return "a database has up to 30 upper-case letters, digits, _ and - and starts with a letter"
