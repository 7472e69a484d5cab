"""Routes: created once, replaced only where they exist, deleted only where they exist."""

from __future__ import annotations

import ipaddress
from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, filters, interfaces, peering, transit
from local.adapter.errors import AwsError

_DESTINATIONS = {
    "DestinationCidrBlock": "destination-cidr-block",
    "DestinationIpv6CidrBlock": "destination-ipv6-cidr-block",
    "DestinationPrefixListId": "destination-prefix-list-id",
}
_FILTERS: dict[str, str | filters.Getter] = {
    "association.main": "Associations.Main",
    "association.route-table-association-id": "Associations.RouteTableAssociationId",
    "association.route-table-id": "Associations.RouteTableId",
    "association.subnet-id": "Associations.SubnetId",
    "owner-id": "OwnerId",
    "route-table-id": "RouteTableId",
    "route.destination-cidr-block": "Routes.DestinationCidrBlock",
    "route.gateway-id": "Routes.GatewayId",
    "route.instance-id": "Routes.InstanceId",
    "route.nat-gateway-id": "Routes.NatGatewayId",
    "route.origin": "Routes.Origin",
    "route.transit-gateway-id": "Routes.TransitGatewayId",
    "route.vpc-peering-connection-id": "Routes.VpcPeeringConnectionId",
    "vpc-id": "VpcId",
}
_TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "InstanceId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "VpcEndpointId",
)


def table(request: dict[str, Any]) -> common.Record:
    """Look up the route table of a request."""
    identifier = common.required(request, "RouteTableId")
    return common.find(emulator.ec2._route_tables, identifier, "InvalidRouteTableID", "routeTable ID")


def destination(request: dict[str, Any]) -> tuple[str, str]:
    """The destination of a request: which kind, and its value in normal form."""
    given = [(name, str(request[name])) for name in _DESTINATIONS if request.get(name)]
    if len(given) != 1:
        raise AwsError("MissingParameter", "The request must contain exactly one destination")
    name, value = given[0]
    if name == "DestinationCidrBlock":
        try:
            # EC2 keeps 100.68.0.18/18 as 100.68.0.0/18 (CreateRoute).
            value = str(ipaddress.IPv4Network(value, strict=False))
        except ValueError:
            message = f"Value ({value}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."
            raise AwsError("InvalidParameterValue", message) from None
    return name, value


def target(request: dict[str, Any], vpc_id: str) -> common.Record:
    """The target of a request as a route reports it: exactly one, and there.

    A route to an instance is a route to its primary interface, and reports both; so does one to an interface that is
    attached.
    """
    given = {name: request[name] for name in _TARGETS if request.get(name)}
    if len(given) != 1:
        message = "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, "
        raise AwsError("InvalidParameterCombination", message + "vpcPeeringConnectionId, transitGatewayId or instanceId")
    if "InstanceId" in given:
        attached = interfaces.of_instance(common.instance(given["InstanceId"])["InstanceId"])
        if len(attached) != 1:
            message = f"There are multiple interfaces attached to instance '{given['InstanceId']}'. "
            raise AwsError("InvalidInstanceID", message + "Please specify an interface ID for the operation instead.")
        given = {"NetworkInterfaceId": attached[0]["NetworkInterfaceId"]}
    if "NetworkInterfaceId" in given:
        record = common.interface(given["NetworkInterfaceId"])
        if record["VpcId"] != vpc_id:
            message = f"route table and network interface {record['NetworkInterfaceId']} belong to different networks"
            raise AwsError("InvalidParameterValue", message)
        holder = (record["Attachment"] or {}).get("InstanceId")
        # "blackhole: the route's target isn't available, for example the specified interface isn't attached".
        given["State"] = "active" if holder else "blackhole"
        if holder:
            given |= {"InstanceId": holder, "InstanceOwnerId": emulator.account()}
    else:
        _require(given, vpc_id)
    if "VpcPeeringConnectionId" in given:
        given["State"] = peering.state(given["VpcPeeringConnectionId"])
    return {"State": "active", **given}


def _require(given: common.Record, vpc_id: str) -> None:
    """Refuse a gateway or a connection that isn't there for a VPC."""
    if "NatGatewayId" in given:
        common.find(emulator.ec2._nat_gateways, given["NatGatewayId"], "InvalidNatGatewayID", "natGateway ID")
    elif "VpcPeeringConnectionId" in given:
        _require_peering(given["VpcPeeringConnectionId"], vpc_id)
    elif "TransitGatewayId" in given:
        transit.gateway(given["TransitGatewayId"])
        if not transit.is_attached(vpc_id, given["TransitGatewayId"]):
            # As EC2 answers for a gateway that is there, too, as long as the VPC is not attached to it.
            message = f"The transitGateway ID '{given['TransitGatewayId']}' does not exist."
            raise AwsError("InvalidTransitGatewayID.NotFound", message)
    elif str(given.get("GatewayId", "")).startswith("igw-"):
        store = emulator.ec2._internet_gateways
        gateway = common.find(store, given["GatewayId"], "InvalidInternetGatewayID", "internetGateway ID")
        if not any(entry["VpcId"] == vpc_id for entry in gateway["Attachments"]):
            message = f"route table and network gateway {given['GatewayId']} belong to different networks"
            raise AwsError("InvalidParameterValue", message)


def _require_peering(identifier: str, vpc_id: str) -> None:
    """Refuse a peering connection that has ended, or that doesn't lead from this VPC; one may wait to be accepted.

    Source: "Update your route tables for a VPC peering connection" (Amazon VPC Peering Guide).
    """
    connection = peering.find(identifier)
    if connection["Status"]["Code"] not in ("active", "pending-acceptance"):
        message = f"VpcPeeringConnection '{identifier}' is {connection['Status']['Code']}"
        raise AwsError("InvalidStateTransition", message)
    ends = (connection["RequesterVpcInfo"]["VpcId"], connection["AccepterVpcInfo"]["VpcId"])
    if vpc_id not in ends:
        raise AwsError("InvalidParameterValue", f"route table and peering {identifier} belong to different networks")


def _at(record: common.Record, where: tuple[str, str]) -> common.Record | None:
    """The route of a table to a destination."""
    return next((route for route in record["Routes"] if route.get(where[0]) == where[1]), None)


def create(request: dict[str, Any]) -> dict[str, Any]:
    """CreateRoute."""
    record, where = table(request), destination(request)
    if _at(record, where):
        raise AwsError("RouteAlreadyExists", f"The route identified by {where[1]} already exists.")
    record["Routes"].append({where[0]: where[1], "Origin": "CreateRoute", **target(request, record["VpcId"])})
    return {"Return": True}


def replace(request: dict[str, Any]) -> dict[str, Any]:
    """ReplaceRoute. A missing route is ``InvalidParameterValue``: so AWS answers, although NotFound would be plainer."""
    record, where = table(request), destination(request)
    route = _at(record, where)
    if route is None:
        message = f"There is no route defined for '{where[1]}' in the route table. Use CreateRoute instead."
        raise AwsError("InvalidParameterValue", message)
    wanted = {"GatewayId": "local", "State": "active"} if request.get("LocalTarget") else target(request, record["VpcId"])
    kept = {name: route[name] for name in (*_DESTINATIONS, "Origin") if name in route}
    route.clear()
    route.update({**kept, **wanted})
    return {}


def delete(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteRoute."""
    record, where = table(request), destination(request)
    route = _at(record, where)
    if route is None:
        message = f"no route with {_DESTINATIONS[where[0]]} {where[1]} in route table {record['RouteTableId']}"
        raise AwsError("InvalidRoute.NotFound", message)
    if route.get("GatewayId") == "local":
        message = f"cannot remove local route {where[1]} in route table {record['RouteTableId']}"
        raise AwsError("InvalidParameterValue", message)
    record["Routes"].remove(route)
    return {}


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeRouteTables; a route to an interface that is not attached any more is a black hole."""
    store = emulator.ec2._route_tables
    records = common.chosen(store, request.get("RouteTableIds"), "InvalidRouteTableID", "routeTable ID")
    found = filters.matching(records, request, "RouteTableId", _FILTERS)
    return {
        "RouteTables": [
            {
                **record,
                "Routes": [_current(route) for route in record["Routes"]],
                "PropagatingVgws": [{"GatewayId": gateway} for gateway in record.get("PropagatingVgws", [])],
                "Tags": common.tags_of(record["RouteTableId"]),
            }
            for record in found
        ]
    }


def _current(route: common.Record) -> common.Record:
    """A route as it is now: its target may have gone since it was made."""
    if route.get("VpcPeeringConnectionId"):
        return {**route, "State": peering.state(route["VpcPeeringConnectionId"])}
    if not route.get("NetworkInterfaceId"):
        return route
    interface = emulator.ec2._network_interfaces.get(route["NetworkInterfaceId"]) or {}
    holder = (interface.get("Attachment") or {}).get("InstanceId")
    current = {name: value for name, value in route.items() if name not in ("InstanceId", "InstanceOwnerId")}
    if holder:
        current |= {"InstanceId": holder, "InstanceOwnerId": emulator.account()}
    return {**current, "State": "active" if holder else "blackhole"}


ACTIONS = {
    "CreateRoute": create,
    "ReplaceRoute": replace,
    "DeleteRoute": delete,
    "DescribeRouteTables": describe,
}
