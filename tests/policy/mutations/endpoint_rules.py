"""Ways to break what the rules about the mirror endpoint hold."""

from collections.abc import Callable
from typing import Any

from tests.policy.mutations.templates import LOAD_BALANCER, MIRROR, Mutation, Mutations, Templates, first, set_property


def target_group(templates: Templates) -> dict[str, Any]:
    properties: dict[str, Any] = first(templates, MIRROR, "AWS::ElasticLoadBalancingV2::TargetGroup")["Properties"]
    return properties


def set_target_group(key: str, value: object) -> Mutation:
    return set_property(MIRROR, "AWS::ElasticLoadBalancingV2::TargetGroup", key, value)


def set_targets(change: Callable[[list[dict[str, Any]]], object]) -> Mutation:
    def mutate(templates: Templates) -> None:
        change(target_group(templates)["Targets"])

    return mutate


def set_attribute(stack: str, type: str, attributes: str, key: str, value: str) -> Mutation:
    def mutate(templates: Templates) -> None:
        entries = first(templates, stack, type)["Properties"][attributes]
        entries[:] = [entry for entry in entries if entry["Key"] != key] + [{"Key": key, "Value": value}]

    return mutate


def set_weights(*weights: int) -> Mutation:
    """Change the weights of the target groups that the endpoint's first listener names."""

    def mutate(templates: Templates) -> None:
        groups = _named_groups(templates)
        for group, weight in zip(groups, weights, strict=True):
            group["Weight"] = weight

    return mutate


def _named_groups(templates: Templates) -> list[dict[str, Any]]:
    (action,) = first(templates, MIRROR, "AWS::ElasticLoadBalancingV2::Listener")["Properties"]["DefaultActions"]
    groups: list[dict[str, Any]] = action["ForwardConfig"]["TargetGroups"]
    return groups


def _idle_group_left_out(templates: Templates) -> None:
    _named_groups(templates).pop()


def _both_groups_of_one_member(templates: Templates) -> None:
    """Of another service: member a's group of HL7 instead of member b's of the superserver."""
    hl7 = [k for k, v in templates[MIRROR]["Resources"].items() if v["Type"] == _GROUP and "Hl7TargetsA" in k]
    _named_groups(templates)[1]["TargetGroupArn"] = {"Ref": hl7[0]}


_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
_CLOSE = "target_health_state.unhealthy.connection_termination.enabled"


MUTATIONS: Mutations = {
    "health check by TCP": ({"IRIS-12"}, set_target_group("HealthCheckProtocol", "TCP")),
    "health check of the service port": ({"IRIS-12"}, set_target_group("HealthCheckPort", "traffic-port")),
    "health check of another page": ({"IRIS-12"}, set_target_group("HealthCheckPath", "/")),
    "health check that believes a redirect": ({"IRIS-12"}, set_target_group("Matcher", {"HttpCode": "200-399"})),
    "health check too slow": ({"IRIS-12"}, set_target_group("HealthCheckIntervalSeconds", 30)),
    "failover member missing in the endpoint": ({"IRIS-13"}, set_targets(lambda targets: targets.pop())),
    "arbiter in the endpoint": (
        {"IRIS-13"},
        set_targets(lambda targets: targets[1].update(Id="10.20.224.17")),
    ),
    "third target in the endpoint": (
        {"IRIS-13"},
        set_targets(lambda targets: targets.append({"Id": "10.20.128.99", "Port": 11972})),
    ),
    "no cross-zone load balancing": (
        {"IRIS-14"},
        set_attribute(MIRROR, LOAD_BALANCER, "LoadBalancerAttributes", "load_balancing.cross_zone.enabled", "false"),
    ),
    "no cross-zone load balancing of a group": (
        {"IRIS-14"},
        set_attribute(MIRROR, _GROUP, "TargetGroupAttributes", "load_balancing.cross_zone.enabled", "false"),
    ),
    "dead connections stay open": ({"IRIS-14"}, set_attribute(MIRROR, _GROUP, "TargetGroupAttributes", _CLOSE, "false")),
}


LISTENER_MUTATIONS: Mutations = {
    "health check that finds the primary itself": ({"IRIS-12"}, set_target_group("HealthCheckProtocol", "HTTP")),
    "health check of the service's own port": ({"IRIS-12"}, set_target_group("HealthCheckPort", "traffic-port")),
    "health check of a member's group too slow": ({"IRIS-12"}, set_target_group("HealthCheckIntervalSeconds", 30)),
    "both members in the group of one": (
        {"IRIS-13"},
        set_targets(lambda targets: targets.append({"Id": "10.20.160.17", "Port": 11972})),
    ),
    "the other member in the group of one": ({"IRIS-13"}, set_targets(lambda targets: targets[0].update(Id="10.20.160.17"))),
    "a group with nobody in it": ({"IRIS-13"}, set_target_group("Targets", [])),
    # Of a group that no load balancer uses it isn't known whether that leads to every zone.
    "the idle member's group left out": ({"IRIS-13", "IRIS-14"}, _idle_group_left_out),
    "another service's group": ({"IRIS-13", "IRIS-14"}, _both_groups_of_one_member),
    "connections to both members": ({"IRIS-13"}, set_weights(1, 1)),
    "connections to nobody": ({"IRIS-13"}, set_weights(0, 0)),
    "a group that its member's death takes out of DNS": (
        {"IRIS-14"},
        set_attribute(
            MIRROR, _GROUP, "TargetGroupAttributes", "target_group_health.dns_failover.minimum_healthy_targets.count", "1"
        ),
    ),
    "dead connections of a member's group stay open": (
        {"IRIS-14"},
        set_attribute(MIRROR, _GROUP, "TargetGroupAttributes", _CLOSE, "false"),
    ),
}
"""Of a deployment whose router moves a listener."""
