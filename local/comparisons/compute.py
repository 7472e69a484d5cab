"""Instances, volumes, launch templates, Auto Scaling groups, hosts and reservations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.comparisons.comparison import Comparison, Description, Path, first, same

if TYPE_CHECKING:
    from local.clients import Clients

# DescribeInstanceAttribute has these, DescribeInstances has not.
_ATTRIBUTES = {
    "DisableApiTermination": "disableApiTermination",
    "InstanceInitiatedShutdownBehavior": "instanceInitiatedShutdownBehavior",
    "UserData": "userData",
}


def _instance(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    ec2 = clients("ec2")
    found = first(ec2.describe_instances(InstanceIds=[identifier]), "Reservations", "Instances")
    if not found:
        return None
    answer: dict[str, Any] = dict(found)
    for name, attribute in _ATTRIBUTES.items():
        if name in desired:
            value = ec2.describe_instance_attribute(InstanceId=identifier, Attribute=attribute)[name]
            answer[name] = value.get("Value")
    volumes = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [identifier]}])["Volumes"]
    answer["_volumes"] = {volume["Attachments"][0]["Device"]: volume for volume in volumes}
    return answer


def _mappings(found: Description) -> list[dict[str, Any]]:
    """The block device mappings of a launch, from the volumes that came of them."""
    return [
        {
            "DeviceName": device,
            "Ebs": {
                "VolumeSize": volume["Size"],
                "VolumeType": volume["VolumeType"],
                "Iops": volume.get("Iops"),
                "Throughput": volume.get("Throughput"),
                "Encrypted": volume["Encrypted"],
                "KmsKeyId": volume.get("KmsKeyId"),
                "DeleteOnTermination": volume["Attachments"][0]["DeleteOnTermination"],
            },
        }
        for device, volume in found["_volumes"].items()
    ]


def _interfaces(found: Description) -> list[dict[str, Any]]:
    """The network interfaces of a launch as the template writes them."""
    return [
        {
            "DeviceIndex": entry["Attachment"]["DeviceIndex"],
            "NetworkInterfaceId": entry["NetworkInterfaceId"],
            "SubnetId": entry["SubnetId"],
            "GroupSet": [group["GroupId"] for group in entry["Groups"]],
            "PrivateIpAddress": entry["PrivateIpAddress"],
            "Description": entry.get("Description", ""),
            "DeleteOnTermination": entry["Attachment"]["DeleteOnTermination"],
            "AssociatePublicIpAddress": bool(found.get("PublicIpAddress")),
        }
        for entry in found["NetworkInterfaces"]
    ]


def _groups(found: Description) -> list[str]:
    return [group["GroupId"] for group in found["SecurityGroups"]]


def _attached(found: Description) -> list[dict[str, Any]]:
    """The volumes attached to an instance."""
    return [{"VolumeId": volume["VolumeId"], "Device": device} for device, volume in found["_volumes"].items()]


def _attachment(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    return first(clients("ec2").describe_volumes(VolumeIds=[desired["VolumeId"]]), "Volumes", "Attachments")


def _ec2(operation: str, parameter: str, *path: str) -> Any:
    def describe(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
        return first(getattr(clients("ec2"), operation)(**{parameter: [identifier]}), *path)

    return describe


def _launch_template(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    """A launch template's newest version, in the template's spelling."""
    ec2 = clients("ec2")
    answer = ec2.describe_launch_template_versions(LaunchTemplateId=identifier, Versions=["$Latest"])
    found = first(answer, "LaunchTemplateVersions")
    owner = first(ec2.describe_launch_templates(LaunchTemplateIds=[identifier]), "LaunchTemplates")
    if not found or not owner:
        return None
    specifications = [{"ResourceType": "launch-template", "Tags": owner.get("Tags", [])}]
    return {**found, "TagSpecifications": specifications}


def _own_tags(found: Description) -> list[dict[str, Any]]:
    """The tags of the launch template itself, in the order they were given."""
    return list(found["TagSpecifications"])


def _group(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    answer = clients("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[identifier])
    found = first(answer, "AutoScalingGroups")
    if not found:
        return None
    notifications: dict[str, list[str]] = {}
    if "NotificationConfigurations" in desired:
        listed = clients("autoscaling").describe_notification_configurations(AutoScalingGroupNames=[identifier])
        for entry in listed["NotificationConfigurations"]:
            notifications.setdefault(entry["TopicARN"], []).append(entry["NotificationType"])
    configured = [{"TopicARN": topic, "NotificationTypes": kinds} for topic, kinds in notifications.items()]
    return {**found, "NotificationConfigurations": configured}


def _metrics(found: Description) -> list[dict[str, Any]]:
    """The enabled metrics as the template collects them."""
    collected: dict[str, list[str]] = {}
    for entry in found.get("EnabledMetrics", []):
        if entry["Metric"] != "all":
            collected.setdefault(entry["Granularity"], []).append(entry["Metric"])
        else:
            collected.setdefault(entry["Granularity"], [])
    return [{"Granularity": key, **({"Metrics": names} if names else {})} for key, names in collected.items()]


def _hook(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    answer = clients("autoscaling").describe_lifecycle_hooks(
        AutoScalingGroupName=desired["AutoScalingGroupName"], LifecycleHookNames=[identifier]
    )
    return first(answer, "LifecycleHooks")


def _policy(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    answer = clients("autoscaling").describe_policies(AutoScalingGroupName=desired["AutoScalingGroupName"])
    return next((entry for entry in answer["ScalingPolicies"] if entry["PolicyARN"] == identifier), None)


_INSTANCE: dict[str, Path] = {
    **same(
        "ImageId",
        "InstanceType",
        "KeyName",
        "SubnetId",
        "PrivateIpAddress",
        "EbsOptimized",
        "MetadataOptions",
        "SourceDestCheck",
        "CpuOptions",
        "EnclaveOptions",
        "HibernationOptions",
        "PrivateDnsNameOptions",
        "Tags",
        *_ATTRIBUTES,
    ),
    "AvailabilityZone": "Placement.AvailabilityZone",
    "Tenancy": "Placement.Tenancy",
    "HostId": "Placement.HostId",
    "HostResourceGroupArn": "Placement.HostResourceGroupArn",
    "Affinity": "Placement.Affinity",
    "Monitoring": lambda found: found["Monitoring"]["State"] == "enabled",
    "IamInstanceProfile": lambda found: (found.get("IamInstanceProfile") or {}).get("Arn", "").rpartition("/")[2],
    "SecurityGroupIds": _groups,
    "BlockDeviceMappings": _mappings,
    "NetworkInterfaces": _interfaces,
    "Volumes": _attached,
}

COMPARISONS = {
    "AWS::EC2::Instance": Comparison(
        describe=_instance,
        properties=_INSTANCE,
        stored=frozenset(
            {
                "ImageId",
                "KeyName",
                "EbsOptimized",
                "MetadataOptions",
                "Monitoring",
                "Tenancy",
                "HostId",
                "HostResourceGroupArn",
                "Affinity",
                "CpuOptions",
                "EnclaveOptions",
                "HibernationOptions",
                "InstanceInitiatedShutdownBehavior",
                "PrivateDnsNameOptions",
                "SourceDestCheck",
            }
        ),
    ),
    "AWS::EC2::Volume": Comparison(
        describe=_ec2("describe_volumes", "VolumeIds", "Volumes"),
        properties=same(
            "AvailabilityZone",
            "Size",
            "VolumeType",
            "Iops",
            "Throughput",
            "Encrypted",
            "KmsKeyId",
            "SnapshotId",
            "MultiAttachEnabled",
            "Tags",
        ),
        stored=frozenset({"Encrypted", "KmsKeyId"}),
    ),
    "AWS::EC2::VolumeAttachment": Comparison(describe=_attachment, properties=same("VolumeId", "InstanceId", "Device")),
    "AWS::EC2::LaunchTemplate": Comparison(
        describe=_launch_template,
        properties={**same("LaunchTemplateName", "LaunchTemplateData"), "TagSpecifications": _own_tags},
    ),
    "AWS::EC2::Host": Comparison(
        describe=_ec2("describe_hosts", "HostIds", "Hosts"),
        properties={
            **same("AvailabilityZone", "AutoPlacement", "HostRecovery", "HostMaintenance", "Tags"),
            "InstanceType": "HostProperties.InstanceType",
            "InstanceFamily": "HostProperties.InstanceFamily",
        },
        stored=frozenset({"*"}),
    ),
    "AWS::EC2::CapacityReservation": Comparison(
        describe=_ec2("describe_capacity_reservations", "CapacityReservationIds", "CapacityReservations"),
        properties={
            **same(
                "AvailabilityZone",
                "InstanceType",
                "InstancePlatform",
                "InstanceMatchCriteria",
                "Tenancy",
                "EbsOptimized",
                "EphemeralStorage",
                "EndDateType",
            ),
            "InstanceCount": "TotalInstanceCount",
            "TagSpecifications": lambda found: [{"ResourceType": "capacity-reservation", "Tags": found.get("Tags", [])}],
        },
        stored=frozenset({"*"}),
    ),
    "AWS::AutoScaling::AutoScalingGroup": Comparison(
        describe=_group,
        properties={
            **same(
                "AutoScalingGroupName",
                "CapacityRebalance",
                "DefaultInstanceWarmup",
                "DesiredCapacity",
                "HealthCheckGracePeriod",
                "HealthCheckType",
                "InstanceMaintenancePolicy",
                "LaunchTemplate",
                "MaxInstanceLifetime",
                "MaxSize",
                "MinSize",
                "MixedInstancesPolicy",
                "NewInstancesProtectedFromScaleIn",
                "NotificationConfigurations",
                "Tags",
                "TargetGroupARNs",
                "TerminationPolicies",
            ),
            "Cooldown": "DefaultCooldown",
            "MetricsCollection": _metrics,
            "VPCZoneIdentifier": lambda found: found["VPCZoneIdentifier"].split(","),
        },
        stored=frozenset(
            {
                "CapacityRebalance",
                "Cooldown",
                "DefaultInstanceWarmup",
                "HealthCheckGracePeriod",
                "HealthCheckType",
                "InstanceMaintenancePolicy",
                "MaxInstanceLifetime",
                "MetricsCollection",
                "NewInstancesProtectedFromScaleIn",
                "NotificationConfigurations",
                "TerminationPolicies",
            }
        ),
    ),
    "AWS::AutoScaling::LifecycleHook": Comparison(
        describe=_hook,
        properties=same(
            "AutoScalingGroupName",
            "DefaultResult",
            "HeartbeatTimeout",
            "LifecycleHookName",
            "LifecycleTransition",
            "NotificationMetadata",
            "NotificationTargetARN",
            "RoleARN",
        ),
    ),
    "AWS::AutoScaling::ScalingPolicy": Comparison(
        describe=_policy,
        properties=same(
            "AutoScalingGroupName",
            "PolicyType",
            "TargetTrackingConfiguration",
            "StepAdjustments",
            "AdjustmentType",
            "EstimatedInstanceWarmup",
        ),
    ),
}
