"""AWS::ElasticLoadBalancingV2::Listener, ListenerRule and ListenerCertificate."""

from __future__ import annotations

import secrets
from typing import Any

from local.adapter import elbv2, emulator
from local.adapter.errors import AwsError
from local.adapter.resources.handler import Handler, Made, Properties, Resource

Record = dict[str, Any]
_SECURE = ("HTTPS", "TLS")
_DEFAULT_POLICY = "ELBSecurityPolicy-2016-08"  # CreateListener's documented default outside the console
_LISTENER = ("LoadBalancerArn", "Port", "Protocol", "DefaultActions", "Certificates", "SslPolicy")


def create(resource: Resource) -> Made:
    """Create the listener and its default rule."""
    given = resource.properties
    balancer = elbv2.load_balancer(given["LoadBalancerArn"])
    port = int(given["Port"])
    for other in emulator.elbv2._listeners.values():
        if other["LoadBalancerArn"] == balancer["LoadBalancerArn"] and other["Port"] == port:
            raise AwsError("DuplicateListener", "A listener already exists on this port for this load balancer")
    arn = f"{_prefix(balancer)}/{secrets.token_hex(8)}"
    record: Record = {"ListenerArn": arn, "LoadBalancerArn": balancer["LoadBalancerArn"]}
    emulator.elbv2._listeners[arn] = record
    try:
        _set(record, given)
    except AwsError:
        emulator.elbv2._listeners.pop(arn, None)
        raise
    rule = arn.replace(":listener/", ":listener-rule/") + f"/{secrets.token_hex(8)}"
    emulator.elbv2._rules[rule] = {
        "RuleArn": rule,
        "ListenerArn": arn,
        "Priority": "default",
        "Conditions": [],
        "Actions": record["DefaultActions"],
        "IsDefault": True,
    }
    return arn, {"ListenerArn": arn}


def _prefix(balancer: Record) -> str:
    """The start of the ARNs of a load balancer's listeners."""
    return str(balancer["LoadBalancerArn"]).replace(":loadbalancer/", ":listener/")


def _set(record: Record, given: Properties) -> None:
    """Put a template's properties onto a listener."""
    balancer = elbv2.load_balancer(record["LoadBalancerArn"])
    protocol = given.get("Protocol") or ("HTTP" if balancer["Type"] == "application" else "TCP")
    allowed = ("HTTP", "HTTPS") if balancer["Type"] == "application" else ("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC")
    if protocol not in allowed:
        raise AwsError("UnsupportedProtocol", f"Protocol {protocol} is not supported by this load balancer")
    certificates = [entry["CertificateArn"] for entry in given.get("Certificates") or []]
    if protocol in _SECURE and len(certificates) != 1:
        code = "TooManyCertificates" if certificates else "CertificateNotFound"
        raise AwsError(code, f"A listener with protocol {protocol} must have exactly one certificate")
    record.update(Port=int(given["Port"]), Protocol=protocol, DefaultActions=actions(balancer, given["DefaultActions"]))
    for name in ("SslPolicy", "Certificates", "AlpnPolicy", "MutualAuthentication"):
        record.pop(name, None)
    if protocol in _SECURE:
        record.update(Certificates=certificates, SslPolicy=given.get("SslPolicy", _DEFAULT_POLICY))
    for name in ("AlpnPolicy", "MutualAuthentication"):
        if given.get(name):
            record[name] = given[name]
    attributes = [{"Key": e["Key"], "Value": str(e.get("Value", ""))} for e in given.get("ListenerAttributes") or []]
    emulator.elbv2._listener_attrs[record["ListenerArn"]] = attributes
    tags = [{"Key": e["Key"], "Value": str(e.get("Value", ""))} for e in given.get("Tags") or []]
    emulator.elbv2._tags[record["ListenerArn"]] = tags


def actions(balancer: Record, given: list[Record]) -> list[Record]:
    """Actions in the form ministack keeps, whole; the target groups learn of the load balancer."""
    actions = []
    for number, entry in enumerate(given, start=1):
        action = {**entry, "Order": int(entry.get("Order", number))}
        config = entry.get("ForwardConfig") or {}
        groups = config.get("TargetGroups") or []
        if len(groups) == 1 and not action.get("TargetGroupArn"):
            action["TargetGroupArn"] = groups[0]["TargetGroupArn"]
        for arn in elbv2.forwards(action):
            group = elbv2.target_group(arn)
            if group["VpcId"] != balancer["VpcId"]:
                raise AwsError("InvalidConfigurationRequest", f"Target group '{arn}' is in another VPC")
            if balancer["LoadBalancerArn"] not in group["LoadBalancerArns"]:
                group["LoadBalancerArns"].append(balancer["LoadBalancerArn"])
        actions.append(action)
    return actions


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the listener in place, and its default rule with it."""
    record = emulator.elbv2._listeners[physical_id]
    _set(record, resource.properties)
    for rule in emulator.elbv2._rules.values():
        if rule["ListenerArn"] == physical_id and rule["IsDefault"]:
            rule["Actions"] = record["DefaultActions"]
    forget_unused(record["LoadBalancerArn"])
    return physical_id, {"ListenerArn": physical_id}


def forget_unused(balancer_arn: str) -> None:
    """Take a load balancer off the target groups that none of its listeners and rules forwards to any more."""
    listeners = [entry for entry in emulator.elbv2._listeners.values() if entry["LoadBalancerArn"] == balancer_arn]
    arns = {entry["ListenerArn"] for entry in listeners}
    actions = [action for entry in listeners for action in entry["DefaultActions"]]
    rules = [rule for rule in emulator.elbv2._rules.values() if rule["ListenerArn"] in arns]
    actions += [action for rule in rules for action in rule["Actions"]]
    used = {group for action in actions for group in elbv2.forwards(action)}
    for group in emulator.elbv2._tgs.values():
        if balancer_arn in group["LoadBalancerArns"] and group["TargetGroupArn"] not in used:
            group["LoadBalancerArns"].remove(balancer_arn)


def delete(physical_id: str, properties: Properties) -> None:
    """Delete the listener and its rules."""
    record = emulator.elbv2._listeners.get(physical_id)
    emulator.provisioners._elbv2_listener_delete(physical_id, properties)
    if record:
        forget_unused(record["LoadBalancerArn"])


def create_rule(resource: Resource) -> Made:
    """Create the rule."""
    given = resource.properties
    listener = emulator.elbv2._listeners.get(given["ListenerArn"])
    if listener is None:
        raise AwsError("ListenerNotFound", f"Listener '{given['ListenerArn']}' not found")
    priority = str(given["Priority"])
    for rule in emulator.elbv2._rules.values():
        if rule["ListenerArn"] == given["ListenerArn"] and rule["Priority"] == priority:
            raise AwsError("PriorityInUse", f"Priority '{priority}' is currently in use")
    arn = given["ListenerArn"].replace(":listener/", ":listener-rule/") + f"/{secrets.token_hex(8)}"
    balancer = elbv2.load_balancer(listener["LoadBalancerArn"])
    emulator.elbv2._rules[arn] = {
        "RuleArn": arn,
        "ListenerArn": given["ListenerArn"],
        "Priority": priority,
        "Conditions": _conditions(given),
        "Actions": actions(balancer, given["Actions"]),
        "IsDefault": False,
    }
    return arn, {"RuleArn": arn, "IsDefault": False}


def _conditions(given: Properties) -> list[Record]:
    """Conditions in the form ministack keeps."""
    conditions: list[Record] = emulator.provisioners._flatten_listener_rule_conditions(given.get("Conditions") or [])
    return conditions


def update_rule(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the rule in place."""
    rule = emulator.elbv2._rules[physical_id]
    balancer = elbv2.load_balancer(emulator.elbv2._listeners[rule["ListenerArn"]]["LoadBalancerArn"])
    rule.update(
        Priority=str(resource.properties["Priority"]),
        Conditions=_conditions(resource.properties),
        Actions=actions(balancer, resource.properties["Actions"]),
    )
    forget_unused(balancer["LoadBalancerArn"])
    return physical_id, {"RuleArn": physical_id, "IsDefault": False}


def delete_rule(physical_id: str, properties: Properties) -> None:
    """Delete the rule."""
    rule = emulator.elbv2._rules.pop(physical_id, None)
    listener = emulator.elbv2._listeners.get((rule or {}).get("ListenerArn", ""))
    if listener:
        forget_unused(listener["LoadBalancerArn"])


def add_certificates(resource: Resource) -> Made:
    """Add certificates to a listener."""
    arn = resource.properties["ListenerArn"]
    listener = emulator.elbv2._listeners[arn]
    more = [entry["CertificateArn"] for entry in resource.properties["Certificates"]]
    listener["_more_certificates"] = [*listener.get("_more_certificates", []), *more]
    return f"{arn}|{'|'.join(more)}", {"Id": f"{arn}|{'|'.join(more)}"}


def change_certificates(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Put the template's certificates in place of those it had."""
    remove_certificates(physical_id, old)
    add_certificates(resource)
    return physical_id, {"Id": physical_id}


def remove_certificates(physical_id: str, properties: Properties) -> None:
    """Take certificates off a listener, if it is still there."""
    listener = emulator.elbv2._listeners.get(properties["ListenerArn"])
    if listener:
        gone = [entry["CertificateArn"] for entry in properties["Certificates"]]
        listener["_more_certificates"] = [arn for arn in listener["_more_certificates"] if arn not in gone]


HANDLERS = {
    "AWS::ElasticLoadBalancingV2::Listener": Handler(
        create=create,
        update=update,
        delete=delete,
        known=(*_LISTENER, "AlpnPolicy", "ListenerAttributes", "MutualAuthentication", "Tags"),
        replacing=("LoadBalancerArn",),
        tags=True,
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": Handler(
        create=create_rule,
        update=update_rule,
        delete=delete_rule,
        known=("ListenerArn", "Priority", "Conditions", "Actions"),
        replacing=("ListenerArn",),
    ),
    "AWS::ElasticLoadBalancingV2::ListenerCertificate": Handler(
        create=add_certificates,
        update=change_certificates,
        delete=remove_certificates,
        known=("ListenerArn", "Certificates"),
        replacing=("ListenerArn",),
    ),
}
