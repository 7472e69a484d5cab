"""Elastic IP addresses and NAT gateways."""

from __future__ import annotations

from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, filters, interfaces
from local.adapter.errors import AwsError

_ADDRESS_FILTERS: dict[str, str | filters.Getter] = {
    "allocation-id": "AllocationId",
    "association-id": "AssociationId",
    "domain": "Domain",
    "instance-id": "InstanceId",
    "network-interface-id": "NetworkInterfaceId",
    "private-ip-address": "PrivateIpAddress",
    "public-ip": "PublicIp",
}
_NAT_FILTERS: dict[str, str | filters.Getter] = {
    "nat-gateway-id": "NatGatewayId",
    "state": "State",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}


def address(identifier: str) -> common.Record:
    """Look up an Elastic IP address by its allocation id."""
    return common.find(emulator.ec2._addresses, identifier, "InvalidAllocationID", "allocation ID")


def allocate(request: dict[str, Any]) -> dict[str, Any]:
    """AllocateAddress."""
    identifier = common.new_id("eipalloc")
    record = {
        "AllocationId": identifier,
        "PublicIp": emulator.ec2._random_ip("52."),
        "Domain": "vpc",
        "NetworkBorderGroup": emulator.region(),
        "PublicIpv4Pool": request.get("PublicIpv4Pool", "amazon"),
        "AssociationId": None,
        "InstanceId": None,
        "NetworkInterfaceId": None,
        "PrivateIpAddress": None,
    }
    emulator.ec2._addresses[identifier] = record
    common.tag(identifier, request, "elastic-ip")
    return record


def release(request: dict[str, Any]) -> dict[str, Any]:
    """ReleaseAddress, refused while the address is associated."""
    record = address(common.required(request, "AllocationId"))
    if record["AssociationId"]:
        raise AwsError("InvalidIPAddress.InUse", f"Address {record['PublicIp']} is in use.")
    del emulator.ec2._addresses[record["AllocationId"]]
    emulator.ec2._tags.pop(record["AllocationId"], None)
    return {}


def associate(request: dict[str, Any]) -> dict[str, Any]:
    """AssociateAddress, with an instance or with an interface."""
    record = address(common.required(request, "AllocationId"))
    if request.get("NetworkInterfaceId"):
        interface = common.interface(request["NetworkInterfaceId"])
    else:
        attached = interfaces.of_instance(common.instance(common.required(request, "InstanceId"))["InstanceId"])
        interface = attached[0]
    if record["AssociationId"] and not request.get("AllowReassociation", True):
        message = f"resource {record['AllocationId']} is already associated with associate-id {record['AssociationId']}"
        raise AwsError("Resource.AlreadyAssociated", message)
    bind(record, interface)
    return {"AssociationId": record["AssociationId"]}


def bind(record: common.Record, interface: common.Record) -> None:
    """Associate an address with an interface."""
    record.update(
        AssociationId=common.new_id("eipassoc"),
        NetworkInterfaceId=interface["NetworkInterfaceId"],
        NetworkInterfaceOwnerId=emulator.account(),
        InstanceId=(interface["Attachment"] or {}).get("InstanceId"),
        PrivateIpAddress=interface["PrivateIpAddress"],
    )


def unbind(record: common.Record) -> None:
    """Let go of an address."""
    record.update(AssociationId=None, NetworkInterfaceId=None, InstanceId=None, PrivateIpAddress=None)


def disassociate(request: dict[str, Any]) -> dict[str, Any]:
    """DisassociateAddress."""
    wanted = common.required(request, "AssociationId")
    for record in emulator.ec2._addresses.values():
        if record["AssociationId"] == wanted:
            unbind(record)
            return {}
    raise AwsError("InvalidAssociationID.NotFound", f"The association ID '{wanted}' does not exist")


def describe_addresses(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeAddresses."""
    store = emulator.ec2._addresses
    records = common.chosen(store, request.get("AllocationIds"), "InvalidAllocationID", "allocation ID")
    if request.get("PublicIps"):
        records = [record for record in records if record["PublicIp"] in request["PublicIps"]]
    found = filters.matching(records, request, "AllocationId", _ADDRESS_FILTERS)
    return {"Addresses": [{**record, "Tags": common.tags_of(record["AllocationId"])} for record in found]}


def create_nat(request: dict[str, Any]) -> dict[str, Any]:
    """CreateNatGateway: an interface in the subnet, with the Elastic IP address where it is public."""
    subnet = common.subnet(common.required(request, "SubnetId"))
    kind = request.get("ConnectivityType", "public")
    identifier = common.new_id("nat")
    allocation = address(common.required(request, "AllocationId")) if kind == "public" else None
    if allocation and allocation["AssociationId"]:
        message = f"Elastic IP address [{allocation['AllocationId']}] is already associated"
        raise AwsError("Resource.AlreadyAssociated", message)
    interface = interfaces.make(
        subnet,
        groups=[],
        address=request.get("PrivateIpAddress"),
        description=f"Interface for NAT Gateway {identifier}",
        kind="nat_gateway",
        managed=True,
        source_dest_check=False,
    )
    interface["Status"] = "in-use"
    entry = {
        "NetworkInterfaceId": interface["NetworkInterfaceId"],
        "PrivateIp": interface["PrivateIpAddress"],
        "IsPrimary": True,
        "Status": "succeeded",
    }
    if allocation:
        bind(allocation, interface)
        entry |= {
            "AllocationId": allocation["AllocationId"],
            "PublicIp": allocation["PublicIp"],
            "AssociationId": allocation["AssociationId"],
        }
    record = {
        "NatGatewayId": identifier,
        "SubnetId": subnet["SubnetId"],
        "VpcId": subnet["VpcId"],
        "ConnectivityType": kind,
        "State": "available",
        "CreateTime": common.now(),
        "NatGatewayAddresses": [entry],
    }
    emulator.ec2._nat_gateways[identifier] = record
    common.tag(identifier, request, "natgateway")
    return {"NatGateway": record}


def delete_nat(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteNatGateway."""
    identifier = common.required(request, "NatGatewayId")
    record = emulator.ec2._nat_gateways.get(identifier)
    if record is None:
        raise AwsError("NatGatewayNotFound", f"The Nat Gateway {identifier} was not found")
    for entry in record["NatGatewayAddresses"]:
        if entry.get("AllocationId"):
            unbind(address(entry["AllocationId"]))
        emulator.ec2._network_interfaces.pop(entry["NetworkInterfaceId"], None)
    record["State"] = "deleted"
    return {"NatGatewayId": identifier}


def describe_nat(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeNatGateways."""
    store = emulator.ec2._nat_gateways
    records = common.chosen(store, request.get("NatGatewayIds"), "NatGatewayNotFound", "natGateway ID")
    wanted = {**request, "Filters": request.get("Filter") or []}
    found = filters.matching(records, wanted, "NatGatewayId", _NAT_FILTERS)
    return {"NatGateways": [{**record, "Tags": common.tags_of(record["NatGatewayId"])} for record in found]}


ACTIONS = {
    "AllocateAddress": allocate,
    "ReleaseAddress": release,
    "AssociateAddress": associate,
    "DisassociateAddress": disassociate,
    "DescribeAddresses": describe_addresses,
    "CreateNatGateway": create_nat,
    "DeleteNatGateway": delete_nat,
    "DescribeNatGateways": describe_nat,
}
