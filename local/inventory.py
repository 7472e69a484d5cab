"""What runs where in an embedded AWS, read from its service APIs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local import record
from local.automation import automations
from local.clients import Clients
from local.comparisons.network import rules
from local.regions import failover_records, region_failovers
from local.verify import DIFFERENT, NOT_COMPARED, STORED, VERIFIED, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.cdk import Stack
    from local.server import EmbeddedAws

# The tags that a deployment's stacks put on their resources.
DEPLOYMENT, MIRROR_SET, MEMBER, VOLUME, TIER = (
    f"cdk-intersystems:{name}" for name in ("deployment", "mirror-set", "member", "volume", "tier")
)
_MEMBER_ORDER = {"a": 0, "b": 1, "arbiter": 2}
Entry = dict[str, Any]


def collect(aws: EmbeddedAws, stacks: Iterable[Stack], findings: list[Finding]) -> Entry:
    """Collect the inventory of a deployment as one JSON document.

    Args:
        aws: The embedded AWS.
        stacks: The stacks that were deployed.
        findings: What the comparison of desired and reported properties found.
    """
    deployed = list(stacks)
    regions = {stack.region: Clients(aws, stack.region) for stack in deployed}
    known = record.read(aws)
    return {
        "stacks": [{"name": stack.name, "account": stack.account, "region": stack.region} for stack in deployed],
        "members": [entry for clients in regions.values() for entry in members(clients)],
        "tiers": [entry for clients in regions.values() for entry in tiers(clients)],
        "automations": [entry for clients in regions.values() for entry in automations(clients)],
        "region_failovers": [entry for clients in regions.values() for entry in region_failovers(clients)],
        # Route 53 is global: each region would tell the same.
        "failover_records": failover_records(next(iter(regions.values()))) if regions else [],
        "load_balancers": [entry for clients in regions.values() for entry in load_balancers(clients)],
        "security_groups": [entry for clients in regions.values() for entry in security_groups(clients)],
        "comparison": _comparison(findings),
        "stored": known.stored_resources,
        "not_emulated": known.not_emulated,
        "properties_not_emulated": known.properties_not_emulated,
        "assumed": known.assumed,
    }


def _tags(resource: Mapping[str, Any]) -> dict[str, str]:
    """A resource's tags by key."""
    return {entry["Key"]: entry["Value"] for entry in resource.get("Tags", [])}


def _pages(client: Any, operation: str, key: str, **arguments: Any) -> list[Entry]:
    """Everything that an operation lists."""
    return [entry for page in client.get_paginator(operation).paginate(**arguments) for entry in page[key]]


def members(clients: Clients) -> list[Entry]:
    """The members of each mirror set with their volumes, attached or waiting in the member's zone."""
    ec2 = clients("ec2")
    volumes = _pages(ec2, "describe_volumes", "Volumes", Filters=[{"Name": "tag-key", "Values": [VOLUME]}])
    states = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    reservations = _pages(ec2, "describe_instances", "Reservations", Filters=states)
    found = []
    for instance in (entry for reservation in reservations for entry in reservation["Instances"]):
        tags = _tags(instance)
        if MIRROR_SET not in tags:
            continue
        mine = [volume for volume in volumes if _belongs(_tags(volume), tags)]
        found.append(
            {
                "region": clients.region,
                "deployment": tags.get(DEPLOYMENT, ""),
                "mirror_set": tags[MIRROR_SET],
                "member": tags.get(MEMBER, ""),
                "zone": instance["Placement"]["AvailabilityZone"],
                "address": instance["PrivateIpAddress"],
                "public_address": instance.get("PublicIpAddress"),
                "instance_type": instance["InstanceType"],
                "instance_id": instance["InstanceId"],
                "state": instance["State"]["Name"],
                "volumes": sorted((_volume(volume) for volume in mine), key=lambda entry: str(entry["purpose"])),
            }
        )
    return sorted(found, key=lambda e: (e["mirror_set"], _MEMBER_ORDER.get(e["member"], 9), e["instance_id"]))


def _belongs(volume: Mapping[str, str], member: Mapping[str, str]) -> bool:
    """Whether a volume's tags are those of a member."""
    return all(volume.get(key) == member.get(key) for key in (DEPLOYMENT, MIRROR_SET, MEMBER))


def _volume(volume: Entry) -> Entry:
    """A member's volume."""
    return {
        "purpose": _tags(volume)[VOLUME],
        "volume_id": volume["VolumeId"],
        "type": volume["VolumeType"],
        "size_gib": volume["Size"],
        "iops": volume.get("Iops"),
        "zone": volume["AvailabilityZone"],
        "encrypted": volume["Encrypted"],
        "state": volume["State"],
    }


def tiers(clients: Clients) -> list[Entry]:
    """The Auto Scaling groups and where their instances are."""
    groups = _pages(clients("autoscaling"), "describe_auto_scaling_groups", "AutoScalingGroups")
    subnets = {entry["SubnetId"]: entry for entry in _pages(clients("ec2"), "describe_subnets", "Subnets")}
    found = []
    for group in groups:
        tags = _tags(group)
        placed = [subnets[identifier] for identifier in group["VPCZoneIdentifier"].split(",") if identifier]
        mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
        template = group.get("LaunchTemplate") or mixed or {}
        found.append(
            {
                "region": clients.region,
                "tier": tags.get(TIER, group["AutoScalingGroupName"]),
                "deployment": tags.get(DEPLOYMENT, ""),
                "group": group["AutoScalingGroupName"],
                "min": group["MinSize"],
                "desired": group["DesiredCapacity"],
                "max": group["MaxSize"],
                "subnets": [{"id": s["SubnetId"], "cidr": s["CidrBlock"], "zone": s["AvailabilityZone"]} for s in placed],
                "launch_template": template.get("LaunchTemplateId"),
                "instance_types": sorted({entry["InstanceType"] for entry in group["Instances"]}),
                "instances": [
                    {"instance_id": entry["InstanceId"], "zone": entry["AvailabilityZone"]} for entry in group["Instances"]
                ],
                "target_groups": group.get("TargetGroupARNs", []),
            }
        )
    return sorted(found, key=lambda entry: str(entry["tier"]))


def load_balancers(clients: Clients) -> list[Entry]:
    """The load balancers, their listeners, and where each listener leads."""
    elbv2 = clients("elbv2")
    groups = {entry["TargetGroupArn"]: entry for entry in _pages(elbv2, "describe_target_groups", "TargetGroups")}
    found = []
    for balancer in _pages(elbv2, "describe_load_balancers", "LoadBalancers"):
        listeners = _pages(elbv2, "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"])
        found.append(
            {
                "region": clients.region,
                "name": balancer["LoadBalancerName"],
                "type": balancer["Type"],
                "scheme": balancer["Scheme"],
                "dns_name": balancer["DNSName"],
                "zones": [zone["ZoneName"] for zone in balancer["AvailabilityZones"]],
                "listeners": [
                    _listener(clients, listener, groups) for listener in sorted(listeners, key=lambda entry: int(entry["Port"]))
                ],
            }
        )
    return sorted(found, key=lambda entry: str(entry["name"]))


def _listener(clients: Clients, listener: Entry, groups: Mapping[str, Entry]) -> Entry:
    """A listener: what it does with a connection, and the target groups its actions and rules forward to."""
    listed = clients("elbv2").describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    actions = [action for rule in listed for action in rule["Actions"]] or listener["DefaultActions"]
    arns: list[str] = []
    for action in [*listener["DefaultActions"], *actions]:
        named = [entry["TargetGroupArn"] for entry in action.get("ForwardConfig", {}).get("TargetGroups", [])]
        for arn in named or [action.get("TargetGroupArn")]:
            if arn and arn not in arns:
                arns.append(arn)
    return {
        "port": listener["Port"],
        "protocol": listener["Protocol"],
        "default_action": listener["DefaultActions"][0]["Type"],
        "target_groups": [_target_group(clients, groups[arn]) for arn in arns],
    }


def _target_group(clients: Clients, group: Entry) -> Entry:
    """A target group with its targets and its health check."""
    health = clients("elbv2").describe_target_health(TargetGroupArn=group["TargetGroupArn"])
    targets = [entry["Target"] for entry in health["TargetHealthDescriptions"]]
    protocol = group["HealthCheckProtocol"]
    return {
        "name": group["TargetGroupName"],
        "protocol": group["Protocol"],
        "port": group.get("Port"),
        "target_type": group["TargetType"],
        "targets": [f"{target['Id']}:{target['Port']}" for target in targets],
        "health_check": f"{protocol} {group['HealthCheckPort']} {group.get('HealthCheckPath', '')}".rstrip(),
    }


def security_groups(clients: Clients) -> list[Entry]:
    """Who may reach whom: every inbound rule of the groups that stacks made, with its peer by name."""
    groups = _pages(clients("ec2"), "describe_security_groups", "SecurityGroups")
    names = {group["GroupId"]: _name(group) for group in groups}
    found = []
    for group in groups:
        if "aws:cloudformation:stack-name" not in _tags(group):
            continue
        for rule in rules(group["IpPermissions"], egress=False):
            peer = next(value for key, value in rule.items() if key.startswith(("Cidr", "Source")))
            entry = {"from": names.get(peer, peer), "to": names[group["GroupId"]], "ports": _ports(rule)}
            if entry not in found:
                found.append({"region": clients.region, **entry})
    return sorted(found, key=lambda e: (str(e["to"]), str(e["from"]), str(e["ports"])))


def _name(group: Entry) -> str:
    """What a reader knows a group by: its stack and its construct, or its name."""
    tags = _tags(group)
    stack = tags.get("aws:cloudformation:stack-name")
    if not stack:
        return str(group["GroupName"])
    # The CDK ends a logical id with eight digits of a hash, which tell a reader nothing.
    return f"{stack}: {re.sub('[0-9A-F]{8}$', '', tags['aws:cloudformation:logical-id'])}"


def _ports(rule: Mapping[str, Any]) -> str:
    """A rule's ports as a person writes them."""
    protocol = str(rule["IpProtocol"])
    if protocol == "-1":
        return "all"
    start, end = rule.get("FromPort", -1), rule.get("ToPort", -1)
    ports = "" if start in (-1, None) else f" {start}" if start == end else f" {start}-{end}"
    return protocol + ports


def _comparison(findings: list[Finding]) -> Entry:
    """The comparison of desired and reported properties: how many, and each that needs telling."""

    def listed(status: str) -> list[Entry]:
        return [
            {
                "stack": finding.stack,
                "logical_id": finding.logical_id,
                "type": finding.type,
                "property": finding.property,
                "desired": finding.desired,
                "reported": finding.reported,
            }
            for finding in findings
            if finding.status == status
        ]

    stored: dict[str, set[str]] = {}
    for finding in findings:
        if finding.status == STORED:
            stored.setdefault(finding.type, set()).add(finding.property)
    return {
        "counts": {
            status: sum(finding.status == status for finding in findings)
            for status in (VERIFIED, STORED, DIFFERENT, NOT_COMPARED)
        },
        "different": listed(DIFFERENT),
        "not_compared": listed(NOT_COMPARED),
        "stored_properties": {kind: sorted(names) for kind, names in sorted(stored.items())},
    }
