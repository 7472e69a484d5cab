"""Network interfaces."""

from __future__ import annotations

import secrets
from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import addresses, common, filters
from local.adapter.errors import AwsError

_FILTERS: dict[str, str | filters.Getter] = {
    "attachment.attachment-id": "Attachment.AttachmentId",
    "attachment.instance-id": "Attachment.InstanceId",
    "attachment.device-index": "Attachment.DeviceIndex",
    "attachment.status": "Attachment.Status",
    "availability-zone": "AvailabilityZone",
    "addresses.private-ip-address": "PrivateIpAddresses.PrivateIpAddress",
    "description": "Description",
    "group-id": "Groups.GroupId",
    "group-name": "Groups.GroupName",
    "interface-type": "InterfaceType",
    "network-interface-id": "NetworkInterfaceId",
    "owner-id": "OwnerId",
    "private-ip-address": "PrivateIpAddress",
    "requester-managed": "RequesterManaged",
    "source-dest-check": "SourceDestCheck",
    "status": "Status",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}


def make(
    subnet: common.Record,
    *,
    groups: list[str] | None = None,
    address: str | None = None,
    description: str = "",
    kind: str = "interface",
    managed: bool = False,
    source_dest_check: bool = True,
) -> common.Record:
    """Make a network interface, for a caller or for a service that puts one into a subnet.

    Args:
        subnet: The subnet's record.
        groups: Security group ids. Default: the VPC's default group, as EC2 does; an empty list for none, which
            only services can have.
        address: The private address. Default: a free one.
        description: What DescribeNetworkInterfaces tells.
        kind: The interface type, for example ``network_load_balancer``.
        managed: Whether a service owns it, so that nobody else may delete it.
        source_dest_check: Whether it takes only what is addressed to it.
    """
    if groups is None:
        groups = [common.vpc(subnet["VpcId"])["DefaultSecurityGroupId"]]
    named = common.security_groups(groups, subnet["VpcId"])
    private = addresses.claim(subnet, address)
    identifier = common.new_id("eni")
    name = f"ip-{private.replace('.', '-')}.{_domain()}"
    record = {
        "NetworkInterfaceId": identifier,
        "SubnetId": subnet["SubnetId"],
        "VpcId": subnet["VpcId"],
        "AvailabilityZone": subnet["AvailabilityZone"],
        "Description": description,
        "OwnerId": emulator.account(),
        "Status": "available",
        "PrivateIpAddress": private,
        "PrivateDnsName": name,
        "PrivateIpAddresses": [{"Primary": True, "PrivateIpAddress": private, "PrivateDnsName": name}],
        "InterfaceType": kind,
        "RequesterManaged": managed,
        "SourceDestCheck": source_dest_check,
        "MacAddress": ":".join(f"{byte:02x}" for byte in b"\x06" + secrets.token_bytes(5)),
        "Groups": named,
        "Attachment": None,
    }
    emulator.ec2._network_interfaces[identifier] = record
    return record


def _domain() -> str:
    """The domain of private names: us-east-1 has an older one than the other regions."""
    return "ec2.internal" if emulator.region() == "us-east-1" else f"{emulator.region()}.compute.internal"


def attach(record: common.Record, instance_id: str, index: int, *, delete_on_termination: bool) -> str:
    """Attach an interface to an instance and return the attachment's id."""
    identifier = common.new_id("eni-attach")
    record["Status"] = "in-use"
    record["Attachment"] = {
        "AttachmentId": identifier,
        "InstanceId": instance_id,
        "InstanceOwnerId": emulator.account(),
        "DeviceIndex": index,
        "Status": "attached",
        "AttachTime": common.now(),
        "DeleteOnTermination": delete_on_termination,
    }
    return identifier


def of_instance(instance_id: str) -> list[common.Record]:
    """The interfaces of an instance, the primary one first."""
    found = [
        record
        for record in emulator.ec2._network_interfaces.values()
        if (record.get("Attachment") or {}).get("InstanceId") == instance_id
    ]
    return sorted(found, key=lambda record: int(record["Attachment"]["DeviceIndex"]))


def create(request: dict[str, Any]) -> dict[str, Any]:
    """CreateNetworkInterface."""
    subnet = common.subnet(common.required(request, "SubnetId"))
    record = make(
        subnet,
        groups=request.get("Groups"),
        address=request.get("PrivateIpAddress"),
        description=request.get("Description", ""),
    )
    common.tag(record["NetworkInterfaceId"], request, "network-interface")
    return {"NetworkInterface": described(record)}


def delete(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteNetworkInterface."""
    record = common.interface(common.required(request, "NetworkInterfaceId"))
    identifier = record["NetworkInterfaceId"]
    if record["Attachment"] or record["RequesterManaged"]:
        raise AwsError("InvalidParameterValue", f"Network interface '{identifier}' is currently in use.")
    del emulator.ec2._network_interfaces[identifier]
    emulator.ec2._tags.pop(identifier, None)
    return {}


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeNetworkInterfaces."""
    store = emulator.ec2._network_interfaces
    records = common.chosen(store, request.get("NetworkInterfaceIds"), "InvalidNetworkInterfaceID", "networkInterface ID")
    found = filters.matching(records, request, "NetworkInterfaceId", _FILTERS)
    return {"NetworkInterfaces": [described(record) for record in found]}


def described(record: common.Record) -> common.Record:
    """A record as an answer carries it: with its tags, and with the public address associated with it."""
    answer = {**record, "TagSet": common.tags_of(record["NetworkInterfaceId"])}
    for address in emulator.ec2._addresses.values():
        if address.get("NetworkInterfaceId") == record["NetworkInterfaceId"]:
            answer["Association"] = {
                "AllocationId": address.get("AllocationId"),
                "AssociationId": address.get("AssociationId"),
                "PublicIp": address.get("PublicIp"),
                "IpOwnerId": emulator.account(),
            }
    return answer


def attach_interface(request: dict[str, Any]) -> dict[str, Any]:
    """AttachNetworkInterface."""
    record = common.interface(common.required(request, "NetworkInterfaceId"))
    instance = common.instance(common.required(request, "InstanceId"))
    index = int(common.required(request, "DeviceIndex"))
    if record["Attachment"]:
        message = f"Interface: {record['NetworkInterfaceId']} in use."
        raise AwsError("InvalidNetworkInterface.InUse", message)
    if record["AvailabilityZone"] != instance["Placement"]["AvailabilityZone"]:
        message = "You may not attach a network interface to an instance if they are not in the same availability zone"
        raise AwsError("InvalidParameterCombination", message)
    if any(int(other["Attachment"]["DeviceIndex"]) == index for other in of_instance(instance["InstanceId"])):
        message = f"Instance '{instance['InstanceId']}' already has an interface attached at device index '{index}'."
        raise AwsError("InvalidParameterValue", message)
    return {"AttachmentId": attach(record, instance["InstanceId"], index, delete_on_termination=False)}


def detach_interface(request: dict[str, Any]) -> dict[str, Any]:
    """DetachNetworkInterface."""
    wanted = common.required(request, "AttachmentId")
    for record in emulator.ec2._network_interfaces.values():
        attachment = record["Attachment"] or {}
        if attachment.get("AttachmentId") == wanted:
            if attachment["DeviceIndex"] == 0:
                message = "The network interface at device index 0 cannot be detached."
                raise AwsError("OperationNotPermitted", message)
            record["Status"], record["Attachment"] = "available", None
            return {}
    raise AwsError("InvalidAttachmentID.NotFound", f"The attachment '{wanted}' does not exist")


def modify_attribute(request: dict[str, Any]) -> dict[str, Any]:
    """ModifyNetworkInterfaceAttribute: description, groups, source/destination check."""
    record = common.interface(common.required(request, "NetworkInterfaceId"))
    if "SourceDestCheck" in request:
        record["SourceDestCheck"] = bool(request["SourceDestCheck"].get("Value"))
    if "Description" in request:
        record["Description"] = request["Description"].get("Value", "")
    if request.get("Groups"):
        record["Groups"] = common.security_groups(request["Groups"], record["VpcId"])
    return {}


def describe_attribute(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeNetworkInterfaceAttribute: one attribute of one interface."""
    record = common.interface(common.required(request, "NetworkInterfaceId"))
    answers: dict[str, dict[str, Any]] = {
        "description": {"Description": {"Value": record["Description"]}},
        "groupSet": {"Groups": record["Groups"]},
        "sourceDestCheck": {"SourceDestCheck": {"Value": record["SourceDestCheck"]}},
        "attachment": {"Attachment": record["Attachment"]},
    }
    attribute = common.required(request, "Attribute")
    if attribute not in answers:
        raise AwsError("InvalidParameterValue", f"Value ({attribute}) for parameter attribute is invalid.")
    return {"NetworkInterfaceId": record["NetworkInterfaceId"], **answers[attribute]}


ACTIONS = {
    "CreateNetworkInterface": create,
    "DeleteNetworkInterface": delete,
    "DescribeNetworkInterfaces": describe,
    "AttachNetworkInterface": attach_interface,
    "DetachNetworkInterface": detach_interface,
    "ModifyNetworkInterfaceAttribute": modify_attribute,
    "DescribeNetworkInterfaceAttribute": describe_attribute,
}
