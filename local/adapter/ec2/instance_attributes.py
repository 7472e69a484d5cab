"""Reading and changing single attributes of an instance."""

from __future__ import annotations

from typing import Any

from local.adapter.ec2 import common, interfaces
from local.adapter.errors import AwsError

# ModifyInstanceAttribute: "you must first stop the instance" to change these.
_NEED_STOPPED = ("InstanceType", "UserData", "EbsOptimized", "Kernel", "Ramdisk", "EnaSupport", "SriovNetSupport")


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeInstanceAttribute."""
    instance = common.instance(common.required(request, "InstanceId"))
    attribute = common.required(request, "Attribute")
    primary = interfaces.of_instance(instance["InstanceId"])
    answers: dict[str, dict[str, Any]] = {
        "instanceType": {"InstanceType": {"Value": instance["InstanceType"]}},
        "userData": {"UserData": {"Value": instance["_user_data"] or None}},
        "disableApiTermination": {"DisableApiTermination": {"Value": instance["_disable_api_termination"]}},
        "disableApiStop": {"DisableApiStop": {"Value": instance["_disable_api_stop"]}},
        "instanceInitiatedShutdownBehavior": {"InstanceInitiatedShutdownBehavior": {"Value": instance["_shutdown_behavior"]}},
        "rootDeviceName": {"RootDeviceName": {"Value": instance["RootDeviceName"]}},
        "blockDeviceMapping": {"BlockDeviceMappings": instance["BlockDeviceMappings"]},
        "sourceDestCheck": {"SourceDestCheck": {"Value": primary[0]["SourceDestCheck"] if primary else True}},
        "groupSet": {"Groups": primary[0]["Groups"] if primary else []},
        "ebsOptimized": {"EbsOptimized": {"Value": instance["EbsOptimized"]}},
        "enaSupport": {"EnaSupport": {"Value": True}},
        "enclaveOptions": {"EnclaveOptions": instance["EnclaveOptions"]},
        "productCodes": {"ProductCodes": []},
    }
    if attribute not in answers:
        raise AwsError("InvalidParameterValue", f"Value ({attribute}) for parameter attribute is invalid.")
    return {"InstanceId": instance["InstanceId"], **answers[attribute]}


def modify(request: dict[str, Any]) -> dict[str, Any]:
    """ModifyInstanceAttribute."""
    instance = common.instance(common.required(request, "InstanceId"))
    given = {name: value for name, value in request.items() if name not in ("InstanceId", "DryRun")}
    if "Attribute" in given:
        # The older form: an attribute's name and its value as text.
        name = given.pop("Attribute")
        given[name[0].upper() + name[1:]] = {"Value": given.pop("Value", "")}
    if any(name in given for name in _NEED_STOPPED) and instance["State"]["Name"] != "stopped":
        message = f"The instance '{instance['InstanceId']}' is not in the 'stopped' state."
        raise AwsError("IncorrectInstanceState", message)
    for name, value in given.items():
        _set(instance, name, value)
    return {}


def _set(instance: common.Record, name: str, value: Any) -> None:
    """Change one attribute."""
    primary = interfaces.of_instance(instance["InstanceId"])[0]
    content = value.get("Value") if isinstance(value, dict) else value
    true = content is True or str(content).lower() == "true"
    if name == "SourceDestCheck":
        primary["SourceDestCheck"] = true
    elif name == "DisableApiTermination":
        instance["_disable_api_termination"] = true
    elif name == "DisableApiStop":
        instance["_disable_api_stop"] = true
    elif name == "EbsOptimized":
        instance["EbsOptimized"] = true
    elif name == "InstanceType":
        instance["InstanceType"] = content
    elif name == "UserData":
        instance["_user_data"] = content.decode() if isinstance(content, bytes) else content
    elif name == "InstanceInitiatedShutdownBehavior":
        instance["_shutdown_behavior"] = content
    elif name == "Groups":
        primary["Groups"] = common.security_groups(value, primary["VpcId"])
        instance["SecurityGroups"] = primary["Groups"]
    elif name == "BlockDeviceMappings":
        _set_mappings(instance, value)
    else:
        raise AwsError("InvalidParameterCombination", f"No attributes specified, or one that is not emulated: {name}")


def _set_mappings(instance: common.Record, wanted: list[dict[str, Any]]) -> None:
    """Change whether volumes end with the instance."""
    for entry in wanted:
        for mapping in instance["BlockDeviceMappings"]:
            if mapping["DeviceName"] == entry.get("DeviceName"):
                delete = bool((entry.get("Ebs") or {}).get("DeleteOnTermination"))
                mapping["Ebs"]["DeleteOnTermination"] = delete
                for attachment in common.volume(mapping["Ebs"]["VolumeId"])["Attachments"]:
                    attachment["DeleteOnTermination"] = delete


def modify_metadata_options(request: dict[str, Any]) -> dict[str, Any]:
    """ModifyInstanceMetadataOptions."""
    instance = common.instance(common.required(request, "InstanceId"))
    given = {name: value for name, value in request.items() if name not in ("InstanceId", "DryRun")}
    instance["MetadataOptions"] = {**instance["MetadataOptions"], **given}
    return {"InstanceId": instance["InstanceId"], "InstanceMetadataOptions": instance["MetadataOptions"]}


def monitor(request: dict[str, Any]) -> dict[str, Any]:
    """MonitorInstances."""
    return _set_monitoring(request, "enabled")


def unmonitor(request: dict[str, Any]) -> dict[str, Any]:
    """UnmonitorInstances."""
    return _set_monitoring(request, "disabled")


def _set_monitoring(request: dict[str, Any], state: str) -> dict[str, Any]:
    """Switch detailed monitoring."""
    changed = [common.instance(identifier) for identifier in common.required(request, "InstanceIds")]
    for instance in changed:
        instance["Monitoring"] = {"State": state}
    return {
        "InstanceMonitorings": [
            {"InstanceId": instance["InstanceId"], "Monitoring": instance["Monitoring"]} for instance in changed
        ]
    }


ACTIONS = {
    "DescribeInstanceAttribute": describe,
    "ModifyInstanceAttribute": modify,
    "ModifyInstanceMetadataOptions": modify_metadata_options,
    "MonitorInstances": monitor,
    "UnmonitorInstances": unmonitor,
}
