"""Launching, describing, stopping, starting and terminating instances."""

from __future__ import annotations

import re
from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, filters, images, instance_request, interfaces, machines, volumes
from local.adapter.errors import AwsError

_STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
_FILTERS: dict[str, str | filters.Getter] = {
    "availability-zone": "Placement.AvailabilityZone",
    "block-device-mapping.volume-id": "BlockDeviceMappings.Ebs.VolumeId",
    "iam-instance-profile.arn": "IamInstanceProfile.Arn",
    "image-id": "ImageId",
    "instance-id": "InstanceId",
    "instance-state-code": "State.Code",
    "instance-state-name": "State.Name",
    "instance-type": "InstanceType",
    "instance.group-id": "SecurityGroups.GroupId",
    "ip-address": "PublicIpAddress",
    "metadata-options.http-tokens": "MetadataOptions.HttpTokens",
    "private-dns-name": "PrivateDnsName",
    "private-ip-address": "PrivateIpAddress",
    "root-device-name": "RootDeviceName",
    "subnet-id": "SubnetId",
    "tenancy": "Placement.Tenancy",
    "vpc-id": "VpcId",
}
# What every AMI brings where the launch says nothing else: its root device's name and size. AMIs are not emulated;
# /dev/sda1 is what the RHEL and Ubuntu images have, /dev/xvda Amazon Linux.
_ROOT_DEVICES = ("/dev/sda1", "/dev/xvda")
_ROOT_SIZE_GIB = 10


def set_state(instance: common.Record, name: str) -> None:
    """Put an instance into a state."""
    instance["State"] = {"Code": _STATES[name], "Name": name}


def run(request: dict[str, Any]) -> dict[str, Any]:
    """RunInstances."""
    wanted = instance_request.complete(request)
    image = common.required(wanted, "ImageId")
    # "InvalidAMIID.Malformed: the specified AMI ID is malformed" (EC2's error codes); whether it exists is unknown here.
    if not re.fullmatch(r"ami-([0-9a-f]{8}|[0-9a-f]{17})", image):
        raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{image}" (expecting "ami-...")')
    wanted = images.launched(wanted)
    least, most = int(wanted.get("MinCount", 1)), int(wanted.get("MaxCount", 1))
    if not 1 <= least <= most:
        raise AwsError("InvalidParameterValue", f"Value ({least}) for parameter minCount is invalid.")
    if most > 1 and instance_request.address(wanted):
        message = "The parameter PrivateIpAddress cannot be used when more than one instance is launched."
        raise AwsError("InvalidParameterCombination", message)
    launched = [_launch(wanted, index) for index in range(most)]
    return {
        "ReservationId": common.new_id("r"),
        "OwnerId": emulator.account(),
        "Instances": [described(instance) for instance in launched],
    }


def _launch(wanted: dict[str, Any], index: int) -> common.Record:
    """Launch one instance into its subnet's zone, with its interfaces and volumes."""
    subnet = instance_request.subnet(wanted)
    profile = wanted.get("IamInstanceProfile") or {}
    role, refusal = (None, None)
    if profile:
        role, refusal = emulator.ec2._resolve_iam_instance_profile(
            iam_arn=profile.get("Arn", ""), iam_name=profile.get("Name", ""), allow_missing=False
        )
    if refusal:
        raise AwsError(
            "InvalidParameterValue", f"Invalid IAM Instance Profile name {profile.get('Name') or profile.get('Arn')}"
        )
    instance = instance_request.record(wanted, subnet, index)
    machines.require_capacity(instance["InstanceType"], subnet["AvailabilityZone"])
    identifier = instance["InstanceId"]
    primary = _interfaces(instance, wanted, subnet)
    instance["SecurityGroups"] = primary["Groups"]
    emulator.ec2._instances[identifier] = instance
    try:
        _volumes(instance, wanted)
    except AwsError:
        _forget(instance)
        raise
    if role:
        instance["IamInstanceProfile"] = role
        emulator.ec2._upsert_iam_instance_profile_association(identifier, role)
    common.tag(identifier, wanted, "instance")
    common.tag(primary["NetworkInterfaceId"], wanted, "network-interface")
    return instance


def _interfaces(instance: common.Record, wanted: dict[str, Any], subnet: common.Record) -> common.Record:
    """Give the instance its interfaces and return the primary one."""
    requested = sorted(wanted.get("NetworkInterfaces") or [{}], key=lambda entry: int(entry.get("DeviceIndex", 0)))
    primary: common.Record = {}
    for number, entry in enumerate(requested):
        if entry.get("NetworkInterfaceId"):
            interface = common.interface(entry["NetworkInterfaceId"])
            if interface["Attachment"]:
                raise AwsError("InvalidNetworkInterface.InUse", f"Interface: {interface['NetworkInterfaceId']} in use.")
        else:
            where = common.subnet(entry["SubnetId"]) if entry.get("SubnetId") else subnet
            interface = interfaces.make(
                where,
                groups=entry.get("Groups") or wanted.get("SecurityGroupIds"),
                address=entry.get("PrivateIpAddress") or (wanted.get("PrivateIpAddress") if number == 0 else None),
                description=entry.get("Description", ""),
            )
        keep = bool(entry.get("NetworkInterfaceId"))
        delete = bool(entry.get("DeleteOnTermination", not keep))
        interfaces.attach(interface, instance["InstanceId"], number, delete_on_termination=delete)
        primary = primary or interface
    instance["PrivateIpAddress"] = primary["PrivateIpAddress"]
    instance["PrivateDnsName"] = primary["PrivateDnsName"]
    public = requested[0].get("AssociatePublicIpAddress", subnet.get("MapPublicIpOnLaunch", False))
    if public:
        instance["PublicIpAddress"] = emulator.ec2._random_ip("54.")
        instance["PublicDnsName"] = f"ec2-{instance['PublicIpAddress'].replace('.', '-')}.compute.amazonaws.com"
    return primary


def _volumes(instance: common.Record, wanted: dict[str, Any]) -> None:
    """Make and attach the root volume and those of the block device mappings."""
    mappings = [dict(mapping) for mapping in wanted.get("BlockDeviceMappings") or [] if mapping.get("Ebs")]
    root = next((mapping["DeviceName"] for mapping in mappings if mapping["DeviceName"] in _ROOT_DEVICES), None)
    if root is None:
        root = _ROOT_DEVICES[0]
        mappings.insert(0, {"DeviceName": root, "Ebs": {}})
    instance["RootDeviceName"] = root
    for mapping in mappings:
        ebs = dict(mapping["Ebs"])
        is_root = mapping["DeviceName"] == root
        if is_root:
            ebs.setdefault("VolumeSize", _ROOT_SIZE_GIB)
        volume = volumes.make(ebs, instance["Placement"]["AvailabilityZone"])
        # RunInstances: volumes of a block device mapping go with the instance unless it says otherwise.
        delete = bool(ebs.get("DeleteOnTermination", True))
        volumes.attach(volume, instance, mapping["DeviceName"], delete_on_termination=delete)
        common.tag(volume["VolumeId"], wanted, "volume")


def _forget(instance: common.Record) -> None:
    """Undo a launch that failed half-way."""
    _release(instance)
    emulator.ec2._instances.pop(instance["InstanceId"], None)


def _release(instance: common.Record) -> None:
    """Take an ended instance's interfaces and volumes away, or let go of those that stay."""
    for interface in interfaces.of_instance(instance["InstanceId"]):
        if interface["Attachment"]["DeleteOnTermination"]:
            del emulator.ec2._network_interfaces[interface["NetworkInterfaceId"]]
        else:
            interface["Status"], interface["Attachment"] = "available", None
    for mapping in list(instance["BlockDeviceMappings"]):
        volume = emulator.ec2._volumes[mapping["Ebs"]["VolumeId"]]
        volumes.detach(volume, instance["InstanceId"])
        if mapping["Ebs"]["DeleteOnTermination"]:
            del emulator.ec2._volumes[volume["VolumeId"]]


def described(instance: common.Record) -> common.Record:
    """An instance as an answer carries it: with its tags and its interfaces."""
    answer = {**instance, "Tags": common.tags_of(instance["InstanceId"])}
    answer["NetworkInterfaces"] = [
        interfaces.described(interface) for interface in interfaces.of_instance(instance["InstanceId"])
    ]
    if answer["NetworkInterfaces"]:
        answer["SourceDestCheck"] = answer["NetworkInterfaces"][0]["SourceDestCheck"]
        answer["SecurityGroups"] = answer["NetworkInterfaces"][0]["Groups"]
    for address in emulator.ec2._addresses.values():
        if address.get("InstanceId") == instance["InstanceId"]:
            answer["PublicIpAddress"] = address["PublicIp"]
    return answer


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeInstances."""
    emulator.ec2._cleanup_terminated()
    for identifier in request.get("InstanceIds") or []:
        if not emulator.ec2._INSTANCE_ID_RE.match(identifier):
            raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{identifier}"')
    store = emulator.ec2._instances
    records = common.chosen(store, request.get("InstanceIds"), "InvalidInstanceID", "instance ID")
    found = filters.matching(records, request, "InstanceId", _FILTERS)
    return {
        "Reservations": [
            {
                "ReservationId": instance["_reservation"],
                "OwnerId": emulator.account(),
                "Instances": [described(instance)],
            }
            for instance in found
        ]
    }


def terminate(request: dict[str, Any]) -> dict[str, Any]:
    """TerminateInstances."""
    ended = [common.instance(identifier) for identifier in common.required(request, "InstanceIds")]
    for instance in ended:
        if instance["_disable_api_termination"]:
            message = f"The instance '{instance['InstanceId']}' may not be terminated. Modify its "
            raise AwsError("OperationNotPermitted", message + "'disableApiTermination' instance attribute and try again.")
    changes = [_change(instance, "terminated") for instance in ended]
    for instance in ended:
        _release(instance)
        instance["_terminated_at"] = 0.0
        association = emulator.ec2._find_active_iam_instance_profile_association(instance["InstanceId"])
        if association:
            emulator.ec2._mark_iam_instance_profile_association_disassociated(association)
    return {"TerminatingInstances": changes}


def stop(request: dict[str, Any]) -> dict[str, Any]:
    """StopInstances."""
    stopped = [_live(identifier) for identifier in common.required(request, "InstanceIds")]
    for instance in stopped:
        if instance["_disable_api_stop"]:
            message = f"The instance '{instance['InstanceId']}' may not be stopped. Modify its 'disableApiStop' "
            raise AwsError("OperationNotPermitted", message + "instance attribute and try again.")
    return {"StoppingInstances": [_change(instance, machines.state_after(instance, "stopped")) for instance in stopped]}


def start(request: dict[str, Any]) -> dict[str, Any]:
    """StartInstances; an instance that was stopped gets a new launch time, as on AWS."""
    started = [_live(identifier) for identifier in common.required(request, "InstanceIds")]
    for instance in started:
        if instance["State"]["Name"] == "stopping":
            message = f"The instance '{instance['InstanceId']}' is not in a state from which it can be started."
            raise AwsError("IncorrectInstanceState", message)
        if instance["State"]["Name"] == "stopped":
            machines.require_capacity(instance["InstanceType"], instance["Placement"]["AvailabilityZone"])
    for instance in started:
        if instance["State"]["Name"] == "stopped":
            instance["LaunchTime"] = common.now()
    return {"StartingInstances": [_change(instance, machines.state_after(instance, "running")) for instance in started]}


def _live(identifier: str) -> common.Record:
    """Look up an instance that can still be stopped or started."""
    instance = common.instance(identifier)
    if instance["State"]["Name"] == "terminated":
        message = f"The instance '{identifier}' is not in a state from which it can be started or stopped."
        raise AwsError("IncorrectInstanceState", message)
    return instance


def _change(instance: common.Record, state: str) -> common.Record:
    """Change an instance's state at once and report both."""
    before = instance["State"]
    set_state(instance, state)
    return {"InstanceId": instance["InstanceId"], "PreviousState": before, "CurrentState": instance["State"]}


ACTIONS = {
    "RunInstances": run,
    "DescribeInstances": describe,
    "TerminateInstances": terminate,
    "StopInstances": stop,
    "StartInstances": start,
}
