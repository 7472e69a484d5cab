"""How a resource type is described to CloudFormation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.adapter import emulator, record

if TYPE_CHECKING:
    from collections.abc import Callable

Properties = dict[str, Any]
# A resource's physical id, which `Ref` returns, and what `Fn::GetAtt` returns by name.
Made = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource of a stack, as a handler sees it.

    Attributes:
        type: The resource type.
        logical_id: Its logical id.
        stack: Its stack's name.
        properties: Its properties, every reference resolved.
    """

    type: str
    logical_id: str
    stack: str
    properties: Properties

    def name(self, length: int = 255) -> str:
        """The name CloudFormation generates where the template gives none: stack, logical id, a random part."""
        return str(emulator.provisioners._physical_name(self.stack, self.logical_id, max_len=length))

    def tags(self, resource_type: str) -> list[dict[str, Any]]:
        """The template's tags as the `TagSpecifications` of an EC2 request."""
        tags = self.properties.get("Tags") or []
        return [{"ResourceType": resource_type, "Tags": tags}] if tags else []


class ReplacementError(Exception):
    """Raised by an update that cannot be done in place: CloudFormation then makes the resource anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A resource type.

    Attributes:
        create: Makes the resource.
        delete: Takes the physical id and the properties, and removes the resource.
        update: Takes the physical id, the properties before, and the resource as it is to be. Raises `ReplacementError`
            where the change cannot be made in place.
        replacing: The properties a change of which always makes a new resource: the schema's
            ``createOnlyProperties``.
        known: The properties the handler does something with; any other is recorded as not emulated.
        tags: Whether the type has a list of tags that a stack's tags join.
    """

    create: Callable[[Resource], Made]
    delete: Callable[[str, Properties], None]
    update: Callable[[str, Properties, Resource], Made]
    replacing: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    tags: bool = field(default=False)


def register(kind: str, handler: Handler) -> None:
    """Put a resource type into ministack's tables."""

    def resource(logical_id: str, properties: Properties, stack: str) -> Resource:
        properties = {name: value for name, value in properties.items() if value is not None}
        record.ignored(kind, stack, logical_id, [name for name in properties if name not in handler.known])
        return Resource(type=kind, logical_id=logical_id, stack=stack, properties=properties)

    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        return handler.create(resource(logical_id, properties, stack))

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Made:
        try:
            return handler.update(physical_id, old, resource(logical_id, new, stack))
        except ReplacementError:
            made: Made = emulator.provisioners._replace_resource(kind, physical_id, old, new, stack, logical_id)
            return made

    tables = emulator.provisioners
    tables._RESOURCE_HANDLERS[kind] = {
        "create": create,
        "update": update,
        "update_with_logical_id": True,
        "delete": handler.delete,
    }
    tables._REPLACING_PROPERTIES[kind] = handler.replacing
    if handler.tags:
        tables._STACK_TAG_PROPERTY[kind] = ("Tags", "list")


def unchanged(physical_id: str, old: Properties, new: Resource) -> Made:
    """The update of a type every property of which replaces: nothing is ever left to do."""
    raise ReplacementError


def changed(old: Properties, new: Properties) -> set[str]:
    """The names of the properties that differ."""
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
