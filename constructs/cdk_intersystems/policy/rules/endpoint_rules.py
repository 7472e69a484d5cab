"""Rules about the mirror endpoint: it finds the primary or is led to it, and lets go of a member that isn't it."""

from collections.abc import Iterator
from typing import Any

from cdk_intersystems.model.ports import MIRROR_STATUS_PATH, MIRROR_STATUS_PORT
from cdk_intersystems.model.topology import FAILOVER_MEMBERS
from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.mirrors import (
    LISTENER,
    LOAD_BALANCER,
    Member,
    attributes,
    endpoint_target_groups,
    member_of_group,
    members,
    private_address,
    target_addresses,
)
from cdk_intersystems.policy.rules.rule import Finding, rule

_FAILOVER_MEMBERS = 2
# Twice this is what a failover may take longer for clients of the endpoint; ELB takes 5 to 300 s.
_LONGEST_INTERVAL = 10
_DNS_FAILOVER = "target_group_health.dns_failover.minimum_healthy_targets.count"


@rule(
    "IRIS-12",
    "the endpoint's health check asks the mirror status responder, and believes nothing but HTTP 200; where the router moves "
    "the listener, it asks the responder's port by TCP",
    fix="use MirrorEndpoint, or state its health check: HTTP, its port and path, code 200, every 10 s or more often",
)
def health_check_on_mirror_status(app: Assembly) -> Iterator[Finding]:
    """A check of the service port would find both members healthy.

    Of a group for one member alone the router decides whether it gets connections, and the check only says whether the host is
    there: one that is healthy only while its member is primary would keep the router's choice from connections for a while.
    """
    for mirror_set, group in endpoint_target_groups(app):
        properties = group.properties
        is_moved = member_of_group(group) is not None
        wanted = {"HealthCheckPort": str(MIRROR_STATUS_PORT), "HealthCheckProtocol": "TCP" if is_moved else "HTTP"}
        if not is_moved:
            wanted["HealthCheckPath"] = MIRROR_STATUS_PATH
        for key, value in wanted.items():
            if str(properties.get(key)) != value:
                message = f"{key} of the endpoint of {mirror_set} is {properties.get(key)}, and has to be {value}"
                yield Finding(group, message, f"Properties.{key}")
        if not is_moved and properties.get("Matcher", {}).get("HttpCode") != "200":
            message = f"the health check of {mirror_set} believes {properties.get('Matcher')}, and has to believe 200 only"
            yield Finding(group, message, "Properties.Matcher")
        if int(properties.get("HealthCheckIntervalSeconds", 30)) > _LONGEST_INTERVAL:
            message = f"the health check of {mirror_set} is made less often than every {_LONGEST_INTERVAL} s"
            yield Finding(group, message, "Properties.HealthCheckIntervalSeconds")
        if properties.get("HealthCheckEnabled") is False:
            yield Finding(group, f"the health check of {mirror_set} is off", "Properties.HealthCheckEnabled")


@rule(
    "IRIS-13",
    "each listener of the endpoint leads to both failover members and nothing else: by one target group with both, or by one "
    "for each, of which one gets all connections",
    fix="register both failover members, never the arbiter and no async member: with no healthy target all get traffic",
)
def both_failover_members(app: Assembly) -> Iterator[Finding]:
    """While a member is taken out, its address stays."""
    by_set: dict[str, list[Member]] = {}
    for member in members(app):
        by_set.setdefault(member.mirror_set, []).append(member)
    for mirror_set, group in endpoint_target_groups(app):
        targets = target_addresses(group)
        only = member_of_group(group)
        present = {
            str(private_address(member.host))
            for member in by_set.get(mirror_set, [])
            if member.is_failover and only in (None, member.member)
        }
        others = {
            str(private_address(member.host))
            for member in members(app)
            if member.mirror_set != mirror_set or not member.is_failover or only not in (None, member.member)
        }
        if missing := present - set(targets):
            yield Finding(group, f"failover member {', '.join(sorted(missing))} is not a target", "Properties.Targets")
        if strangers := others & set(targets):
            whom = f"member {only}" if only else "a failover member"
            yield Finding(group, f"{', '.join(sorted(strangers))} is not {whom} of {mirror_set}", "Properties.Targets")
        wanted = _FAILOVER_MEMBERS if only is None else 1
        if len(set(targets)) != wanted:
            message = f"there are {len(set(targets))} targets, and have to be {wanted}"
            yield Finding(group, message, "Properties.Targets")
    yield from _pairs(app)


def _pairs(app: Assembly) -> Iterator[Finding]:
    """A group that no listener names isn't health-checked, and two that get connections are two primaries."""
    moved = {group.identity: group for _, group in endpoint_target_groups(app) if member_of_group(group)}
    for listener in app.resources(LISTENER):
        weights = _weights(app, listener)
        named = [moved[identity] for identity in weights if identity in moved]
        if not named:
            continue
        if sorted(str(member_of_group(group)) for group in named) != sorted(FAILOVER_MEMBERS) or len(named) != len(weights):
            message = "the listener names not exactly one target group for each failover member"
            yield Finding(listener, message, "Properties.DefaultActions")
        if sorted(weight > 0 for weight in weights.values()) != [False, True]:
            message = f"{sum(weight > 0 for weight in weights.values())} target groups get connections, and has to be one"
            yield Finding(listener, message, "Properties.DefaultActions")
    used = {identity for listener in app.resources(LISTENER) for identity in _weights(app, listener)}
    for identity in moved.keys() - used:
        yield Finding(moved[identity], "no listener names the group, so that it has no health check", "Properties")


def _weights(app: Assembly, listener: Resource) -> dict[str, int]:
    """The target groups that a listener's default action names, by identity, with their weights."""
    found: dict[str, int] = {}
    for action in listener.properties.get("DefaultActions", []):
        groups: list[dict[str, Any]] = action.get("ForwardConfig", {}).get("TargetGroups", [])
        if not groups and "TargetGroupArn" in action:
            groups = [action]
        found |= {app.identity(listener.stack, each["TargetGroupArn"]): int(each.get("Weight", 1)) for each in groups}
    return found


@rule(
    "IRIS-14",
    "the endpoint reaches the primary from every zone, and closes connections to a member that stops being it",
    fix="switch cross-zone load balancing and connection termination of unhealthy targets on",
)
def cross_zone_and_termination(app: Assembly) -> Iterator[Finding]:
    """Without the one, clients of two zones have no target; without the other, they wait minutes on a dead connection."""
    for _, group in endpoint_target_groups(app):
        stated = attributes(group, "TargetGroupAttributes")
        own = stated.get("load_balancing.cross_zone.enabled", "use_load_balancer_configuration")
        balancers = _load_balancers(app, group)
        from_balancers = bool(balancers) and all(
            attributes(balancer, "LoadBalancerAttributes").get("load_balancing.cross_zone.enabled") == "true"
            for balancer in balancers
        )
        if own == "false" or (own != "true" and not from_balancers):
            yield Finding(group, "cross-zone load balancing is off", "Properties.TargetGroupAttributes")
        # Elastic Load Balancing's default is true, but a default is nobody's decision.
        if stated.get("target_health_state.unhealthy.connection_termination.enabled") != "true":
            message = "connections to a member that is no longer healthy stay open"
            yield Finding(group, message, "Properties.TargetGroupAttributes")
        if member_of_group(group) and stated.get(_DNS_FAILOVER) != "off":
            message = "while its one member is down, every zone would be taken out of the load balancer's name"
            yield Finding(group, message, "Properties.TargetGroupAttributes")


ENDPOINT_RULES = (health_check_on_mirror_status, both_failover_members, cross_zone_and_termination)


def _load_balancers(app: Assembly, group: Resource) -> list[Resource]:
    found: list[Resource] = []
    for listener in app.resources(LISTENER):
        if group.identity in _weights(app, listener):
            balancer = app.find(listener.stack, listener.properties["LoadBalancerArn"])
            if balancer and balancer.type == LOAD_BALANCER:
                found.append(balancer)
    return found
