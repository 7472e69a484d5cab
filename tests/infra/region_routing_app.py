"""A stack with a region watch, a readiness check and a name that follows the latch, for the tests of `region_routing`."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns

from cdk_intersystems.model.region_latch import ClusterEndpoint, Latch
from cdk_intersystems.region_routing.region_readiness import RegionReadiness
from cdk_intersystems.region_routing.region_routing import RegionRouting
from cdk_intersystems.region_routing.region_watch import RegionWatch
from stacks.deployment_app import make_app

ACCOUNT, REGION = "123456789012", "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
CONTROL = f"arn:aws:route53-recovery-control::{ACCOUNT}:controlpanel/1/routingcontrol"
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1", "ap-southeast-2")
ENDPOINTS = tuple(
    ClusterEndpoint(region=region, url=f"https://abc{at}.route53-recovery-cluster.{region}.amazonaws.com/v1")
    for at, region in enumerate(REGIONS)
)
LATCHES: Mapping[str, Latch] = {
    "metric": Latch(),
    "s3_object": Latch(kind="s3_object", public=True),
    "routing_control": Latch(kind="routing_control", primary=f"{CONTROL}/1", dr=f"{CONTROL}/2", endpoints=ENDPOINTS),
}
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:one-abcdef"
READINESS: Mapping[str, Any] = {
    "old_region": "eu-west-2",
    "fallback_types": ["r7i.8xlarge", "r6i.4xlarge"],
    "instances": {"r7i.4xlarge": 2, "c7i.xlarge": 4},
    "endpoints": ["dynamodb", "ssm"],
    "groups": ["TRAK", "web"],
    "certificates": [f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/11111111-2222-3333-4444-555555555555"],
    "approvers": [f"arn:aws:iam::{ACCOUNT}:role/Approvers"],
    "requesters": [f"arn:aws:iam::{ACCOUNT}:role/ops/Requesters"],
}
OTHERS = {"TRAKA": "10.20.144.17", "TRAKB": "10.20.160.17"}


def region_app(
    latch: Latch,
    *,
    others: Mapping[str, str] = OTHERS,
    private: bool = True,
    readiness: Mapping[str, Any] | None = None,
    **routing: Any,
) -> tuple[App, RegionWatch]:
    """An app with one stack of the DR region."""
    app = make_app()
    stack = Stack(app, "region", env=Environment(account=ACCOUNT, region=REGION))
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-0123456789abcdef0", availability_zones=[f"{REGION}a"])
    subnet = ec2.Subnet.from_subnet_attributes(stack, "Subnet", subnet_id="subnet-1", availability_zone=f"{REGION}a")
    key = kms.Key.from_key_arn(stack, "Key", KEY)
    table = dynamodb.Table(
        stack, "State", partition_key=dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING), encryption_key=key
    )
    made = RegionWatch(
        stack,
        "Watch",
        deployment="one",
        mirror_set="TRAK",
        table=table,
        latch=latch,
        vpc=vpc,
        subnets=[subnet],
        member_addresses={"a": "10.30.144.17", "b": "10.30.160.17"},
        other_addresses=others,
        member_security_group=ec2.SecurityGroup(stack, "Members", vpc=vpc, allow_all_outbound=False),
        encryption_key=key,
        service_endpoints=ec2.SecurityGroup.from_security_group_id(stack, "Endpoints", "sg-0123456789abcdef0"),
        internet=latch.kind == "routing_control",
        alarm_topic=sns.Topic.from_topic_arn(stack, "Topic", TOPIC),
    )
    RegionReadiness(
        stack,
        "Readiness",
        deployment="one",
        mirror_set="TRAK",
        table=table,
        encryption_key=key,
        vpc=vpc,
        full_instance_type="r7i.4xlarge",
        alarm_topic=sns.Topic.from_topic_arn(stack, "ReadinessTopic", TOPIC),
        secrets=[
            secretsmanager.Secret.from_secret_complete_arn(stack, "Secret", SECRET),
            secretsmanager.Secret.from_secret_name_v2(stack, "Authority", "one/authority"),
        ],
        **{**READINESS, **(readiness or {})},
    )
    RegionRouting(
        stack,
        "Routing",
        zone_id="Z0123456789",
        zone="example.com",
        name="one",
        label="web",
        holds_alarm=made.holds_alarm,
        primary_alarm=made.primary_alarm,
        latch=latch,
        private=private,
        **{"latch_bucket_domain": made.latch_bucket_domain, **routing},
    )
    return app, made


def region_template(latch: Latch, **more: Any) -> Any:
    """The template of that stack."""
    app, _ = region_app(latch, **more)
    return app.synth().get_stack_by_name("region").template
