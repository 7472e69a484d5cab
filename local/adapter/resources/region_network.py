"""AWS::EC2::VPCPeeringConnection and transit gateways: what joins the networks of two regions."""

from __future__ import annotations

from typing import Any

from local.adapter import emulator, record
from local.adapter.ec2 import peering, table, transit
from local.adapter.errors import AwsError
from local.adapter.resources import tags
from local.adapter.resources.handler import Handler, Made, Properties, Resource, changed, unchanged


def create_peering(resource: Resource) -> Made:
    """Request a peering connection; within an account CloudFormation accepts it itself, in the other region too."""
    given = resource.properties
    names = ("VpcId", "PeerVpcId", "PeerOwnerId", "PeerRegion")
    request = {name: given[name] for name in names if name in given}
    region = given.get("PeerRegion") or emulator.region()
    account = given.get("PeerOwnerId") or emulator.account()
    answer = table.call("CreateVpcPeeringConnection", TagSpecifications=resource.tags("vpc-peering-connection"), **request)
    identifier = answer["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    made = peering.find(identifier)
    if made["Status"]["Code"] == "failed":
        raise AwsError("InvalidVpcPeeringConnection", made["Status"]["Message"])
    if "CidrBlock" not in made["AccepterVpcInfo"]:
        record.assume("VPC", f"{given['PeerVpcId']} in {region}", resource.stack)
    if account == emulator.account():
        peering.activate(made)
    return identifier, {"Id": identifier}


def retag(attribute: str) -> Any:
    """The update of a type of which only the tags can change in place."""

    def update(physical_id: str, old: Properties, resource: Resource) -> Made:
        tags.change(physical_id, old, resource.properties)
        return physical_id, {attribute: physical_id}

    return update


def delete_peering(physical_id: str, properties: Properties) -> None:
    """Delete the connection, if it is still there."""
    if peering.is_known(physical_id):
        table.call("DeleteVpcPeeringConnection", VpcPeeringConnectionId=physical_id)


def assume_targets(properties: Properties, stack: str) -> None:
    """Take for granted the peering connection or transit gateway that a resource leads to, where none is known."""
    connection, gateway = properties.get("VpcPeeringConnectionId"), properties.get("TransitGatewayId")
    if connection and not peering.is_known(connection):
        tables = emulator.ec2._route_tables.get(properties.get("RouteTableId")) or {}
        peering.assume(connection, tables.get("VpcId", ""))
        record.assume("VPC peering connection", connection, stack)
    if gateway and gateway not in transit.gateways:
        transit.assume(gateway)
        record.assume("transit gateway", gateway, stack)


def attach(resource: Resource) -> Made:
    """Attach a VPC to a transit gateway."""
    assume_targets(resource.properties, resource.stack)
    request = {name: resource.properties[name] for name in ("TransitGatewayId", "VpcId", "SubnetIds", "Options")
               if name in resource.properties}  # fmt: skip
    specifications = resource.tags("transit-gateway-attachment")
    answer = table.call("CreateTransitGatewayVpcAttachment", TagSpecifications=specifications, **request)
    identifier = answer["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    return identifier, {"Id": identifier}


def update_attachment(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the subnets and options in place."""
    new = resource.properties
    if changed(old, new) & {"SubnetIds", "Options"}:
        gone = [each for each in old["SubnetIds"] if each not in new["SubnetIds"]]
        come = [each for each in new["SubnetIds"] if each not in old["SubnetIds"]]
        table.call(
            "ModifyTransitGatewayVpcAttachment",
            TransitGatewayAttachmentId=physical_id,
            AddSubnetIds=come,
            RemoveSubnetIds=gone,
            Options=new.get("Options") or {},
        )
    tags.change(physical_id, old, new)
    return physical_id, {"Id": physical_id}


def detach(physical_id: str, properties: Properties) -> None:
    """Detach, if it is still attached."""
    if physical_id in transit.attachments:
        table.call("DeleteTransitGatewayVpcAttachment", TransitGatewayAttachmentId=physical_id)


def peer(resource: Resource) -> Made:
    """Request a peering of transit gateways: it stays unaccepted, as CloudFormation leaves it."""
    assume_targets(resource.properties, resource.stack)
    names = ("TransitGatewayId", "PeerTransitGatewayId", "PeerAccountId", "PeerRegion")
    request = {name: resource.properties[name] for name in names}
    specifications = resource.tags("transit-gateway-attachment")
    answer = table.call("CreateTransitGatewayPeeringAttachment", TagSpecifications=specifications, **request)
    return _peered(answer["TransitGatewayPeeringAttachment"])


def _peered(found: dict[str, Any]) -> Made:
    identifier = found["TransitGatewayAttachmentId"]
    attributes = {name: found[name] for name in ("TransitGatewayAttachmentId", "State", "CreationTime")}
    return identifier, {**attributes, "Status": {"Code": found["State"], "Message": ""}}


def update_peered(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the tags; everything else replaces."""
    tags.change(physical_id, old, resource.properties)
    ids = {"TransitGatewayAttachmentIds": [physical_id]}
    (found,) = table.call("DescribeTransitGatewayPeeringAttachments", **ids)["TransitGatewayPeeringAttachments"]
    return _peered(found)


def unpeer(physical_id: str, properties: Properties) -> None:
    """Take the request back."""
    table.call("DeleteTransitGatewayPeeringAttachment", TransitGatewayAttachmentId=physical_id)


_ATTACHMENT = ("TransitGatewayId", "VpcId", "SubnetIds", "Options", "Tags")

HANDLERS = {
    "AWS::EC2::VPCPeeringConnection": Handler(
        create=create_peering,
        update=retag("Id"),
        delete=delete_peering,
        known=("VpcId", "PeerVpcId", "PeerOwnerId", "PeerRegion", "Tags"),
        replacing=("VpcId", "PeerVpcId", "PeerOwnerId", "PeerRegion"),
        tags=True,
    ),
    "AWS::EC2::TransitGatewayAttachment": Handler(
        create=attach,
        update=update_attachment,
        delete=detach,
        known=_ATTACHMENT,
        replacing=("TransitGatewayId", "VpcId"),
        tags=True,
    ),
    "AWS::EC2::TransitGatewayVpcAttachment": Handler(
        create=attach,
        update=unchanged,
        delete=detach,
        known=_ATTACHMENT,
        replacing=("TransitGatewayId", "VpcId", "SubnetIds"),
        tags=True,
    ),
    "AWS::EC2::TransitGatewayPeeringAttachment": Handler(
        create=peer,
        update=update_peered,
        delete=unpeer,
        known=("TransitGatewayId", "PeerTransitGatewayId", "PeerAccountId", "PeerRegion", "Tags"),
        replacing=("TransitGatewayId", "PeerTransitGatewayId", "PeerAccountId", "PeerRegion"),
        tags=True,
    ),
}
