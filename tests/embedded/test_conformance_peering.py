"""Networks of two regions: VPC peering and transit gateways, by themselves and in stacks.

"How VPC peering connections work", "Update your route tables for a VPC peering connection" (Amazon VPC Peering Guide);
CreateTransitGatewayVpcAttachment (EC2 API Reference).
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local import record
from local.clients import Clients
from local.server import EmbeddedAws

from .conftest import Network
from .mirror_sets import until

pytestmark = pytest.mark.embedded

OTHER = "eu-west-1"


@pytest.fixture
def other(aws: EmbeddedAws) -> Any:
    """EC2 in another region."""
    return Clients(aws, OTHER)("ec2")


@pytest.fixture
def far(other: Any) -> str:
    """A VPC there."""
    return str(other.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def connection(ec2: Any, network: Network, far: str) -> str:
    """A connection that was requested here."""
    made = ec2.create_vpc_peering_connection(VpcId=network.vpc, PeerVpcId=far, PeerRegion=OTHER)
    return str(made["VpcPeeringConnection"]["VpcPeeringConnectionId"])


def state(client: Any, connection: str) -> str:
    answer = client.describe_vpc_peering_connections(VpcPeeringConnectionIds=[connection])
    return str(answer["VpcPeeringConnections"][0]["Status"]["Code"])


def route(ec2: Any, table: str) -> str:
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    (found,) = [each for each in routes if each["DestinationCidrBlock"] == "10.2.0.0/16"]
    return str(found["State"])


def test_both_regions_see_it_and_the_other_one_accepts(
    ec2: Any, other: Any, connection: str, refused: Callable[..., str]
) -> None:
    assert [state(ec2, connection), state(other, connection)] == ["pending-acceptance"] * 2
    refused("OperationNotPermitted", ec2.accept_vpc_peering_connection, VpcPeeringConnectionId=connection)
    other.accept_vpc_peering_connection(VpcPeeringConnectionId=connection)
    assert [state(ec2, connection), state(other, connection)] == ["active"] * 2


def test_a_third_region_does_not(aws: EmbeddedAws, connection: str, refused: Callable[..., str]) -> None:
    third = Clients(aws, "eu-central-1")("ec2").describe_vpc_peering_connections
    refused("InvalidVpcPeeringConnectionID.NotFound", third, VpcPeeringConnectionIds=[connection])


def test_a_route_leads_nowhere_until_it_is_active_and_after_it_is_deleted(
    ec2: Any, other: Any, network: Network, connection: str
) -> None:
    ec2.create_route(RouteTableId=network.table, DestinationCidrBlock="10.2.0.0/16", VpcPeeringConnectionId=connection)
    states = [route(ec2, network.table)]
    other.accept_vpc_peering_connection(VpcPeeringConnectionId=connection)
    states.append(route(ec2, network.table))
    other.delete_vpc_peering_connection(VpcPeeringConnectionId=connection)
    assert [*states, route(ec2, network.table)] == ["blackhole", "active", "blackhole"]


def test_overlapping_ranges_fail(ec2: Any, other: Any, network: Network) -> None:
    same = other.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_vpc_peering_connection(VpcId=network.vpc, PeerVpcId=same, PeerRegion=OTHER)
    assert made["VpcPeeringConnection"]["Status"]["Code"] == "failed"


def deployed(aws: EmbeddedAws, region: str, name: str, resources: dict[str, Any]) -> str:
    """The status of a stack, when it is made."""
    cloudformation = Clients(aws, region)("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    return str(
        until(
            lambda: next(
                (
                    stack["StackStatus"]
                    for stack in cloudformation.describe_stacks(StackName=name)["Stacks"]
                    if not stack["StackStatus"].endswith("IN_PROGRESS")
                ),
                None,
            )
        )
    )


def test_a_stack_peers_with_a_vpc_of_the_account_and_is_accepted(
    aws: EmbeddedAws, ec2: Any, network: Network, far: str, stack_name: str
) -> None:
    properties = {"VpcId": network.vpc, "PeerVpcId": far, "PeerRegion": OTHER}
    leads = {
        "RouteTableId": network.table,
        "DestinationCidrBlock": "10.2.0.0/16",
        "VpcPeeringConnectionId": {"Ref": "Peering"},
    }
    resources = {
        "Peering": {"Type": "AWS::EC2::VPCPeeringConnection", "Properties": properties},
        "Route": {"Type": "AWS::EC2::Route", "Properties": leads},
    }
    assert deployed(aws, "eu-west-2", stack_name, resources) == "CREATE_COMPLETE"
    assert route(ec2, network.table) == "active"


# The primary region's stacks name a connection and the DR region's a VPC that nobody made here.
def test_what_a_stack_takes_for_granted_is_told(aws: EmbeddedAws, network: Network, stack_name: str) -> None:
    properties = {"VpcId": network.vpc, "PeerVpcId": "vpc-0123456789abcdef0", "PeerRegion": OTHER}
    leads = {"RouteTableId": network.table, "DestinationCidrBlock": "10.2.0.0/16"}
    resources = {
        "Peering": {"Type": "AWS::EC2::VPCPeeringConnection", "Properties": properties},
        "Route": {"Type": "AWS::EC2::Route", "Properties": {**leads, "VpcPeeringConnectionId": "pcx-0123456789abcdef0"}},
    }
    assert deployed(aws, "eu-west-2", stack_name, resources) == "CREATE_COMPLETE"
    told = {(entry["kind"], entry["id"]) for entry in record.read(aws).assumed if entry["stack"] == stack_name}
    assert told == {
        ("VPC", f"vpc-0123456789abcdef0 in {OTHER}"),
        ("VPC peering connection", "pcx-0123456789abcdef0"),
    }


def test_a_route_to_a_transit_gateway_needs_an_attachment(ec2: Any, network: Network, refused: Callable[..., str]) -> None:
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    to = {"RouteTableId": network.table, "DestinationCidrBlock": "10.2.0.0/16", "TransitGatewayId": gateway}
    refused("InvalidTransitGatewayID.NotFound", ec2.create_route, **to)
    subnets = [network.subnet_a, network.subnet_b]
    attach = {"TransitGatewayId": gateway, "VpcId": network.vpc, "SubnetIds": subnets}
    ec2.create_transit_gateway_vpc_attachment(**attach)
    ec2.create_route(**to)
    assert route(ec2, network.table) == "active"
    refused("DuplicateTransitGatewayAttachment", ec2.create_transit_gateway_vpc_attachment, **attach)


def test_a_stack_attaches_to_a_transit_gateway_and_asks_another_to_be_peered(
    aws: EmbeddedAws, ec2: Any, network: Network, stack_name: str
) -> None:
    mine, theirs = "tgw-0123456789abcdef0", "tgw-0123456789abcdef1"
    attachment = {"TransitGatewayId": mine, "VpcId": network.vpc, "SubnetIds": [network.subnet_a]}
    peer = {"TransitGatewayId": mine, "PeerTransitGatewayId": theirs, "PeerAccountId": aws.account, "PeerRegion": OTHER}
    leads = {"RouteTableId": network.table, "DestinationCidrBlock": "10.2.0.0/16", "TransitGatewayId": mine}
    resources = {
        "Attachment": {"Type": "AWS::EC2::TransitGatewayAttachment", "Properties": attachment},
        "Peer": {"Type": "AWS::EC2::TransitGatewayPeeringAttachment", "Properties": peer},
        "Route": {"Type": "AWS::EC2::Route", "Properties": leads, "DependsOn": "Attachment"},
    }
    assert deployed(aws, "eu-west-2", stack_name, resources) == "CREATE_COMPLETE"
    (found,) = ec2.describe_transit_gateway_peering_attachments()["TransitGatewayPeeringAttachments"]
    assert (found["State"], found["AccepterTgwInfo"]["TransitGatewayId"]) == ("pendingAcceptance", theirs)
