"""Web tiers for tests: an external one in front of application servers, and an internal one in front of the mirror."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from cdk_intersystems import CspWebTier, EcpAppTier
from tests.infra.tier_app import TierApp

BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
TARGETS = "AWS::ElasticLoadBalancingV2::TargetGroup"
GROUP = "AWS::AutoScaling::AutoScalingGroup"
TEMPLATE = "AWS::EC2::LaunchTemplate"
ALARM = "AWS::CloudWatch::Alarm"
WEB_ACL = "AWS::WAFv2::WebACL"
BUCKET = "AWS::S3::Bucket"
TOPIC = "arn:aws:sns:eu-west-2:111122223333:alarms"
CERTIFICATE = "arn:aws:acm:eu-west-2:111122223333:certificate/11111111-2222-3333-4444-555555555555"


class WebTiers:
    """An external tier as it is by default, in front of application servers, and an internal one in front of the mirror."""

    def __init__(self) -> None:
        base = TierApp(ecp_client_ceiling=24)
        self.base = base
        self.app_stack, self.web_stack, self.clinical_stack = (base.stack(id) for id in ("app", "web", "clinical"))
        self.application_tier = define_application_tier(base, self.app_stack)
        self.web = define_external(base, self.web_stack, self.application_tier)
        stack = self.clinical_stack
        self.clinical = define(
            base,
            stack,
            name="clinical",
            load_balancer_subnets=base.network.subnets("web"),
            internet_facing=False,
            database=base.database,
            client_cidrs=["10.0.0.0/8", "192.168.0.0/16"],
            stickiness=Duration.minutes(30),
            health_check_path="/alive",
            max_capacity=3,
            purchase="spot",
            log_retention=logs.RetentionDays.ONE_MONTH,
            access_log_bucket=s3.Bucket.from_bucket_name(stack, "Given", "access-logs-of-all"),
            alarm_topic=sns.Topic.from_topic_arn(stack, "Topic", TOPIC),
        )
        portal = ec2.SecurityGroup(stack, "Portal", vpc=base.network.vpc, allow_all_outbound=False)
        self.clinical.connections.allow_default_port_from(portal)
        self.web_template = Template.from_stack(self.web_stack)
        self.clinical_template = Template.from_stack(stack)


def define_application_tier(base: TierApp, stack: Stack) -> EcpAppTier:
    return EcpAppTier(
        stack,
        "Tier",
        deployment="t",
        name="app",
        database=base.database,
        subnets=base.network.subnets("application"),
        machine_image=base.image,
        instance_type=ec2.InstanceType("m7i.4xlarge"),
        min_capacity=3,
        max_capacity=6,
    )


def define_external(base: TierApp, stack: Stack, application_tier: EcpAppTier, **changes: Any) -> CspWebTier:
    return define(
        base,
        stack,
        **{
            "load_balancer_subnets": base.network.subnets("public"),
            "internet_facing": True,
            "application_tier": application_tier,
            **changes,
        },
    )


def define(base: TierApp, stack: Stack, **changes: Any) -> CspWebTier:
    arguments: dict[str, Any] = {
        "deployment": "t",
        "name": "web",
        "vpc": base.network.vpc,
        "subnets": base.network.subnets("web"),
        "machine_image": base.image,
        "instance_type": ec2.InstanceType("c7i.2xlarge"),
        "min_capacity": 3,
        "max_capacity": 9,
        "certificate": acm.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE),
        "service_endpoints": base.network.endpoints_security_group,
    }
    return CspWebTier(stack, "Tier", **{**arguments, **changes})


def attributes_of(properties: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The attributes of a load balancer or target group by key."""
    return {attribute["Key"]: attribute["Value"] for attribute in properties[key]}
