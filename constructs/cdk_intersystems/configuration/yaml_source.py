"""YAML with its line numbers: reads a file into plain values and remembers where each key stands."""

from dataclasses import dataclass, field
from typing import Any

import yaml

from .problems import ConfigurationError, Path, Problem, path_text

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_SCALAR_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")}


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration before it is validated.

    Args:
        data: Plain mappings, lists and scalars.
        origin: What a person calls it, the path of the file.
        lines: Path -> line, from 1. Empty if it did not come from YAML.
        texts: Path -> how a scalar was written, which YAML may have read as something else (`0123` as 83).
    """

    data: Any
    origin: str
    lines: dict[Path, int] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)

    def line(self, path: Path) -> int | None:
        """The line of a key, or of the nearest part around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_yaml(text: str, origin: str) -> Source:
    """Reads YAML.

    Args:
        text: The text.
        origin: What a person calls it.

    Raises:
        ConfigurationError: It does not parse, has a key twice in one mapping, or refers to itself.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            reader = _Reader(loader, Source(None, origin))
            data = None if node is None else reader.value(node, ())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError([_unparsable(error)], origin) from None
    except yaml.reader.ReaderError as error:
        message = f"is no YAML: {error.reason} at position {error.position}"
        raise ConfigurationError([Problem(path=(), message=message)], origin) from None
    if reader.problems:
        raise ConfigurationError(reader.problems, origin)
    return Source(data, origin, reader.source.lines, reader.source.texts)


def _unparsable(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    words = ", ".join(part for part in (error.context, error.problem) if part)
    if mark is None:
        return Problem(path=(), message=f"is no YAML: {words}")
    return Problem(path=(), message=f"column {mark.column + 1}: is no YAML: {words}", line=mark.line + 1)


class _Reader:
    """Makes values of nodes as `yaml.SafeLoader` does, and keeps the marks that it throws away."""

    def __init__(self, loader: Any, source: Source) -> None:
        self.loader = loader
        self.source = source
        self.problems: list[Problem] = []
        self._open: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.source.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._open:
            self._problem(node, path, "an anchor that holds itself cannot be read")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        done: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                bases = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for base in reversed(bases):
                    value = self.value(base, path)
                    if not isinstance(value, dict):
                        self._problem(base, path, "<< needs a mapping to take over")
                        continue
                    merged |= value
                continue
            # Every key is text here: `on:` or `1:` are read as they were written.
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            place = (*path, key)
            if not key:
                self._problem(key_node, path, "a key must be a word")
                continue
            if key in done:
                self._problem(key_node, place, f"is there twice, first in line {self.source.lines[place]}")
                continue
            self.source.lines[place] = key_node.start_mark.line + 1
            done[key] = self.value(value_node, place)
        return merged | done

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _SCALAR_TAGS:
            self._problem(node, path, f"the tag {node.tag} is not allowed")
            return None
        self.source.texts[path] = node.value
        try:
            return self.loader.construct_object(node, deep=True)
        except ValueError:  # such as the date 2024-13-45
            return node.value

    def _problem(self, node: yaml.Node, path: Path, message: str) -> None:
        if not any(path_text(problem.path) == path_text(path) for problem in self.problems):
            self.problems.append(Problem(path=path, message=message, line=node.start_mark.line + 1))
