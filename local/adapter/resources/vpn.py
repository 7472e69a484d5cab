"""VPN gateways and connections: ministack's own EC2 keeps them; no tunnel ever comes up."""

from __future__ import annotations

from typing import Any

from local.adapter import api, emulator
from local.adapter.resources import region_network, tags
from local.adapter.resources.handler import Handler, Made, Properties, Resource, unchanged


def _pick(resource: Resource, *names: str) -> dict[str, Any]:
    """The properties that the template and the action name alike."""
    return {name: resource.properties[name] for name in names if name in resource.properties}


def create_gateway(resource: Resource) -> Made:
    """Create a virtual private gateway."""
    request = _pick(resource, "Type", "AmazonSideAsn")
    answer = api.call("ec2", "CreateVpnGateway", TagSpecifications=resource.tags("vpn-gateway"), **request)
    identifier = answer["VpnGateway"]["VpnGatewayId"]
    tags.change(identifier, {}, resource.properties)
    return identifier, {"VPNGatewayId": identifier}


def create_customer(resource: Resource) -> Made:
    """Create a customer gateway."""
    request = _pick(resource, "Type", "BgpAsn", "IpAddress", "CertificateArn", "DeviceName")
    answer = api.call("ec2", "CreateCustomerGateway", TagSpecifications=resource.tags("customer-gateway"), **request)
    identifier = answer["CustomerGateway"]["CustomerGatewayId"]
    tags.change(identifier, {}, resource.properties)
    return identifier, {"CustomerGatewayId": identifier}


def create_connection(resource: Resource) -> Made:
    """Create a VPN connection; a transit gateway at which it ends may be one made elsewhere."""
    region_network.assume_targets(resource.properties, resource.stack)
    request = _pick(resource, "Type", "CustomerGatewayId", "VpnGatewayId", "TransitGatewayId")
    static = str(resource.properties.get("StaticRoutesOnly", False)).lower() == "true"
    options = {"StaticRoutesOnly": static}
    specifications = resource.tags("vpn-connection")
    answer = api.call("ec2", "CreateVpnConnection", Options=options, TagSpecifications=specifications, **request)
    identifier = answer["VpnConnection"]["VpnConnectionId"]
    tags.change(identifier, {}, resource.properties)
    return identifier, {"VpnConnectionId": identifier}


def retag(attribute: str) -> Any:
    """The update of a type of which only the tags can change in place."""

    def update(physical_id: str, old: Properties, resource: Resource) -> Made:
        tags.change(physical_id, old, resource.properties)
        return physical_id, {attribute: physical_id}

    return update


def deleter(action: str, parameter: str) -> Any:
    """A deletion by one id."""

    def delete(physical_id: str, properties: Properties) -> None:
        api.call("ec2", action, **{parameter: physical_id})
        emulator.ec2._tags.pop(physical_id, None)

    return delete


def create_route(resource: Resource) -> Made:
    """Add a static route to a VPN connection."""
    request = _pick(resource, "DestinationCidrBlock", "VpnConnectionId")
    api.call("ec2", "CreateVpnConnectionRoute", **request)
    return f"{request['DestinationCidrBlock']}|{request['VpnConnectionId']}", {}


def delete_route(physical_id: str, properties: Properties) -> None:
    """Take a static route away."""
    cidr, _, connection = physical_id.partition("|")
    api.call("ec2", "DeleteVpnConnectionRoute", DestinationCidrBlock=cidr, VpnConnectionId=connection)


def propagate(resource: Resource) -> Made:
    """Let route tables learn a gateway's routes."""
    gateway = resource.properties["VpnGatewayId"]
    for table in resource.properties["RouteTableIds"]:
        api.call("ec2", "EnableVgwRoutePropagation", RouteTableId=table, GatewayId=gateway)
    return resource.name(), {"Id": resource.name()}


def update_propagation(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Propagate to the tables the template names now."""
    stop_propagation(physical_id, old)
    propagate(resource)
    return physical_id, {"Id": physical_id}


def stop_propagation(physical_id: str, properties: Properties) -> None:
    """Stop the propagation, where the tables are still there."""
    for table in properties["RouteTableIds"]:
        if table in emulator.ec2._route_tables:
            gateway = properties["VpnGatewayId"]
            api.call("ec2", "DisableVgwRoutePropagation", RouteTableId=table, GatewayId=gateway)


HANDLERS = {
    "AWS::EC2::VPNGateway": Handler(
        create=create_gateway,
        update=retag("VPNGatewayId"),
        delete=deleter("DeleteVpnGateway", "VpnGatewayId"),
        known=("Type", "AmazonSideAsn", "Tags"),
        replacing=("AmazonSideAsn", "Type"),
        tags=True,
    ),
    "AWS::EC2::CustomerGateway": Handler(
        create=create_customer,
        update=retag("CustomerGatewayId"),
        delete=deleter("DeleteCustomerGateway", "CustomerGatewayId"),
        known=("Type", "BgpAsn", "IpAddress", "Tags"),
        replacing=("CertificateArn", "BgpAsn", "BgpAsnExtended", "Type", "IpAddress", "DeviceName"),
        tags=True,
    ),
    "AWS::EC2::VPNConnection": Handler(
        create=create_connection,
        update=retag("VpnConnectionId"),
        delete=deleter("DeleteVpnConnection", "VpnConnectionId"),
        known=("Type", "CustomerGatewayId", "VpnGatewayId", "TransitGatewayId", "StaticRoutesOnly", "Tags"),
        replacing=("Type", "StaticRoutesOnly", "EnableAcceleration", "LocalIpv4NetworkCidr", "RemoteIpv4NetworkCidr"),
        tags=True,
    ),
    "AWS::EC2::VPNConnectionRoute": Handler(
        create=create_route,
        update=unchanged,
        delete=delete_route,
        known=("DestinationCidrBlock", "VpnConnectionId"),
        replacing=("DestinationCidrBlock", "VpnConnectionId"),
    ),
    "AWS::EC2::VPNGatewayRoutePropagation": Handler(
        create=propagate,
        update=update_propagation,
        delete=stop_propagation,
        known=("RouteTableIds", "VpnGatewayId"),
    ),
}
