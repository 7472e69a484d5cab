"""Tiers in the DR region, for tests."""

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems import CspWebTier, EcpAppTier
from tests.infra.dr_app import ACCOUNT, DR, PLATFORM, DrApp

GROUP = "AutoScaling::AutoScalingGroup"
_CERTIFICATE = f"arn:aws:acm:{DR}:{ACCOUNT}:certificate/11111111-2222-3333-4444-555555555555"


def application_tier(base: DrApp, *, stack: Stack | None = None, **more: Any) -> EcpAppTier:
    """Application servers, in a stack called app unless one is given."""
    arguments: dict[str, Any] = {
        "deployment": "one",
        "name": "app",
        "database": base.database,
        "subnets": base.network.subnets("application"),
        "machine_image": base.image,
        "instance_type": ec2.InstanceType("m7i.4xlarge"),
        "min_capacity": 3,
        "max_capacity": 6,
        "platform": PLATFORM,
    }
    every = {**arguments, **more}
    return EcpAppTier(stack or base.stack("app"), every["name"], **every)


def web_tier(base: DrApp, tier: EcpAppTier, **more: Any) -> CspWebTier:
    """Web servers in a stack called web."""
    stack = base.stack("web")
    arguments: dict[str, Any] = {
        "deployment": "one",
        "name": "web",
        "vpc": base.network.vpc,
        "subnets": base.network.subnets("web"),
        "load_balancer_subnets": base.network.subnets("web"),
        "internet_facing": False,
        "client_cidrs": ["192.168.0.0/16"],
        "application_tier": tier,
        "machine_image": base.image,
        "instance_type": ec2.InstanceType("c7i.2xlarge"),
        "min_capacity": 3,
        "max_capacity": 9,
        "certificate": acm.Certificate.from_certificate_arn(stack, "Certificate", _CERTIFICATE),
        "platform": PLATFORM,
    }
    return CspWebTier(stack, "Tier", **{**arguments, **more})
