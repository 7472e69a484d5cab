"""A deployment's templates in a few tables for whoever reviews a change: what there is, who may reach whom and do what."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cdk_intersystems.host_bundle.bundle import first_boot
from tests.snapshot.files import HASH

Templates = Mapping[str, Mapping[str, Any]]


def digest(title: str, templates: Templates) -> str:
    """The digest of a deployment.

    Args:
        title: Its name.
        templates: Its templates by stack name.
    """
    groups = _security_groups(templates)
    parts = [
        f"# {title}",
        "## Resources",
        _table(("stack", "number", "of which"), _counts(templates)),
        "## Hosts",
        "CloudFormation waits for as many hosts as the last column says to tell that they serve.",
        _table(("stack", "type", "zone", "address", "roll approval", "runs", "waits for"), _hosts(templates)),
        "## What hosts find",
        _table(("stack", "parameter", "in it"), _parameters(templates)),
        "## Volumes",
        _table(("stack", "volume", "type", "GiB", "IOPS", "MiB/s"), _volumes(templates)),
        "## Who may connect",
        "Rules of security groups; `icmp 8` is a ping. A rule and its counterpart on the other group are two rows.",
        _table(("group", "", "other side", "ports", "why"), sorted(_rules(templates, groups))),
        "## Who may do what",
        _table(("role", "actions", "on", "if"), _permissions(templates)),
        "## Load balancers",
        _table(("stack", "listener", "forwards to", "health check"), _listeners(templates)),
        "## Auto Scaling groups",
        _table(("stack", "instances", "instance type", "image", "runs", "waits for", "leaving"), _scaling(templates)),
        "## Alarms",
        _table(("stack", "alarm", "metric", "when"), _alarms(templates)),
    ]
    return "\n\n".join(parts) + "\n"


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    titles = list(header)
    lines = [" | ".join(str(cell).replace("|", "\\|") for cell in row) for row in rows]
    if not lines:
        return "None."
    return "\n".join(f"| {line} |" for line in (" | ".join(titles), " | ".join("---" for _ in titles), *lines))


def _each(templates: Templates, kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Stack, logical id and properties of the resources of a type."""
    for stack, template in sorted(templates.items()):
        for logical_id, resource in sorted(template.get("Resources", {}).items()):
            if resource["Type"] == f"AWS::{kind}":
                yield stack, logical_id, resource.get("Properties", {})


def _counts(templates: Templates) -> Iterator[tuple[str, int, str]]:
    for stack, template in sorted(templates.items()):
        counted = Counter(resource["Type"].removeprefix("AWS::") for resource in template.get("Resources", {}).values())
        yield stack, counted.total(), ", ".join(f"{number} {kind}" for kind, number in sorted(counted.items()))


def _hosts(templates: Templates) -> Iterator[tuple[object, ...]]:
    for stack, logical_id, host in _each(templates, "EC2::Instance"):
        interfaces = host.get("NetworkInterfaces") or [host]
        approval = templates[stack].get("Parameters", {}).get("RollApproval", {}).get("Default", "")
        place = host["InstanceType"], host["AvailabilityZone"], interfaces[0].get("PrivateIpAddress", "")
        yield stack, *place, approval, _runs(host), _waits(templates[stack]["Resources"][logical_id])


def _runs(host: Mapping[str, Any]) -> str:
    user_data = host.get("UserData", {}).get("Fn::Base64")
    return "nothing" if user_data is None else "first_boot.py" if user_data == first_boot() else "other user data"


def _waits(resource: Mapping[str, Any]) -> str:
    signals = resource.get("CreationPolicy", {}).get("ResourceSignal")
    return f"{signals['Count']}, {signals['Timeout']}" if signals else "-"


def _parameters(templates: Templates) -> Iterator[tuple[str, str, str]]:
    for stack, _, parameter in _each(templates, "SSM::Parameter"):
        yield stack, parameter["Name"], HASH.sub("<hash of an asset>", _short(parameter["Value"]))


def _volumes(templates: Templates) -> Iterator[tuple[object, ...]]:
    for stack, logical_id, volume in _each(templates, "EC2::Volume"):
        yield stack, logical_id, volume["VolumeType"], volume["Size"], volume.get("Iops", ""), volume.get("Throughput", "")


def _security_groups(templates: Templates) -> dict[str, str]:
    """What each group is called, by how other stacks and its own refer to it."""
    return {
        f"{stack}.{logical_id}": f"{group['GroupDescription']} ({stack})"
        for stack, logical_id, group in _each(templates, "EC2::SecurityGroup")
    }


def _rules(templates: Templates, groups: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for stack, logical_id, group in _each(templates, "EC2::SecurityGroup"):
        for direction, arrow in (("Ingress", "from"), ("Egress", "to")):
            for rule in group.get(f"SecurityGroup{direction}", []):
                # How the CDK writes "no way out".
                if rule.get("CidrIp") != "255.255.255.255/32":
                    other = rule.get("CidrIp") or str(rule)
                    yield groups[f"{stack}.{logical_id}"], arrow, other, _ports(rule), rule.get("Description", "")
    for direction, arrow, key in (("Ingress", "from", "SourceSecurityGroupId"), ("Egress", "to", "DestinationSecurityGroupId")):
        for stack, _, rule in _each(templates, f"EC2::SecurityGroup{direction}"):
            own, other = (_name(rule.get(each), stack, templates, groups) for each in ("GroupId", key))
            yield own, arrow, rule.get("CidrIp") or other, _ports(rule), rule.get("Description", "")


def _ports(rule: Mapping[str, Any]) -> str:
    first, last = rule.get("FromPort"), rule.get("ToPort")
    protocol = rule["IpProtocol"]
    if protocol == "icmp":
        return f"icmp {first}"
    return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"


def _name(reference: Any, stack: str, templates: Templates, groups: Mapping[str, str]) -> str:
    match reference:
        case {"Fn::GetAtt": [logical_id, _]} | {"Ref": logical_id}:
            return groups.get(f"{stack}.{logical_id}", logical_id)
        case {"Fn::ImportValue": str(export)}:
            return _exported(export, templates, groups)
        case _:
            return str(reference)


def _exported(export: str, templates: Templates, groups: Mapping[str, str]) -> str:
    for stack, template in templates.items():
        for output in template.get("Outputs", {}).values():
            if output.get("Export", {}).get("Name") == export:
                return _name(output["Value"], stack, templates, groups)
    return export


def _permissions(templates: Templates) -> Iterator[tuple[str, str, str, str]]:
    for kind in ("IAM::ManagedPolicy", "IAM::Policy"):
        for stack, _, policy in _each(templates, kind):
            whom = ", ".join(_short(role) for role in policy.get("Roles", []))
            for statement in policy["PolicyDocument"]["Statement"]:
                deny = "**deny** " if statement["Effect"] == "Deny" else ""
                actions = ", ".join(sorted(_listed(statement["Action"])))
                named = sorted(HASH.sub("<hash of an asset>", _short(each)) for each in _listed(statement["Resource"]))
                resources = ", ".join(named)
                yield f"{stack}: {whom}", deny + actions, resources, _short(statement.get("Condition", ""))
    for stack, logical_id, role in _each(templates, "IAM::Role"):
        for arn in role.get("ManagedPolicyArns", []):
            yield f"{stack}: {logical_id}", "managed policy", _short(arn), ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _short(value: Any) -> str:  # noqa: PLR0911 (one for each form a value has)
    """A value of a template in few characters."""
    match value:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::ImportValue": str(export)}:
            stack, _, output = export.partition(":")
            return f"{stack}:{output.removeprefix('ExportsOutput').removeprefix('FnGetAtt').removeprefix('Ref')}"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_short(part) for part in parts)
        case {"Fn::Select": [index, parts]}:
            return f"{_short(parts)}[{index}]"
        case dict():
            return ", ".join(f"{key} {_short(inner)}" for key, inner in sorted(value.items()))
        case list():
            return ", ".join(_short(each) for each in value)
        case _:
            return str(value)


def _listeners(templates: Templates) -> Iterator[tuple[str, str, str, str]]:
    groups = {
        (stack, logical_id): group for stack, logical_id, group in _each(templates, "ElasticLoadBalancingV2::TargetGroup")
    }
    for stack, _, listener in _each(templates, "ElasticLoadBalancingV2::Listener"):
        shown = f"{listener['Protocol']} {listener['Port']}"
        if policy := listener.get("SslPolicy"):
            shown += f" ({policy})"
        for action in listener["DefaultActions"]:
            if action["Type"] != "forward":
                yield stack, shown, _short({key: value for key, value in action.items() if key != "Type"}), ""
                continue
            group = groups[stack, action["TargetGroupArn"]["Ref"]]
            targets = ", ".join(target["Id"] for target in group.get("Targets", [])) or group.get("TargetType", "instance")
            yield stack, shown, f"{group['Protocol']} {group['Port']} of {targets}", _health_check(group)


def _health_check(group: Mapping[str, Any]) -> str:
    path, port = group.get("HealthCheckPath", ""), group.get("HealthCheckPort", "traffic-port")
    every = group.get("HealthCheckIntervalSeconds", "?")
    thresholds = f"{group.get('HealthyThresholdCount', '?')}/{group.get('UnhealthyThresholdCount', '?')}"
    return f"{group.get('HealthCheckProtocol', '')} {port} {path} every {every} s, {thresholds}"


def _scaling(templates: Templates) -> Iterator[tuple[str, ...]]:
    launch = {(stack, logical_id): t["LaunchTemplateData"] for stack, logical_id, t in _each(templates, "EC2::LaunchTemplate")}
    hooks = {
        (stack, hook["AutoScalingGroupName"]["Ref"]): f"{hook['DefaultResult']} after {hook['HeartbeatTimeout']} s"
        for stack, _, hook in _each(templates, "AutoScaling::LifecycleHook")
    }
    for stack, logical_id, group in _each(templates, "AutoScaling::AutoScalingGroup"):
        specification = (
            group.get("LaunchTemplate") or group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
        )
        data = launch[stack, specification["LaunchTemplateId"]["Ref"]]
        sizes = f"{group['MinSize']} to {group['MaxSize']}", data.get("InstanceType", ""), _short(data["ImageId"])
        waits = _waits(templates[stack]["Resources"][logical_id])
        yield stack, *sizes, _runs(data), waits, hooks.get((stack, logical_id), "-")


def _alarms(templates: Templates) -> Iterator[tuple[str, str, str, str]]:
    for stack, _, alarm in _each(templates, "CloudWatch::Alarm"):
        measured = [alarm, *(each.get("MetricStat", {}).get("Metric", {}) for each in alarm.get("Metrics", []))]
        metrics = ", ".join(f"{each['Namespace']} {each['MetricName']}" for each in measured if "Namespace" in each)
        expressions = ", ".join(each["Expression"] for each in alarm.get("Metrics", []) if "Expression" in each)
        periods = {alarm.get("Period"), *(each.get("MetricStat", {}).get("Period") for each in alarm.get("Metrics", []))}
        period = "/".join(str(each) for each in sorted(periods - {None}))
        shown = f"{expressions} of {metrics}" if expressions else metrics
        when = f"{alarm['ComparisonOperator']} {alarm['Threshold']}, {alarm['EvaluationPeriods']} x {period} s"
        yield stack, alarm.get("AlarmDescription", ""), shown, when
