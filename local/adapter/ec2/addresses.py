"""Private addresses: which are free in a subnet, and which nobody may have."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from local.adapter import emulator
from local.adapter.errors import AwsError

if TYPE_CHECKING:
    from local.adapter.ec2 import common

# Subnet CIDR reservations, by id: ministack has none.
reservations: Any = type(emulator.ec2._subnets)()
# VPC user guide, "Subnet sizing for IPv4": the first four addresses and the last of each subnet are AWS's.
_RESERVED_FIRST = 4


def claim(subnet: common.Record, wanted: str | None) -> str:
    """Choose the private address of a new interface: the one asked for, or the lowest one that is free.

    Raises:
        AwsError: ``InvalidParameterValue`` for an address outside the subnet or reserved by AWS,
            ``InvalidIPAddress.InUse`` for one that an interface has, ``InsufficientFreeAddressesInSubnet``.
    """
    network = ipaddress.ip_network(subnet["CidrBlock"])
    taken = in_use(subnet["SubnetId"])
    if wanted:
        address = ipaddress.ip_address(wanted)
        if address not in network:
            raise AwsError("InvalidParameterValue", f"Address {wanted} does not fall within the subnet's address range")
        if int(address) - int(network.network_address) < _RESERVED_FIRST or address == network.broadcast_address:
            raise AwsError("InvalidParameterValue", f"Address {wanted} is in subnet's reserved address range")
        if wanted in taken:
            raise AwsError("InvalidIPAddress.InUse", f"Address {wanted} is in use.")
        return wanted
    held = [ipaddress.ip_network(entry["Cidr"]) for entry in reservations.values() if entry["SubnetId"] == subnet["SubnetId"]]
    for number in range(int(network.network_address) + _RESERVED_FIRST, int(network.broadcast_address)):
        address = ipaddress.ip_address(number)
        # "Work with subnet CIDR reservations": AWS assigns no address out of a reservation by itself.
        if str(address) not in taken and not any(address in block for block in held):
            return str(address)
    message = f"There are not enough free addresses in subnet '{subnet['SubnetId']}' to satisfy the requested number"
    raise AwsError("InsufficientFreeAddressesInSubnet", f"{message} of instances.")


def in_use(subnet_id: str) -> set[str]:
    """The private addresses that the interfaces of a subnet have."""
    return {
        entry["PrivateIpAddress"]
        for record in emulator.ec2._network_interfaces.values()
        if record["SubnetId"] == subnet_id
        for entry in record.get("PrivateIpAddresses") or [record]
    }


def free_count(subnet: common.Record) -> int:
    """How many addresses a subnet has left, as DescribeSubnets reports it."""
    network = ipaddress.ip_network(subnet["CidrBlock"])
    return network.num_addresses - _RESERVED_FIRST - 1 - len(in_use(subnet["SubnetId"]))


def require_in_vpc(address: str, vpc: common.Record) -> None:
    """Refuse an address outside a VPC as a load balancer's target.

    Raises:
        AwsError: ``ValidationError``, as RegisterTargets answers it.
    """
    if ipaddress.ip_address(address) not in ipaddress.ip_network(vpc["CidrBlock"]):
        message = f"The IP address '{address}' is not within the VPC '{vpc['VpcId']}'; specify the zone \"all\""
        raise AwsError("ValidationError", message)
