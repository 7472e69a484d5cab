"""Auto Scaling: groups whose instances are instances of the emulated EC2.

ministack keeps a group's numbers and lists instances that exist nowhere. Here a group launches them from its launch
template over its subnets, registers them with its target groups, and terminates what is too many. What is not
emulated: scaling by policy, health checks, instance refresh (an instance keeps the version it was launched with).
"""

from __future__ import annotations

from typing import Any

from local.adapter import emulator
from local.adapter.ec2 import instance_request, table
from local.adapter.errors import AwsError

Record = dict[str, Any]
service = emulator.service("autoscaling")


def group(name: str) -> Record:
    """Look up a group."""
    found: Record | None = service._asgs.get(name)
    if found is None:
        raise AwsError("ValidationError", f"AutoScalingGroup name not found - {name}")
    return found


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeAutoScalingGroups, with everything the group was made with."""
    wanted = request.get("AutoScalingGroupNames")
    records = [record for name, record in service._asgs.items() if not wanted or name in wanted]
    return {"AutoScalingGroups": [_described(record) for record in records]}


def _described(record: Record) -> Record:
    """A group as the service reports it."""
    answer = {name: value for name, value in record.items() if value not in (None, "")}
    if not (record.get("LaunchTemplate") or {}).get("LaunchTemplateId"):
        answer.pop("LaunchTemplate", None)
    answer["Tags"] = record.get("Tags", [])
    return answer


def describe_notifications(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeNotificationConfigurations."""
    wanted = request.get("AutoScalingGroupNames")
    entries = [
        {"AutoScalingGroupName": name, "TopicARN": configuration["TopicARN"], "NotificationType": kind}
        for name, record in service._asgs.items()
        if not wanted or name in wanted
        for configuration in record.get("_notifications", [])
        for kind in configuration["NotificationTypes"]
    ]
    return {"NotificationConfigurations": entries}


def reconcile(record: Record) -> None:
    """Bring a group to its desired capacity: launch what is missing, terminate what is too much."""
    instances: list[Record] = record["Instances"]
    while len(instances) > record["DesiredCapacity"]:
        _end(record, instances.pop())
    subnets = [subnet for subnet in str(record["VPCZoneIdentifier"]).split(",") if subnet]
    template = launch_template(record)
    while template and subnets and len(instances) < record["DesiredCapacity"]:
        instances.append(_launch(record, template, subnets[len(instances) % len(subnets)]))


def launch_template(record: Record) -> Record | None:
    """The launch template and version of a group; None for one with a launch configuration, which is not launched."""
    mixed = (record.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    chosen = mixed or record.get("LaunchTemplate") or {}
    names = ("LaunchTemplateId", "LaunchTemplateName")
    identity = next(({name: chosen[name]} for name in names if chosen.get(name)), None)
    return {**identity, "Version": str(chosen.get("Version", "$Default"))} if identity else None


def _launch(record: Record, template: Record, subnet: str) -> Record:
    """Launch one instance of a group and register it with the group's targets."""
    name = record["AutoScalingGroupName"]
    tags = [{"Key": t["Key"], "Value": t["Value"]} for t in record.get("Tags", []) if t.get("PropagateAtLaunch")]
    tags.append({"Key": "aws:autoscaling:groupName", "Value": name})
    # Auto Scaling puts the subnet into the template's network interface, where it has one.
    interfaces = instance_request.launch_template_data(template).get("NetworkInterfaces")
    where: Record = {"NetworkInterfaces": [{**interfaces[0], "SubnetId": subnet}]} if interfaces else {"SubnetId": subnet}
    answer = table.call(
        "RunInstances",
        MinCount=1,
        MaxCount=1,
        LaunchTemplate=template,
        **where,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    launched = answer["Instances"][0]
    for arn in record.get("TargetGroupARNs") or []:
        port = emulator.elbv2._tgs[arn]["Port"]
        emulator.elbv2._targets[arn].append({"Id": launched["InstanceId"], "Port": port})
    return {
        "InstanceId": launched["InstanceId"],
        "InstanceType": launched["InstanceType"],
        "LifecycleState": "InService",
        "HealthStatus": "Healthy",
        "AvailabilityZone": launched["Placement"]["AvailabilityZone"],
        "ProtectedFromScaleIn": bool(record.get("NewInstancesProtectedFromScaleIn")),
        "LaunchTemplate": record.get("LaunchTemplate"),
    }


def _end(record: Record, member: Record) -> None:
    """Take an instance out of the targets and terminate it."""
    for arn in record.get("TargetGroupARNs") or []:
        targets = emulator.elbv2._targets.get(arn, [])
        targets[:] = [target for target in targets if target["Id"] != member["InstanceId"]]
    if member["InstanceId"] in emulator.ec2._instances:
        table.call("TerminateInstances", InstanceIds=[member["InstanceId"]])


def end_all(record: Record) -> None:
    """Terminate every instance of a group."""
    for member in record["Instances"]:
        _end(record, member)
    record["Instances"] = []


ACTIONS = {
    "DescribeAutoScalingGroups": describe,
    "DescribeNotificationConfigurations": describe_notifications,
}
