"""Publishes the configuration: its JSON Schema, and the page `docs/reference/configuration.md`."""

import json
import typing
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from .deployment import Deployment
from .schema_walk import extra, is_list, is_mapping, is_optional, is_required, section_of
from .section import Section

_HEAD = """\
# Configuration

One YAML file describes one deployment: `config/<name>.yaml`. It is validated as a whole before any construct is made; what
is wrong is told all at once, each problem with its file, line and key. To check a file by itself:

    python -m cdk_intersystems.configuration check trakcare

This page is generated from the code (`python -m cdk_intersystems.configuration docs`), as is the
[JSON Schema](configuration.schema.json), which an editor can use for completion. `config/minimal.yaml` shows every default.

## Example

```yaml
{example}```

## An existing VPC

Instead of `cidr`, with the subnets of each tier that the deployment uses, one in each Availability Zone:

```yaml
regions:
  primary:
    existing:
      vpc_id: vpc-0123456789abcdef0
      cidr: 10.20.0.0/16
      subnets:
        data:
          - {{id: subnet-0123456789abcdef0, zone: eu-west-2a, cidr: 10.20.144.0/20, route_table: rtb-0123456789abcdef0}}
          # and two more, in eu-west-2b and eu-west-2c
        arbiter: []    # three again; and application, web and public where there are such tiers
      endpoints_security_group: sg-0123456789abcdef0    # not needed with internet: true
```

## Addresses

A member's address follows from the VPC's range and the number of its mirror set, so that it is the same at every synthesis.
The range is cut into 16 equal blocks, in the order public, web, application, data, arbiter, three of each, one for each
Availability Zone; the last stays free. The second sixteen addresses of each data and arbiter subnet are kept for members:
those of mirror set number n have offset 16 + n. Member a of mirror set 1 stands in the first zone, b in the second, the
arbiter in the third; each further set begins one zone later.

## Keys

A key without a default must be there. Keys that are not listed are refused.
"""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a deployment's YAML file, as a person writes it: keys with a default are not required."""
    schema = Deployment.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        properties = part.get("properties", {})
        if "required" in part:
            part["required"] = [name for name in part["required"] if "x-default" not in properties[name]]
            if not part["required"]:
                del part["required"]
        for value in properties.values():
            if "x-default" in value:
                value["description"] += f" Default: {value.pop('x-default')}."
            if value.get("examples") in ([None], [{}], [[]]):
                del value["examples"]
            value.pop("title", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "cdk-intersystems deployment"} | {
        name: value for name, value in schema.items() if name != "title"
    }


def schema_text() -> str:
    """The JSON Schema as it stands in `docs/reference/configuration.schema.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def page(example: str) -> str:
    """The page `docs/reference/configuration.md`.

    Args:
        example: The YAML to show on top, that of `config/trakcare.yaml`.
    """
    return "\n".join([_HEAD.format(example=example), *_sections(Deployment, "", _homes())]).rstrip() + "\n"


def _sections(section: type[Section], place: str, homes: dict[type[Section], str]) -> Iterator[str]:
    yield f"### {f'`{place}`' if place else 'Top level'}"
    yield ""
    if (home := homes[section]) != place.split("`", maxsplit=1)[0]:
        yield f"{_sentence(section.__doc__ or '')} The same keys as `{home}`."
        yield ""
        return
    yield _sentence(section.__doc__ or "")
    yield ""
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    inner = _inner(section, place)
    for name, field in section.model_fields.items():
        yield f"| `{name}` | {_kind(field)} | {_default(field)} | {_cell(field.description or '')} |"
    yield ""
    shown: dict[type[Section], str] = {}
    for part, where in inner:
        if part in shown:
            continue
        shown[part] = where
        yield from _sections(part, _together(where, [each for other, each in inner if other is part]), homes)


def _inner(section: type[Section], place: str) -> list[tuple[type[Section], str]]:
    """The sections in a section, with their places."""
    found: list[tuple[type[Section], str]] = []
    for name, field in section.model_fields.items():
        if (part := section_of(field.annotation)) is not None:
            mark = "[]" if is_list(field.annotation) else ".<name>" if is_mapping(field.annotation) else ""
            found.append((part, f"{place}.{name}{mark}".lstrip(".")))
    return found


def _homes() -> dict[type[Section], str]:
    """Where each section is explained: the outermost of its places, of several the first."""
    homes: dict[type[Section], str] = {Deployment: ""}
    outer: list[tuple[type[Section], str]] = [(Deployment, "")]
    while outer:
        inner = [each for section, place in outer for each in _inner(section, place)]
        outer = [each for each in inner if each[0] not in homes]
        for section, place in outer:
            homes.setdefault(section, place)
    return homes


def _together(first: str, places: list[str]) -> str:
    """One heading for keys that hold the same: `volumes.installation`, `wij`, ..."""
    return "`, `".join([first, *(place.rsplit(".", 1)[-1] for place in places[1:])])


def _sentence(doc: str) -> str:
    return " ".join(doc.split())


def _cell(text: str) -> str:
    return _sentence(text).replace("|", "\\|")


def _kind(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    if is_optional(annotation):
        annotation = next(part for part in typing.get_args(annotation) if part is not type(None))
    part = section_of(annotation)
    if is_list(annotation):
        inner = typing.get_args(annotation)[0]
        return "list of mappings" if part else f"list of {_plain(inner, plural=True)}"
    if is_mapping(annotation):
        return "mapping of mappings" if part else "mapping"
    return "mapping" if part else _plain(annotation)


def _plain(annotation: Any, *, plural: bool = False) -> str:
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(annotation))
    one, many = {
        "str": ("text", "texts"),
        "int": ("number", "numbers"),
        "bool": ("`true` or `false`", "`true` or `false`"),
        "IPv4Network": ("IPv4 range", "IPv4 ranges"),
        "IPv4Address": ("IPv4 address", "IPv4 addresses"),
    }[annotation.__name__]
    return many if plural else one


def _default(field: FieldInfo) -> str:
    if (words := extra(field, "x-default")) is not None:
        return _cell(str(words))
    if is_required(field):
        return "**required**"
    return _shown(field.get_default(call_default_factory=True, validated_data={}))


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"`{name}: {each}`" for name, each in value.items()) or "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
