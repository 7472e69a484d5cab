"""What was deployed without being emulated: kept so that it can be told, never passed off as created."""

from __future__ import annotations

import importlib
import json
from typing import Any

from local.adapter import emulator

_not_emulated: list[dict[str, str]] = []
# (type, stack, logical id) -> properties that a handler of the adapter does nothing with.
_ignored: dict[tuple[str, str, str], list[str]] = {}
# Region and physical id -> what is kept of a resource that nothing but the adapter knows: two regions may have one name.
_stored: dict[tuple[str, str], dict[str, Any]] = {}
# What a stack takes for granted in the account and the emulator made up: kind, id, stack.
_assumed: list[dict[str, str]] = []


def ignored(resource_type: str, stack: str, logical_id: str, properties: list[str]) -> None:
    """Record which properties of a resource have no counterpart in the emulator."""
    _ignored[(resource_type, stack, logical_id)] = sorted(properties)


def assume(kind: str, identifier: str, stack: str) -> None:
    """Record something that a stack expects to find and that was made up for it."""
    _assumed.append({"kind": kind, "id": identifier, "stack": stack})


def store(resource_type: str, stack: str, logical_id: str, physical_id: str, properties: dict[str, Any]) -> None:
    """Keep the properties of a resource that the emulator has no API for."""
    kept = json.loads(json.dumps(properties, default=str))
    identity = {"type": resource_type, "stack": stack, "logical_id": logical_id, "id": physical_id}
    _stored[emulator.region(), physical_id] = {**identity, "region": emulator.region(), "properties": kept}


def unstore(physical_id: str) -> None:
    """Forget a stored resource."""
    _stored.pop((emulator.region(), physical_id), None)


def is_stored(physical_id: str) -> bool:
    """Whether something is stored under an id in the region of the request."""
    return (emulator.region(), physical_id) in _stored


def stored(physical_id: str) -> dict[str, Any] | None:
    """What is kept under an id in the region of the request: its type, stack, logical id and properties."""
    return _stored.get((emulator.region(), physical_id))


class UnknownAttributes(dict[str, Any]):
    """The attributes of a resource that is not emulated: whatever is asked for is answered with a marked value."""

    def __init__(self, logical_id: str) -> None:
        super().__init__()
        self._logical_id = logical_id

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"not-emulated-{self._logical_id}-{name}"

    def __deepcopy__(self, memo: dict[int, Any]) -> UnknownAttributes:
        return UnknownAttributes(self._logical_id)


def placeholder(resource_type: str) -> dict[str, Any]:
    """Handlers for a resource type that nothing here emulates: they record that it was asked for, and no more."""

    def create(logical_id: str, props: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        physical_id = f"not-emulated-{stack}-{logical_id}"
        forget(physical_id, props)
        _not_emulated.append({"type": resource_type, "stack": stack, "logical_id": logical_id, "id": physical_id})
        return physical_id, UnknownAttributes(logical_id)

    def update(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str
    ) -> tuple[str, dict[str, Any]]:
        return physical_id, UnknownAttributes(logical_id)

    def forget(physical_id: str, props: dict[str, Any]) -> None:
        _not_emulated[:] = [entry for entry in _not_emulated if entry["id"] != physical_id]

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": forget}


def _attributes() -> dict[str, dict[str, Any]]:
    """By stack and logical id what `Fn::GetAtt` returns, over all accounts and regions."""
    cloudformation = importlib.import_module("ministack.services.cloudformation")
    # ministack's stores show one account and region at a time; underneath they hold all of them.
    return {
        stack["StackName"]: {
            logical_id: dict(resource.get("Attributes") or {}) for logical_id, resource in stack.get("_resources", {}).items()
        }
        for stack in cloudformation._stacks._data.values()
    }


def report(topic: str) -> dict[str, Any]:
    """Answer a request to `/_embedded/<topic>`."""
    if topic == "record":
        properties = [
            {"type": kind, "stack": stack, "logical_id": logical_id, "properties": names}
            for (kind, stack, logical_id), names in _ignored.items()
            if names
        ]
        return {
            "not_emulated": list(_not_emulated),
            "properties_not_emulated": properties,
            "stored": list(_stored.values()),
            "assumed": list(_assumed),
            "attributes": _attributes(),
        }
    return {"ready": True}
