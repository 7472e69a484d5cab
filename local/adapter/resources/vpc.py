"""AWS::EC2::VPC, Subnet and Route: ministack has them, without checks and without most attributes."""

from __future__ import annotations

from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, table
from local.adapter.resources import region_network, tags
from local.adapter.resources.handler import Handler, Made, Properties, Resource, changed

_ROUTE_TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "InstanceId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "VpcEndpointId",
)
_ROUTE_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


def create_vpc(resource: Resource) -> Made:
    """Create the VPC."""
    made = emulator.provisioners._ec2_vpc_create(resource.logical_id, resource.properties, resource.stack)
    return _with_vpc_attributes(made)


def update_vpc(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change DNS settings, tenancy and tags."""
    made = emulator.provisioners._ec2_vpc_update(physical_id, old, resource.properties, resource.stack, resource.logical_id)
    return _with_vpc_attributes(made)


def _with_vpc_attributes(made: Made) -> Made:
    """Add the attributes that ministack does not have."""
    identifier, attributes = made
    record = common.vpc(identifier)
    association = record.get("_cidr_assoc_id", f"vpc-cidr-assoc-{identifier.removeprefix('vpc-')}")
    more = {"CidrBlock": record["CidrBlock"], "CidrBlockAssociations": [association], "Ipv6CidrBlocks": []}
    return identifier, {**attributes, **more}


def delete_vpc(physical_id: str, properties: Properties) -> None:
    """Delete the VPC; refused while something is in it."""
    emulator.provisioners._ec2_vpc_delete(physical_id, properties)


def create_subnet(resource: Resource) -> Made:
    """Create the subnet."""
    given = resource.properties
    names = ("VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId")
    request = {name: given[name] for name in names if name in given}
    answer = table.call("CreateSubnet", TagSpecifications=resource.tags("subnet"), **request)
    identifier = answer["Subnet"]["SubnetId"]
    _set_subnet(identifier, given)
    return identifier, _subnet_attributes(identifier)


def _set_subnet(identifier: str, given: Properties) -> None:
    """Set what CreateSubnet does not take."""
    record = emulator.ec2._subnets[identifier]
    record["MapPublicIpOnLaunch"] = str(given.get("MapPublicIpOnLaunch", False)).lower() == "true"
    emulator.provisioners._ec2_subnet_attributes(record, given)


def _subnet_attributes(identifier: str) -> dict[str, Any]:
    """What `Fn::GetAtt` returns."""
    record = common.subnet(identifier)
    return {
        "SubnetId": identifier,
        "AvailabilityZone": record["AvailabilityZone"],
        "AvailabilityZoneId": record["AvailabilityZoneId"],
        "CidrBlock": record["CidrBlock"],
        "VpcId": record["VpcId"],
        "OutpostArn": "",
        "Ipv6CidrBlocks": [],
        "NetworkAclAssociationId": f"aclassoc-{identifier.removeprefix('subnet-')}",
    }


def update_subnet(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change what can be changed in place."""
    _set_subnet(physical_id, resource.properties)
    tags.change(physical_id, old, resource.properties)
    return physical_id, _subnet_attributes(physical_id)


def delete_subnet(physical_id: str, properties: Properties) -> None:
    """Delete the subnet, if it is still there; refused while an interface is in it."""
    if physical_id in emulator.ec2._subnets:
        table.call("DeleteSubnet", SubnetId=physical_id)


def create_route(resource: Resource) -> Made:
    """Create the route; refused where the table has one to that destination."""
    request = _route(resource.properties, _ROUTE_DESTINATIONS + _ROUTE_TARGETS)
    region_network.assume_targets(request, resource.stack)
    table.call("CreateRoute", **request)
    return _route_made(resource.properties)


def _route(given: Properties, names: tuple[str, ...]) -> dict[str, Any]:
    """A route's properties as the route actions take them."""
    return {name: given[name] for name in ("RouteTableId", *names) if given.get(name)}


def _route_made(given: Properties) -> Made:
    """What `Ref` and `Fn::GetAtt` return for a route."""
    destination = next(str(given[name]) for name in _ROUTE_DESTINATIONS if given.get(name))
    return f"{given['RouteTableId']}|{destination}", {"CidrBlock": destination}


def update_route(physical_id: str, old: Properties, resource: Resource) -> Made:
    """ReplacementError the route's target."""
    if changed(old, resource.properties):
        region_network.assume_targets(resource.properties, resource.stack)
        table.call("ReplaceRoute", **_route(resource.properties, _ROUTE_DESTINATIONS + _ROUTE_TARGETS))
    return _route_made(resource.properties)


def delete_route(physical_id: str, properties: Properties) -> None:
    """Delete the route, if it is still there."""
    record = emulator.ec2._route_tables.get(properties.get("RouteTableId")) or {"Routes": []}
    for name in _ROUTE_DESTINATIONS:
        if properties.get(name) and any(route.get(name) == properties[name] for route in record["Routes"]):
            table.call("DeleteRoute", **_route(properties, _ROUTE_DESTINATIONS))


HANDLERS = {
    "AWS::EC2::VPC": Handler(
        create=create_vpc,
        update=update_vpc,
        delete=delete_vpc,
        known=("CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"),
        replacing=("CidrBlock", "Ipv4IpamPoolId", "Ipv4NetmaskLength"),
        tags=True,
    ),
    "AWS::EC2::Subnet": Handler(
        create=create_subnet,
        update=update_subnet,
        delete=delete_subnet,
        known=(
            "VpcId",
            "CidrBlock",
            "AvailabilityZone",
            "AvailabilityZoneId",
            "MapPublicIpOnLaunch",
            "EnableDns64",
            "PrivateDnsNameOptionsOnLaunch",
            "Tags",
        ),
        replacing=("VpcId", "AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "OutpostArn", "Ipv6Native"),
        tags=True,
    ),
    "AWS::EC2::Route": Handler(
        create=create_route,
        update=update_route,
        delete=delete_route,
        known=("RouteTableId", *_ROUTE_DESTINATIONS, *_ROUTE_TARGETS),
        replacing=("RouteTableId", *_ROUTE_DESTINATIONS),
    ),
}
