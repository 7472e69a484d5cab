"""AWS::EC2::Volume and AWS::EC2::VolumeAttachment."""

from __future__ import annotations

from local.adapter import emulator
from local.adapter.ec2 import table
from local.adapter.errors import AwsError
from local.adapter.resources import tags
from local.adapter.resources.handler import Handler, Made, Properties, Resource, changed, unchanged

_SAME = (
    "AvailabilityZone",
    "Size",
    "VolumeType",
    "Iops",
    "Throughput",
    "Encrypted",
    "KmsKeyId",
    "SnapshotId",
    "MultiAttachEnabled",
)
# "Update requires: No interruption"; of the others the reference says that updates are not supported.
_MODIFIABLE = {"Size", "VolumeType", "Iops", "Throughput"}


def create(resource: Resource) -> Made:
    """Create the volume."""
    given = {name: resource.properties[name] for name in _SAME if name in resource.properties}
    identifier = table.call("CreateVolume", TagSpecifications=resource.tags("volume"), **given)["VolumeId"]
    return identifier, {"VolumeId": identifier}


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Modify type, size, IOPS, throughput and tags; a volume is never replaced by an update."""
    differing = changed(old, resource.properties)
    refused = differing - _MODIFIABLE - {"Tags", "AutoEnableIO"}
    if refused:
        message = f"Update to resource type AWS::EC2::Volume is not supported: {', '.join(sorted(refused))}"
        raise AwsError("NotUpdatable", message)
    if differing & _MODIFIABLE:
        given = {name: resource.properties[name] for name in _MODIFIABLE if name in resource.properties}
        table.call("ModifyVolume", VolumeId=physical_id, **given)
    tags.change(physical_id, old, resource.properties)
    return physical_id, {"VolumeId": physical_id}


def delete(physical_id: str, properties: Properties) -> None:
    """Delete the volume, if it is still there."""
    if physical_id in emulator.ec2._volumes:
        table.call("DeleteVolume", VolumeId=physical_id)


def attach(resource: Resource) -> Made:
    """Attach the volume."""
    given = resource.properties
    identifiers = {name: given[name] for name in ("VolumeId", "InstanceId")}
    table.call("AttachVolume", Device=given["Device"], **identifiers)
    return f"{given['VolumeId']}|{given['InstanceId']}", {}


def detach(physical_id: str, properties: Properties) -> None:
    """Detach the volume, if it is still attached to that instance."""
    volume_id, _, instance_id = physical_id.partition("|")
    volume = emulator.ec2._volumes.get(volume_id) or {"Attachments": []}
    if any(entry["InstanceId"] == instance_id for entry in volume["Attachments"]):
        table.call("DetachVolume", VolumeId=volume_id, InstanceId=instance_id)


HANDLERS = {
    "AWS::EC2::Volume": Handler(create=create, update=update, delete=delete, known=(*_SAME, "Tags"), tags=True),
    "AWS::EC2::VolumeAttachment": Handler(
        create=attach,
        update=unchanged,
        delete=detach,
        known=("VolumeId", "InstanceId", "Device"),
        replacing=("VolumeId", "InstanceId", "Device"),
    ),
}
