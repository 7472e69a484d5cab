"""Routes, subnets, security groups and interfaces behave as AWS documents; each check names its source."""

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Network

pytestmark = pytest.mark.embedded

Launch = Callable[..., dict[str, Any]]
Refused = Callable[..., str]
VIP = "192.0.2.10/32"


def routes(ec2: Any, network: Network) -> dict[str, dict[str, Any]]:
    table = ec2.describe_route_tables(RouteTableIds=[network.table])["RouteTables"][0]
    return {route["DestinationCidrBlock"]: route for route in table["Routes"]}


# ReplaceRoute of a missing route: InvalidParameterValue, as AWS answers (observed in getmoto/moto#6425), not NotFound.
def test_replacing_a_route_that_is_missing_is_refused(ec2: Any, launch: Launch, network: Network, refused: Refused) -> None:
    arguments = {"RouteTableId": network.table, "DestinationCidrBlock": VIP, "InstanceId": launch()["InstanceId"]}
    message = refused("InvalidParameterValue", ec2.replace_route, **arguments)
    assert message.startswith(f"There is no route defined for '{VIP}' in the route table.")
    assert VIP not in routes(ec2, network)


# EC2 error codes, RouteAlreadyExists.
def test_a_route_is_created_once(ec2: Any, launch: Launch, network: Network, refused: Refused) -> None:
    arguments = {"RouteTableId": network.table, "DestinationCidrBlock": VIP, "InstanceId": launch()["InstanceId"]}
    ec2.create_route(**arguments)
    refused("RouteAlreadyExists", ec2.create_route, **arguments)


# EC2 error codes, InvalidRoute.NotFound; the local route cannot be deleted ("Route tables").
def test_deleting_a_route_that_is_missing_or_local_is_refused(ec2: Any, network: Network, refused: Refused) -> None:
    table = network.table
    refused("InvalidRoute.NotFound", ec2.delete_route, RouteTableId=table, DestinationCidrBlock=VIP)
    refused("InvalidParameterValue", ec2.delete_route, RouteTableId=table, DestinationCidrBlock="10.1.0.0/16")


# ReplaceRoute, InstanceId and NetworkInterfaceId: the route then leads to the interface, and reports both.
@pytest.mark.parametrize("by", ["instance", "interface"])
def test_a_route_is_moved_by_instance_or_interface(ec2: Any, launch: Launch, network: Network, by: str) -> None:
    first, second = launch(), launch(SubnetId=network.subnet_b)
    where = {"RouteTableId": network.table, "DestinationCidrBlock": VIP}
    ec2.create_route(**where, InstanceId=first["InstanceId"])
    interface = second["NetworkInterfaces"][0]["NetworkInterfaceId"]
    target = {"InstanceId": second["InstanceId"]} if by == "instance" else {"NetworkInterfaceId": interface}
    ec2.replace_route(**where, **target)
    route = routes(ec2, network)[VIP]
    assert (route["InstanceId"], route["NetworkInterfaceId"]) == (second["InstanceId"], interface)
    assert (route["State"], route["Origin"]) == ("active", "CreateRoute")


# Route.State: "blackhole" where the target is not available, for example a terminated instance.
def test_a_route_to_a_terminated_instance_is_a_black_hole(ec2: Any, launch: Launch, network: Network) -> None:
    instance = launch()["InstanceId"]
    ec2.create_route(RouteTableId=network.table, DestinationCidrBlock=VIP, InstanceId=instance)
    ec2.terminate_instances(InstanceIds=[instance])
    assert routes(ec2, network)[VIP]["State"] == "blackhole"


# EC2 error codes: InvalidRouteTableID.NotFound, InvalidInstanceID.NotFound, InvalidParameterCombination (two targets).
def test_route_arguments_are_checked(ec2: Any, launch: Launch, network: Network, refused: Refused) -> None:
    nowhere = "rtb-0123456789abcdef0"
    refused("InvalidRouteTableID.NotFound", ec2.delete_route, RouteTableId=nowhere, DestinationCidrBlock=VIP)
    where = {"RouteTableId": network.table, "DestinationCidrBlock": VIP}
    refused("InvalidInstanceID.NotFound", ec2.create_route, **where, InstanceId="i-0123456789abcdef0")
    both = {"InstanceId": launch()["InstanceId"], "GatewayId": "local"}
    refused("InvalidParameterCombination", ec2.create_route, **where, **both)


# EC2 error codes, InvalidSubnet.Conflict and InvalidSubnet.Range; the message as in hashicorp/terraform#33470.
def test_subnets_keep_inside_the_vpc_and_apart(ec2: Any, network: Network, refused: Refused) -> None:
    conflict = refused("InvalidSubnet.Conflict", ec2.create_subnet, VpcId=network.vpc, CidrBlock="10.1.1.128/25")
    assert conflict == "The CIDR '10.1.1.128/25' conflicts with another subnet"
    refused("InvalidSubnet.Range", ec2.create_subnet, VpcId=network.vpc, CidrBlock="10.2.0.0/24")
    refused("InvalidVpcID.NotFound", ec2.create_subnet, VpcId="vpc-0123456789abcdef0", CidrBlock="10.1.9.0/24")
    elsewhere = {"VpcId": network.vpc, "CidrBlock": "10.1.9.0/24", "AvailabilityZone": "us-east-1a"}
    refused("InvalidParameterValue", ec2.create_subnet, **elsewhere)


# EC2 error codes, DependencyViolation.
def test_a_subnet_with_an_interface_in_it_stays(ec2: Any, launch: Launch, network: Network, refused: Refused) -> None:
    instance = launch()["InstanceId"]
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=network.subnet_a)
    ec2.terminate_instances(InstanceIds=[instance])
    ec2.delete_subnet(SubnetId=network.subnet_a)


# EC2 error codes, InvalidPermission.Duplicate; the message as in hashicorp/terraform#1874. The description is no part
# of a rule's identity.
def test_a_rule_exists_once(ec2: Any, network: Network, refused: Refused) -> None:
    def permission(description: str) -> list[dict[str, Any]]:
        peer = [{"GroupId": network.group, "Description": description}]
        return [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": peer}]

    ec2.authorize_security_group_ingress(GroupId=network.group, IpPermissions=permission("one"))
    again = {"GroupId": network.group, "IpPermissions": permission("two")}
    message = refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, **again)
    assert message == (f'the specified rule "peer: {network.group}, TCP, from port: 80, to port: 80, ALLOW" already exists')


# RevokeSecurityGroupIngress: in a VPC a rule that is not there is InvalidPermission.NotFound.
def test_revoking_a_rule_that_is_missing_is_refused(ec2: Any, network: Network, refused: Refused) -> None:
    permission = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
    arguments = {"GroupId": network.group, "IpPermissions": permission}
    refused("InvalidPermission.NotFound", ec2.revoke_security_group_ingress, **arguments)


# EC2 error codes, DependencyViolation: used by an interface, or named by another group's rule.
def test_a_group_in_use_stays(ec2: Any, launch: Launch, network: Network, refused: Refused) -> None:
    used = launch(SecurityGroupIds=[network.group])["InstanceId"]
    refused("DependencyViolation", ec2.delete_security_group, GroupId=network.group)
    ec2.terminate_instances(InstanceIds=[used])
    other = ec2.create_security_group(GroupName="other", Description="o", VpcId=network.vpc)["GroupId"]
    rule = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": network.group}]}]
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=rule)
    refused("DependencyViolation", ec2.delete_security_group, GroupId=network.group)
    ec2.delete_security_group(GroupId=other)
    ec2.delete_security_group(GroupId=network.group)


# CreateSecurityGroup, GroupDescription: a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{}!$* and no more.
@pytest.mark.parametrize("text", ["the user's group", "größer", "x" * 256])
def test_a_description_holds_only_what_ec2_takes(ec2: Any, network: Network, refused: Refused, text: str) -> None:
    named = {"GroupName": "n", "Description": text, "VpcId": network.vpc}
    refused("InvalidParameterValue", ec2.create_security_group, **named)
    ranges = [{"CidrIp": "10.0.0.0/8", "Description": text}]
    rule = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": ranges}]
    arguments = {"GroupId": network.group, "IpPermissions": rule}
    refused("InvalidParameterValue", ec2.authorize_security_group_ingress, **arguments)


# RunInstances, SecurityGroupId: the groups must be of the subnet's VPC (EC2 error codes, InvalidParameter).
def test_a_group_of_another_vpc_is_refused(ec2: Any, launch: Launch, refused: Refused) -> None:
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="far", Description="far", VpcId=other)["GroupId"]
    refused("InvalidParameter", launch, SecurityGroupIds=[group])


# EC2 error codes: InvalidNetworkInterface.InUse; AttachNetworkInterface needs one zone.
def test_an_interface_is_attached_once_and_within_its_zone(
    ec2: Any, launch: Launch, network: Network, refused: Refused
) -> None:
    near = ec2.create_network_interface(SubnetId=network.subnet_a)["NetworkInterface"]["NetworkInterfaceId"]
    far = ec2.create_network_interface(SubnetId=network.subnet_b)["NetworkInterface"]["NetworkInterfaceId"]
    instance = launch()["InstanceId"]
    attach = {"InstanceId": instance, "DeviceIndex": 1}
    refused("InvalidParameterCombination", ec2.attach_network_interface, NetworkInterfaceId=far, **attach)
    ec2.attach_network_interface(NetworkInterfaceId=near, **attach)
    again = {"InstanceId": instance, "DeviceIndex": 2, "NetworkInterfaceId": near}
    refused("InvalidNetworkInterface.InUse", ec2.attach_network_interface, **again)


# EC2 error codes, Resource.AlreadyAssociated; ReleaseAddress of an associated address is InvalidIPAddress.InUse.
def test_an_elastic_address_serves_one_nat_gateway(ec2: Any, network: Network, refused: Refused) -> None:
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    arguments = {"SubnetId": network.subnet_a, "AllocationId": allocation}
    ec2.create_nat_gateway(**arguments)
    refused("Resource.AlreadyAssociated", ec2.create_nat_gateway, **arguments)
    refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=allocation)
