"""Volumes behave as AWS documents. Each check names the page of AWS's documentation it rests on."""

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import REGION, Network

pytestmark = pytest.mark.embedded

Launch = Callable[..., dict[str, Any]]
Refused = Callable[..., str]


@pytest.fixture
def volume(ec2: Any) -> Callable[..., str]:
    def make(zone: str = "a", **arguments: Any) -> str:
        given = {"Size": 10, "VolumeType": "gp3", **arguments}
        return str(ec2.create_volume(AvailabilityZone=f"{REGION}{zone}", **given)["VolumeId"])

    return make


# EC2 error codes, VolumeInUse; invariant I10: a volume is attached to at most one instance.
def test_a_volume_in_use_is_not_attached_again(ec2: Any, launch: Launch, volume: Callable[..., str], refused: Refused) -> None:
    first, second, data = launch()["InstanceId"], launch()["InstanceId"], volume()
    ec2.attach_volume(VolumeId=data, InstanceId=first, Device="/dev/sdf")
    refused("VolumeInUse", ec2.attach_volume, VolumeId=data, InstanceId=second, Device="/dev/sdf")
    refused("VolumeInUse", ec2.delete_volume, VolumeId=data)
    ec2.detach_volume(VolumeId=data)
    ec2.attach_volume(VolumeId=data, InstanceId=second, Device="/dev/sdf")
    described = ec2.describe_volumes(VolumeIds=[data])["Volumes"][0]
    assert [entry["InstanceId"] for entry in described["Attachments"]] == [second]


# "Ensuring idempotency in Amazon EC2 API requests": the same token makes the same volume; with other parameters it is refused.
def test_a_volume_is_made_once_for_a_token(ec2: Any, volume: Callable[..., str], refused: Refused) -> None:
    first = volume(ClientToken="one")
    assert (volume(ClientToken="one"), volume(ClientToken="two") != first, volume() != first) == (first, True, True)
    given = {"AvailabilityZone": f"{REGION}a", "VolumeType": "gp3", "ClientToken": "one"}
    refused("IdempotentParameterMismatch", ec2.create_volume, Size=11, **given)


# EC2 error codes, InvalidVolume.ZoneMismatch; the message as in linuxkit/linuxkit#2388.
def test_a_volume_of_another_zone_is_refused(ec2: Any, launch: Launch, volume: Callable[..., str], refused: Refused) -> None:
    arguments = {"VolumeId": volume("b"), "InstanceId": launch()["InstanceId"], "Device": "/dev/sdf"}
    message = refused("InvalidVolume.ZoneMismatch", ec2.attach_volume, **arguments)
    assert "is not in the same availability zone as instance" in message


# AttachVolume: a device name is used once.
def test_a_device_name_is_used_once(ec2: Any, launch: Launch, volume: Callable[..., str], refused: Refused) -> None:
    instance = launch()["InstanceId"]
    ec2.attach_volume(VolumeId=volume(), InstanceId=instance, Device="/dev/sdf")
    refused("InvalidParameterValue", ec2.attach_volume, VolumeId=volume(), InstanceId=instance, Device="/dev/sdf")


# DetachVolume: EC2 error codes IncorrectState (not attached); the root volume of a running instance stays.
def test_detaching_what_is_not_attached_is_refused(
    ec2: Any, launch: Launch, volume: Callable[..., str], refused: Refused
) -> None:
    refused("IncorrectState", ec2.detach_volume, VolumeId=volume())
    root = launch()["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    refused("OperationNotPermitted", ec2.detach_volume, VolumeId=root)


# TerminateInstances: volumes attached at launch go, unless DeleteOnTermination is false; those attached later stay.
def test_termination_takes_the_volumes_that_say_so(ec2: Any, launch: Launch, volume: Callable[..., str]) -> None:
    kept = {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 8, "DeleteOnTermination": False}}
    instance = launch(BlockDeviceMappings=[kept])
    later = volume()
    ec2.attach_volume(VolumeId=later, InstanceId=instance["InstanceId"], Device="/dev/sdf")
    by_device = {entry["DeviceName"]: entry["Ebs"]["VolumeId"] for entry in instance["BlockDeviceMappings"]}
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    left = {entry["VolumeId"]: entry["State"] for entry in ec2.describe_volumes()["Volumes"]}
    assert left[by_device["/dev/sdg"]] == left[later] == "available"
    assert by_device[instance["RootDeviceName"]] not in left


# CreateVolume, Size, Iops, Throughput; "Amazon EBS volume types" for the ratios.
@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("InvalidParameterValue", {"VolumeType": "gp3", "Size": 65537}),
        ("InvalidParameterValue", {"VolumeType": "gp3", "Size": 1000, "Iops": 80001}),
        ("InvalidParameterValue", {"VolumeType": "gp3", "Size": 10, "Iops": 6000}),
        ("InvalidParameterValue", {"VolumeType": "gp3", "Size": 100, "Throughput": 2001}),
        ("InvalidParameterValue", {"VolumeType": "gp3", "Size": 100, "Iops": 3000, "Throughput": 1000}),
        ("InvalidParameterValue", {"VolumeType": "io2", "Size": 4, "Iops": 5000}),
        ("InvalidParameterValue", {"VolumeType": "io2", "Size": 3, "Iops": 100}),
        ("InvalidParameterCombination", {"VolumeType": "io2", "Size": 100}),
        ("InvalidParameterCombination", {"VolumeType": "st1", "Size": 125, "Iops": 500}),
        ("InvalidParameterCombination", {"VolumeType": "io2", "Size": 100, "Iops": 1000, "Throughput": 500}),
    ],
)
def test_a_volume_outside_its_types_limits_is_refused(
    volume: Callable[..., str], refused: Refused, code: str, arguments: dict[str, Any]
) -> None:
    refused(code, volume, **arguments)


# CreateVolume: gp3's defaults; the largest gp3 and io2 volumes of 2026.
def test_volumes_at_their_types_limits_are_made(ec2: Any, volume: Callable[..., str]) -> None:
    described = ec2.describe_volumes(VolumeIds=[volume()])["Volumes"][0]
    assert (described["Iops"], described["Throughput"]) == (3000, 125)
    volume(VolumeType="gp3", Size=65536, Iops=80000, Throughput=2000)
    volume(VolumeType="io2", Size=65536, Iops=256000)


# ModifyVolume: "You can't decrease the size of an EBS volume".
def test_a_volume_only_grows(ec2: Any, volume: Callable[..., str], refused: Refused) -> None:
    data = volume()
    refused("InvalidParameterValue", ec2.modify_volume, VolumeId=data, Size=9)
    ec2.modify_volume(VolumeId=data, Size=20, Iops=4000)
    described = ec2.describe_volumes(VolumeIds=[data])["Volumes"][0]
    assert (described["Size"], described["Iops"], described["VolumeType"]) == (20, 4000, "gp3")


# AttachVolume on an instance that was terminated; EC2 error codes, IncorrectState.
def test_a_terminated_instance_takes_no_volume(
    ec2: Any, launch: Launch, volume: Callable[..., str], network: Network, refused: Refused
) -> None:
    instance = launch()["InstanceId"]
    ec2.terminate_instances(InstanceIds=[instance])
    refused("IncorrectState", ec2.attach_volume, VolumeId=volume(), InstanceId=instance, Device="/dev/sdf")
