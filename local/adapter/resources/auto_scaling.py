"""AWS::AutoScaling::AutoScalingGroup; policies, hooks and schedules are ministack's."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from local.adapter import auto_scaling, elbv2, emulator
from local.adapter.ec2 import common, instance_request
from local.adapter.errors import AwsError
from local.adapter.resources.handler import Handler, Made, Properties, Resource

if TYPE_CHECKING:
    from local.adapter.auto_scaling import Record

# Kept and reported as the template has them.
_SAME = (
    "MixedInstancesPolicy",
    "TerminationPolicies",
    "TargetGroupARNs",
    "HealthCheckType",
    "PlacementGroup",
    "ServiceLinkedRoleARN",
    "InstanceMaintenancePolicy",
    "AvailabilityZoneDistribution",
    "Context",
    "DesiredCapacityType",
)
_NUMBERS = {
    "Cooldown": "DefaultCooldown",
    "HealthCheckGracePeriod": "HealthCheckGracePeriod",
    "MaxInstanceLifetime": "MaxInstanceLifetime",
    "DefaultInstanceWarmup": "DefaultInstanceWarmup",
}
_SIZES = ("MinSize", "MaxSize", "DesiredCapacity")
_SWITCHES = ("CapacityRebalance", "NewInstancesProtectedFromScaleIn")


def create(resource: Resource) -> Made:
    """Create the group and launch its instances."""
    name = resource.properties.get("AutoScalingGroupName") or resource.name()
    if name in auto_scaling.service._asgs:
        raise AwsError("AlreadyExists", f"AutoScalingGroup by this name already exists - {name}")
    record: Record = {
        "AutoScalingGroupName": name,
        "AutoScalingGroupARN": auto_scaling.service._asg_arn(name),
        "CreatedTime": common.now(),
        "Instances": [],
        "Status": "",
    }
    _set(record, resource)
    auto_scaling.service._asgs[name] = record
    auto_scaling.service._tags[name] = record["Tags"]
    for hook in resource.properties.get("LifecycleHookSpecificationList") or []:
        key = f"{name}/{hook['LifecycleHookName']}"
        made = auto_scaling.service._hook_record(name, hook["LifecycleHookName"], hook)
        auto_scaling.service._hooks[key] = made
    try:
        auto_scaling.reconcile(record)
    except AwsError:
        delete(name, {})
        raise
    return name, _attributes(record)


def _set(record: Record, resource: Resource) -> None:
    """Put a template's properties onto a group, refusing what Auto Scaling refuses."""
    given = resource.properties
    least, most = int(given["MinSize"]), int(given["MaxSize"])
    # UpdateAutoScalingGroup: a group that is larger than its new maximum comes down to it.
    desired = int(given.get("DesiredCapacity") or min(most, max(least, len(record["Instances"]))))
    if not least <= desired <= most:
        message = f"Desired capacity:{desired} must be between the specified min size:{least} and max size:{most}"
        raise AwsError("ValidationError", message)
    subnets = [common.subnet(identifier) for identifier in given.get("VPCZoneIdentifier") or []]
    for arn in given.get("TargetGroupARNs") or []:
        elbv2.target_group(arn)
    record.update({name: given.get(name) for name in _SAME})
    record.update({name: int(given[prop]) if given.get(prop) else None for prop, name in _NUMBERS.items()})
    record.update({name: str(given.get(name, False)).lower() == "true" for name in _SWITCHES})
    record.update(
        MinSize=least,
        MaxSize=most,
        DesiredCapacity=desired,
        DefaultCooldown=record["DefaultCooldown"] or 300,
        HealthCheckType=given.get("HealthCheckType", "EC2"),
        HealthCheckGracePeriod=record["HealthCheckGracePeriod"] or 0,
        TerminationPolicies=given.get("TerminationPolicies") or ["Default"],
        VPCZoneIdentifier=",".join(subnet["SubnetId"] for subnet in subnets),
        AvailabilityZones=given.get("AvailabilityZones") or sorted({s["AvailabilityZone"] for s in subnets}),
        LaunchConfigurationName=given.get("LaunchConfigurationName", ""),
        LaunchTemplate=_launch_template(given.get("LaunchTemplate")),
        EnabledMetrics=_metrics(given),
        Tags=_tags(record["AutoScalingGroupName"], given),
        _notifications=[_notification(entry) for entry in given.get("NotificationConfigurations") or []],
    )
    template = auto_scaling.launch_template(record)
    if template:
        instance_request.launch_template_data(template)


def _launch_template(chosen: Record | None) -> Record:
    """A launch template as a group reports it, with id, name and version."""
    if not chosen:
        return {}
    resolved: Record = emulator.provisioners._asg_launch_template(chosen)
    return {**resolved, "Version": str(resolved["Version"])}


def _metrics(given: Properties) -> list[Record]:
    """The metrics a group sends."""
    return [
        {"Metric": metric, "Granularity": collection["Granularity"]}
        for collection in given.get("MetricsCollection") or []
        for metric in collection.get("Metrics") or ["all"]
    ]


def _notification(entry: Record) -> Record:
    """A notification with its topic's ARN, which the property may give as a list of one."""
    topic = entry["TopicARN"]
    return {"TopicARN": topic[0] if isinstance(topic, list) else topic, "NotificationTypes": entry["NotificationTypes"]}


def _tags(name: str, given: Properties) -> list[Record]:
    """A group's tags as Auto Scaling lists them."""
    return [
        {
            "Key": entry["Key"],
            "Value": str(entry.get("Value", "")),
            "ResourceId": name,
            "ResourceType": "auto-scaling-group",
            "PropagateAtLaunch": str(entry.get("PropagateAtLaunch", False)).lower() == "true",
        }
        for entry in given.get("Tags") or []
    ]


def _attributes(record: Record) -> dict[str, Any]:
    """What `Fn::GetAtt` returns."""
    return {"AutoScalingGroupARN": record["AutoScalingGroupARN"]}


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the group; instances are launched or terminated to its new capacity, none is replaced."""
    record = auto_scaling.group(physical_id)
    before = {name: record[name] for name in _SIZES}
    same = all(str(old.get(name)) == str(resource.properties.get(name)) for name in _SIZES)
    _set(record, resource)
    if same and _keeps_sizes(resource):
        record.update(before)
    auto_scaling.service._tags[physical_id] = record["Tags"]
    auto_scaling.reconcile(record)
    return physical_id, _attributes(record)


def _keeps_sizes(resource: Resource) -> bool:
    """Whether sizes that a template states as before stay as they are (UpdatePolicy, AutoScalingScheduledAction)."""
    cloudformation = importlib.import_module("ministack.services.cloudformation")
    template = cloudformation._stacks.get(resource.stack, {}).get("_template") or {}
    defined = (template.get("Resources") or {}).get(resource.logical_id) or {}
    policy = (defined.get("UpdatePolicy") or {}).get("AutoScalingScheduledAction") or {}
    return str(policy.get("IgnoreUnmodifiedGroupSizeProperties", False)).lower() == "true"


def delete(physical_id: str, properties: Properties) -> None:
    """Terminate the group's instances and delete it."""
    if physical_id in auto_scaling.service._asgs:
        auto_scaling.end_all(auto_scaling.group(physical_id))
        emulator.provisioners._asg_delete(physical_id, properties)


HANDLERS = {
    "AWS::AutoScaling::AutoScalingGroup": Handler(
        create=create,
        update=update,
        delete=delete,
        known=(
            *_SAME,
            *_NUMBERS,
            *_SWITCHES,
            "AutoScalingGroupName",
            "AvailabilityZones",
            "DesiredCapacity",
            "LaunchConfigurationName",
            "LaunchTemplate",
            "LifecycleHookSpecificationList",
            "MaxSize",
            "MetricsCollection",
            "MinSize",
            "NotificationConfigurations",
            "Tags",
            "VPCZoneIdentifier",
        ),
        replacing=("AutoScalingGroupName", "InstanceId"),
        tags=True,
    )
}
