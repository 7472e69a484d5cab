"""How many servers a tier has: while its region waits, and once it serves."""

import hashlib
import json
import re

from aws_cdk import CfnParameter, CfnRule, CfnRuleAssertion, Fn, Stack
from constructs import Construct

from cdk_intersystems.model.region_capacity import TierCapacity
from cdk_intersystems.model.topology import AwsRole

PARAMETER = "CapacityApproval"
"""What the name of the parameter begins with; the tier's follows."""


def approval_parameter(tier: str) -> str:
    """The name of the parameter that approves another capacity of a tier."""
    return PARAMETER + "".join(part.capitalize() for part in re.split("[^A-Za-z0-9]", tier))


def tier_capacity(
    name: str,
    *,
    role: AwsRole,
    min_capacity: int,
    max_capacity: int,
    warm_min_capacity: int | None,
    warm_max_capacity: int | None,
    instance_type: str,
) -> TierCapacity:
    """The capacity of a tier, from the arguments of its construct.

    Args:
        name: Name of the tier.
        role: The role of its region.
        min_capacity: The fewest servers once the region serves.
        max_capacity: The most servers then.
        warm_min_capacity: The fewest while it waits. None: the same.
        warm_max_capacity: The most while it waits. None: the same.
        instance_type: The servers' type.

    Raises:
        ValueError: They don't fit each other, or a region that doesn't wait has what only one that waits has.
    """
    if role != "dr" and (warm_min_capacity is not None or warm_max_capacity is not None):
        raise ValueError(
            f"warm_min_capacity and warm_max_capacity of tier {name} are for the DR region, and its mirror has role {role!r} "
            "here: leave them out"
        )
    if min_capacity < 1:
        raise ValueError(f"min_capacity is at least 1, got {min_capacity}")
    if max_capacity < min_capacity:
        raise ValueError(f"max_capacity is at least min_capacity, got {max_capacity} and {min_capacity}")
    return TierCapacity(
        name=name,
        min=min_capacity,
        max=max_capacity,
        warm_min=min_capacity if warm_min_capacity is None else warm_min_capacity,
        warm_max=max_capacity if warm_max_capacity is None else warm_max_capacity,
        instance_type=instance_type,
    )


class CapacityApproval(Construct):
    """Defines the gate in front of a change of a tier's capacity in the DR region.

    CloudFormation writes the size of a group only when the template states another one, and then it takes back what a
    promotion has raised. So such a change is refused until somebody says that it is meant: the stack's parameter has
    a code of the capacity as its default, which holds when the stack is created; at updates the CDK's command line keeps the
    previous value.
    """

    def __init__(self, scope: Construct, id: str, *, capacity: TierCapacity) -> None:
        """Define the gate.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            capacity: The capacity.
        """
        super().__init__(scope, id)
        stack = Stack.of(self)
        stated = [stack.stack_name, capacity.name, capacity.warm_min, capacity.warm_max]
        code = hashlib.sha256(json.dumps(stated).encode()).hexdigest()[:12]
        parameter = CfnParameter(
            self,
            "Parameter",
            type="String",
            default=code,
            description=f"Approves another capacity of tier {capacity.name}: the code of the change, as the refusal prints it",
        )
        name = approval_parameter(capacity.name)
        parameter.override_logical_id(name)
        rule = CfnRule(
            self,
            "Rule",
            assertions=[
                CfnRuleAssertion(
                    assert_=Fn.condition_equals(parameter.value_as_string, code),
                    assert_description=(
                        f"This sets tier {capacity.name} to {capacity.warm_min} to {capacity.warm_max} servers. If the DR "
                        "region serves, it takes back what the promotion raised, and servers that clients use are terminated. "
                        f"While the DR region waits: cdk deploy {stack.stack_name} --exclusively --parameters "
                        f"{stack.stack_name}:{name}={code}"
                    ),
                )
            ],
        )
        rule.override_logical_id(f"{name}Rule")
