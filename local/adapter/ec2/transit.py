"""Transit gateways with what is attached to them: VPCs, and gateways of other regions. Their own route tables are not emulated.

Source: "How AWS Transit Gateway works" (AWS Transit Gateway guide), CreateTransitGatewayVpcAttachment and
CreateTransitGatewayPeeringAttachment (EC2 API Reference).
"""

from __future__ import annotations

from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, filters
from local.adapter.errors import AwsError

gateways: Any = type(emulator.ec2._subnets)()
attachments: Any = type(emulator.ec2._subnets)()
# Both regions see a peering.
_peerings: dict[str, common.Record] = {}
_FILTERS: dict[str, str | filters.Getter] = {
    "state": "State",
    "transit-gateway-attachment-id": "TransitGatewayAttachmentId",
    "transit-gateway-id": "TransitGatewayId",
    "vpc-id": "VpcId",
}
_VPC_OPTIONS = {"DnsSupport": "enable", "SecurityGroupReferencingSupport": "enable", "Ipv6Support": "disable"}


def assume(identifier: str) -> None:
    """Take a transit gateway for granted that was made outside of what is deployed."""
    arn = f"arn:aws:ec2:{emulator.region()}:{emulator.account()}:transit-gateway/{identifier}"
    record = {"TransitGatewayId": identifier, "TransitGatewayArn": arn, "State": "available"}
    gateways[identifier] = {**record, "OwnerId": emulator.account(), "CreationTime": common.now()}


def gateway(identifier: str) -> common.Record:
    """Look up a transit gateway."""
    return common.find(gateways, identifier, "InvalidTransitGatewayID", "transitGateway ID")


def is_attached(vpc_id: str, gateway_id: str) -> bool:
    """Whether a VPC is attached to a transit gateway."""
    return any(
        record["VpcId"] == vpc_id and record["TransitGatewayId"] == gateway_id and record["State"] == "available"
        for record in attachments.values()
    )


def create_gateway(request: dict[str, Any]) -> dict[str, Any]:
    """CreateTransitGateway."""
    identifier = common.new_id("tgw")
    assume(identifier)
    gateways[identifier] |= {"Description": request.get("Description", ""), "Options": request.get("Options") or {}}
    common.tag(identifier, request, "transit-gateway")
    return {"TransitGateway": _tagged(gateways[identifier], "TransitGatewayId")}


def _tagged(record: common.Record, key: str) -> common.Record:
    return {**record, "Tags": common.tags_of(record[key])}


def describe_gateways(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeTransitGateways."""
    ids = request.get("TransitGatewayIds")
    records = common.chosen(gateways, ids, "InvalidTransitGatewayID", "transitGateway ID")
    found = filters.matching(records, request, "TransitGatewayId", _FILTERS)
    return {"TransitGateways": [_tagged(record, "TransitGatewayId") for record in found]}


def delete_gateway(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteTransitGateway, refused while something is attached."""
    record = gateway(common.required(request, "TransitGatewayId"))
    if any(each["TransitGatewayId"] == record["TransitGatewayId"] for each in attachments.values()):
        raise AwsError("IncorrectState", f"{record['TransitGatewayId']} has non-deleted VPC Attachments")
    del gateways[record["TransitGatewayId"]]
    return {"TransitGateway": {**record, "State": "deleting"}}


def attach(request: dict[str, Any]) -> dict[str, Any]:
    """CreateTransitGatewayVpcAttachment: one for a VPC and a gateway, with one subnet a zone."""
    target = gateway(common.required(request, "TransitGatewayId"))
    vpc = common.vpc(common.required(request, "VpcId"))
    zones = _zones(vpc["VpcId"], common.required(request, "SubnetIds"))
    if is_attached(vpc["VpcId"], target["TransitGatewayId"]):
        message = f"{target['TransitGatewayId']} has non-deleted Transit Gateway Attachments with same VPC ID."
        raise AwsError("DuplicateTransitGatewayAttachment", message)
    identifier = common.new_id("tgw-attach")
    attachments[identifier] = {
        "TransitGatewayAttachmentId": identifier,
        "TransitGatewayId": target["TransitGatewayId"],
        "VpcId": vpc["VpcId"],
        "VpcOwnerId": emulator.account(),
        "State": "available",
        "SubnetIds": list(zones.values()),
        "CreationTime": common.now(),
        "Options": {**_VPC_OPTIONS, **(request.get("Options") or {})},
    }
    common.tag(identifier, request, "transit-gateway-attachment")
    return {"TransitGatewayVpcAttachment": _tagged(attachments[identifier], "TransitGatewayAttachmentId")}


def _zones(vpc_id: str, subnet_ids: list[str]) -> dict[str, str]:
    """Zone -> subnet; "You can specify only one subnet per Availability Zone"."""
    zones: dict[str, str] = {}
    for subnet in (common.subnet(identifier) for identifier in subnet_ids):
        if subnet["VpcId"] != vpc_id:
            raise AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet['SubnetId']}' does not exist in {vpc_id}")
        if subnet["AvailabilityZone"] in zones:
            raise AwsError("DuplicateSubnetsInSameZone", "Duplicate Subnets for same AZ")
        zones[subnet["AvailabilityZone"]] = subnet["SubnetId"]
    return zones


def modify_attachment(request: dict[str, Any]) -> dict[str, Any]:
    """ModifyTransitGatewayVpcAttachment."""
    record = attachment(request)
    left = [each for each in record["SubnetIds"] if each not in (request.get("RemoveSubnetIds") or [])]
    record["SubnetIds"] = list(_zones(record["VpcId"], left + (request.get("AddSubnetIds") or [])).values())
    record["Options"] = {**record["Options"], **(request.get("Options") or {})}
    return {"TransitGatewayVpcAttachment": _tagged(record, "TransitGatewayAttachmentId")}


def attachment(request: dict[str, Any]) -> common.Record:
    """Look up the VPC attachment of a request."""
    identifier = common.required(request, "TransitGatewayAttachmentId")
    return common.find(attachments, identifier, "InvalidTransitGatewayAttachmentID", "transitGatewayAttachment ID")


def describe_attachments(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeTransitGatewayVpcAttachments."""
    ids = request.get("TransitGatewayAttachmentIds")
    records = common.chosen(attachments, ids, "InvalidTransitGatewayAttachmentID", "transitGatewayAttachment ID")
    found = filters.matching(records, request, "TransitGatewayAttachmentId", _FILTERS)
    return {"TransitGatewayVpcAttachments": [_tagged(record, "TransitGatewayAttachmentId") for record in found]}


def detach(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteTransitGatewayVpcAttachment."""
    record = attachment(request)
    del attachments[record["TransitGatewayAttachmentId"]]
    return {"TransitGatewayVpcAttachment": {**record, "State": "deleting"}}


def peer(request: dict[str, Any]) -> dict[str, Any]:
    """CreateTransitGatewayPeeringAttachment: waits to be accepted in the other region."""
    target = gateway(common.required(request, "TransitGatewayId"))
    identifier = common.new_id("tgw-attach")
    me = {"TransitGatewayId": target["TransitGatewayId"], "OwnerId": emulator.account(), "Region": emulator.region()}
    other = {
        "TransitGatewayId": common.required(request, "PeerTransitGatewayId"),
        "OwnerId": common.required(request, "PeerAccountId"),
        "Region": common.required(request, "PeerRegion"),
    }
    _peerings[identifier] = {
        "TransitGatewayAttachmentId": identifier,
        "RequesterTgwInfo": me,
        "AccepterTgwInfo": other,
        "State": "pendingAcceptance",
        "CreationTime": common.now(),
    }
    common.tag(identifier, request, "transit-gateway-attachment")
    return {"TransitGatewayPeeringAttachment": _tagged(_peerings[identifier], "TransitGatewayAttachmentId")}


def _peering(identifier: str) -> common.Record:
    visible = {key: record for key, record in _peerings.items() if _sees(record)}
    return common.find(visible, identifier, "InvalidTransitGatewayAttachmentID", "transitGatewayAttachment ID")


def _sees(record: common.Record) -> bool:
    ends = (record["RequesterTgwInfo"], record["AccepterTgwInfo"])
    return any((end["OwnerId"], end["Region"]) == (emulator.account(), emulator.region()) for end in ends)


def accept_peering(request: dict[str, Any]) -> dict[str, Any]:
    """AcceptTransitGatewayPeeringAttachment, in the accepter's region."""
    record = _peering(common.required(request, "TransitGatewayAttachmentId"))
    if record["AccepterTgwInfo"]["Region"] != emulator.region():
        raise AwsError("IncorrectState", f"{record['TransitGatewayAttachmentId']} is accepted in its peer's region")
    record["State"] = "available"
    return {"TransitGatewayPeeringAttachment": _tagged(record, "TransitGatewayAttachmentId")}


def describe_peerings(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeTransitGatewayPeeringAttachments."""
    ids = request.get("TransitGatewayAttachmentIds")
    records = [_peering(each) for each in ids] if ids else [each for each in _peerings.values() if _sees(each)]
    found = filters.matching(records, request, "TransitGatewayAttachmentId", _FILTERS)
    return {"TransitGatewayPeeringAttachments": [_tagged(record, "TransitGatewayAttachmentId") for record in found]}


def delete_peering(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteTransitGatewayPeeringAttachment."""
    record = _peering(common.required(request, "TransitGatewayAttachmentId"))
    del _peerings[record["TransitGatewayAttachmentId"]]
    return {"TransitGatewayPeeringAttachment": {**record, "State": "deleting"}}


ACTIONS = {
    "CreateTransitGateway": create_gateway,
    "DescribeTransitGateways": describe_gateways,
    "DeleteTransitGateway": delete_gateway,
    "CreateTransitGatewayVpcAttachment": attach,
    "ModifyTransitGatewayVpcAttachment": modify_attachment,
    "DescribeTransitGatewayVpcAttachments": describe_attachments,
    "DeleteTransitGatewayVpcAttachment": detach,
    "CreateTransitGatewayPeeringAttachment": peer,
    "AcceptTransitGatewayPeeringAttachment": accept_peering,
    "DescribeTransitGatewayPeeringAttachments": describe_peerings,
    "DeleteTransitGatewayPeeringAttachment": delete_peering,
}
