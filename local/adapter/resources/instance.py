"""AWS::EC2::Instance."""

from __future__ import annotations

from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, instances, table
from local.adapter.resources import tags
from local.adapter.resources.handler import Handler, Made, Properties, ReplacementError, Resource, changed

_TYPE = "AWS::EC2::Instance"
# Named alike in the template and in RunInstances.
_SAME = (
    "ImageId",
    "InstanceType",
    "KeyName",
    "SubnetId",
    "PrivateIpAddress",
    "SecurityGroupIds",
    "SecurityGroups",
    "UserData",
    "EbsOptimized",
    "DisableApiTermination",
    "InstanceInitiatedShutdownBehavior",
    "BlockDeviceMappings",
    "CpuOptions",
    "EnclaveOptions",
    "HibernationOptions",
    "LaunchTemplate",
    "MetadataOptions",
    "PrivateDnsNameOptions",
)
_PLACEMENT = {
    "AvailabilityZone": "AvailabilityZone",
    "Tenancy": "Tenancy",
    "HostId": "HostId",
    "HostResourceGroupArn": "HostResourceGroupArn",
    "Affinity": "Affinity",
    "PlacementGroupName": "GroupName",
}
# "Update requires: Some interruptions": an EBS-backed instance is stopped, changed and started.
_STOPPING = {
    "InstanceType": "InstanceType",
    "UserData": "UserData",
    "EbsOptimized": "EbsOptimized",
    "Tenancy": "",
    "HostId": "",
    "Affinity": "",
}


def create(resource: Resource) -> Made:
    """Launch the instance, then attach the volumes of its `Volumes` property."""
    given = resource.properties
    request: dict[str, Any] = {name: given[name] for name in _SAME if name in given}
    placement = {name: given[prop] for prop, name in _PLACEMENT.items() if prop in given}
    if placement:
        request["Placement"] = placement
    if "Monitoring" in given:
        request["Monitoring"] = {"Enabled": given["Monitoring"]}
    if "IamInstanceProfile" in given:
        request["IamInstanceProfile"] = {"Name": given["IamInstanceProfile"]}
    if "NetworkInterfaces" in given:
        request["NetworkInterfaces"] = [_interface(entry) for entry in given["NetworkInterfaces"]]
    specifications = resource.tags("instance")
    if specifications and str(given.get("PropagateTagsToVolumeOnCreation")).lower() == "true":
        specifications = [*specifications, *resource.tags("volume")]
    answer = table.call("RunInstances", MinCount=1, MaxCount=1, TagSpecifications=specifications, **request)
    identifier = answer["Instances"][0]["InstanceId"]
    if "SourceDestCheck" in given:
        _set(identifier, SourceDestCheck={"Value": given["SourceDestCheck"]})
    for entry in given.get("Volumes") or []:
        table.call("AttachVolume", InstanceId=identifier, VolumeId=entry["VolumeId"], Device=entry["Device"])
    return identifier, _attributes(identifier)


def _interface(entry: dict[str, Any]) -> dict[str, Any]:
    """A network interface of the template as RunInstances takes it."""
    request = {("Groups" if name == "GroupSet" else name): value for name, value in entry.items()}
    request.pop("AssociateCarrierIpAddress", None)
    return request


def _set(identifier: str, **attributes: Any) -> None:
    """Change an attribute of the instance."""
    table.call("ModifyInstanceAttribute", InstanceId=identifier, **attributes)


def _attributes(identifier: str) -> dict[str, Any]:
    """What `Fn::GetAtt` returns."""
    instance = instances.described(common.instance(identifier))
    return {
        "InstanceId": identifier,
        "AvailabilityZone": instance["Placement"]["AvailabilityZone"],
        "PrivateIp": instance["PrivateIpAddress"],
        "PrivateDnsName": instance["PrivateDnsName"],
        "PublicIp": instance.get("PublicIpAddress") or "",
        "PublicDnsName": instance["PublicDnsName"],
        "VpcId": instance["VpcId"],
        "State.Code": str(instance["State"]["Code"]),
        "State.Name": instance["State"]["Name"],
    }


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the instance in place, stopping it first where AWS does."""
    new = resource.properties
    differing = changed(old, new)
    if "BlockDeviceMappings" in differing:
        raise ReplacementError  # anything but DeleteOnTermination replaces; the difference is not worth telling apart here
    stopping = differing & set(_STOPPING)
    if stopping:
        table.call("StopInstances", InstanceIds=[physical_id])
        instance = common.instance(physical_id)
        for name in stopping:
            if _STOPPING[name]:
                default = False if name == "EbsOptimized" else ""
                _set(physical_id, **{name: {"Value": _value(name, new.get(name, default))}})
            else:
                instance["Placement"][name] = new.get(name, "default" if name == "Tenancy" else None)
        table.call("StartInstances", InstanceIds=[physical_id])
    _update_running(physical_id, differing, old, new)
    tags.change(physical_id, old, new)
    return physical_id, _attributes(physical_id)


def _value(name: str, value: Any) -> Any:
    """User data is binary in ModifyInstanceAttribute, and text in the template."""
    return str(value).encode() if name == "UserData" else value


def _update_running(physical_id: str, differing: set[str], old: Properties, new: Properties) -> None:
    """Change what does not need a stop."""
    if "SecurityGroupIds" in differing:
        _set(physical_id, Groups=new.get("SecurityGroupIds") or [])
    for name, default in (("DisableApiTermination", False), ("SourceDestCheck", True)):
        if name in differing:
            _set(physical_id, **{name: {"Value": new.get(name, default)}})
    if "InstanceInitiatedShutdownBehavior" in differing:
        behavior = new.get("InstanceInitiatedShutdownBehavior", "stop")
        _set(physical_id, InstanceInitiatedShutdownBehavior={"Value": behavior})
    if "Monitoring" in differing:
        on = str(new.get("Monitoring", False)).lower() == "true"
        table.call("MonitorInstances" if on else "UnmonitorInstances", InstanceIds=[physical_id])
    if "MetadataOptions" in differing:
        table.call("ModifyInstanceMetadataOptions", InstanceId=physical_id, **(new.get("MetadataOptions") or {}))
    if "IamInstanceProfile" in differing:
        _change_profile(physical_id, new.get("IamInstanceProfile"))
    if "Volumes" in differing:
        before, after = _volumes(old), _volumes(new)
        for volume in before.keys() - after.keys():
            table.call("DetachVolume", InstanceId=physical_id, VolumeId=volume)
        for volume in after.keys() - before.keys():
            table.call("AttachVolume", InstanceId=physical_id, VolumeId=volume, Device=after[volume])


def _volumes(properties: Properties) -> dict[str, str]:
    """The device of each volume of the `Volumes` property."""
    return {entry["VolumeId"]: entry["Device"] for entry in properties.get("Volumes") or []}


def _change_profile(physical_id: str, name: str | None) -> None:
    """Associate another instance profile, or none."""
    module = emulator.ec2
    association = module._find_active_iam_instance_profile_association(physical_id)
    if association:
        module._mark_iam_instance_profile_association_disassociated(association)
    instance = common.instance(physical_id)
    instance["IamInstanceProfile"] = None
    if name:
        profile, _ = module._resolve_iam_instance_profile(iam_name=name, allow_missing=False)
        instance["IamInstanceProfile"] = profile
        module._upsert_iam_instance_profile_association(physical_id, profile)


def delete(physical_id: str, properties: Properties) -> None:
    """Terminate the instance; one with termination protection refuses, as on AWS."""
    if physical_id in emulator.ec2._instances:
        table.call("TerminateInstances", InstanceIds=[physical_id])


HANDLERS = {
    _TYPE: Handler(
        create=create,
        update=update,
        delete=delete,
        tags=True,
        known=(
            *_SAME,
            *_PLACEMENT,
            "IamInstanceProfile",
            "Monitoring",
            "NetworkInterfaces",
            "PropagateTagsToVolumeOnCreation",
            "SourceDestCheck",
            "Tags",
            "Volumes",
        ),
        replacing=(
            "AvailabilityZone",
            "CpuOptions",
            "EnclaveOptions",
            "HibernationOptions",
            "HostResourceGroupArn",
            "ImageId",
            "KeyName",
            "LaunchTemplate",
            "NetworkInterfaces",
            "PlacementGroupName",
            "PrivateIpAddress",
            "SecurityGroups",
            "SubnetId",
        ),
    )
}
