"""What was deployed without being emulated: kept so that it can be told, never passed off as created."""

from __future__ import annotations

from typing import Any

_not_emulated: list[dict[str, str]] = []
# (type, stack, logical id) -> properties that a handler of the adapter does nothing with.
_ignored: dict[tuple[str, str, str], list[str]] = {}


def ignored(resource_type: str, stack: str, logical_id: str, properties: list[str]) -> None:
    """Record which properties of a resource have no counterpart in the emulator."""
    _ignored[(resource_type, stack, logical_id)] = sorted(properties)


class UnknownAttributes(dict[str, Any]):
    """The attributes of a resource that is not emulated: whatever is asked for is answered with a marked value."""

    def __init__(self, logical_id: str) -> None:
        super().__init__()
        self._logical_id = logical_id

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"not-emulated-{self._logical_id}-{name}"

    def get(self, name: str, default: Any = None) -> Any:  # type: ignore[override]
        """Answer like `attributes[name]`: no attribute is absent."""
        return self[name]


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


def report(topic: str) -> dict[str, Any]:
    """Answer a request to `/_embedded/<topic>`."""
    if topic == "not-emulated":
        properties = [
            {"type": kind, "stack": stack, "logical_id": logical_id, "properties": names}
            for (kind, stack, logical_id), names in _ignored.items()
            if names
        ]
        return {"resources": list(_not_emulated), "properties": properties}
    return {"ready": True}
