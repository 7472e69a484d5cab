"""Load balancers, target groups, listeners, web ACLs and DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.comparisons.comparison import Comparison, Description, first, same

if TYPE_CHECKING:
    from local.clients import Clients


def _attributes(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return list(answer["Attributes"])


def _chosen(present: list[dict[str, Any]], desired: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Of a list of keys and values those that the template names: a service lists defaults too."""
    keys = {entry["Key"] for entry in desired or []}
    return [entry for entry in present if entry["Key"] in keys]


def _tags(clients: Clients, arn: str) -> list[dict[str, Any]]:
    description = first(clients("elbv2").describe_tags(ResourceArns=[arn]), "TagDescriptions")
    return list((description or {}).get("Tags", []))


def _load_balancer(clients: Clients, arn: str, desired: dict[str, Any]) -> Description | None:
    elbv2 = clients("elbv2")
    found = first(elbv2.describe_load_balancers(LoadBalancerArns=[arn]), "LoadBalancers")
    if not found:
        return None
    present = _attributes(elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn))
    mappings = [
        {"SubnetId": zone["SubnetId"], **(zone["LoadBalancerAddresses"] or [{}])[0]} for zone in found["AvailabilityZones"]
    ]
    return {
        **found,
        "Subnets": [zone["SubnetId"] for zone in found["AvailabilityZones"]],
        "SubnetMappings": mappings,
        "LoadBalancerAttributes": _chosen(present, desired.get("LoadBalancerAttributes")),
        "Tags": _tags(clients, arn),
    }


def _target_group(clients: Clients, arn: str, desired: dict[str, Any]) -> Description | None:
    elbv2 = clients("elbv2")
    found = first(elbv2.describe_target_groups(TargetGroupArns=[arn]), "TargetGroups")
    if not found:
        return None
    present = _attributes(elbv2.describe_target_group_attributes(TargetGroupArn=arn))
    health = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    wanted = {entry["Id"] for entry in desired.get("Targets") or []}
    return {
        **found,
        "TargetGroupAttributes": _chosen(present, desired.get("TargetGroupAttributes")),
        # Auto Scaling and others register targets too; the template's are these.
        "Targets": [entry["Target"] for entry in health if entry["Target"]["Id"] in wanted],
        "Tags": _tags(clients, arn),
    }


def _listener(clients: Clients, arn: str, desired: dict[str, Any]) -> Description | None:
    elbv2 = clients("elbv2")
    found = first(elbv2.describe_listeners(ListenerArns=[arn]), "Listeners")
    if not found:
        return None
    present = _attributes(elbv2.describe_listener_attributes(ListenerArn=arn)) if "ListenerAttributes" in desired else []
    attributes = _chosen(present, desired.get("ListenerAttributes"))
    return {**found, "ListenerAttributes": attributes, "Tags": _tags(clients, arn)}


def _rule(clients: Clients, arn: str, desired: dict[str, Any]) -> Description | None:
    found = first(clients("elbv2").describe_rules(RuleArns=[arn]), "Rules")
    return {**found, "ListenerArn": arn.replace(":listener-rule/", ":listener/").rpartition("/")[0]} if found else None


def _web_acl(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    name, acl_id, scope = identifier.split("|")
    found = first(clients("wafv2").get_web_acl(Name=name, Id=acl_id, Scope=scope), "WebACL")
    if not found:
        return None
    listed = clients("wafv2").list_tags_for_resource(ResourceARN=found["ARN"])
    return {**found, "Scope": scope, "Tags": listed["TagInfoForResource"]["TagList"]}


def _web_acl_association(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    found = first(clients("wafv2").get_web_acl_for_resource(ResourceArn=desired["ResourceArn"]), "WebACL")
    return {"WebACLArn": found["ARN"], "ResourceArn": desired["ResourceArn"]} if found else None


def _hosted_zone(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    client = clients("route53")
    found = client.get_hosted_zone(Id=identifier)
    tags = client.list_tags_for_resource(ResourceType="hostedzone", ResourceId=identifier)["ResourceTagSet"]["Tags"]
    zone = found["HostedZone"]
    return {
        # The service ends every name with a dot, whether it was given one or not.
        "Name": zone["Name"] if str(desired["Name"]).endswith(".") else zone["Name"].rstrip("."),
        "HostedZoneConfig": {"Comment": zone.get("Config", {}).get("Comment", "")},
        "VPCs": found.get("VPCs", []),
        "HostedZoneTags": tags,
    }


def _record_set(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    zone = desired["HostedZoneId"]
    wanted = str(desired["Name"]).rstrip(".")
    for record in clients("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]:
        same_set = record.get("SetIdentifier") == desired.get("SetIdentifier")
        if record["Name"].rstrip(".") == wanted and record["Type"] == desired["Type"] and same_set:
            return {"HostedZoneId": zone, **record}
    return None


def _alias(found: Description) -> dict[str, Any]:
    """The alias in the template's spelling: no dot at the end."""
    alias = dict(found["AliasTarget"])
    return {**alias, "DNSName": alias["DNSName"].rstrip(".")}


def _health_check(clients: Clients, identifier: str, desired: dict[str, Any]) -> Description | None:
    found = first(clients("route53").get_health_check(HealthCheckId=identifier), "HealthCheck")
    if not found:
        return None
    listed = clients("route53").list_tags_for_resource(ResourceType="healthcheck", ResourceId=identifier)
    return {**found, "HealthCheckTags": listed["ResourceTagSet"]["Tags"]}


COMPARISONS = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Comparison(
        describe=_load_balancer,
        properties={
            **same(
                "Type",
                "Scheme",
                "Subnets",
                "SubnetMappings",
                "SecurityGroups",
                "IpAddressType",
                "LoadBalancerAttributes",
                "Tags",
            ),
            "Name": "LoadBalancerName",
        },
        stored=frozenset({"IpAddressType", "LoadBalancerAttributes"}),
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Comparison(
        describe=_target_group,
        properties={
            **same(
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
            "Name": "TargetGroupName",
        },
        stored=frozenset(
            {
                "ProtocolVersion",
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
            }
        ),
    ),
    "AWS::ElasticLoadBalancingV2::Listener": Comparison(
        describe=_listener,
        properties=same(
            "LoadBalancerArn",
            "Port",
            "Protocol",
            "SslPolicy",
            "Certificates",
            "AlpnPolicy",
            "DefaultActions",
            "ListenerAttributes",
            "MutualAuthentication",
            "Tags",
        ),
        stored=frozenset({"SslPolicy", "Certificates", "AlpnPolicy", "ListenerAttributes", "MutualAuthentication"}),
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": Comparison(
        describe=_rule, properties=same("ListenerArn", "Priority", "Conditions", "Actions")
    ),
    "AWS::WAFv2::WebACL": Comparison(
        describe=_web_acl,
        properties=same("Name", "Scope", "DefaultAction", "Description", "Rules", "VisibilityConfig", "Tags"),
    ),
    "AWS::WAFv2::WebACLAssociation": Comparison(describe=_web_acl_association, properties=same("WebACLArn", "ResourceArn")),
    "AWS::Route53::HostedZone": Comparison(
        describe=_hosted_zone,
        properties=same("HostedZoneConfig", "HostedZoneTags", "Name", "VPCs"),
        # No name is resolved here.
        stored=frozenset({"VPCs"}),
    ),
    "AWS::Route53::RecordSet": Comparison(
        describe=_record_set,
        properties={
            **same("HostedZoneId", "Type", "TTL", "SetIdentifier", "Failover", "Weight", "HealthCheckId"),
            "Name": lambda found: found["Name"],
            "AliasTarget": _alias,
            "ResourceRecords": lambda found: [entry["Value"] for entry in found.get("ResourceRecords", [])],
        },
    ),
    "AWS::Route53::HealthCheck": Comparison(describe=_health_check, properties=same("HealthCheckConfig", "HealthCheckTags")),
}
