"""The step that gives the database's member its full size, and the one that takes it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .context import Context, Outcome, done, wait
from .endpoints import client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .hosts import Host, Hosts

#: There is no capacity for a type now, not in this zone, or not in this account's quota: another type may do. Source: Amazon
#: EC2 API Reference, "Error codes".
NO_CAPACITY = frozenset(
    (
        *("InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientReservedInstanceCapacity"),
        *("InsufficientCapacity", "InstanceLimitExceeded", "VcpuLimitExceeded", "Unsupported", "UnsupportedOperation"),
        *("InvalidInstanceAttributeValue", "InvalidParameterCombination", "InvalidParameterValue"),
    )
)
#: What an instance says that EC2 stopped as it started. Source: Amazon EC2 API Reference, StateReason.
_STOPPED_BY_EC2 = ("Server.InsufficientInstanceCapacity", "Server.InternalError", "Server.InsufficientCapacity")
#: It was started by somebody who may not use the key of its volumes. Source: the same page.
_NO_KEY = "Client.InternalError"


def resize(context: Context) -> Outcome:
    """Gives the target its full size: stops it, changes its type, starts it; the next type if there is no capacity for one.

    It is never left stopped: if there is none for any, it starts as what it was, and the report says so.
    """
    settings = context.settings
    if not context.target_is_dr:
        return done(type=None, why="the home region's members have their size")
    wanted = tuple(dict.fromkeys((settings.full_type, *settings.fallback_types)))
    host = context.member_host()
    if host.state == "running" and host.type not in wanted:
        answer = context.ask_member_if_it_can("status")
        if answer is None:
            return wait(1)
        if answer.data.get("is_primary"):
            return done(type=host.type, why="it is primary already: give it its size when it may be stopped")
    return change_type(context, context.own, host, wanted, settings.warm_type)


def change_type(context: Context, hosts: Hosts, host: Host, wanted: Sequence[str], last: str) -> Outcome:
    """Leads an instance to the first type that there is capacity for; every run looks what is, and does what is next.

    Args:
        context: The run of the step.
        hosts: The hosts of its region.
        host: The instance.
        wanted: The types, in their order.
        last: The type that it has if there is capacity for none of them.
    """
    mine: dict[str, Any] = context.note.setdefault(host.member, {})
    failed: list[str] = mine.setdefault("no_capacity", [])
    if host.state in ("pending", "stopping"):
        return wait(3)
    ec2 = client("ec2", hosts.region)
    if host.state == "running":
        if host.type in wanted:
            return done(type=host.type, no_capacity=failed)
        if mine.get("gave_up"):
            return done(type=host.type, no_capacity=failed, why=f"there was no capacity for {', '.join(wanted)}")
        if host.type != last:
            return done(type=host.type, why=f"somebody has made it {host.type}, which is left as it is")
        # Systems Manager's agent and systemd stop IRIS in good order as the host shuts down.
        ec2.stop_instances(InstanceIds=[host.instance])
        return wait(5)
    if host.why == _NO_KEY and mine.get("started"):
        context.note["why"] = "EC2 stopped it as it started: see whether the function's role may use the key of its volumes"
    if host.why in _STOPPED_BY_EC2 and host.type in wanted and host.type not in failed:
        failed.append(host.type)
        context.save()
    return _start(context, ec2, host, wanted, last)


def _start(context: Context, ec2: Any, host: Host, wanted: Sequence[str], last: str) -> Outcome:
    """Starts an instance that is stopped, as the first type that it can be."""
    mine: dict[str, Any] = context.note[host.member]
    failed: list[str] = mine["no_capacity"]
    now = host.type
    for each in (*(each for each in wanted if each not in failed), last):
        if each == last and each not in wanted:
            mine["gave_up"] = True
            context.save()
        try:
            if now != each:
                ec2.modify_instance_attribute(InstanceId=host.instance, InstanceType={"Value": each})
                now = each
            ec2.start_instances(InstanceIds=[host.instance])
            mine["started"] = True
        except ClientError as error:
            if error.response["Error"]["Code"] not in NO_CAPACITY:
                raise
            if each not in failed:
                failed.append(each)
                context.save()
            continue
        return wait(3)
    # Not even as what it was: all are tried again, for as long as it takes.
    failed.clear()
    mine.pop("gave_up", None)
    return wait(15, no_capacity=list(wanted))
