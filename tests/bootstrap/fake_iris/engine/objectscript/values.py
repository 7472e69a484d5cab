"""Values: strings, numbers as strings, lists, objects and statuses."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

_NUMBER = re.compile(r"\s*([+-]*(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:E[+-]?[0-9]+)?)")


class ScriptError(Exception):
    """An error as the terminal shows it, for example `<UNDEFINED>x`."""


class List(tuple[Any, ...]):
    """A list as $LISTBUILD makes it."""

    __slots__ = ()


def number(value: Any) -> Decimal:
    """A value's numeric interpretation: the number that it begins with, else 0."""
    found = _NUMBER.match(text(value))
    if not found:
        return Decimal(0)
    sign = -1 if found[1].count("-") % 2 else 1
    try:
        return sign * Decimal(found[1].lstrip("+-"))
    except InvalidOperation:
        return Decimal(0)


def canonical(value: Decimal) -> str:
    """A number in canonical form: no trailing zeros, no zero before the point."""
    shown = format(value.normalize(), "f")
    if shown.startswith("0."):
        return shown[1:]
    return "-" + shown[2:] if shown.startswith("-0.") else "0" if shown == "-0" else shown


def truth(value: Any) -> bool:
    return number(value) != 0


def text(value: Any) -> str:
    """A value as a string."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, List):
        return "\x01" + "\x02".join(text(item) for item in value)
    return str(value)


def error_status(message: str) -> str:
    """A %Status that is an error: its number is 0. What more it holds is shown by $SYSTEM.Status.GetErrorText()."""
    return f"0 {message}"


def to_json(value: Any) -> Any:
    """A value as it goes to the instance."""
    return {"list": [to_json(item) for item in value]} if isinstance(value, List) else text(value)


def from_json(value: Any) -> Any:
    if isinstance(value, dict) and "list" in value:
        return List(from_json(item) for item in value["list"])
    return "" if value is None else text(value)
