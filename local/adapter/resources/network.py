"""Network interfaces, Elastic IP addresses, NAT gateways, flow logs, VPC endpoints, address reservations."""

from __future__ import annotations

import json
from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import addresses, common, table
from local.adapter.resources import tags
from local.adapter.resources.handler import Handler, Made, Properties, Resource, changed, unchanged

_INTERFACE = ("SubnetId", "PrivateIpAddress", "Description")
_NAT = ("SubnetId", "AllocationId", "ConnectivityType", "PrivateIpAddress")
_FLOW_LOG = (
    "DeliverLogsPermissionArn",
    "LogGroupName",
    "LogDestination",
    "TrafficType",
    "LogDestinationType",
    "ResourceType",
    "LogFormat",
    "MaxAggregationInterval",
)
_ENDPOINT = (
    "VpcId",
    "ServiceName",
    "VpcEndpointType",
    "SubnetIds",
    "SecurityGroupIds",
    "RouteTableIds",
    "PrivateDnsEnabled",
    "IpAddressType",
)


def _pick(resource: Resource, names: tuple[str, ...]) -> dict[str, Any]:
    """The properties that the template and the action name alike."""
    return {name: resource.properties[name] for name in names if name in resource.properties}


def create_interface(resource: Resource) -> Made:
    """Create the network interface."""
    request = _pick(resource, _INTERFACE)
    if resource.properties.get("GroupSet"):
        request["Groups"] = resource.properties["GroupSet"]
    specifications = resource.tags("network-interface")
    answer = table.call("CreateNetworkInterface", TagSpecifications=specifications, **request)
    identifier = answer["NetworkInterface"]["NetworkInterfaceId"]
    if "SourceDestCheck" in resource.properties:
        _set_check(identifier, resource.properties)
    return identifier, _interface_attributes(identifier)


def _set_check(identifier: str, properties: Properties) -> None:
    """Set the source/destination check."""
    check = {"Value": properties.get("SourceDestCheck", True)}
    table.call("ModifyNetworkInterfaceAttribute", NetworkInterfaceId=identifier, SourceDestCheck=check)


def _interface_attributes(identifier: str) -> dict[str, Any]:
    """What `Fn::GetAtt` returns."""
    record = common.interface(identifier)
    return {
        "Id": identifier,
        "PrimaryPrivateIpAddress": record["PrivateIpAddress"],
        "SecondaryPrivateIpAddresses": [],
        "VpcId": record["VpcId"],
    }


def update_interface(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change groups, description and the source/destination check."""
    new = resource.properties
    differing = changed(old, new)
    if "SourceDestCheck" in differing:
        _set_check(physical_id, new)
    request: dict[str, Any] = {}
    if "GroupSet" in differing:
        request["Groups"] = new.get("GroupSet") or []
    if "Description" in differing:
        request["Description"] = {"Value": new.get("Description", "")}
    if request:
        table.call("ModifyNetworkInterfaceAttribute", NetworkInterfaceId=physical_id, **request)
    tags.change(physical_id, old, new)
    return physical_id, _interface_attributes(physical_id)


def delete_interface(physical_id: str, properties: Properties) -> None:
    """Delete the network interface, if it is still there."""
    if physical_id in emulator.ec2._network_interfaces:
        table.call("DeleteNetworkInterface", NetworkInterfaceId=physical_id)


def create_address(resource: Resource) -> Made:
    """Allocate the address, and associate it where an instance is named. `Ref` is the address itself."""
    answer = table.call("AllocateAddress", TagSpecifications=resource.tags("elastic-ip"), Domain="vpc")
    if resource.properties.get("InstanceId"):
        table.call("AssociateAddress", AllocationId=answer["AllocationId"], InstanceId=resource.properties["InstanceId"])
    return answer["PublicIp"], {"AllocationId": answer["AllocationId"], "PublicIp": answer["PublicIp"]}


def _address(public_ip: str) -> common.Record | None:
    """The Elastic IP address record of an address."""
    found: list[common.Record] = [r for r in emulator.ec2._addresses.values() if r["PublicIp"] == public_ip]
    return found[0] if found else None


def update_address(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the instance and the tags."""
    record = _address(physical_id)
    assert record is not None
    if "InstanceId" in changed(old, resource.properties):
        if record["AssociationId"]:
            table.call("DisassociateAddress", AssociationId=record["AssociationId"])
        if resource.properties.get("InstanceId"):
            instance = resource.properties["InstanceId"]
            table.call("AssociateAddress", AllocationId=record["AllocationId"], InstanceId=instance)
    tags.change(record["AllocationId"], old, resource.properties)
    return physical_id, {"AllocationId": record["AllocationId"], "PublicIp": physical_id}


def delete_address(physical_id: str, properties: Properties) -> None:
    """Release the address; CloudFormation first disassociates one that it associated."""
    record = _address(physical_id)
    if record:
        if properties.get("InstanceId") and record["AssociationId"]:
            table.call("DisassociateAddress", AssociationId=record["AssociationId"])
        table.call("ReleaseAddress", AllocationId=record["AllocationId"])


def associate(resource: Resource) -> Made:
    """Associate an address."""
    request = _pick(resource, ("AllocationId", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress"))
    identifier = table.call("AssociateAddress", **request)["AssociationId"]
    return identifier, {"Id": identifier}


def disassociate(physical_id: str, properties: Properties) -> None:
    """Disassociate an address, if it still is."""
    if any(record["AssociationId"] == physical_id for record in emulator.ec2._addresses.values()):
        table.call("DisassociateAddress", AssociationId=physical_id)


def create_nat(resource: Resource) -> Made:
    """Create the NAT gateway."""
    specifications = resource.tags("natgateway")
    gateway = table.call("CreateNatGateway", TagSpecifications=specifications, **_pick(resource, _NAT))["NatGateway"]
    return gateway["NatGatewayId"], _nat_attributes(gateway)


def _nat_attributes(gateway: common.Record) -> dict[str, Any]:
    """What `Fn::GetAtt` returns."""
    interface = gateway["NatGatewayAddresses"][0]["NetworkInterfaceId"]
    return {"NatGatewayId": gateway["NatGatewayId"], "EniId": interface}


def update_nat(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the tags; everything else replaces."""
    tags.change(physical_id, old, resource.properties)
    return physical_id, _nat_attributes(emulator.ec2._nat_gateways[physical_id])


def delete_nat(physical_id: str, properties: Properties) -> None:
    """Delete the NAT gateway."""
    table.call("DeleteNatGateway", NatGatewayId=physical_id)


def create_flow_log(resource: Resource) -> Made:
    """Create the flow log."""
    request = _pick(resource, _FLOW_LOG)
    resources = [resource.properties["ResourceId"]]
    specifications = resource.tags("vpc-flow-log")
    answer = table.call("CreateFlowLogs", ResourceIds=resources, TagSpecifications=specifications, **request)
    return answer["FlowLogIds"][0], {"Id": answer["FlowLogIds"][0]}


def update_flow_log(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the tags; everything else replaces."""
    tags.change(physical_id, old, resource.properties)
    return physical_id, {"Id": physical_id}


def delete_flow_log(physical_id: str, properties: Properties) -> None:
    """Delete the flow log."""
    emulator.ec2._flow_logs.pop(physical_id, None)
    emulator.ec2._tags.pop(physical_id, None)


def _dns_options(given: dict[str, Any]) -> dict[str, Any]:
    """DNS options as the API has them: one of the template's is a word where the API has a boolean."""
    name = "PrivateDnsOnlyForInboundResolverEndpoint"
    options = {key: value for key, value in given.items() if key != name}
    if given.get(name) in ("OnlyInboundResolver", "AllResolvers"):
        options[name] = given[name] == "OnlyInboundResolver"
    return options


def create_endpoint(resource: Resource) -> Made:
    """Create the VPC endpoint."""
    request = _pick(resource, _ENDPOINT)
    if resource.properties.get("DnsOptions"):
        request["DnsOptions"] = _dns_options(resource.properties["DnsOptions"])
    if resource.properties.get("PolicyDocument"):
        request["PolicyDocument"] = json.dumps(resource.properties["PolicyDocument"])
    answer = table.call("CreateVpcEndpoint", TagSpecifications=resource.tags("vpc-endpoint"), **request)
    return answer["VpcEndpoint"]["VpcEndpointId"], _endpoint_attributes(answer["VpcEndpoint"])


def _endpoint_attributes(endpoint: common.Record) -> dict[str, Any]:
    """What `Fn::GetAtt` returns."""
    return {
        "Id": endpoint["VpcEndpointId"],
        "CreationTimestamp": endpoint["CreationTimestamp"],
        "DnsEntries": [f"{entry['HostedZoneId']}:{entry['DnsName']}" for entry in endpoint["DnsEntries"]],
        "NetworkInterfaceIds": endpoint["NetworkInterfaceIds"],
    }


def update_endpoint(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change policy, private DNS, subnets, groups, route tables and tags."""
    new = resource.properties
    request: dict[str, Any] = {}
    for name, add in (
        ("SubnetIds", "SubnetIds"),
        ("SecurityGroupIds", "SecurityGroupIds"),
        ("RouteTableIds", "RouteTableIds"),
    ):
        before, after = set(old.get(name) or []), set(new.get(name) or [])
        request |= {f"Add{add}": sorted(after - before), f"Remove{add}": sorted(before - after)}
    if "PolicyDocument" in changed(old, new):
        policy = new.get("PolicyDocument")
        request |= {"PolicyDocument": json.dumps(policy)} if policy else {"ResetPolicy": True}
    if "PrivateDnsEnabled" in changed(old, new):
        request["PrivateDnsEnabled"] = new.get("PrivateDnsEnabled", False)
    if "DnsOptions" in changed(old, new):
        request["DnsOptions"] = _dns_options(new.get("DnsOptions") or {})
    table.call("ModifyVpcEndpoint", VpcEndpointId=physical_id, **request)
    tags.change(physical_id, old, new)
    return physical_id, _endpoint_attributes(emulator.ec2._vpc_endpoints[physical_id])


def delete_endpoint(physical_id: str, properties: Properties) -> None:
    """Delete the VPC endpoint, if it is still there."""
    if physical_id in emulator.ec2._vpc_endpoints:
        table.call("DeleteVpcEndpoints", VpcEndpointIds=[physical_id])


def reserve(resource: Resource) -> Made:
    """Reserve a range of a subnet's addresses."""
    request = _pick(resource, ("SubnetId", "Cidr", "ReservationType", "Description"))
    specifications = resource.tags("subnet-cidr-reservation")
    answer = table.call("CreateSubnetCidrReservation", TagSpecifications=specifications, **request)
    return _reserved(answer["SubnetCidrReservation"])


def _reserved(record: common.Record) -> Made:
    """What `Ref` and `Fn::GetAtt` return for a reservation."""
    identifier = record["SubnetCidrReservationId"]
    arn = f"arn:aws:ec2:{emulator.region()}:{emulator.account()}:subnet-cidr-reservation/{identifier}"
    return identifier, {"SubnetCidrReservationId": identifier, "OwnerId": record["OwnerId"], "Arn": arn}


def update_reservation(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the tags; everything else replaces."""
    tags.change(physical_id, old, resource.properties)
    return _reserved(addresses.reservations[physical_id])


def unreserve(physical_id: str, properties: Properties) -> None:
    """Give a reservation up, if it is still there."""
    if physical_id in addresses.reservations:
        table.call("DeleteSubnetCidrReservation", SubnetCidrReservationId=physical_id)


HANDLERS = {
    "AWS::EC2::NetworkInterface": Handler(
        create=create_interface,
        update=update_interface,
        delete=delete_interface,
        known=(*_INTERFACE, "GroupSet", "SourceDestCheck", "Tags"),
        replacing=("PrivateIpAddress", "InterfaceType", "SubnetId"),
        tags=True,
    ),
    "AWS::EC2::EIP": Handler(
        create=create_address,
        update=update_address,
        delete=delete_address,
        known=("Domain", "InstanceId", "Tags"),
        replacing=("NetworkBorderGroup", "TransferAddress", "IpamPoolId", "Address"),
        tags=True,
    ),
    "AWS::EC2::EIPAssociation": Handler(
        create=associate,
        update=unchanged,
        delete=disassociate,
        known=("AllocationId", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress"),
        replacing=("AllocationId", "NetworkInterfaceId", "InstanceId", "PrivateIpAddress", "EIP"),
    ),
    "AWS::EC2::NatGateway": Handler(
        create=create_nat,
        update=update_nat,
        delete=delete_nat,
        known=(*_NAT, "Tags"),
        replacing=("VpcId", "SubnetId", "ConnectivityType", "AllocationId", "PrivateIpAddress", "AvailabilityMode"),
        tags=True,
    ),
    "AWS::EC2::FlowLog": Handler(
        create=create_flow_log,
        update=update_flow_log,
        delete=delete_flow_log,
        known=(*_FLOW_LOG, "ResourceId", "Tags"),
        replacing=(*_FLOW_LOG, "ResourceId", "DeliverCrossAccountRole", "DestinationOptions"),
        tags=True,
    ),
    "AWS::EC2::VPCEndpoint": Handler(
        create=create_endpoint,
        update=update_endpoint,
        delete=delete_endpoint,
        known=(*_ENDPOINT, "DnsOptions", "PolicyDocument", "Tags"),
        replacing=("ServiceName", "VpcEndpointType", "VpcId", "ServiceNetworkArn", "ResourceConfigurationArn"),
        tags=True,
    ),
    "AWS::EC2::SubnetCidrReservation": Handler(
        create=reserve,
        update=update_reservation,
        delete=unreserve,
        known=("SubnetId", "Cidr", "ReservationType", "Description", "Tags"),
        replacing=("SubnetId", "Cidr", "ReservationType", "Description"),
        tags=True,
    ),
}
