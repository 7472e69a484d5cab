"""A stack of the DR region with what moves a mirror set, as the tests of its construct and of its permissions have it."""

from functools import cache
from typing import Any

from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms

from cdk_intersystems.model.region_capacity import TierCapacity
from cdk_intersystems.region_failover.region_failover import RegionFailover
from stacks.deployment_app import make_app

ACCOUNT, DR, HOME = "123456789012", "eu-west-1", "eu-west-2"
KEY = f"arn:aws:kms:{DR}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"


def region_failover(stack: Stack, **changes: Any) -> RegionFailover:
    """What moves TRAK of trakcare, in a stack."""
    given: dict[str, Any] = {
        "deployment": "trakcare",
        "mirror_set": "TRAK",
        "old_region": HOME,
        "system_names": {"a": "TRAKC", "b": "TRAKD"},
        "others": {"TRAKA": "10.20.1.4", "TRAKB": "10.20.2.4"},
        "full_instance_type": ec2.InstanceType("r7i.8xlarge"),
        "warm_instance_type": ec2.InstanceType("r7i.2xlarge"),
        "fallback_types": [ec2.InstanceType("r6i.8xlarge")],
        "tiers": [TierCapacity(name="app", min=3, max=6, warm_min=1, warm_max=2)],
        "approvers": [f"arn:aws:iam::{ACCOUNT}:role/people/Leads"],
        "requesters": [f"arn:aws:iam::{ACCOUNT}:role/Operators", f"arn:aws:iam::{ACCOUNT}:role/people/Leads"],
        "encryption_key": kms.Key.from_key_arn(stack, "Key", KEY),
    }
    return RegionFailover(stack, "Failover", **{**given, **changes})


def stack_of(region: str = DR) -> Stack:
    """An empty stack."""
    return Stack(make_app(), "region", env=Environment(account=ACCOUNT, region=region))


@cache
def template(home: str = "primary") -> dict[str, Any]:
    """The template, for a home in AWS or on premises."""
    stack = stack_of()
    region_failover(stack, **({} if home == "primary" else {"home_role": "on_premises", "old_region": None}))
    app = stack.node.root
    made: dict[str, Any] = app.synth().get_stack_by_name("region").template  # type: ignore[attr-defined]
    return made
