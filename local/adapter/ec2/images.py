"""Images that were made of instances, and what their instances say on their consoles.

Other images are not known here, as their contents aren't: every well-formed id may be launched.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, filters, snapshots
from local.adapter.errors import AwsError

# Not ministack's own store: it would look for Docker as soon as an image is in it.
_images: Any = emulator.ec2.AccountRegionScopedDict()
_gone: Any = emulator.ec2.AccountRegionScopedDict()
# Region and instance -> what its machine has said on its serial console.
_consoles: dict[tuple[str, str], str] = {}

# CreateImage, Name: "3-128 alphanumeric characters, parentheses, square brackets, spaces, periods, slashes, dashes, single
# quotes, at-signs, or underscores".
_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
# GetConsoleOutput: "the most recent 64 KB".
_CONSOLE_BYTES = 64 * 1024
_FILTERS: dict[str, str | filters.Getter] = {
    "architecture": "Architecture",
    "block-device-mapping.snapshot-id": "BlockDeviceMappings.Ebs.SnapshotId",
    "block-device-mapping.volume-size": "BlockDeviceMappings.Ebs.VolumeSize",
    "description": "Description",
    "image-id": "ImageId",
    "image-type": "ImageType",
    "is-public": "Public",
    "name": "Name",
    "owner-alias": "ImageOwnerAlias",
    "owner-id": "OwnerId",
    "platform": "Platform",
    "root-device-name": "RootDeviceName",
    "root-device-type": "RootDeviceType",
    "state": "State",
    "virtualization-type": "VirtualizationType",
}


def create(request: dict[str, Any]) -> dict[str, Any]:
    """CreateImage: snapshots of all volumes of an instance, and an image of these; done at once."""
    instance = common.instance(common.required(request, "InstanceId"))
    name = common.required(request, "Name")
    if not _NAME.fullmatch(name):
        raise AwsError("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long")
    if holder := next((each["ImageId"] for each in _images.values() if each["Name"] == name), None):
        raise AwsError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {holder}")
    for specification in request.get("TagSpecifications") or []:
        # CreateImage: "If you specify other values for ResourceType, the request fails."
        if specification.get("ResourceType") not in ("image", "snapshot"):
            message = f"'{specification.get('ResourceType')}' is not a valid taggable resource type for this operation."
            raise AwsError("InvalidParameterValue", message)
    if instance["State"]["Name"] not in ("running", "stopped"):
        raise AwsError("IncorrectInstanceState", f"Instance {instance['InstanceId']} is {instance['State']['Name']}.")
    identifier = common.new_id("ami")
    _images[identifier] = {
        "ImageId": identifier,
        "Name": name,
        "Description": request.get("Description", ""),
        "ImageLocation": f"{emulator.account()}/{name}",
        "State": "available",
        "OwnerId": emulator.account(),
        "CreationDate": common.now(),
        "Public": False,
        "Architecture": instance["Architecture"],
        "ImageType": "machine",
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "EnaSupport": True,
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
        "RootDeviceType": "ebs",
        "RootDeviceName": instance["RootDeviceName"],
        "BlockDeviceMappings": [_mapping(mapping, identifier, request) for mapping in instance["BlockDeviceMappings"]],
        "SourceInstanceId": instance["InstanceId"],
    }
    common.tag(identifier, request, "image")
    return {"ImageId": identifier}


def _mapping(mapping: common.Record, image: str, request: dict[str, Any]) -> common.Record:
    """A volume as an image has it: by a snapshot, of the volume's type and settings."""
    volume = common.volume(mapping["Ebs"]["VolumeId"])
    made = snapshots.make(volume, f"Created by CreateImage for {image}")
    common.tag(made["SnapshotId"], request, "snapshot")
    # EbsBlockDevice: what a type's volumes can't be asked for isn't there.
    names = {"gp3": ("Iops", "Throughput"), "io1": ("Iops",), "io2": ("Iops",)}.get(volume["VolumeType"], ())
    kept = {name: volume[name] for name in ("VolumeType", *names)}
    ebs = {"SnapshotId": made["SnapshotId"], "VolumeSize": volume["Size"], "Encrypted": volume["Encrypted"], **kept}
    return {
        "DeviceName": mapping["DeviceName"],
        "Ebs": {**ebs, "DeleteOnTermination": mapping["Ebs"]["DeleteOnTermination"]},
    }


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeImages: those that were made here, and those that ministack has as if everybody had them."""
    known = [*_images.values(), *(_stub(each) for each in emulator.ec2._STUB_AMIS)]
    if wanted := request.get("ImageIds"):
        found = {each["ImageId"]: each for each in known}
        if missing := [each for each in wanted if each not in found]:
            raise AwsError("InvalidAMIID.NotFound", f"The image id '[{', '.join(missing)}]' does not exist")
        known = [found[each] for each in wanted]
    if owners := request.get("Owners"):
        mine = {emulator.account() if owner == "self" else owner for owner in owners}
        known = [each for each in known if {each["OwnerId"], each.get("ImageOwnerAlias")} & mine]
    if users := request.get("ExecutableUsers"):
        known = [each for each in known if each["Public"] and "all" in users]
    found_images = filters.matching(known, request, "ImageId", _FILTERS)
    return {"Images": [{**each, "Tags": common.tags_of(each["ImageId"])} for each in found_images]}


def _stub(one: Any) -> common.Record:
    """One of ministack's images, as its own answer has it."""
    view = emulator.ec2._stub_image_view(*one)
    root = {"VolumeSize": 8, "VolumeType": "gp2", "DeleteOnTermination": True}
    kept = (
        "ImageId",
        "Name",
        "Description",
        "OwnerId",
        "Architecture",
        "RootDeviceType",
        "RootDeviceName",
        "VirtualizationType",
    )
    return {
        **{name: view[name] for name in kept},
        "ImageOwnerAlias": view.get("ImageOwnerAlias"),
        "Platform": view.get("Platform") or None,
        "ImageLocation": view["Name"],
        "ImageType": "machine",
        "Hypervisor": "xen",
        "State": "available",
        "Public": view["IsPublic"] == "true",
        "BlockDeviceMappings": [{"DeviceName": view["RootDeviceName"], "Ebs": root}],
    }


def deregister(request: dict[str, Any]) -> dict[str, Any]:
    """DeregisterImage: its snapshots stay, unless the request says otherwise."""
    identifier = common.required(request, "ImageId")
    image = _images.get(identifier)
    if image is None:
        raise AwsError("InvalidAMIID.NotFound", f"The image id '[{identifier}]' does not exist")
    del _images[identifier]
    _gone[identifier] = True
    emulator.ec2._tags.pop(identifier, None)
    if not request.get("DeleteAssociatedSnapshots"):
        return {"Return": True}
    results = []
    for mapping in image["BlockDeviceMappings"]:
        snapshots.delete({"SnapshotId": mapping["Ebs"]["SnapshotId"]})
        results.append({"SnapshotId": mapping["Ebs"]["SnapshotId"], "ReturnCode": "success"})
    return {"Return": True, "DeleteSnapshotResults": results}


def with_snapshot(identifier: str) -> str | None:
    """The image that has a snapshot."""
    for image in _images.values():
        if any(mapping["Ebs"]["SnapshotId"] == identifier for mapping in image["BlockDeviceMappings"]):
            return str(image["ImageId"])
    return None


def launched(wanted: dict[str, Any]) -> dict[str, Any]:
    """Put the volumes of the image that a launch names under those that the launch names itself.

    Raises:
        AwsError: The image is gone.
    """
    identifier = wanted["ImageId"]
    if identifier in _gone:
        raise AwsError("InvalidAMIID.NotFound", f"The image id '[{identifier}]' does not exist")
    image = _images.get(identifier)
    if image is None:
        return wanted
    own = {each["DeviceName"]: each for each in wanted.get("BlockDeviceMappings") or []}
    mappings = []
    for mapping in image["BlockDeviceMappings"]:
        given = own.pop(mapping["DeviceName"], {})
        if "NoDevice" not in given:
            mappings.append({"DeviceName": mapping["DeviceName"], "Ebs": {**mapping["Ebs"], **(given.get("Ebs") or {})}})
    return {**wanted, "BlockDeviceMappings": [*mappings, *own.values()]}


def console(request: dict[str, Any]) -> dict[str, Any]:
    """What a machine says on its console, as its driver tells; added to what it has said."""
    where = (str(request["region"]), str(request["instance_id"]))
    _consoles[where] = _consoles.get(where, "") + str(request["text"])
    return {}


def console_output(request: dict[str, Any]) -> dict[str, Any]:
    """GetConsoleOutput."""
    instance = common.instance(common.required(request, "InstanceId"))
    text = _consoles.get((emulator.region(), instance["InstanceId"]), "").encode()[-_CONSOLE_BYTES:]
    answer = {"InstanceId": instance["InstanceId"], "Timestamp": common.now()}
    # The API answers in base64, which boto3 reads. An instance that has said nothing has no output.
    return {**answer, "Output": base64.b64encode(text).decode()} if text else answer


ACTIONS = {
    "CreateImage": create,
    "DescribeImages": describe,
    "DeregisterImage": deregister,
    "GetConsoleOutput": console_output,
}
