"""Globals, routines and classes of %SYS, kept in the database IRISSYS."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import read_json, write_json
from ..installation import IrisError

if TYPE_CHECKING:
    from ..server import Server

_EMPTY: dict[str, Any] = {"globals": {}, "routines": {}, "classes": {}}


def _load(server: "Server") -> dict[str, Any]:
    found = read_json(server.installation.mgr / "IRIS.DAT", _EMPTY)
    assert isinstance(found, dict)
    return found


def _save(server: "Server", content: dict[str, Any]) -> None:
    write_json(server.installation.mgr / "IRIS.DAT", content)


def serve(server: "Server", request: dict[str, Any]) -> dict[str, Any]:
    """Reads and changes globals, and gives code."""
    content, operation = _load(server), request["do"]
    if operation == "code":
        return {"code": content[request["kind"]].get(request["name"])}
    nodes: list[list[Any]] = content["globals"].setdefault(request["name"], [])
    keys = request.get("keys", [])
    if operation == "all":
        return {"nodes": nodes}
    if operation == "get":
        return {"value": next((value for known, value in nodes if known == keys), None)}
    nodes[:] = [node for node in nodes if (node[0][: len(keys)] != keys if operation == "kill" else node[0] != keys)]
    if operation == "set":
        nodes.append([keys, request["value"]])
    _save(server, content)
    return {}


def load_file(server: "Server", name: str) -> None:
    """$SYSTEM.OBJ.Load(): a routine, or a class in UDL.

    Raises:
        IrisError: If the file isn't there or isn't one of these.
    """
    try:
        text = Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise IrisError(f"File '{name}' does not exist") from error
    content = _load(server)
    if routine := re.match(r"\s*ROUTINE\s+(%?[A-Za-z][A-Za-z0-9.]*)[^\n]*\n", text):
        content["routines"][routine[1]] = text[routine.end() :]
    elif found := re.search(r"^Class\s+(%?[A-Za-z][A-Za-z0-9.]*)", text, re.MULTILINE):
        content["classes"][found[1]] = text
    else:
        raise IrisError(f"File '{name}' is neither a routine nor a class")
    _save(server, content)


def has_label(server: "Server", routine: str, label: str) -> bool:
    """Whether %SYS has a routine with a label."""
    code = _load(server)["routines"].get(routine, "")
    return bool(re.search(rf"^{re.escape(label)}\b", code, re.MULTILINE))
