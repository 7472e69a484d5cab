"""From a RunInstances request to an instance's record."""

from __future__ import annotations

import re
from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import common, launch_templates
from local.adapter.errors import AwsError

# RunInstances' documented defaults for the metadata service. The token default is "optional" for AMIs without
# `ImdsSupport`, which no RHEL or Ubuntu image has.
_METADATA_DEFAULTS = {
    "State": "applied",
    "HttpTokens": "optional",
    "HttpPutResponseHopLimit": 1,
    "HttpEndpoint": "enabled",
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}


def complete(request: dict[str, Any]) -> dict[str, Any]:
    """Put the launch template that a request names under it: what the request says itself wins."""
    chosen = request.get("LaunchTemplate")
    if not chosen:
        return request
    template = launch_template_data(chosen)
    merged = {**template, **request}
    for name in ("MetadataOptions", "Placement", "Monitoring"):
        if name in template and name in request:
            merged[name] = {**template[name], **request[name]}
    return merged


def launch_template_data(chosen: dict[str, Any]) -> dict[str, Any]:
    """The data of the version of a launch template that a request names."""
    identifier, name = chosen.get("LaunchTemplateId"), chosen.get("LaunchTemplateName")
    for template in emulator.ec2._launch_templates.values():
        if identifier == template["LaunchTemplateId"] or (name and name == template["LaunchTemplateName"]):
            break
    else:
        code = "InvalidLaunchTemplateId.NotFound" if identifier else "InvalidLaunchTemplateName.NotFoundException"
        raise AwsError(code, f"The specified launch template, {identifier or name}, does not exist.")
    wanted = str(chosen.get("Version") or "$Default")
    numbers = {"$Default": template["DefaultVersionNumber"], "$Latest": template["LatestVersionNumber"]}
    for version in template["Versions"]:
        if str(version["VersionNumber"]) == str(numbers.get(wanted, wanted)):
            return launch_templates.data(version["LaunchTemplateData"])
    message = f"Could not find the specified version {wanted} for the launch template with ID {identifier or name}."
    raise AwsError("InvalidLaunchTemplateId.VersionNotFound", message)


def subnet(wanted: dict[str, Any]) -> common.Record:
    """The subnet an instance goes to; without one EC2 takes a default subnet, in the zone asked for or the first."""
    interfaces = wanted.get("NetworkInterfaces") or [{}]
    identifier = interfaces[0].get("SubnetId") or wanted.get("SubnetId")
    if interfaces[0].get("NetworkInterfaceId"):
        identifier = common.interface(interfaces[0]["NetworkInterfaceId"])["SubnetId"]
    if wanted.get("NetworkInterfaces") and wanted.get("SubnetId"):
        message = "Network interfaces and an instance-level subnet ID may not be specified on the same request"
        raise AwsError("InvalidParameterCombination", message)
    zone = (wanted.get("Placement") or {}).get("AvailabilityZone")
    if identifier:
        found = common.subnet(identifier)
        if zone and zone != found["AvailabilityZone"]:
            message = (
                f"The availability zone '{zone}' does not match the subnet's availability zone '{found['AvailabilityZone']}'"
            )
            raise AwsError("InvalidParameterCombination", message)
        return found
    for record in emulator.ec2._subnets.values():
        if record.get("DefaultForAz") and zone in (None, record["AvailabilityZone"]):
            default: common.Record = record
            return default
    raise AwsError("MissingInput", "No subnets found for the default VPC. Please specify a subnet.")


def address(wanted: dict[str, Any]) -> str | None:
    """The private address a request fixes."""
    interfaces = wanted.get("NetworkInterfaces") or [{}]
    fixed: str | None = wanted.get("PrivateIpAddress") or interfaces[0].get("PrivateIpAddress")
    return fixed


def record(wanted: dict[str, Any], subnet: common.Record, index: int) -> common.Record:
    """Make the record of a running instance: everything but its interfaces, volumes and profile."""
    placement = wanted.get("Placement") or {}
    market = wanted.get("InstanceMarketOptions") or {}
    kind = wanted.get("InstanceType") or "m1.small"  # RunInstances' documented default
    return {
        "InstanceId": common.new_id("i"),
        "ImageId": wanted["ImageId"],
        "InstanceType": kind,
        "KeyName": wanted.get("KeyName"),
        "State": {"Code": 16, "Name": "running"},
        "AmiLaunchIndex": index,
        "LaunchTime": common.now(),
        "SubnetId": subnet["SubnetId"],
        "VpcId": subnet["VpcId"],
        "Placement": {
            "AvailabilityZone": subnet["AvailabilityZone"],
            "AvailabilityZoneId": subnet.get("AvailabilityZoneId"),
            "Tenancy": placement.get("Tenancy") or common.vpc(subnet["VpcId"]).get("InstanceTenancy", "default"),
            "HostId": placement.get("HostId"),
            "HostResourceGroupArn": placement.get("HostResourceGroupArn"),
            "Affinity": placement.get("Affinity"),
            "GroupName": placement.get("GroupName", ""),
        },
        "Monitoring": {"State": "enabled" if (wanted.get("Monitoring") or {}).get("Enabled") else "disabled"},
        "EbsOptimized": bool(wanted.get("EbsOptimized")),
        "MetadataOptions": {**_METADATA_DEFAULTS, **(wanted.get("MetadataOptions") or {})},
        "CapacityReservationSpecification": wanted.get("CapacityReservationSpecification")
        or {"CapacityReservationPreference": "open"},
        "InstanceLifecycle": market.get("MarketType"),
        "MaintenanceOptions": {"AutoRecovery": (wanted.get("MaintenanceOptions") or {}).get("AutoRecovery", "default")},
        "PrivateDnsNameOptions": wanted.get("PrivateDnsNameOptions"),
        "CpuOptions": wanted.get("CpuOptions"),
        "EnclaveOptions": {"Enabled": bool((wanted.get("EnclaveOptions") or {}).get("Enabled"))},
        "HibernationOptions": {"Configured": bool((wanted.get("HibernationOptions") or {}).get("Configured"))},
        "Architecture": architecture(kind),
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "EnaSupport": True,
        "RootDeviceType": "ebs",
        "SourceDestCheck": True,
        "SecurityGroups": [],
        "BlockDeviceMappings": [],
        "PublicDnsName": "",
        "_reservation": common.new_id("r"),
        "_user_data": wanted.get("UserData", ""),
        "_disable_api_termination": bool(wanted.get("DisableApiTermination")),
        "_disable_api_stop": bool(wanted.get("DisableApiStop")),
        "_shutdown_behavior": wanted.get("InstanceInitiatedShutdownBehavior") or "stop",
    }


def architecture(kind: str) -> str:
    """The architecture of an instance type: in its family's name a g after the generation, or a1, is Graviton."""
    family = kind.partition(".")[0]
    return "arm64" if re.fullmatch(r"a1|[a-z]+\d+[a-z]*g[a-z]*(-.*)?", family) else "x86_64"
