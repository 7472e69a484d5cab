"""Our own words for what pydantic finds: none of its wording reaches the user."""

from difflib import get_close_matches

from pydantic_core import ErrorDetails

from .problems import Path, Problem, shown
from .schema_walk import example, field_at, section_at
from .section import Section
from .yaml_source import Source

# So few choices are read faster than a hint, which may well be wrong.
_FEW = 3

_KINDS = {
    "string_type": "needs text",
    "int_type": "needs a whole number",
    "bool_type": "needs true or false",
    "tuple_type": "needs a list",
    "mapping_type": "needs a mapping (key: value)",
    "dict_type": "needs a mapping (key: value)",
    "model_type": "needs a mapping (key: value)",
    "model_attributes_type": "needs a mapping (key: value)",
    "greater_than_equal": "needs {ge} or more",
    "less_than_equal": "needs {le} or less",
}


def path_of(error: ErrorDetails) -> Path:
    """The path of an error, without the mark pydantic puts at a mapping's key."""
    return tuple(part for part in error["loc"] if part != "[key]")


def problem_of(error: ErrorDetails, root: type[Section], source: Source) -> Problem:
    """Puts one of pydantic's errors into words.

    Args:
        error: The error.
        root: The section pydantic was asked to validate.
        source: What it validated.
    """
    path = path_of(error)
    kind = error["type"]
    if kind == "missing":
        return Problem(path=path, message=_missing(root, path), line=source.line(path))
    if kind == "extra_forbidden":
        return Problem(path=path, message=_unknown(root, path), line=source.line(path))
    got = shown(path[-1]) if error["loc"][-1:] == ("[key]",) else _got(error, path, source)
    return Problem(path=path, message=_message(error, path, source), got=got, line=source.line(path))


def _message(error: ErrorDetails, path: Path, source: Source) -> str:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _choice(value, str(context["expected"]))
    if kind == "string_type" and not isinstance(value, list | dict | None):
        return f'needs text: put it in quotes, "{source.texts.get(path, shown(value))}"'
    return _KINDS.get(kind, "is not allowed here").format(**context)


def _got(error: ErrorDetails, path: Path, source: Source) -> str:
    value = error["input"]
    if error["type"] == "string_type" and isinstance(value, bool | int | float) and path in source.texts:
        return f"the {'word' if isinstance(value, bool) else 'number'} {source.texts[path]}"
    return shown(value)


def _choice(value: object, expected: str) -> str:
    words = expected.replace("'", "").replace(" or ", ", ").split(", ")
    close = get_close_matches(value, words, n=1) if isinstance(value, str) and len(words) > _FEW else []
    return f"needs one of {', '.join(words)}" + (f"; did you mean {close[0]}?" if close else "")


def _missing(root: type[Section], path: Path) -> str:
    field = field_at(root, path)
    given = None if field is None else example(field)
    if path[-1:] == ("iops",):
        return "missing; a volume of type io2 needs its IOPS stated"
    if path[-1:] == ("number",):
        return "missing; with several mirror sets each needs a number that stays with it"
    if isinstance(given, dict):
        return f"missing; needs a mapping with {', '.join(given)}"
    if isinstance(given, list) and given and isinstance(given[0], dict):
        return f"missing; needs a list of mappings, each with {', '.join(given[0])}"
    if isinstance(given, list):
        return f"missing; for example {path[-1]}: [{', '.join(map(str, given))}]"
    return f"missing; for example {path[-1]}: {given}"


def _unknown(root: type[Section], path: Path) -> str:
    section = section_at(root, path[:-1])
    known = [] if section is None else list(section.model_fields)
    close = get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"unknown key; {hint}known here: {', '.join(known)}"
