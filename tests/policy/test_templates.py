"""What every template has to keep to, or AWS refuses it at deployment, whatever else is right."""

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.policy.variations import ALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.policy.policed import Policed

    Get = Callable[[str], Policed]

# Source: EC2 API Reference, CreateSecurityGroup (GroupDescription) and IpRange (Description): no apostrophe, for one.
_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")

# Source: CloudFormation User Guide, "AWS CloudFormation quotas".
_MOST_RESOURCES = 500
_MOST_OUTPUTS = 200
_MOST_BYTES = 1_000_000
_LONGEST_STACK_NAME = 128


@pytest.mark.parametrize("variation", ALL)
def test_descriptions_of_security_groups_are_as_ec2_takes_them(policed: "Get", variation: str) -> None:
    """No linter looks at those of the rules, and the emulated AWS takes anything."""
    descriptions = [
        stated[key]
        for resource in policed(variation).assembly.resources()
        if resource.type.startswith("AWS::EC2::SecurityGroup")
        for stated in (
            resource.properties,
            *resource.properties.get("SecurityGroupIngress", []),
            *resource.properties.get("SecurityGroupEgress", []),
        )
        for key in ("GroupDescription", "Description")
        if key in stated
    ]
    assert len(descriptions) >= 10
    assert [description for description in descriptions if not _DESCRIPTION.fullmatch(description)] == []


@pytest.mark.parametrize("variation", ALL)
def test_every_security_group_rule_says_what_it_is_for(policed: "Get", variation: str) -> None:
    rules = [
        (resource.identity, stated)
        for resource in policed(variation).assembly.resources()
        if resource.type.startswith("AWS::EC2::SecurityGroup")
        for stated in (
            [*resource.properties.get("SecurityGroupIngress", []), *resource.properties.get("SecurityGroupEgress", [])]
            if resource.type == "AWS::EC2::SecurityGroup"
            else [resource.properties]
        )
    ]
    assert sorted({identity for identity, stated in rules if not stated.get("Description")}) == []


@pytest.mark.parametrize("variation", ALL)
def test_stacks_are_within_the_limits_of_cloudformation(policed: "Get", variation: str) -> None:
    for stack in policed(variation).assembly.stacks:
        assert len(stack.template.get("Resources", {})) <= _MOST_RESOURCES, stack.name
        assert len(stack.template.get("Outputs", {})) <= _MOST_OUTPUTS, stack.name
        assert len(json.dumps(stack.template)) <= _MOST_BYTES, stack.name
        assert len(stack.name) <= _LONGEST_STACK_NAME
