"""Ways to break a deployment, each with the rules of IrisChecks that have to notice; by the files the rules stand in."""

from tests.policy.mutations import (
    endpoint_rules,
    failover_rules,
    host_rules,
    member_rules,
    network_rules,
    region_failover_rules,
    region_rules,
    region_switch_rules,
    start_rules,
    template_rules,
    tier_rules,
)
from tests.policy.mutations.templates import Mutation, Mutations, Templates

MUTATIONS: Mutations = {
    **endpoint_rules.MUTATIONS,
    **failover_rules.MUTATIONS,
    **host_rules.MUTATIONS,
    **member_rules.MUTATIONS,
    **network_rules.MUTATIONS,
    **start_rules.MUTATIONS,
    **template_rules.MUTATIONS,
    **tier_rules.MUTATIONS,
}

LISTENER_MUTATIONS: Mutations = {
    **endpoint_rules.LISTENER_MUTATIONS,
    **failover_rules.LISTENER_MUTATIONS,
}
"""Of a deployment whose router moves a listener."""

REGION_MUTATIONS: dict[str, Mutations] = {
    "trakcare": {**region_rules.MUTATIONS, **region_failover_rules.MUTATIONS},
    "latch by routing controls": region_failover_rules.CONTROL_MUTATIONS,
    "moves by a Region switch plan": region_switch_rules.MUTATIONS,
    "static routes and transit gateways": region_failover_rules.STATIC_MUTATIONS,
}
"""Of deployments in two regions, by the name of the variation."""

__all__ = ["LISTENER_MUTATIONS", "MUTATIONS", "REGION_MUTATIONS", "Mutation", "Templates"]
