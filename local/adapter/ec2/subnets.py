"""Subnets and the reservations of address ranges in them."""

from __future__ import annotations

import ipaddress
from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import addresses, common, filters
from local.adapter.errors import AwsError

_FILTERS: dict[str, str | filters.Getter] = {
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "cidr-block": "CidrBlock",
    "cidr": "CidrBlock",
    "cidrBlock": "CidrBlock",
    "default-for-az": "DefaultForAz",
    "map-public-ip-on-launch": "MapPublicIpOnLaunch",
    "owner-id": "OwnerId",
    "state": "State",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}


def create(request: dict[str, Any]) -> dict[str, Any]:
    """CreateSubnet: inside the VPC, apart from the other subnets, in a zone of the region."""
    vpc = common.vpc(common.required(request, "VpcId"))
    cidr = common.required(request, "CidrBlock")
    network = _network(cidr)
    if not network.subnet_of(ipaddress.IPv4Network(vpc["CidrBlock"])) or not 16 <= network.prefixlen <= 28:
        raise AwsError("InvalidSubnet.Range", f"The CIDR '{cidr}' is invalid.")
    for other in emulator.ec2._subnets.values():
        if other["VpcId"] == vpc["VpcId"] and network.overlaps(ipaddress.IPv4Network(other["CidrBlock"])):
            raise AwsError("InvalidSubnet.Conflict", f"The CIDR '{cidr}' conflicts with another subnet")
    zone = request.get("AvailabilityZone") or emulator.ec2._zone_name_for_az_id(request.get("AvailabilityZoneId"))
    zone = zone or f"{emulator.region()}a"
    if not zone.startswith(emulator.region()):
        message = f"Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in "
        zones = ", ".join(f"{emulator.region()}{letter}" for letter in "abc")
        raise AwsError("InvalidParameterValue", f"{message}the following availability zones: {zones}.")
    identifier = common.new_id("subnet")
    record = {
        "SubnetId": identifier,
        "VpcId": vpc["VpcId"],
        "CidrBlock": cidr,
        "AvailabilityZone": zone,
        "AvailabilityZoneId": emulator.ec2._az_id_for_zone_name(zone),
        "State": "available",
        "DefaultForAz": False,
        "MapPublicIpOnLaunch": False,
        "OwnerId": emulator.account(),
    }
    record["AvailableIpAddressCount"] = addresses.free_count(record)
    emulator.ec2._subnets[identifier] = record
    common.tag(identifier, request, "subnet")
    return {"Subnet": _described(record)}


def _network(cidr: str) -> ipaddress.IPv4Network:
    """Read a CIDR, refusing one with host bits set."""
    try:
        return ipaddress.IPv4Network(cidr)
    except ValueError:
        message = f"Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        raise AwsError("InvalidParameterValue", message) from None


def delete(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteSubnet, refused while an interface is in it."""
    identifier = common.subnet(common.required(request, "SubnetId"))["SubnetId"]
    if addresses.in_use(identifier):
        message = f"The subnet '{identifier}' has dependencies and cannot be deleted."
        raise AwsError("DependencyViolation", message)
    del emulator.ec2._subnets[identifier]
    emulator.ec2._tags.pop(identifier, None)
    for reservation in [r for r in addresses.reservations.values() if r["SubnetId"] == identifier]:
        del addresses.reservations[reservation["SubnetCidrReservationId"]]
    return {}


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeSubnets."""
    records = common.chosen(emulator.ec2._subnets, request.get("SubnetIds"), "InvalidSubnetID", "subnet ID")
    found = filters.matching(records, request, "SubnetId", _FILTERS)
    return {"Subnets": [_described(record) for record in found]}


def _described(record: common.Record) -> common.Record:
    """A record as an answer carries it."""
    return {
        "AssignIpv6AddressOnCreation": False,
        "Ipv6Native": False,
        "EnableDns64": False,
        "PrivateDnsNameOptionsOnLaunch": emulator.ec2._subnet_dns_name_options(record),
        "SubnetArn": f"arn:aws:ec2:{emulator.region()}:{emulator.account()}:subnet/{record['SubnetId']}",
        **record,
        "AvailableIpAddressCount": addresses.free_count(record),
        "Tags": common.tags_of(record["SubnetId"]),
    }


def reserve(request: dict[str, Any]) -> dict[str, Any]:
    """CreateSubnetCidrReservation: inside the subnet and apart from its other reservations."""
    record = common.subnet(common.required(request, "SubnetId"))
    cidr = common.required(request, "Cidr")
    network = _network(cidr)
    if not network.subnet_of(ipaddress.IPv4Network(record["CidrBlock"])):
        message = f"The CIDR block {cidr} is not within the subnet's CIDR block {record['CidrBlock']}."
        raise AwsError("InvalidParameterValue", message)
    for other in addresses.reservations.values():
        if other["SubnetId"] == record["SubnetId"] and network.overlaps(ipaddress.IPv4Network(other["Cidr"])):
            raise AwsError("InvalidParameterValue", f"The CIDR block {cidr} overlaps with an existing reservation.")
    identifier = common.new_id("scr")
    reservation = {
        "SubnetCidrReservationId": identifier,
        "SubnetId": record["SubnetId"],
        "Cidr": cidr,
        "ReservationType": common.required(request, "ReservationType"),
        "Description": request.get("Description", ""),
        "OwnerId": emulator.account(),
    }
    addresses.reservations[identifier] = reservation
    common.tag(identifier, request, "subnet-cidr-reservation")
    return {"SubnetCidrReservation": reservation}


def unreserve(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteSubnetCidrReservation."""
    identifier = common.required(request, "SubnetCidrReservationId")
    record = common.find(addresses.reservations, identifier, "InvalidSubnetCidrReservationID", "subnet CIDR reservation")
    del addresses.reservations[identifier]
    return {"DeletedSubnetCidrReservation": record}


def reservations(request: dict[str, Any]) -> dict[str, Any]:
    """GetSubnetCidrReservations."""
    record = common.subnet(common.required(request, "SubnetId"))
    found = [
        {**entry, "Tags": common.tags_of(entry["SubnetCidrReservationId"])}
        for entry in addresses.reservations.values()
        if entry["SubnetId"] == record["SubnetId"]
    ]
    return {"SubnetIpv4CidrReservations": found, "SubnetIpv6CidrReservations": []}


ACTIONS = {
    "CreateSubnet": create,
    "DeleteSubnet": delete,
    "DescribeSubnets": describe,
    "CreateSubnetCidrReservation": reserve,
    "DeleteSubnetCidrReservation": unreserve,
    "GetSubnetCidrReservations": reservations,
}
