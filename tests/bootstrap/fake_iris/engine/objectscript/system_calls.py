"""Class methods of the system, by what the Class Reference says of them. Whatever isn't here is an error, as of an unknown
method.
"""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..installation import IrisError
from .values import List, ScriptError, error_status, from_json, to_json

if TYPE_CHECKING:
    from ..server import Server


class Reference:
    """An argument by reference: a variable with its subscripts, of which there is one at most."""

    def __init__(self, nodes: list[Any]) -> None:
        self.nodes = {tuple(keys): from_json(value) for keys, value in nodes}

    def get(self, key: str, default: str = "") -> str:
        return str(self.nodes.get((key,), default))

    def properties(self) -> dict[str, str]:
        return {keys[0]: str(value) for keys, value in self.nodes.items() if keys}

    def fill(self, values: dict[str, Any]) -> None:
        self.nodes.update({(key,): value for key, value in values.items()})

    def set(self, value: Any) -> None:
        self.nodes[()] = value

    def to_json(self) -> list[Any]:
        return [[list(keys), to_json(value)] for keys, value in self.nodes.items()]


def methods() -> dict[str, Callable[..., Any]]:
    """All methods by class and name, lower case."""
    from . import calls_backup, calls_event, calls_mirror, calls_security, calls_status

    modules = (calls_mirror, calls_status, calls_security, calls_backup, calls_event)
    return {name.lower(): method for module in modules for name, method in module.METHODS.items()}


async def call(server: "Server", name: str, method: str, arguments: list[Any]) -> dict[str, Any]:
    """Calls a method.

    Raises:
        IrisError: If there is no such method here. A method that returns a %Status returns an error as one.
    """
    function = methods().get(f"{name}.{method}".lower())
    if function is None:
        raise IrisError(f"<METHOD DOES NOT EXIST> *{method},{name}: neither known to the fake nor loaded")
    values = [
        Reference(one["reference"]) if isinstance(one, dict) and "reference" in one else from_json(one) for one in arguments
    ]
    while values and values[-1] == "":
        values.pop()
    try:
        result = function(server, *values)
        if inspect.isawaitable(result):
            result = await result
    except IrisError as error:
        result = error_status(str(error))
    except ScriptError as error:
        # Not a status: an error as of the language.
        raise IrisError(str(error)) from error
    except TypeError as error:
        raise IrisError(f"<PARAMETER> {name}.{method}: {error}") from error
    answer = {"value": to_json("1" if result is None else result)}
    answer["references"] = {str(place): value.to_json() for place, value in enumerate(values) if isinstance(value, Reference)}
    return answer


Rows = tuple[list[str], list[list[Any]]]


async def query(server: "Server", name: str, arguments: list[Any]) -> Rows:
    """A class query: its columns and rows.

    Raises:
        IrisError: If there is no such query here.
    """
    from . import calls_mirror, calls_security, calls_status

    function = {**calls_mirror.QUERIES, **calls_status.QUERIES, **calls_security.QUERIES}.get(name)
    if function is None:
        raise IrisError(f"<CLASS DOES NOT EXIST> the fake knows no query {name}")
    columns, rows = function(server, *arguments)
    return columns, [[to_json(List(item) if isinstance(item, list) else item) for item in row] for row in rows]
