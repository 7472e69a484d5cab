"""EBS volumes and their attachments."""

from __future__ import annotations

from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, filters, snapshots, volume_limits
from local.adapter.errors import AwsError

_FILTERS: dict[str, str | filters.Getter] = {
    "attachment.attach-time": "Attachments.AttachTime",
    "attachment.delete-on-termination": "Attachments.DeleteOnTermination",
    "attachment.device": "Attachments.Device",
    "attachment.instance-id": "Attachments.InstanceId",
    "attachment.status": "Attachments.State",
    "availability-zone": "AvailabilityZone",
    "create-time": "CreateTime",
    "encrypted": "Encrypted",
    "multi-attach-enabled": "MultiAttachEnabled",
    "size": "Size",
    "snapshot-id": "SnapshotId",
    "status": "State",
    "volume-id": "VolumeId",
    "volume-type": "VolumeType",
}


def make(specification: dict[str, Any], zone: str) -> common.Record:
    """Make a volume from a request or from a block device mapping.

    Args:
        specification: ``VolumeType``, ``Size`` or ``VolumeSize``, ``Iops``, ``Throughput``, ``Encrypted``,
            ``KmsKeyId``, ``SnapshotId``, ``MultiAttachEnabled``, as CreateVolume takes them.
        zone: The availability zone.
    """
    size = specification.get("Size") or specification.get("VolumeSize")
    snapshot = specification.get("SnapshotId")
    source: common.Record = snapshots.snapshot(snapshot) if snapshot else {}
    size = source.get("VolumeSize") if size is None else size
    if size is None:
        raise AwsError("MissingParameter", "The request must contain the parameter size or snapshotId")
    kind = specification.get("VolumeType") or "gp2"  # CreateVolume's documented default
    limits = volume_limits.check(kind, int(size), specification.get("Iops"), specification.get("Throughput"))
    if int(size) < source.get("VolumeSize", 0):
        message = f"The volume size {size} is smaller than the snapshot's, {source['VolumeSize']} GiB"
        raise AwsError("InvalidParameterValue", message)
    # "Amazon EBS encryption": what is made of an encrypted snapshot is encrypted, by its key if no other one is named.
    encrypted = bool(specification.get("Encrypted") or source.get("Encrypted"))
    if specification.get("KmsKeyId") and not encrypted:
        raise AwsError("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
    record: common.Record = {
        "VolumeId": common.new_id("vol"),
        "AvailabilityZone": zone,
        "Size": int(size),
        "VolumeType": kind,
        **limits,
        "State": "available",
        "SnapshotId": snapshot or "",
        "Encrypted": encrypted,
        "KmsKeyId": specification.get("KmsKeyId") or source.get("KmsKeyId"),
        "MultiAttachEnabled": bool(specification.get("MultiAttachEnabled")),
        "CreateTime": common.now(),
        "Attachments": [],
    }
    emulator.ec2._volumes[record["VolumeId"]] = record
    return record


def create(request: dict[str, Any]) -> dict[str, Any]:
    """CreateVolume."""
    zone = common.required(request, "AvailabilityZone")
    if not zone.startswith(emulator.region()):
        raise AwsError("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    if (token := request.get("ClientToken")) and (made := _made_before(str(token), request)):
        return _described(made)
    record = make(request, zone)
    common.tag(record["VolumeId"], request, "volume")
    if token:
        _tokens[emulator.region(), str(token)] = (record["VolumeId"], dict(request))
    return _described(record)


#: Region and client token -> the volume that was made, and the request.
_tokens: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}


def _made_before(token: str, request: dict[str, Any]) -> common.Record | None:
    """The volume that an equal request with this token has made. "Ensuring idempotency in Amazon EC2 API requests"."""
    identifier, before = _tokens.get((emulator.region(), token), ("", {}))
    found: common.Record | None = emulator.ec2._volumes.get(identifier)
    if found is not None and before != request:
        message = "The client token you have provided is associated with a resource whose parameters differ."
        raise AwsError("IdempotentParameterMismatch", message)
    return found


def delete(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteVolume."""
    record = common.volume(common.required(request, "VolumeId"))
    identifier = record["VolumeId"]
    if record["Attachments"]:
        holder = record["Attachments"][0]["InstanceId"]
        raise AwsError("VolumeInUse", f"Volume {identifier} is currently attached to {holder}")
    del emulator.ec2._volumes[identifier]
    emulator.ec2._tags.pop(identifier, None)
    return {}


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeVolumes."""
    records = common.chosen(emulator.ec2._volumes, request.get("VolumeIds"), "InvalidVolume", "volume")
    found = filters.matching(records, request, "VolumeId", _FILTERS)
    return {"Volumes": [_described(record) for record in found]}


def _described(record: common.Record) -> common.Record:
    """A record as an answer carries it."""
    return {**record, "Tags": common.tags_of(record["VolumeId"])}


def attach(record: common.Record, instance: common.Record, device: str, *, delete_on_termination: bool) -> common.Record:
    """Attach a volume to an instance, refusing what EC2 refuses.

    Raises:
        AwsError: ``InvalidVolume.ZoneMismatch``, ``VolumeInUse``, ``IncorrectState``, or ``InvalidParameterValue``
            for a device name that is taken.
    """
    identifier, holder = record["VolumeId"], instance["InstanceId"]
    if record["AvailabilityZone"] != instance["Placement"]["AvailabilityZone"]:
        message = f"The volume '{identifier}' is not in the same availability zone as instance '{holder}'"
        raise AwsError("InvalidVolume.ZoneMismatch", message)
    # "Attach an EBS volume to multiple instances using Multi-Attach": up to 16 instances.
    if record["Attachments"] and not (record["MultiAttachEnabled"] and len(record["Attachments"]) < 16):
        raise AwsError("VolumeInUse", f"{identifier} is already attached to an instance")
    if any(entry["InstanceId"] == holder for entry in record["Attachments"]):
        raise AwsError("VolumeInUse", f"{identifier} is already attached to an instance")
    if instance["State"]["Name"] not in ("running", "stopped"):
        message = f"Instance '{holder}' is not 'running'."
        raise AwsError("IncorrectState", message)
    if any(mapping["DeviceName"] == device for mapping in instance["BlockDeviceMappings"]):
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use",
        )
    attachment = {
        "VolumeId": identifier,
        "InstanceId": holder,
        "Device": device,
        "State": "attached",
        "AttachTime": common.now(),
        "DeleteOnTermination": delete_on_termination,
    }
    record["Attachments"].append(attachment)
    record["State"] = "in-use"
    ebs = {
        "VolumeId": identifier,
        "Status": "attached",
        "AttachTime": attachment["AttachTime"],
        "DeleteOnTermination": delete_on_termination,
    }
    instance["BlockDeviceMappings"].append({"DeviceName": device, "Ebs": ebs})
    return attachment


def detach(record: common.Record, instance_id: str) -> common.Record:
    """Detach a volume from an instance."""
    attachment: common.Record = next(entry for entry in record["Attachments"] if entry["InstanceId"] == instance_id)
    record["Attachments"].remove(attachment)
    record["State"] = "in-use" if record["Attachments"] else "available"
    instance = emulator.ec2._instances.get(instance_id)
    if instance:
        instance["BlockDeviceMappings"] = [
            mapping for mapping in instance["BlockDeviceMappings"] if mapping["Ebs"]["VolumeId"] != record["VolumeId"]
        ]
    return {**attachment, "State": "detached"}


def attach_volume(request: dict[str, Any]) -> dict[str, Any]:
    """AttachVolume."""
    record = common.volume(common.required(request, "VolumeId"))
    instance = common.instance(common.required(request, "InstanceId"))
    return attach(record, instance, common.required(request, "Device"), delete_on_termination=False)


def detach_volume(request: dict[str, Any]) -> dict[str, Any]:
    """DetachVolume."""
    record = common.volume(common.required(request, "VolumeId"))
    identifier, wanted = record["VolumeId"], request.get("InstanceId")
    if not record["Attachments"]:
        raise AwsError("IncorrectState", f"Volume '{identifier}' is in the 'available' state.")
    holders = [entry["InstanceId"] for entry in record["Attachments"]]
    if wanted and wanted not in holders:
        message = f"The volume '{identifier}' is not attached to instance '{wanted}'."
        raise AwsError("InvalidAttachment.NotFound", message)
    holder = common.instance(wanted or holders[0])
    attachment = next(entry for entry in record["Attachments"] if entry["InstanceId"] == holder["InstanceId"])
    if attachment["Device"] == holder["RootDeviceName"] and holder["State"]["Name"] != "stopped":
        message = f"Unable to detach root volume '{identifier}' from instance '{holder['InstanceId']}'"
        raise AwsError("OperationNotPermitted", message)
    return detach(record, holder["InstanceId"])


def modify(request: dict[str, Any]) -> dict[str, Any]:
    """ModifyVolume: type, size (which only grows), IOPS and throughput; done at once."""
    record = common.volume(common.required(request, "VolumeId"))
    before = {name: record.get(name) for name in ("Size", "VolumeType", "Iops", "Throughput")}
    kind, size = str(request.get("VolumeType") or record["VolumeType"]), int(request.get("Size") or record["Size"])
    if size < record["Size"]:
        message = f"New size cannot be smaller than existing size {record['Size']}."
        raise AwsError("InvalidParameterValue", message)
    same = kind == record["VolumeType"]
    iops = request.get("Iops", record.get("Iops") if same and kind not in ("gp2", "st1", "sc1", "standard") else None)
    throughput = request.get("Throughput", record.get("Throughput") if same and kind == "gp3" else None)
    record.update(Size=size, VolumeType=kind, **volume_limits.check(kind, size, iops, throughput))
    return {
        "VolumeModification": {
            "VolumeId": record["VolumeId"],
            "ModificationState": "completed",
            "Progress": 100,
            "StartTime": common.now(),
            **{f"Original{name}": value for name, value in before.items()},
            **{f"Target{name}": record.get(name) for name in before},
        }
    }


ACTIONS = {
    "CreateVolume": create,
    "DeleteVolume": delete,
    "DescribeVolumes": describe,
    "AttachVolume": attach_volume,
    "DetachVolume": detach_volume,
    "ModifyVolume": modify,
}
