"""Finding the declaration of a key by its path."""

import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo

from .problems import Path
from .section import Section


def section_of(annotation: Any) -> type[Section] | None:
    """The section a type is, holds in a list or mapping, or may be; `None` for plain values."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    for argument in typing.get_args(annotation):
        if (found := section_of(argument)) is not None:
            return found
    return None


def is_optional(annotation: Any) -> bool:
    """Whether a type admits nothing (`null`)."""
    return typing.get_origin(annotation) in (typing.Union, types.UnionType) and type(None) in typing.get_args(annotation)


def is_mapping(annotation: Any) -> bool:
    """Whether a type is a mapping whose keys the user chooses."""
    return typing.get_origin(annotation) is Mapping


def is_list(annotation: Any) -> bool:
    """Whether a type is a list in the YAML."""
    return typing.get_origin(annotation) is tuple


def section_at(root: type[Section], path: Path) -> type[Section] | None:
    """The section that stands at a path; `None` if a plain value or nothing does."""
    section: type[Section] | None = root
    free_key = False
    for part in path:
        if section is None:
            return None
        if isinstance(part, int) or free_key:
            free_key = False
            continue
        field = section.model_fields.get(part)
        if field is None:
            return None
        section = section_of(field.annotation)
        free_key = is_mapping(field.annotation)
    return section


def field_at(root: type[Section], path: Path) -> FieldInfo | None:
    """The declaration of the key at a path; `None` if the path ends in a list's element or at no key."""
    if not path or isinstance(path[-1], int):
        return None
    section = section_at(root, path[:-1])
    return None if section is None else section.model_fields.get(path[-1])


def extra(field: FieldInfo, name: str) -> Any:
    """What `key` noted about a field beside what pydantic needs."""
    return field.json_schema_extra.get(name) if isinstance(field.json_schema_extra, dict) else None


def is_required(field: FieldInfo) -> bool:
    """Whether the user has to write the key."""
    return field.is_required() and extra(field, "x-default") is None


def example(field: FieldInfo) -> Any:
    """A valid value of a key, made of its parts' examples where it is a section."""
    section = section_of(field.annotation)
    given = field.examples[0] if field.examples else None
    if section is None or given is not None:
        return given
    made = section_example(section)
    return [made] if is_list(field.annotation) else made


def section_example(section: type[Section]) -> dict[str, Any]:
    """The least that a section can be."""
    return {name: example(field) for name, field in section.model_fields.items() if is_required(field)}
