"""Rules about tiers: how many servers they may have."""

from collections.abc import Iterator
from itertools import product

from cdk_intersystems.model.ecp import HIGHEST_MAX_SERVER_CONN, needed_connections
from cdk_intersystems.model.ports import SUPERSERVER_PORT
from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.mirrors import SCALING_GROUP, members
from cdk_intersystems.policy.rules.rule import Finding, rule
from cdk_intersystems.policy.rules.security_groups import group_rules, groups_of


@rule(
    "IRIS-17",
    "the application tiers of a mirror set can't open more ECP connections than its members can ever admit",
    fix="lower the tiers' maxima: while servers are replaced there are twice as many, and MaxServerConn ends at "
    f"{HIGHEST_MAX_SERVER_CONN}",
)
def ecp_connections(app: Assembly) -> Iterator[Finding]:
    """One ECP client too many restarts the data server. The mirror set's own ceiling is held by `MirroredDatabase`."""
    servers = _servers_groups(app)
    admitted = {
        (stated.group, stated.peer)
        for stated in group_rules(app)
        if stated.direction == "ingress" and stated.admits(SUPERSERVER_PORT)
    }
    for mirror_set, groups in _members_groups(app).items():
        clients = [tier for tier, own in servers if not admitted.isdisjoint(product(groups, own))]
        needed = needed_connections(int(tier.properties.get("MaxSize", 0)) for tier in clients)
        if needed > HIGHEST_MAX_SERVER_CONN:
            message = f"the application tiers of {mirror_set} can open {needed} ECP connections"
            yield Finding(max(clients, key=lambda tier: int(tier.properties["MaxSize"])), message, "Properties.MaxSize")


@rule(
    "IRIS-18",
    "no Auto Scaling group states its desired capacity",
    fix="leave desired_capacity out: a deployment would set it back to what the template says",
)
def no_desired_capacity(app: Assembly) -> Iterator[Finding]:
    """Capacity is run-time state, owned by scaling and by a promotion."""
    for group in app.resources(SCALING_GROUP):
        if "DesiredCapacity" in group.properties:
            yield Finding(group, "the group states its desired capacity", "Properties.DesiredCapacity")


TIER_RULES = (ecp_connections, no_desired_capacity)


def _members_groups(app: Assembly) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for member in members(app):
        if member.is_failover:
            groups.setdefault(member.mirror_set, set()).update(groups_of(app, member.host))
    return groups


def _servers_groups(app: Assembly) -> list[tuple[Resource, list[str]]]:
    """The tiers with their servers' groups; without those behind a load balancer, which are web servers."""
    tiers = []
    for tier in app.resources(SCALING_GROUP):
        reference = tier.properties.get("LaunchTemplate", {}).get("LaunchTemplateId", "")
        template = app.find(tier.stack, reference)
        if template and not tier.properties.get("TargetGroupARNs"):
            tiers.append((tier, groups_of(app, template)))
    return tiers
