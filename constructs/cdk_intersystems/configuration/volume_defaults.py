"""Defaults of a volume that follow from its other keys."""

from typing import Any

from cdk_intersystems.model.storage import GP3_BASE_IOPS, GP3_BASE_THROUGHPUT_MIBPS


def complete_volume(data: object, *, size_gib: int) -> object:
    """Fills in the derived defaults of a volume, as far as its shape allows.

    Args:
        data: What the YAML says; anything.
        size_gib: Size where none is stated.
    """
    if not isinstance(data, dict):
        return data
    done = {"type": "gp3", "size_gib": size_gib} | data
    if done["type"] == "gp3":
        done = {"iops": GP3_BASE_IOPS, "throughput_mibps": GP3_BASE_THROUGHPUT_MIBPS} | done
    return done


def like(own: object, other: object) -> object:
    """A volume as another one, but for what is stated.

    Args:
        own: What is stated; anything.
        other: The other volume, complete.
    """
    if not isinstance(own, dict) or not isinstance(other, dict):
        return own
    # Performance belongs to a type: 40,000 IOPS of an io2 volume say nothing about a gp3 volume.
    same_type = own.get("type", other.get("type")) == other.get("type")
    base: dict[str, Any] = {
        name: value for name, value in other.items() if same_type or name not in ("iops", "throughput_mibps")
    }
    size = other.get("size_gib")
    return complete_volume(base | own, size_gib=size if type(size) is int else 1)
