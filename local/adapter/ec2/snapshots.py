"""Snapshots of EBS volumes: complete at once, and of no bytes."""

from __future__ import annotations

from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, filters
from local.adapter.errors import AwsError

_FILTERS: dict[str, str | filters.Getter] = {
    "description": "Description",
    "encrypted": "Encrypted",
    "owner-id": "OwnerId",
    "progress": "Progress",
    "snapshot-id": "SnapshotId",
    "start-time": "StartTime",
    "status": "State",
    "storage-tier": "StorageTier",
    "volume-id": "VolumeId",
    "volume-size": "VolumeSize",
}


def snapshot(identifier: str) -> common.Record:
    """Look up a snapshot."""
    return common.find(emulator.ec2._snapshots, identifier, "InvalidSnapshot", "snapshot")


def make(volume: common.Record, description: str) -> common.Record:
    """Make a snapshot of a volume: encrypted as the volume is, by the same key."""
    record: common.Record = {
        "SnapshotId": common.new_id("snap"),
        "VolumeId": volume["VolumeId"],
        "VolumeSize": volume["Size"],
        "Description": description,
        "State": "completed",
        "StartTime": common.now(),
        "Progress": "100%",
        "OwnerId": emulator.account(),
        "Encrypted": volume["Encrypted"],
        "KmsKeyId": volume.get("KmsKeyId"),
        "StorageTier": "standard",
    }
    emulator.ec2._snapshots[record["SnapshotId"]] = record
    return record


def create(request: dict[str, Any]) -> dict[str, Any]:
    """CreateSnapshot."""
    record = make(common.volume(common.required(request, "VolumeId")), request.get("Description", ""))
    common.tag(record["SnapshotId"], request, "snapshot")
    return _described(record)


def create_of_instance(request: dict[str, Any]) -> dict[str, Any]:
    """CreateSnapshots: of all volumes of an instance but those that are left out, at one moment."""
    wanted = common.required(request, "InstanceSpecification")
    instance = common.instance(common.required(wanted, "InstanceId"))
    left_out = set(wanted.get("ExcludeDataVolumeIds") or [])
    devices = {mapping["Ebs"]["VolumeId"]: mapping["DeviceName"] for mapping in instance["BlockDeviceMappings"]}
    for identifier in left_out:
        # "You can't specify the ID of the root volume", and only volumes of the instance.
        if identifier not in devices or devices[identifier] == instance["RootDeviceName"]:
            message = f"{identifier} is not a data volume that is attached to {instance['InstanceId']}"
            raise AwsError("InvalidParameterValue", message)
    if wanted.get("ExcludeBootVolume"):
        left_out |= {each for each, device in devices.items() if device == instance["RootDeviceName"]}
    made = []
    for identifier in devices:
        if identifier not in left_out:
            record = make(common.volume(identifier), request.get("Description", ""))
            common.tag(record["SnapshotId"], request, "snapshot")
            if request.get("CopyTagsFromSource") == "volume":
                own = common.tags_of(record["SnapshotId"])
                known = {tag["Key"] for tag in own}
                copied = [tag for tag in common.tags_of(identifier) if tag["Key"] not in known]
                emulator.ec2._tags[record["SnapshotId"]] = own + copied
            made.append(_described(record))
    return {"Snapshots": made}


def copy(request: dict[str, Any]) -> dict[str, Any]:
    """CopySnapshot, into the region of the request; a copy of an encrypted snapshot is encrypted."""
    where, identifier = common.required(request, "SourceRegion"), common.required(request, "SourceSnapshotId")
    source = emulator.ec2._snapshots.get_scoped(emulator.account(), where, identifier)
    if source is None:
        raise AwsError("InvalidSnapshot.NotFound", f"The snapshot '{identifier}' does not exist")
    encrypted = bool(source["Encrypted"] or request.get("Encrypted"))
    if request.get("KmsKeyId") and not encrypted:
        raise AwsError("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
    key = request.get("KmsKeyId") or (source.get("KmsKeyId") if where == emulator.region() else None)
    record = {
        **source,
        "SnapshotId": common.new_id("snap"),
        # CopySnapshot: "the snapshot copy has an arbitrary source volume ID. Do not use this volume ID for any purpose."
        "VolumeId": "vol-ffffffff",
        "Description": request.get("Description", ""),
        "StartTime": common.now(),
        "Encrypted": encrypted,
        "KmsKeyId": key,
    }
    emulator.ec2._snapshots[record["SnapshotId"]] = record
    common.tag(record["SnapshotId"], request, "snapshot")
    return {"SnapshotId": record["SnapshotId"], "Tags": common.tags_of(record["SnapshotId"])}


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeSnapshots."""
    records = common.chosen(emulator.ec2._snapshots, request.get("SnapshotIds"), "InvalidSnapshot", "snapshot")
    if owners := request.get("OwnerIds"):
        mine = {emulator.account() if owner == "self" else owner for owner in owners}
        records = [record for record in records if record["OwnerId"] in mine]
    return {"Snapshots": [_described(record) for record in filters.matching(records, request, "SnapshotId", _FILTERS)]}


def delete(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteSnapshot, refused while an image has it."""
    from local.adapter.ec2 import images

    identifier = snapshot(common.required(request, "SnapshotId"))["SnapshotId"]
    if holder := images.with_snapshot(identifier):
        raise AwsError("InvalidSnapshot.InUse", f"The snapshot {identifier} is currently in use by {holder}")
    del emulator.ec2._snapshots[identifier]
    emulator.ec2._tags.pop(identifier, None)
    return {}


def _described(record: common.Record) -> common.Record:
    return {**record, "Tags": common.tags_of(record["SnapshotId"])}


ACTIONS = {
    "CreateSnapshot": create,
    "CreateSnapshots": create_of_instance,
    "CopySnapshot": copy,
    "DescribeSnapshots": describe,
    "DeleteSnapshot": delete,
}
