"""AWS::EC2::Host and AWS::EC2::CapacityReservation."""

from __future__ import annotations

from local.adapter import emulator
from local.adapter.ec2 import capacity, common, table
from local.adapter.errors import AwsError
from local.adapter.resources import tags
from local.adapter.resources.handler import Handler, Made, Properties, Resource

_HOST = ("AvailabilityZone", "InstanceType", "InstanceFamily", "AutoPlacement", "HostRecovery", "HostMaintenance")
_RESERVATION = (
    "AvailabilityZone",
    "InstanceType",
    "InstancePlatform",
    "InstanceCount",
    "InstanceMatchCriteria",
    "Tenancy",
    "EbsOptimized",
    "EphemeralStorage",
    "EndDate",
    "EndDateType",
)
_RESERVATION_FIXED = (
    "Tenancy",
    "InstancePlatform",
    "InstanceType",
    "AvailabilityZone",
    "EphemeralStorage",
    "EbsOptimized",
)


def create_host(resource: Resource) -> Made:
    """Allocate the host."""
    request = {name: resource.properties[name] for name in _HOST if name in resource.properties}
    answer = table.call("AllocateHosts", Quantity=1, TagSpecifications=resource.tags("dedicated-host"), **request)
    return answer["HostIds"][0], {"HostId": answer["HostIds"][0]}


def update_host(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change placement, recovery, maintenance and tags."""
    for name in ("AutoPlacement", "HostRecovery", "HostMaintenance"):
        if name in resource.properties:
            capacity.hosts[physical_id][name] = resource.properties[name]
    tags.change(physical_id, old, resource.properties)
    return physical_id, {"HostId": physical_id}


def delete_host(physical_id: str, properties: Properties) -> None:
    """Release the host; refused while an instance is on it."""
    if physical_id in capacity.hosts:
        refused = table.call("ReleaseHosts", HostIds=[physical_id])["Unsuccessful"]
        if refused:
            raise AwsError(refused[0]["Error"]["Code"], refused[0]["Error"]["Message"])


def create_reservation(resource: Resource) -> Made:
    """Reserve the capacity; its tags come as `TagSpecifications`."""
    request = {name: resource.properties[name] for name in _RESERVATION if name in resource.properties}
    specifications = resource.properties.get("TagSpecifications") or []
    answer = table.call("CreateCapacityReservation", TagSpecifications=specifications, **request)
    return _reserved(answer["CapacityReservation"])


def _reserved(record: common.Record) -> Made:
    """What `Ref` and `Fn::GetAtt` return for a reservation."""
    return record["CapacityReservationId"], {
        "Id": record["CapacityReservationId"],
        "AvailabilityZone": record["AvailabilityZone"],
        "AvailableInstanceCount": record["AvailableInstanceCount"],
        "TotalInstanceCount": record["TotalInstanceCount"],
        "InstanceType": record["InstanceType"],
        "Tenancy": record["Tenancy"],
        "CapacityReservationArn": record["CapacityReservationArn"],
        "State": record["State"],
        "OwnerId": emulator.account(),
    }


def update_reservation(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the number of instances, the matching and the end."""
    names = ("InstanceCount", "EndDate", "EndDateType", "InstanceMatchCriteria")
    request = {name: resource.properties[name] for name in names if name in resource.properties}
    table.call("ModifyCapacityReservation", CapacityReservationId=physical_id, **request)
    return _reserved(capacity.reservations[physical_id])


def cancel_reservation(physical_id: str, properties: Properties) -> None:
    """Cancel the reservation."""
    if physical_id in capacity.reservations:
        table.call("CancelCapacityReservation", CapacityReservationId=physical_id)


HANDLERS = {
    "AWS::EC2::Host": Handler(
        create=create_host,
        update=update_host,
        delete=delete_host,
        known=(*_HOST, "Tags"),
        replacing=("AvailabilityZone", "InstanceType", "InstanceFamily", "OutpostArn", "AssetId"),
        tags=True,
    ),
    "AWS::EC2::CapacityReservation": Handler(
        create=create_reservation,
        update=update_reservation,
        delete=cancel_reservation,
        known=(*_RESERVATION, "TagSpecifications"),
        replacing=_RESERVATION_FIXED,
    ),
}
