"""Tags of EC2 resources across a stack update."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.adapter import emulator

if TYPE_CHECKING:
    from local.adapter.resources.handler import Properties


def change(identifier: str, old: Properties, new: Properties) -> None:
    """Bring a resource's tags to what the template says now; tags set by others stay."""
    before = {entry["Key"] for entry in old.get("Tags") or []}
    after = {str(entry["Key"]): str(entry.get("Value", "")) for entry in new.get("Tags") or []}
    kept = [entry for entry in emulator.ec2._tags.get(identifier) or [] if entry["Key"] not in before | after.keys()]
    emulator.ec2._tags[identifier] = kept + [{"Key": key, "Value": value} for key, value in after.items()]
