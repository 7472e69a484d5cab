"""AWS::ElasticLoadBalancingV2::LoadBalancer and TargetGroup."""

from __future__ import annotations

import secrets
from typing import Any

from local.adapter import elbv2, emulator
from local.adapter.ec2 import addresses, common, gateways, interfaces
from local.adapter.errors import AwsError
from local.adapter.resources.handler import Handler, Made, Properties, Resource

Record = dict[str, Any]
_SHORT = {"application": "app", "network": "net"}
# "Elastic Load Balancing endpoints and quotas": these are us-east-1's zones; the zone of another region differs.
_HOSTED_ZONES = {"application": "Z35SXDOTRQ7X7K", "network": "Z26RNL4JYFTOTI"}
_DEFAULT_ATTRIBUTES = {"access_logs.s3.enabled": "false", "deletion_protection.enabled": "false"}
_HTTP = ("HTTP", "HTTPS")
_LAYER_4 = ("TCP", "TLS", "UDP", "TCP_UDP")


def _arn(kind: str, *parts: str) -> str:
    """An ARN of Elastic Load Balancing."""
    return f"arn:aws:elasticloadbalancing:{emulator.region()}:{emulator.account()}:{kind}/{'/'.join(parts)}"


def create(resource: Resource) -> Made:
    """Create the load balancer with an interface in each of its subnets."""
    given = resource.properties
    kind = given.get("Type", "application")
    name = given.get("Name") or resource.name(32).lower()
    if any(record["LoadBalancerName"] == name for record in emulator.elbv2._lbs.values()):
        raise AwsError("DuplicateLoadBalancerName", f"A load balancer with the name '{name}' already exists")
    identifier = secrets.token_hex(8)
    arn = _arn("loadbalancer", _SHORT[kind], name, identifier)
    scheme = given.get("Scheme", "internet-facing")
    prefix = "internal-" if scheme == "internal" and kind == "application" else ""
    region = emulator.region()
    domain = f"{region}.elb.amazonaws.com" if kind == "application" else f"elb.{region}.amazonaws.com"
    record: Record = {
        "LoadBalancerArn": arn,
        "LoadBalancerName": name,
        "DNSName": f"{prefix}{name}-{identifier}.{domain}",
        "Scheme": scheme,
        "State": "active",
        "Type": kind,
        "SecurityGroups": list(given.get("SecurityGroups") or []),
        "IpAddressType": given.get("IpAddressType", "ipv4"),
        "CreatedTime": emulator.elbv2._now_iso(),
        "Subnets": [],
        "_hosted_zone": _HOSTED_ZONES[kind],
        "_full_name": f"{_SHORT[kind]}/{name}/{identifier}",
        "_zones": [],
        "_interfaces": [],
    }
    _place(record, given)
    emulator.elbv2._lbs[arn] = record
    _set_attributes(emulator.elbv2._lb_attrs, arn, _DEFAULT_ATTRIBUTES, given.get("LoadBalancerAttributes"))
    emulator.elbv2._tags[arn] = _tags(given)
    return arn, _attributes(record)


def _place(record: Record, given: Properties) -> None:
    """Put the load balancer into its subnets."""
    mappings = given.get("SubnetMappings") or [{"SubnetId": subnet} for subnet in given.get("Subnets") or []]
    subnets = [common.subnet(mapping["SubnetId"]) for mapping in mappings]
    zones = {subnet["AvailabilityZone"] for subnet in subnets}
    if not subnets or (record["Type"] == "application" and len(zones) < 2):
        message = "At least two subnets in two different Availability Zones must be specified"
        raise AwsError("InvalidConfigurationRequest", message)
    if len(zones) < len(subnets):
        message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
        raise AwsError("InvalidConfigurationRequest", message)
    record["VpcId"] = subnets[0]["VpcId"]
    groups = record["SecurityGroups"]
    if record["Type"] == "application" and not groups:
        groups = record["SecurityGroups"] = [common.vpc(record["VpcId"])["DefaultSecurityGroupId"]]
    for mapping, subnet in zip(mappings, subnets, strict=True):
        interface = interfaces.make(
            subnet,
            groups=groups,
            address=mapping.get("PrivateIPv4Address"),
            description=f"ELB {record['_full_name']}",
            kind="network_load_balancer" if record["Type"] == "network" else "interface",
            managed=True,
        )
        interface["Status"] = "in-use"
        record["Subnets"].append(subnet["SubnetId"])
        record["_interfaces"].append(interface["NetworkInterfaceId"])
        listed = [{"PrivateIPv4Address": interface["PrivateIpAddress"]}] if mapping.get("PrivateIPv4Address") else []
        if mapping.get("AllocationId"):
            allocation = gateways.address(mapping["AllocationId"])
            gateways.bind(allocation, interface)
            listed = [{"AllocationId": mapping["AllocationId"], "IpAddress": allocation["PublicIp"]}]
        zone = {"ZoneName": subnet["AvailabilityZone"], "SubnetId": subnet["SubnetId"]}
        record["_zones"].append({**zone, "LoadBalancerAddresses": listed})


def _set_attributes(store: Any, arn: str, defaults: dict[str, str], given: list[Record] | None) -> None:
    """Keep a load balancer's or target group's attributes as the service lists them."""
    values = {**defaults, **{entry["Key"]: str(entry.get("Value", "")) for entry in given or []}}
    store[arn] = [{"Key": key, "Value": value} for key, value in values.items()]


def _tags(given: Properties) -> list[Record]:
    """The tags as the service keeps them."""
    return [{"Key": entry["Key"], "Value": str(entry.get("Value", ""))} for entry in given.get("Tags") or []]


def _attributes(record: Record) -> dict[str, Any]:
    """What `Fn::GetAtt` returns."""
    return {
        "LoadBalancerArn": record["LoadBalancerArn"],
        "LoadBalancerName": record["LoadBalancerName"],
        "LoadBalancerFullName": record["_full_name"],
        "DNSName": record["DNSName"],
        "CanonicalHostedZoneID": record["_hosted_zone"],
        "SecurityGroups": record["SecurityGroups"],
    }


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change subnets, groups, attributes and tags in place."""
    new, record = resource.properties, elbv2.load_balancer(physical_id)
    places = ("Subnets", "SubnetMappings")
    if any(old.get(name) != new.get(name) for name in places):
        for identifier in record["_interfaces"]:
            emulator.ec2._network_interfaces.pop(identifier, None)
        record.update(Subnets=[], _zones=[], _interfaces=[])
        _place(record, new)
    if old.get("SecurityGroups") != new.get("SecurityGroups"):
        record["SecurityGroups"] = list(new.get("SecurityGroups") or [])
        named = common.security_groups(record["SecurityGroups"], record["VpcId"])
        for identifier in record["_interfaces"]:
            emulator.ec2._network_interfaces[identifier]["Groups"] = named
    _set_attributes(emulator.elbv2._lb_attrs, physical_id, _DEFAULT_ATTRIBUTES, new.get("LoadBalancerAttributes"))
    record["IpAddressType"] = new.get("IpAddressType", "ipv4")
    emulator.elbv2._tags[physical_id] = _tags(new)
    return physical_id, _attributes(record)


def delete(physical_id: str, properties: Properties) -> None:
    """Delete the load balancer; refused while deletion protection is on."""
    elbv2.delete_load_balancer({"LoadBalancerArn": physical_id})


def create_group(resource: Resource) -> Made:
    """Create the target group with the defaults of its protocol, and register its targets."""
    given = resource.properties
    name = given.get("Name") or resource.name(32)
    if any(record["TargetGroupName"] == name for record in emulator.elbv2._tgs.values()):
        raise AwsError("DuplicateTargetGroupName", f"A target group with the name '{name}' already exists")
    arn = _arn("targetgroup", name, secrets.token_hex(8))
    record: Record = {"TargetGroupArn": arn, "TargetGroupName": name, "LoadBalancerArns": []}
    emulator.elbv2._tgs[arn] = record
    emulator.elbv2._targets[arn] = []
    try:
        _set_group(record, given)
    except AwsError:
        emulator.provisioners._elbv2_target_group_delete(arn, {})
        raise
    return arn, _group_attributes(record)


def _set_group(record: Record, given: Properties) -> None:
    """Put a template's properties onto a target group."""
    protocol = given.get("Protocol", "HTTP")
    check = given.get("HealthCheckProtocol") or ("TCP" if protocol in _LAYER_4 else protocol)
    layer_4, arn = protocol in _LAYER_4, record["TargetGroupArn"]
    # CreateTargetGroup's documented defaults, which depend on the protocol.
    timeout = {"HTTP": 6, "TCP": 10, "HTTPS": 10}[check] if layer_4 else 5
    record.update(
        Protocol=protocol,
        Port=int(given["Port"]) if given.get("Port") else None,
        VpcId=given.get("VpcId"),
        TargetType=given.get("TargetType", "instance"),
        IpAddressType=given.get("IpAddressType", "ipv4"),
        HealthCheckProtocol=check,
        HealthCheckPort=str(given.get("HealthCheckPort", "traffic-port")),
        HealthCheckEnabled=str(given.get("HealthCheckEnabled", True)).lower() == "true",
        HealthCheckIntervalSeconds=int(given.get("HealthCheckIntervalSeconds", 30)),
        HealthCheckTimeoutSeconds=int(given.get("HealthCheckTimeoutSeconds", timeout)),
        HealthyThresholdCount=int(given.get("HealthyThresholdCount", 5)),
        UnhealthyThresholdCount=int(given.get("UnhealthyThresholdCount", 2)),
    )
    if protocol in _HTTP:
        record["ProtocolVersion"] = given.get("ProtocolVersion", "HTTP1")
    if check in _HTTP:
        record["HealthCheckPath"] = given.get("HealthCheckPath", "/")
        record["Matcher"] = given.get("Matcher") or {"HttpCode": "200-399" if layer_4 else "200"}
    if record["HealthCheckTimeoutSeconds"] >= record["HealthCheckIntervalSeconds"] and not layer_4:
        message = "Health check interval must be greater than the timeout"
        raise AwsError("ValidationError", message)
    defaults = {"deregistration_delay.timeout_seconds": "300", "stickiness.enabled": "false"}
    _set_attributes(emulator.elbv2._tg_attrs, arn, defaults, given.get("TargetGroupAttributes"))
    emulator.elbv2._tags[arn] = _tags(given)
    emulator.elbv2._targets[arn] = [_target(record, entry) for entry in given.get("Targets") or []]


def _target(record: Record, entry: Record) -> Record:
    """Check a target as RegisterTargets does, and give it the group's port where it has none."""
    if record["TargetType"] == "instance":
        instance = emulator.ec2._instances.get(entry["Id"])
        if instance is None or instance["VpcId"] != record["VpcId"]:
            message = f"The following targets are not in the target group VPC '{record['VpcId']}': '{entry['Id']}'"
            raise AwsError("InvalidTarget", message)
    elif record["TargetType"] == "ip" and entry.get("AvailabilityZone") != "all" and record["VpcId"]:
        addresses.require_in_vpc(entry["Id"], common.vpc(record["VpcId"]))
    target = {"Id": entry["Id"], "Port": int(entry.get("Port") or record["Port"])}
    if entry.get("AvailabilityZone"):
        target["AvailabilityZone"] = entry["AvailabilityZone"]
    return target


def _group_attributes(record: Record) -> dict[str, Any]:
    """What `Fn::GetAtt` returns."""
    arn = record["TargetGroupArn"]
    return {
        "TargetGroupArn": arn,
        "TargetGroupName": record["TargetGroupName"],
        "TargetGroupFullName": arn.rpartition(":")[2],
        "LoadBalancerArns": record["LoadBalancerArns"],
    }


def update_group(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change health check, attributes, targets and tags in place; targets registered elsewhere stay."""
    record = elbv2.target_group(physical_id)
    mine = {entry["Id"] for entry in old.get("Targets") or []}
    others = [target for target in emulator.elbv2._targets.get(physical_id, []) if target["Id"] not in mine]
    _set_group(record, resource.properties)
    emulator.elbv2._targets[physical_id] += others
    return physical_id, _group_attributes(record)


def delete_group(physical_id: str, properties: Properties) -> None:
    """Delete the target group; refused while something forwards to it."""
    elbv2.delete_target_group({"TargetGroupArn": physical_id})


HANDLERS = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Handler(
        create=create,
        update=update,
        delete=delete,
        known=(
            "Name",
            "Type",
            "Scheme",
            "Subnets",
            "SubnetMappings",
            "SecurityGroups",
            "IpAddressType",
            "LoadBalancerAttributes",
            "Tags",
        ),
        replacing=("Name", "Type", "Scheme"),
        tags=True,
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Handler(
        create=create_group,
        update=update_group,
        delete=delete_group,
        known=(
            "Name",
            "Protocol",
            "ProtocolVersion",
            "Port",
            "VpcId",
            "TargetType",
            "IpAddressType",
            "HealthCheckProtocol",
            "HealthCheckPort",
            "HealthCheckPath",
            "HealthCheckEnabled",
            "HealthCheckIntervalSeconds",
            "HealthCheckTimeoutSeconds",
            "HealthyThresholdCount",
            "UnhealthyThresholdCount",
            "Matcher",
            "TargetGroupAttributes",
            "Targets",
            "Tags",
        ),
        replacing=("Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId", "IpAddressType"),
        tags=True,
    ),
}
