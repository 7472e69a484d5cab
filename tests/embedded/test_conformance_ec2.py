"""Instances behave as AWS documents. Each check names the page of AWS's documentation it rests on."""

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import IMAGE, REGION, Network

pytestmark = pytest.mark.embedded

Launch = Callable[..., dict[str, Any]]
Refused = Callable[..., str]


# RunInstances: an instance runs in its subnet's Availability Zone.
def test_an_instance_runs_in_the_zone_of_its_subnet(launch: Launch, network: Network) -> None:
    assert launch()["Placement"]["AvailabilityZone"] == f"{REGION}a"
    assert launch(SubnetId=network.subnet_b)["Placement"]["AvailabilityZone"] == f"{REGION}b"


# RunInstances, Placement.AvailabilityZone together with SubnetId (EC2 error codes, InvalidParameterCombination).
def test_a_zone_that_is_not_the_subnets_is_refused(ec2: Any, network: Network, refused: Refused) -> None:
    refused(
        "InvalidParameterCombination",
        ec2.run_instances,
        ImageId=IMAGE,
        MinCount=1,
        MaxCount=1,
        SubnetId=network.subnet_a,
        Placement={"AvailabilityZone": f"{REGION}b"},
    )


# "Instance IP addressing", public IPv4 addresses: none in a subnet that does not assign one, unless asked for.
def test_there_is_no_public_address_unless_asked_for(ec2: Any, launch: Launch, network: Network) -> None:
    assert "PublicIpAddress" not in launch()
    interface = {"DeviceIndex": 0, "SubnetId": network.subnet_a, "AssociatePublicIpAddress": True}
    assert launch(NetworkInterfaces=[interface])["PublicIpAddress"]
    ec2.modify_subnet_attribute(SubnetId=network.subnet_b, MapPublicIpOnLaunch={"Value": True})
    assert launch(SubnetId=network.subnet_b)["PublicIpAddress"]


# RunInstances, PrivateIpAddress: "You must specify a value from the IPv4 address range of the subnet".
def test_a_fixed_address_is_honoured(launch: Launch) -> None:
    assert launch(PrivateIpAddress="10.1.1.77")["PrivateIpAddress"] == "10.1.1.77"


# EC2 error codes, InvalidIPAddress.InUse; the message as in aws/aws-cli#7178.
def test_an_address_in_use_is_refused(ec2: Any, launch: Launch, refused: Refused) -> None:
    first = launch(PrivateIpAddress="10.1.1.10")
    message = refused("InvalidIPAddress.InUse", launch, PrivateIpAddress="10.1.1.10")
    assert message == "Address 10.1.1.10 is in use."
    ec2.terminate_instances(InstanceIds=[first["InstanceId"]])
    assert launch(PrivateIpAddress="10.1.1.10")["PrivateIpAddress"] == "10.1.1.10"


# EC2 error codes, InvalidParameterValue; "Subnet sizing for IPv4": the first four and the last address are AWS's.
@pytest.mark.parametrize("address", ["10.1.2.10", "10.1.1.0", "10.1.1.3", "10.1.1.255"])
def test_an_address_outside_the_subnet_or_reserved_is_refused(launch: Launch, refused: Refused, address: str) -> None:
    refused("InvalidParameterValue", launch, PrivateIpAddress=address)


# "Subnet CIDR reservations": AWS does not assign addresses out of a reservation by itself, and takes them when asked.
def test_a_reserved_range_is_left_alone_unless_asked_for(ec2: Any, launch: Launch, network: Network) -> None:
    ec2.create_subnet_cidr_reservation(SubnetId=network.subnet_a, Cidr="10.1.1.0/28", ReservationType="explicit")
    assert launch()["PrivateIpAddress"] == "10.1.1.16"
    assert launch(PrivateIpAddress="10.1.1.10")["PrivateIpAddress"] == "10.1.1.10"


# EC2 error codes, OperationNotPermitted; the message as in rebuy-de/aws-nuke#279.
def test_termination_protection_refuses_and_can_be_lifted(ec2: Any, launch: Launch, refused: Refused) -> None:
    instance = launch(DisableApiTermination=True)["InstanceId"]
    message = refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[instance])
    assert "disableApiTermination" in message
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    ended = ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]
    assert ended["CurrentState"]["Name"] == "terminated"


# "Enable stop protection": DisableApiStop; the message as in cloud-custodian/cloud-custodian#10594.
def test_stop_protection_refuses(ec2: Any, launch: Launch, refused: Refused) -> None:
    refused("OperationNotPermitted", ec2.stop_instances, InstanceIds=[launch(DisableApiStop=True)["InstanceId"]])


# RunInstances and DescribeInstanceAttribute: what was asked for is what is reported.
def test_options_of_a_launch_are_kept_and_reported(ec2: Any, launch: Launch) -> None:
    launched = launch(
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        Monitoring={"Enabled": True},
        EbsOptimized=True,
        Placement={"Tenancy": "dedicated"},
        InstanceInitiatedShutdownBehavior="terminate",
    )
    described = ec2.describe_instances(InstanceIds=[launched["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert described["MetadataOptions"]["HttpTokens"] == "required"
    assert described["MetadataOptions"]["HttpPutResponseHopLimit"] == 2
    assert described["Monitoring"]["State"] == "enabled"
    assert described["EbsOptimized"] is True
    assert described["Placement"]["Tenancy"] == "dedicated"
    attribute = ec2.describe_instance_attribute(
        InstanceId=launched["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
    )
    assert attribute["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


# ModifyInstanceAttribute, SourceDestCheck: an attribute of the primary interface, and reported on both.
def test_the_source_destination_check_is_an_attribute_of_the_interface(ec2: Any, launch: Launch) -> None:
    instance = launch()
    ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], SourceDestCheck={"Value": False})
    described = ec2.describe_instances(InstanceIds=[instance["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert described["SourceDestCheck"] is False
    assert described["NetworkInterfaces"][0]["SourceDestCheck"] is False


# ModifyInstanceAttribute: "you must stop the instance" to change the type or the user data.
def test_type_and_user_data_change_only_while_stopped(ec2: Any, launch: Launch, refused: Refused) -> None:
    instance = launch()["InstanceId"]
    change = {"InstanceId": instance, "InstanceType": {"Value": "r7i.xlarge"}}
    refused("IncorrectInstanceState", ec2.modify_instance_attribute, **change)
    ec2.stop_instances(InstanceIds=[instance])
    ec2.modify_instance_attribute(**change)
    ec2.start_instances(InstanceIds=[instance])
    described = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert (described["InstanceType"], described["State"]["Name"]) == ("r7i.xlarge", "running")


# RunInstances, IamInstanceProfile; EC2 error codes, InvalidParameterValue.
def test_an_instance_profile_that_does_not_exist_is_refused(launch: Launch, refused: Refused) -> None:
    refused("InvalidParameterValue", launch, IamInstanceProfile={"Name": "nobody"})


# EC2 error codes: InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidAMIID.Malformed.
def test_ids_are_checked(ec2: Any, launch: Launch, refused: Refused) -> None:
    refused("InvalidInstanceID.NotFound", ec2.terminate_instances, InstanceIds=["i-0123456789abcdef0"])
    refused("InvalidInstanceID.Malformed", ec2.describe_instances, InstanceIds=["i-nonsense"])
    refused("InvalidAMIID.Malformed", launch, ImageId="ami-latest")


# "Launch template": what a request says itself wins over the template.
def test_a_launch_template_is_used_and_can_be_overridden(ec2: Any, launch: Launch) -> None:
    data = {"InstanceType": "m7i.large", "MetadataOptions": {"HttpTokens": "required"}}
    template = ec2.create_launch_template(LaunchTemplateName="t", LaunchTemplateData=data)["LaunchTemplate"]
    chosen = {"LaunchTemplateId": template["LaunchTemplateId"], "Version": "$Latest"}
    instance = launch(LaunchTemplate=chosen)
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert instance["InstanceType"] == "r7i.large"
    ec2.delete_launch_template(LaunchTemplateId=template["LaunchTemplateId"])


# DescribeInstances: a filter EC2 does not know is refused (InvalidParameterValue), not ignored.
def test_an_unknown_filter_is_refused(ec2: Any, launch: Launch, refused: Refused) -> None:
    launch()
    filters = [{"Name": "colour", "Values": ["red"]}]
    refused("InvalidParameterValue", ec2.describe_instances, Filters=filters)


def test_filters_choose_by_tag_state_and_zone(ec2: Any, launch: Launch, network: Network) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "member", "Value": network.vpc}]}]
    wanted = launch(TagSpecifications=tags)["InstanceId"]
    launch()
    filters = [
        {"Name": "tag:member", "Values": [network.vpc]},
        {"Name": "instance-state-name", "Values": ["running"]},
        {"Name": "availability-zone", "Values": [f"{REGION}?"]},
    ]
    found = ec2.describe_instances(Filters=filters)["Reservations"]
    assert [entry["Instances"][0]["InstanceId"] for entry in found] == [wanted]
