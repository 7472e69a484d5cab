"""$functions and special variables (ObjectScript Reference)."""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import programs
from .values import List, ScriptError, canonical, number, text, truth

if TYPE_CHECKING:
    from .evaluation import Evaluation
    from .expressions import Tree


def _select(run: "Evaluation", pairs: list[Any]) -> Any:
    for condition, value in pairs:
        if truth(run.value(condition)):
            return run.value(value)
    raise ScriptError("<SELECT>")


def _case(run: "Evaluation", pairs: list[Any]) -> Any:
    wanted = text(run.value(pairs[0][0]))
    for key, value in pairs[1:]:
        if key[0] == "missing" or text(run.value(key)) == wanted:
            return run.value(value)
    raise ScriptError("<ILLEGAL VALUE>")


def _stored(run: "Evaluation", tree: "Tree") -> tuple[dict[tuple[str, ...], Any], tuple[str, ...]]:
    if tree[0] == "global":
        answer = run.system.globals(op="all", name=tree[1])
        return {tuple(keys): value for keys, value in answer["nodes"]}, run.keys(tree[2])
    if tree[0] != "local":
        raise ScriptError("<SYNTAX> variable expected")
    return run.variables.get(tree[1], {}), run.keys(tree[2])


def _get(run: "Evaluation", arguments: list["Tree"]) -> Any:
    nodes, keys = _stored(run, arguments[0])
    return nodes[keys] if keys in nodes else run.value(arguments[1]) if len(arguments) > 1 else ""


def _data(run: "Evaluation", arguments: list["Tree"]) -> str:
    nodes, keys = _stored(run, arguments[0])
    below = any(len(node) > len(keys) and node[: len(keys)] == keys for node in nodes)
    return str(10 * below + (keys in nodes))


def _order(run: "Evaluation", arguments: list["Tree"]) -> str:
    nodes, keys = _stored(run, arguments[0])
    backwards = len(arguments) > 1 and number(run.value(arguments[1])) < 0
    depth = len(keys)
    there = sorted({node[depth - 1] for node in nodes if len(node) >= depth and node[: depth - 1] == keys[:-1]}, key=_collate)
    after = [
        key
        for key in there
        if not keys[-1] or (_collate(key) < _collate(keys[-1]) if backwards else _collate(key) > _collate(keys[-1]))
    ]
    return (after[-1] if backwards else after[0]) if after else ""


def _collate(key: str) -> tuple[int, Any]:
    return (0, number(key)) if key == canonical(number(key)) else (1, key)


def _increment(run: "Evaluation", arguments: list["Tree"]) -> str:
    nodes, keys = _stored(run, arguments[0])
    step = number(run.value(arguments[1])) if len(arguments) > 1 else number("1")
    result = canonical(number(nodes.get(keys, "0")) + step)
    run.assign(arguments[0], result)
    return result


def _plain(function: Callable[..., Any]) -> Callable[["Evaluation", list["Tree"]], Any]:
    return lambda run, arguments: function(*(run.value(argument) for argument in arguments))


def _piece(value: Any, delimiter: Any, first: Any = "1", last: Any = None) -> str:
    pieces = text(value).split(text(delimiter))
    start, end = int(number(first)), int(number(first if last is None else last))
    return text(delimiter).join(pieces[max(start, 1) - 1 : end])


def _extract(value: Any, first: Any = "1", last: Any = None) -> str:
    start, end = int(number(first)), int(number(first if last is None else last))
    return text(value)[max(start, 1) - 1 : end]


def _length(value: Any, delimiter: Any = None) -> str:
    return str(len(text(value)) if delimiter is None else text(value).count(text(delimiter)) + 1)


def _list_items(value: Any) -> List:
    if value == "":
        return List()
    if not isinstance(value, List):
        raise ScriptError("<LIST>")
    return value


def _list(value: Any, place: Any = "1") -> Any:
    items = _list_items(value)
    index = int(number(place))
    if index == -1:
        index = len(items)
    if not 0 < index <= len(items):
        raise ScriptError("<NULL VALUE>")
    return items[index - 1]


def _list_get(value: Any, place: Any = "1", default: Any = "") -> Any:
    items, index = _list_items(value), int(number(place))
    return items[index - 1] if 0 < index <= len(items) else default


def _convert(value: Any, mode: Any) -> str:
    return text(value).upper() if text(mode).upper() == "U" else text(value).lower()


def _strip(value: Any, action: Any, *_: Any) -> str:
    word = text(action)
    return (
        text(value).strip() if word.startswith("<>") else text(value).replace(" ", "") if word.startswith("*") else text(value)
    )


def _zf(run: "Evaluation", arguments: list["Tree"]) -> str:
    function, flags, *command = (text(run.value(argument)) for argument in arguments)
    if function != "-100":
        raise ScriptError(f"<FUNCTION> the fake knows no $ZF({function})")
    return programs.run(flags, command, run.system.children)


def _ztimestamp(_run: "Evaluation") -> str:
    """UTC: days since 31 December 1840, seconds with their fraction since midnight."""
    now = time.time()
    return f"{int(now // 86400) + 47117},{now % 86400:.3f}"


FUNCTIONS: dict[str, Callable[["Evaluation", list[Any]], Any]] = {
    "select": _select,
    "zf": _zf,
    "case": _case,
    "get": _get,
    "data": _data,
    "order": _order,
    "increment": _increment,
    "piece": _plain(_piece),
    "extract": _plain(_extract),
    "length": _plain(_length),
    "listbuild": _plain(lambda *items: List(items)),
    "list": _plain(_list),
    "listget": _plain(_list_get),
    "listlength": _plain(lambda value: str(len(_list_items(value)))),
    "listvalid": _plain(lambda value: text(isinstance(value, List) or value == "")),
    "listtostring": _plain(lambda value, delimiter=",": text(delimiter).join(map(text, _list_items(value)))),
    "listfromstring": _plain(lambda value, delimiter=",": List(text(value).split(text(delimiter))) if text(value) else ""),
    "listfind": _plain(lambda value, item: str([*map(text, _list_items(value)), text(item)].index(text(item)) + 1)
                       if text(item) in map(text, _list_items(value)) else "0"),
    "char": _plain(lambda *codes: "".join(chr(int(number(code))) for code in codes)), "ascii": _plain(lambda value, place="1":
    str(ord(_extract(value, place))) if _extract(value, place) else "-1"), "find": _plain(lambda value, part:
    str(text(value).find(text(part)) + len(text(part)) + 1) if text(part) in text(value) else "0"), "translate": _plain(lambda
    value, old, new="": text(value).translate( {ord(one): text(new)[place] if place < len(text(new)) else None for place, one in
    enumerate(text(old))})), "replace": _plain(lambda value, old, new: text(value).replace(text(old), text(new))), "zconvert":
    _plain(_convert), "zstrip": _plain(_strip), "justify": _plain(lambda value, width: text(value).rjust(int(number(width)))),
    "number": _plain(lambda value: canonical(number(value))), "isobject": _plain(lambda value: text(not isinstance(value, (str,
    List)))), "zdatetime": _plain(lambda *_: time.strftime("%Y-%m-%d %H:%M:%S")),
}  # fmt: skip
for _long, _short in (
    ("select", "s"), ("get", "g"), ("data", "d"), ("order", "o"), ("increment", "i"), ("piece", "p"), ("extract", "e"),
    ("length", "l"), ("listbuild", "lb"), ("list", "li"), ("listget", "lg"), ("listlength", "ll"), ("listvalid", "lv"),
    ("listtostring", "lts"), ("listfromstring", "lfs"), ("listfind", "lf"), ("char", "c"), ("ascii", "a"), ("find", "f"),
    ("translate", "tr"), ("zconvert", "zcvt"), ("justify", "j"), ("zdatetime", "zdt"), ("increment", "increment"),
):  # fmt: skip
    FUNCTIONS[_short] = FUNCTIONS[_long]

SPECIALS: dict[str, Callable[["Evaluation"], Any]] = {
    "job": lambda run: run.system.process or str(os.getpid()),
    "j": lambda run: run.system.process or str(os.getpid()),
    "zhorolog": lambda _run: canonical(number(f"{time.monotonic():.6f}")),
    "zh": lambda _run: canonical(number(f"{time.monotonic():.6f}")),
    "ztimestamp": _ztimestamp,
    "zts": _ztimestamp,
    "horolog": lambda _run: f"{int(time.time() // 86400) + 47117},{int(time.time() % 86400)}",
    "h": lambda _run: f"{int(time.time() // 86400) + 47117},{int(time.time() % 86400)}",
    "username": lambda run: run.system.user,
    "system": lambda run: f"{os.uname().nodename}:{run.system.installation.name}",
    "zversion": lambda run: f"IRIS for UNIX {run.system.installation.version}",
    "zv": lambda run: f"IRIS for UNIX {run.system.installation.version}",
    "io": lambda _run: "|TRM|",
    "zerror": lambda _run: "",
    "ze": lambda _run: "",
}
