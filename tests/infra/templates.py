"""Reading a template as a plain dictionary."""

from collections.abc import Iterator, Mapping
from typing import Any

Template = Mapping[str, Any]


def resources(template: Template, kind: str) -> list[dict[str, Any]]:
    """The properties of all resources of a type, given without `AWS::`."""
    return [properties for _, properties in by_id(template, kind)]


def by_id(template: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The logical id and properties of all resources of a type."""
    for logical_id, resource in template.get("Resources", {}).items():
        if resource["Type"] == f"AWS::{kind}":
            yield logical_id, resource.get("Properties", {})


def only(template: Template, kind: str) -> dict[str, Any]:
    """The properties of the one resource of a type."""
    (properties,) = resources(template, kind)
    return properties


def tags(properties: Mapping[str, Any]) -> dict[str, str]:
    """A resource's tags."""
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
