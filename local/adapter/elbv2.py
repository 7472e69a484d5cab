"""Elastic Load Balancing: descriptions that say what is there, and refusals ministack does not make.

ministack reports every load balancer in the region's zone a and every target healthy, and leaves out what a forward
action holds beyond one target group. The records stay in its stores, where its own data plane and its modifying
actions find them.
"""

from __future__ import annotations

from typing import Any

from local.adapter import emulator
from local.adapter.errors import AwsError

Record = dict[str, Any]


def load_balancer(arn: str) -> Record:
    """Look up a load balancer."""
    return _find(emulator.elbv2._lbs, arn, "LoadBalancerNotFound", "load balancers")


def target_group(arn: str) -> Record:
    """Look up a target group."""
    return _find(emulator.elbv2._tgs, arn, "TargetGroupNotFound", "target groups")


def _find(store: Any, arn: str, code: str, noun: str) -> Record:
    """Look a record up by its ARN, refusing as the service does."""
    found: Record | None = store.get(arn)
    if found is None:
        raise AwsError(code, f"One or more {noun} not found")
    return found


def _chosen(store: Any, arns: list[str] | None, names: list[str] | None, name: str, code: str) -> list[Record]:
    """The records a description is about."""
    records: list[Record] = list(store.values())
    for wanted, key in ((arns, None), (names, name)):
        if wanted:
            known = {(arn if key is None else record[key]): record for arn, record in store.items()}
            if any(entry not in known for entry in wanted):
                raise AwsError(code, "One or more of the resources named do not exist")
            records = [known[entry] for entry in wanted]
    return records


def describe_load_balancers(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeLoadBalancers, each with the zones of its subnets."""
    records = _chosen(
        emulator.elbv2._lbs,
        request.get("LoadBalancerArns"),
        request.get("Names"),
        "LoadBalancerName",
        "LoadBalancerNotFound",
    )
    return {
        "LoadBalancers": [
            {
                **record,
                "CanonicalHostedZoneId": record.get("_hosted_zone"),
                "State": {"Code": record["State"]},
                "AvailabilityZones": record.get("_zones", []),
            }
            for record in records
        ]
    }


def describe_target_groups(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeTargetGroups."""
    records = _chosen(
        emulator.elbv2._tgs,
        request.get("TargetGroupArns"),
        request.get("Names"),
        "TargetGroupName",
        "TargetGroupNotFound",
    )
    wanted = request.get("LoadBalancerArn")
    return {"TargetGroups": [record for record in records if not wanted or wanted in record["LoadBalancerArns"]]}


def describe_listeners(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeListeners, their actions whole."""
    records = _chosen(emulator.elbv2._listeners, request.get("ListenerArns"), None, "", "ListenerNotFound")
    wanted = request.get("LoadBalancerArn")
    return {
        "Listeners": [
            {
                **record,
                "Certificates": [{"CertificateArn": arn} for arn in record.get("Certificates", [])],
                "DefaultActions": [_action(action) for action in record["DefaultActions"]],
            }
            for record in records
            if not wanted or record["LoadBalancerArn"] == wanted
        ]
    }


def describe_listener_certificates(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeListenerCertificates: the default one and those added."""
    record = _find(emulator.elbv2._listeners, request["ListenerArn"], "ListenerNotFound", "listeners")
    default = [{"CertificateArn": arn, "IsDefault": True} for arn in record.get("Certificates", [])]
    added = [{"CertificateArn": arn, "IsDefault": False} for arn in record.get("_more_certificates", [])]
    return {"Certificates": default + added}


def _action(action: Record) -> Record:
    """An action as the service reports it: a forward to one group also as a forward configuration."""
    if action.get("TargetGroupArn") and not action.get("ForwardConfig"):
        groups = [{"TargetGroupArn": action["TargetGroupArn"], "Weight": 1}]
        config = {"TargetGroups": groups, "TargetGroupStickinessConfig": {"Enabled": False}}
        return {**action, "ForwardConfig": config}
    return action


def describe_target_health(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeTargetHealth. No health check is run here, and the answer says so rather than "healthy"."""
    group = target_group(request["TargetGroupArn"])
    descriptions: list[Record] = []
    for target in emulator.elbv2._targets.get(group["TargetGroupArn"], []):
        descriptions.append(
            {
                "Target": {"Port": group.get("Port"), **target},
                "HealthCheckPort": str(_check_port(group, target)),
                "TargetHealth": _health(group, target),
            }
        )
    wanted = {target["Id"] for target in request.get("Targets") or []}
    kept = [entry for entry in descriptions if not wanted or entry["Target"]["Id"] in wanted]
    return {"TargetHealthDescriptions": kept}


def _check_port(group: Record, target: Record) -> Any:
    """The port a target would be checked on."""
    port = group.get("HealthCheckPort", "traffic-port")
    return target.get("Port", group.get("Port")) if port == "traffic-port" else port


def _health(group: Record, target: Record) -> Record:
    """What is known about a target without checking it."""
    if not group["LoadBalancerArns"]:
        reason = "Target group is not configured to receive traffic from the load balancer"
        return {"State": "unused", "Reason": "Target.NotInUse", "Description": reason}
    instance = emulator.ec2._instances.get(target["Id"])
    if instance and instance["State"]["Name"] != "running":
        return {"State": "unused", "Reason": "Target.InvalidState", "Description": "Target is in the stopped state"}
    description = "Health checks are not run in the embedded AWS"
    return {"State": "initial", "Reason": "Elb.InitialHealthChecking", "Description": description}


def delete_load_balancer(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteLoadBalancer, refused while deletion protection is on."""
    arn = request["LoadBalancerArn"]
    if arn in emulator.elbv2._lbs:
        attributes = {entry["Key"]: entry["Value"] for entry in emulator.elbv2._lb_attrs.get(arn, [])}
        if attributes.get("deletion_protection.enabled") == "true":
            message = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            raise AwsError("OperationNotPermitted", message)
        for identifier in emulator.elbv2._lbs[arn].get("_interfaces", []):
            emulator.ec2._network_interfaces.pop(identifier, None)
        emulator.provisioners._elbv2_load_balancer_delete(arn, {})
    return {}


def delete_target_group(request: dict[str, Any]) -> dict[str, Any]:
    """DeleteTargetGroup, refused while a listener or a rule forwards to it."""
    arn = request["TargetGroupArn"]
    used = [record["DefaultActions"] for record in emulator.elbv2._listeners.values()]
    used += [record["Actions"] for record in emulator.elbv2._rules.values()]
    if any(arn in forwards(action) for actions in used for action in actions):
        raise AwsError("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    emulator.provisioners._elbv2_target_group_delete(arn, {})
    return {}


def forwards(action: Record) -> set[str]:
    """The target groups an action forwards to."""
    named = {entry["TargetGroupArn"] for entry in (action.get("ForwardConfig") or {}).get("TargetGroups", [])}
    return named | ({action["TargetGroupArn"]} if action.get("TargetGroupArn") else set())


ACTIONS = {
    "DescribeLoadBalancers": describe_load_balancers,
    "DescribeTargetGroups": describe_target_groups,
    "DescribeListeners": describe_listeners,
    "DescribeListenerCertificates": describe_listener_certificates,
    "DescribeTargetHealth": describe_target_health,
    "DeleteLoadBalancer": delete_load_balancer,
    "DeleteTargetGroup": delete_target_group,
}
