"""Images, snapshots and consoles behave as AWS documents. Each check names the page of AWS's documentation it rests on."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from local.clients import Clients
from local.server import EmbeddedAws

from .agents import tell
from .conftest import REGION, Network

pytestmark = pytest.mark.embedded

Launch = Callable[..., dict[str, Any]]
Refused = Callable[..., str]
KEY = f"arn:aws:kms:{REGION}:111122223333:key/11111111-2222-3333-4444-555555555555"


@pytest.fixture
def original(ec2: Any, launch: Launch) -> dict[str, Any]:
    """An instance with a volume from its launch and an encrypted one that was attached later."""
    instance = launch(BlockDeviceMappings=[{"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 8, "DeleteOnTermination": False}}])
    zone = instance["Placement"]["AvailabilityZone"]
    made = {"VolumeType": "gp3", "Size": 20, "Iops": 4000, "Encrypted": True, "KmsKeyId": KEY}
    data = ec2.create_volume(AvailabilityZone=zone, **made)["VolumeId"]
    ec2.attach_volume(VolumeId=data, InstanceId=instance["InstanceId"], Device="/dev/sdh")
    found: dict[str, Any] = ec2.describe_instances(InstanceIds=[instance["InstanceId"]])["Reservations"][0]["Instances"][0]
    return found


def image_of(ec2: Any, instance: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {"InstanceId": instance["InstanceId"], "Name": f"image-{secrets.token_hex(4)}", "NoReboot": True, **more}
    made: dict[str, Any] = ec2.describe_images(ImageIds=[ec2.create_image(**given)["ImageId"]])["Images"][0]
    return made


def volumes_of(ec2: Any, instance: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Device -> volume."""
    found = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance["InstanceId"]]}])["Volumes"]
    return {each["Attachments"][0]["Device"]: each for each in found}


# CreateImage: "snapshots of the instance's root volume and any other EBS volumes attached to the instance"; NoReboot.
def test_an_image_has_all_volumes_of_its_instance_which_goes_on(ec2: Any, original: dict[str, Any]) -> None:
    tagged = [{"ResourceType": kind, "Tags": [{"Key": "for", "Value": "this"}]} for kind in ("image", "snapshot")]
    image = image_of(ec2, original, TagSpecifications=tagged)

    assert (image["State"], image["RootDeviceName"]) == ("available", original["RootDeviceName"])
    assert (image["Architecture"], image["SourceInstanceId"]) == ("x86_64", original["InstanceId"])
    mappings = {each["DeviceName"]: each["Ebs"] for each in image["BlockDeviceMappings"]}
    assert {name: (ebs["VolumeSize"], ebs["Encrypted"]) for name, ebs in mappings.items()} == {
        original["RootDeviceName"]: (10, False),
        "/dev/sdg": (8, False),
        "/dev/sdh": (20, True),
    }
    assert (mappings["/dev/sdh"]["Iops"], mappings["/dev/sdg"]["DeleteOnTermination"]) == (4000, False)
    mine = [{"Name": "tag:for", "Values": ["this"]}]
    assert image["ImageId"] in [each["ImageId"] for each in ec2.describe_images(Owners=["self"], Filters=mine)["Images"]]
    snapshots = {each["SnapshotId"] for each in ec2.describe_snapshots(OwnerIds=["self"], Filters=mine)["Snapshots"]}
    assert {ebs["SnapshotId"] for ebs in mappings.values()} <= snapshots
    same = ec2.describe_instances(InstanceIds=[original["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert (same["State"]["Name"], same["LaunchTime"]) == ("running", original["LaunchTime"])


# RunInstances, BlockDeviceMappings: those given override the image's; "Amazon EBS encryption": encrypted as the snapshot is.
def test_an_instance_of_an_image_has_its_volumes(ec2: Any, original: dict[str, Any], launch: Launch) -> None:
    image = image_of(ec2, original)
    over = [
        {"DeviceName": "/dev/sdg", "Ebs": {"DeleteOnTermination": True}},
        {"DeviceName": "/dev/sdi", "Ebs": {"VolumeSize": 3}},
    ]
    clone = launch(ImageId=image["ImageId"], BlockDeviceMappings=over)

    found = volumes_of(ec2, clone)
    sizes = {name: each["Size"] for name, each in found.items()}
    assert sizes == {clone["RootDeviceName"]: 10, "/dev/sdg": 8, "/dev/sdh": 20, "/dev/sdi": 3}
    assert (found["/dev/sdh"]["Encrypted"], found["/dev/sdh"]["KmsKeyId"]) == (True, KEY)
    assert found["/dev/sdg"]["SnapshotId"].startswith("snap-")
    assert found["/dev/sdg"]["Attachments"][0]["DeleteOnTermination"] is True
    assert not {each["VolumeId"] for each in found.values()} & {each["VolumeId"] for each in volumes_of(ec2, original).values()}


# CreateImage, Name and TagSpecifications; EC2 error codes InvalidAMIName.Duplicate, InvalidAMIName.Malformed.
def test_an_image_that_can_not_be_is_refused(ec2: Any, original: dict[str, Any], refused: Refused) -> None:
    image, instance = image_of(ec2, original), original["InstanceId"]
    refused("InvalidAMIName.Duplicate", ec2.create_image, InstanceId=instance, Name=image["Name"])
    refused("InvalidAMIName.Malformed", ec2.create_image, InstanceId=instance, Name="a+b")
    tagged = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]
    refused("InvalidParameterValue", ec2.create_image, InstanceId=instance, Name="another", TagSpecifications=tagged)


# "Deregister an AMI": its snapshots stay, and instances can't be launched of it. DeleteSnapshot: not while an AMI has it.
def test_an_image_goes_before_its_snapshots(ec2: Any, original: dict[str, Any], launch: Launch, refused: Refused) -> None:
    image = image_of(ec2, original)
    snapshots = [each["Ebs"]["SnapshotId"] for each in image["BlockDeviceMappings"]]
    refused("InvalidSnapshot.InUse", ec2.delete_snapshot, SnapshotId=snapshots[0])
    ec2.deregister_image(ImageId=image["ImageId"])
    refused("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=[image["ImageId"]])
    refused("InvalidAMIID.NotFound", launch, ImageId=image["ImageId"])
    assert len(ec2.describe_snapshots(SnapshotIds=snapshots)["Snapshots"]) == 3
    for each in snapshots:
        ec2.delete_snapshot(SnapshotId=each)
    refused("InvalidSnapshot.NotFound", ec2.describe_snapshots, SnapshotIds=snapshots[:1])


# CreateSnapshots, InstanceSpecification: ExcludeBootVolume, ExcludeDataVolumeIds ("You can't specify the root volume"),
# CopyTagsFromSource.
def test_snapshots_of_an_instance_leave_out_what_they_are_told_to(ec2: Any, original: dict[str, Any], refused: Refused) -> None:
    volumes = volumes_of(ec2, original)
    data, root = volumes["/dev/sdh"]["VolumeId"], volumes[original["RootDeviceName"]]["VolumeId"]
    ec2.create_tags(Resources=[data], Tags=[{"Key": "role", "Value": "data"}])
    wanted = {"InstanceId": original["InstanceId"], "ExcludeBootVolume": True}
    left_out = [volumes["/dev/sdg"]["VolumeId"]]

    made = ec2.create_snapshots(
        InstanceSpecification={**wanted, "ExcludeDataVolumeIds": left_out},
        CopyTagsFromSource="volume",
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": [{"Key": "set", "Value": "1"}]}],
    )["Snapshots"]

    assert [each["VolumeId"] for each in made] == [data]
    found = ec2.describe_snapshots(SnapshotIds=[made[0]["SnapshotId"]])["Snapshots"][0]
    assert (found["State"], found["VolumeSize"], found["Encrypted"], found["KmsKeyId"]) == ("completed", 20, True, KEY)
    assert {tag["Key"]: tag["Value"] for tag in found["Tags"]} == {"role": "data", "set": "1"}
    wrong = {"InstanceId": original["InstanceId"], "ExcludeDataVolumeIds": [root]}
    refused("InvalidParameterValue", ec2.create_snapshots, InstanceSpecification=wrong)


# CopySnapshot: into another region, by a key of that region; the copy's source volume id is arbitrary.
def test_a_snapshot_is_copied_into_another_region(
    aws: EmbeddedAws, ec2: Any, original: dict[str, Any], refused: Refused
) -> None:
    data = volumes_of(ec2, original)["/dev/sdh"]["VolumeId"]
    source = ec2.create_snapshot(VolumeId=data)["SnapshotId"]
    there = Clients(aws, "eu-west-1")("ec2")
    refused("InvalidSnapshot.NotFound", there.describe_snapshots, SnapshotIds=[source])
    key = KEY.replace(REGION, "eu-west-1")

    copy = there.copy_snapshot(SourceRegion=REGION, SourceSnapshotId=source, Encrypted=True, KmsKeyId=key)["SnapshotId"]

    found = there.describe_snapshots(SnapshotIds=[copy])["Snapshots"][0]
    assert (found["VolumeSize"], found["Encrypted"], found["KmsKeyId"]) == (20, True, key)
    assert found["VolumeId"] != data
    made = there.create_volume(AvailabilityZone="eu-west-1a", SnapshotId=copy, VolumeType="gp3")
    assert (made["Size"], made["Encrypted"], made["KmsKeyId"]) == (20, True, key)


# CreateVolume, SnapshotId and Size: "must be equal to or larger than the snapshot size".
def test_a_volume_is_no_smaller_than_its_snapshot(ec2: Any, original: dict[str, Any], refused: Refused) -> None:
    zone, data = original["Placement"]["AvailabilityZone"], volumes_of(ec2, original)["/dev/sdh"]["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=data)["SnapshotId"]
    refused("InvalidParameterValue", ec2.create_volume, AvailabilityZone=zone, SnapshotId=snapshot, Size=19)
    gone = "snap-0123456789abcdef0"
    refused("InvalidSnapshot.NotFound", ec2.create_volume, AvailabilityZone=zone, SnapshotId=gone, Size=19)
    assert ec2.create_volume(AvailabilityZone=zone, SnapshotId=snapshot, Size=30)["Size"] == 30


# GetConsoleOutput: what the instance has written to its serial console, the last 64 KB of it.
def test_a_console_shows_what_its_machine_has_said(aws: EmbeddedAws, ec2: Any, launch: Launch, network: Network) -> None:
    instance = launch()["InstanceId"]
    assert "Output" not in ec2.get_console_output(InstanceId=instance, Latest=True)
    for text in ("x" * 70_000, "\nbooted\n"):
        tell(aws.endpoint, "console", region=REGION, instance_id=instance, text=text)
    said = ec2.get_console_output(InstanceId=instance, Latest=True)["Output"]
    assert said.endswith("x\nbooted\n")
    assert len(said) == 64 * 1024
    assert "Output" not in ec2.get_console_output(InstanceId=launch()["InstanceId"])
