"""ModifyListener, whose target groups learn that the load balancer uses them, or doesn't any more.

ministack changes the action alone: a group that a listener is moved to would go on reporting its targets as unused.
"""

from __future__ import annotations

from typing import Any

from local.adapter import elbv2, emulator
from local.adapter.errors import AwsError
from local.adapter.resources import listener


def modify(request: dict[str, Any]) -> dict[str, Any]:
    """ModifyListener: what the request doesn't name stays as it is; its actions take the place of all there were."""
    arn = request["ListenerArn"]
    record = emulator.elbv2._listeners.get(arn)
    if record is None:
        raise AwsError("ListenerNotFound", f"Listener '{arn}' not found")
    balancer = elbv2.load_balancer(record["LoadBalancerArn"])
    changed: dict[str, Any] = {
        name: request[name] for name in ("Port", "Protocol", "SslPolicy", "AlpnPolicy") if name in request
    }
    if "Certificates" in request:
        changed["Certificates"] = [entry["CertificateArn"] for entry in request["Certificates"]]
    if "DefaultActions" in request:
        changed["DefaultActions"] = listener.actions(balancer, request["DefaultActions"])
    record.update(changed)
    for rule in emulator.elbv2._rules.values():
        if rule["ListenerArn"] == arn and rule["IsDefault"]:
            rule["Actions"] = record["DefaultActions"]
    listener.forget_unused(record["LoadBalancerArn"])
    described = elbv2.describe_listeners({"ListenerArns": [arn]})
    return {"Listeners": described["Listeners"]}


ACTIONS = {"ModifyListener": modify}
