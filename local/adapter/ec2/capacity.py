"""Dedicated hosts and capacity reservations: kept and reported; what fits on a host is not computed."""

from __future__ import annotations

from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, filters
from local.adapter.errors import AwsError

hosts: Any = type(emulator.ec2._subnets)()
reservations: Any = type(emulator.ec2._subnets)()
_HOST_FILTERS: dict[str, str | filters.Getter] = {
    "auto-placement": "AutoPlacement",
    "availability-zone": "AvailabilityZone",
    "instance-type": "HostProperties.InstanceType",
    "state": "State",
}
_RESERVATION_FILTERS: dict[str, str | filters.Getter] = {
    "availability-zone": "AvailabilityZone",
    "instance-type": "InstanceType",
    "state": "State",
    "instance-match-criteria": "InstanceMatchCriteria",
}


def allocate_hosts(request: dict[str, Any]) -> dict[str, Any]:
    """AllocateHosts."""
    kind, family = request.get("InstanceType"), request.get("InstanceFamily")
    if bool(kind) == bool(family):
        message = "Either the instanceType or the instanceFamily parameter must be specified, not both."
        raise AwsError("InvalidParameterCombination", message)
    made = []
    for _ in range(int(request.get("Quantity", 1))):
        identifier = common.new_id("h")
        hosts[identifier] = {
            "HostId": identifier,
            "AvailabilityZone": common.required(request, "AvailabilityZone"),
            "AutoPlacement": request.get("AutoPlacement", "on"),
            "HostRecovery": request.get("HostRecovery", "off"),
            "HostMaintenance": request.get("HostMaintenance", "on"),
            "HostProperties": {"InstanceType": kind, "InstanceFamily": family or str(kind).partition(".")[0]},
            "State": "available",
            "AllocationTime": common.now(),
            "OwnerId": emulator.account(),
        }
        common.tag(identifier, request, "dedicated-host")
        made.append(identifier)
    return {"HostIds": made}


def describe_hosts(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeHosts, with the instances placed on each."""
    records = common.chosen(hosts, request.get("HostIds"), "InvalidHostID", "host")
    wanted = {**request, "Filters": request.get("Filter") or []}
    found = filters.matching(records, wanted, "HostId", _HOST_FILTERS)
    return {"Hosts": [{**record, "Instances": _placed(record), "Tags": common.tags_of(record["HostId"])} for record in found]}


def _placed(record: common.Record) -> list[common.Record]:
    """The instances on a host."""
    return [
        {"InstanceId": instance["InstanceId"], "InstanceType": instance["InstanceType"]}
        for instance in emulator.ec2._instances.values()
        if instance["Placement"].get("HostId") == record["HostId"] and instance["State"]["Name"] != "terminated"
    ]


def release_hosts(request: dict[str, Any]) -> dict[str, Any]:
    """ReleaseHosts: those with instances on them stay."""
    done, refused = [], []
    for identifier in common.required(request, "HostIds"):
        record = common.find(hosts, identifier, "InvalidHostID", "host")
        if _placed(record):
            error = {
                "Code": "Client.InvalidHost.Occupied",
                "Message": f"Dedicated host '{identifier}' cannot be released",
            }
            refused.append({"ResourceId": identifier, "Error": error})
        else:
            del hosts[identifier]
            done.append(identifier)
    return {"Successful": done, "Unsuccessful": refused}


def create_reservation(request: dict[str, Any]) -> dict[str, Any]:
    """CreateCapacityReservation."""
    identifier = common.new_id("cr")
    count = int(common.required(request, "InstanceCount"))
    record = {
        "CapacityReservationId": identifier,
        "CapacityReservationArn": (f"arn:aws:ec2:{emulator.region()}:{emulator.account()}:capacity-reservation/{identifier}"),
        "OwnerId": emulator.account(),
        "InstanceType": common.required(request, "InstanceType"),
        "InstancePlatform": common.required(request, "InstancePlatform"),
        "AvailabilityZone": common.required(request, "AvailabilityZone"),
        "Tenancy": request.get("Tenancy", "default"),
        "TotalInstanceCount": count,
        "AvailableInstanceCount": count,
        "EbsOptimized": bool(request.get("EbsOptimized")),
        "EphemeralStorage": bool(request.get("EphemeralStorage")),
        "EndDateType": request.get("EndDateType", "unlimited"),
        "EndDate": request.get("EndDate"),
        "InstanceMatchCriteria": request.get("InstanceMatchCriteria", "open"),
        "State": "active",
        "CreateDate": common.now(),
        "StartDate": common.now(),
    }
    reservations[identifier] = record
    common.tag(identifier, request, "capacity-reservation")
    return {"CapacityReservation": record}


def describe_reservations(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeCapacityReservations."""
    ids = request.get("CapacityReservationIds")
    records = common.chosen(reservations, ids, "InvalidCapacityReservationId", "capacity reservation")
    found = filters.matching(records, request, "CapacityReservationId", _RESERVATION_FILTERS)
    tagged = [{**record, "Tags": common.tags_of(record["CapacityReservationId"])} for record in found]
    return {"CapacityReservations": tagged}


def modify_reservation(request: dict[str, Any]) -> dict[str, Any]:
    """ModifyCapacityReservation."""
    record = _reservation(request)
    if request.get("InstanceCount") is not None:
        record["TotalInstanceCount"] = record["AvailableInstanceCount"] = int(request["InstanceCount"])
    for name in ("EndDate", "EndDateType", "InstanceMatchCriteria"):
        if request.get(name) is not None:
            record[name] = request[name]
    return {"Return": True}


def cancel_reservation(request: dict[str, Any]) -> dict[str, Any]:
    """CancelCapacityReservation."""
    record = _reservation(request)
    record.update(State="cancelled", AvailableInstanceCount=0)
    return {"Return": True}


def _reservation(request: dict[str, Any]) -> common.Record:
    """Look up the reservation of a request."""
    identifier = common.required(request, "CapacityReservationId")
    return common.find(reservations, identifier, "InvalidCapacityReservationId", "capacity reservation")


ACTIONS = {
    "AllocateHosts": allocate_hosts,
    "DescribeHosts": describe_hosts,
    "ReleaseHosts": release_hosts,
    "CreateCapacityReservation": create_reservation,
    "DescribeCapacityReservations": describe_reservations,
    "ModifyCapacityReservation": modify_reservation,
    "CancelCapacityReservation": cancel_reservation,
}
