"""The rules of `IrisChecks`, grouped by what they are about; `ALL_RULES` has them by number."""

from cdk_intersystems.policy.rules.endpoint_rules import ENDPOINT_RULES
from cdk_intersystems.policy.rules.failover_rules import FAILOVER_RULES
from cdk_intersystems.policy.rules.host_rules import HOST_RULES
from cdk_intersystems.policy.rules.member_rules import MEMBER_RULES
from cdk_intersystems.policy.rules.network_rules import NETWORK_RULES
from cdk_intersystems.policy.rules.promotion_rules import PROMOTION_RULES
from cdk_intersystems.policy.rules.region_rules import REGION_RULES
from cdk_intersystems.policy.rules.region_switch_rules import REGION_SWITCH_RULES
from cdk_intersystems.policy.rules.routing_rules import ROUTING_RULES
from cdk_intersystems.policy.rules.start_rules import START_RULES
from cdk_intersystems.policy.rules.template_rules import TEMPLATE_RULES
from cdk_intersystems.policy.rules.tier_rules import TIER_RULES

ALL_RULES = tuple(
    sorted(
        (
            *MEMBER_RULES,
            *HOST_RULES,
            *NETWORK_RULES,
            *ENDPOINT_RULES,
            *TIER_RULES,
            *TEMPLATE_RULES,
            *START_RULES,
            *FAILOVER_RULES,
            *REGION_RULES,
            *PROMOTION_RULES,
            *REGION_SWITCH_RULES,
            *ROUTING_RULES,
        ),
        key=lambda rule: int(rule.id.removeprefix("IRIS-")),
    )
)

__all__ = ["ALL_RULES"]
