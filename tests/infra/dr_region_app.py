"""`DrRegion` around the DR members of a mirror, for tests."""

from typing import Any

from aws_cdk import aws_ec2 as ec2

from cdk_intersystems import DrRegion
from tests.infra.dr_app import ACCOUNT, PRIMARY, DrApp
from tests.infra.dr_tiers import application_tier

OPERATORS, MANAGERS = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("operators", "duty-managers"))


def define_region(base: DrApp, **more: Any) -> DrRegion:
    """What moves the mirror, in a stack called region."""
    arguments: dict[str, Any] = {
        "database": base.database,
        "subnets": base.network.subnets("application"),
        "service_endpoints": base.network.endpoints_security_group,
        "old_region": PRIMARY,
        "requesters": [OPERATORS],
        "approvers": [MANAGERS],
    }
    return DrRegion(base.stack("region"), "Region", **{**arguments, **more})


def region_templates(mirror: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The templates of a DR region with application servers, of which none wait."""
    base = DrApp(**{"warm_instance_type": ec2.InstanceType("r7i.xlarge"), **(mirror or {})})
    tier = application_tier(base, warm_min_capacity=0, warm_max_capacity=0)
    define_region(base, **{"tiers": [tier.capacity], **more})
    return base.templates()
