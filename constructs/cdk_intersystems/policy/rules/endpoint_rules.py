"""Rules about the mirror endpoint: it finds the primary, and lets go of a member that isn't it."""

from collections.abc import Iterator

from cdk_intersystems.model.ports import MIRROR_STATUS_PATH, MIRROR_STATUS_PORT
from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.mirrors import (
    LISTENER,
    LOAD_BALANCER,
    Member,
    attributes,
    endpoint_target_groups,
    members,
    private_address,
    target_addresses,
)
from cdk_intersystems.policy.rules.rule import Finding, rule

_FAILOVER_MEMBERS = 2
# Twice this is what a failover may take longer for clients of the endpoint; ELB takes 5 to 300 s.
_LONGEST_INTERVAL = 10


@rule(
    "IRIS-12",
    "the endpoint's health check asks the mirror status responder, and believes nothing but HTTP 200",
    fix="use MirrorEndpoint, or state its health check: HTTP, its port and path, code 200, every 10 s or more often",
)
def health_check_on_mirror_status(app: Assembly) -> Iterator[Finding]:
    """A check of the service port would find both members healthy."""
    for mirror_set, group in endpoint_target_groups(app):
        properties = group.properties
        wanted = {
            "HealthCheckProtocol": "HTTP",
            "HealthCheckPort": str(MIRROR_STATUS_PORT),
            "HealthCheckPath": MIRROR_STATUS_PATH,
        }
        for key, value in wanted.items():
            if str(properties.get(key)) != value:
                message = f"{key} of the endpoint of {mirror_set} is {properties.get(key)}, and has to be {value}"
                yield Finding(group, message, f"Properties.{key}")
        if properties.get("Matcher", {}).get("HttpCode") != "200":
            message = f"the health check of {mirror_set} believes {properties.get('Matcher')}, and has to believe 200 only"
            yield Finding(group, message, "Properties.Matcher")
        if int(properties.get("HealthCheckIntervalSeconds", 30)) > _LONGEST_INTERVAL:
            message = f"the health check of {mirror_set} is made less often than every {_LONGEST_INTERVAL} s"
            yield Finding(group, message, "Properties.HealthCheckIntervalSeconds")
        if properties.get("HealthCheckEnabled") is False:
            yield Finding(group, f"the health check of {mirror_set} is off", "Properties.HealthCheckEnabled")


@rule(
    "IRIS-13",
    "each target group of the endpoint holds both failover members and nothing else",
    fix="register both failover members, never the arbiter and no async member: with no healthy target all get traffic",
)
def both_failover_members(app: Assembly) -> Iterator[Finding]:
    """While a member is taken out, its address stays."""
    by_set: dict[str, list[Member]] = {}
    for member in members(app):
        by_set.setdefault(member.mirror_set, []).append(member)
    for mirror_set, group in endpoint_target_groups(app):
        targets = target_addresses(group)
        present = {str(private_address(member.host)) for member in by_set.get(mirror_set, []) if member.is_failover}
        others = {
            str(private_address(member.host))
            for member in members(app)
            if member.mirror_set != mirror_set or not member.is_failover
        }
        if missing := present - set(targets):
            yield Finding(group, f"failover member {', '.join(sorted(missing))} is not a target", "Properties.Targets")
        if strangers := others & set(targets):
            message = f"{', '.join(sorted(strangers))} is no failover member of {mirror_set}"
            yield Finding(group, message, "Properties.Targets")
        if len(set(targets)) != _FAILOVER_MEMBERS:
            yield Finding(group, f"there are {len(set(targets))} targets, and have to be two", "Properties.Targets")


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


ENDPOINT_RULES = (health_check_on_mirror_status, both_failover_members, cross_zone_and_termination)


def _load_balancers(app: Assembly, group: Resource) -> list[Resource]:
    found: list[Resource] = []
    for listener in app.resources(LISTENER):
        for action in listener.properties.get("DefaultActions", []):
            forwards = [action.get("TargetGroupArn")] + [
                entry.get("TargetGroupArn") for entry in action.get("ForwardConfig", {}).get("TargetGroups", [])
            ]
            if any(app.identity(listener.stack, arn) == group.identity for arn in forwards if arn):
                balancer = app.find(listener.stack, listener.properties["LoadBalancerArn"])
                if balancer and balancer.type == LOAD_BALANCER:
                    found.append(balancer)
    return found
