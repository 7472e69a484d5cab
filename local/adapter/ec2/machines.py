"""Instances whose machines are real processes, and instance types that are not to be had: nobody can ask AWS for either.

An instance that is driven isn't stopped or started by the word alone: it is `stopping` until whoever drives it says that its
machine is off, and `pending` until it is on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.adapter import emulator
from local.adapter.errors import AwsError

if TYPE_CHECKING:
    from local.adapter.ec2 import common

_driven: set[tuple[str, str]] = set()
# Region and instance type, or a zone in place of the region.
_short: set[tuple[str, str]] = set()


def is_driven(identifier: str) -> bool:
    """Whether an instance of the region of the request follows a real machine."""
    return (emulator.region(), identifier) in _driven


def report(request: dict[str, Any]) -> dict[str, Any]:
    """What is said of a machine: that it drives its instance (`state` missing), or that it is `running` or `stopped` now."""
    where, state = (str(request["region"]), str(request["instance_id"])), request.get("state")
    instance = emulator.ec2._instances.get_scoped(request.get("account") or emulator.account(), *where)
    if instance is None:
        raise ValueError(f"there is no instance {where[1]} in {where[0]}")
    _driven.add(where)
    codes = {"running": 16, "stopped": 80}
    # A machine that goes off by itself takes its instance along: that is a stop from inside.
    if state is not None and instance["State"]["Name"] != "terminated":
        instance["State"] = {"Code": codes[state], "Name": state}
    return {"state": instance["State"]["Name"]}


def shortage(request: dict[str, Any]) -> dict[str, Any]:
    """From now on these are not to be had: a list of objects with `where` (a region or a zone) and `instance_type`."""
    _short.clear()
    _short.update((str(each["where"]), str(each["instance_type"])) for each in request["short"])
    return {}


def require_capacity(instance_type: str, zone: str) -> None:
    """Refuse an instance type that is not to be had ("Server error codes", EC2 API Reference)."""
    if _short & {(emulator.region(), instance_type), (zone, instance_type)}:
        message = (
            f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested ({zone})."
        )
        raise AwsError("InsufficientInstanceCapacity", message, 500)


def state_after(instance: common.Record, wanted: str) -> str:
    """The state that an instance takes at once when it is stopped or started."""
    if not is_driven(instance["InstanceId"]) or instance["State"]["Name"] == wanted:
        return wanted
    return {"stopped": "stopping", "running": "pending"}[wanted]
