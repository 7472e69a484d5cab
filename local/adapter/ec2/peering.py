"""VPC peering, within a region and between two: known in both, and routes lead into it only while it is active.

Source: "How VPC peering connections work" and "VPC peering limitations" (Amazon VPC Peering Guide), CreateVpcPeeringConnection
(EC2 API Reference).
"""

from __future__ import annotations

import ipaddress
from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, filters
from local.adapter.errors import AwsError

# Both regions see a connection, so that ministack's stores, which show one region, don't hold it.
_connections: dict[str, common.Record] = {}
_FILTERS: dict[str, str | filters.Getter] = {
    "accepter-vpc-info.vpc-id": "AccepterVpcInfo.VpcId",
    "requester-vpc-info.vpc-id": "RequesterVpcInfo.VpcId",
    "status-code": "Status.Code",
    "vpc-peering-connection-id": "VpcPeeringConnectionId",
}
_CODE = "InvalidVpcPeeringConnectionID"


def _here(record: common.Record) -> bool:
    """Whether a connection can be seen by the account and in the region of the request."""
    ends = (record["RequesterVpcInfo"], record["AccepterVpcInfo"])
    return any((end["OwnerId"], end["Region"]) == (emulator.account(), emulator.region()) for end in ends)


def find(identifier: str) -> common.Record:
    """Look up a connection that this region sees."""
    visible = {key: record for key, record in _connections.items() if _here(record)}
    return common.find(visible, identifier, _CODE, "vpcPeeringConnection ID")


def is_known(identifier: str) -> bool:
    """Whether this region sees a connection."""
    return identifier in _connections and _here(_connections[identifier])


def assume(identifier: str, vpc_id: str) -> None:
    """Take a connection for granted that was made outside of what is deployed; it is active."""
    me = {"OwnerId": emulator.account(), "Region": emulator.region(), "VpcId": vpc_id}
    other = {"OwnerId": emulator.account(), "Region": "unknown", "VpcId": "unknown"}
    record = {"VpcPeeringConnectionId": identifier, "RequesterVpcInfo": other, "AccepterVpcInfo": me}
    _connections[identifier] = {**record, "Status": {"Code": "active", "Message": "Assumed"}}


def _vpc(identifier: str, account: str, region: str) -> common.Record | None:
    """A VPC of any account and region."""
    found: common.Record | None = emulator.ec2._vpcs.get_scoped(account, region, identifier)
    return found


def _end(identifier: str, account: str, region: str) -> common.Record:
    """One end as a description has it; what the other region's VPC is like is told where it is known."""
    end = {"OwnerId": account, "Region": region, "VpcId": identifier}
    found = _vpc(identifier, account, region)
    return {**end, "CidrBlock": found["CidrBlock"], "CidrBlockSet": [{"CidrBlock": found["CidrBlock"]}]} if found else end


def create(request: dict[str, Any]) -> dict[str, Any]:
    """CreateVpcPeeringConnection; with ranges that overlap it fails at once, as AWS's does."""
    mine = common.vpc(common.required(request, "VpcId"))
    account = request.get("PeerOwnerId") or emulator.account()
    region = request.get("PeerRegion") or emulator.region()
    requester = _end(mine["VpcId"], emulator.account(), emulator.region())
    accepter = _end(common.required(request, "PeerVpcId"), account, region)
    status = {"Code": "pending-acceptance", "Message": f"Pending Acceptance by {account}"}
    if "CidrBlock" in accepter and ipaddress.ip_network(requester["CidrBlock"]).overlaps(
        ipaddress.ip_network(accepter["CidrBlock"])
    ):
        status = {"Code": "failed", "Message": "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"}
    identifier = common.new_id("pcx")
    _connections[identifier] = {
        "VpcPeeringConnectionId": identifier,
        "RequesterVpcInfo": requester,
        "AccepterVpcInfo": accepter,
        "Status": status,
    }
    common.tag(identifier, request, "vpc-peering-connection")
    return {"VpcPeeringConnection": _described(_connections[identifier])}


def _described(record: common.Record) -> common.Record:
    return {**record, "Tags": common.tags_of(record["VpcPeeringConnectionId"])}


def accept(request: dict[str, Any]) -> dict[str, Any]:
    """AcceptVpcPeeringConnection: in the accepter's region and account, while it waits."""
    record = find(common.required(request, "VpcPeeringConnectionId"))
    end = record["AccepterVpcInfo"]
    if (end["OwnerId"], end["Region"]) != (emulator.account(), emulator.region()):
        message = f"User {emulator.account()} cannot accept peering {record['VpcPeeringConnectionId']}"
        raise AwsError("OperationNotPermitted", message)
    if record["Status"]["Code"] not in ("pending-acceptance", "active"):
        message = f"The peering connection is not in a state to be accepted: {record['Status']['Code']}"
        raise AwsError("InvalidStateTransition", message)
    activate(record)
    return {"VpcPeeringConnection": _described(record)}


def activate(record: common.Record) -> None:
    """Make a connection active."""
    record["Status"] = {"Code": "active", "Message": "Active"}


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeVpcPeeringConnections."""
    wanted = request.get("VpcPeeringConnectionIds")
    records = [find(each) for each in wanted] if wanted else [each for each in _connections.values() if _here(each)]
    found = filters.matching(records, request, "VpcPeeringConnectionId", _FILTERS)
    return {"VpcPeeringConnections": [_described(record) for record in found]}


def delete(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteVpcPeeringConnection; routes into it are black holes from then on."""
    record = find(common.required(request, "VpcPeeringConnectionId"))
    record["Status"] = {"Code": "deleted", "Message": f"Deleted by {emulator.account()}"}
    return {"Return": True}


def state(identifier: str) -> str:
    """The state of a route into a connection."""
    active = is_known(identifier) and _connections[identifier]["Status"]["Code"] == "active"
    return "active" if active else "blackhole"


ACTIONS = {
    "CreateVpcPeeringConnection": create,
    "AcceptVpcPeeringConnection": accept,
    "DescribeVpcPeeringConnections": describe,
    "DeleteVpcPeeringConnection": delete,
}
