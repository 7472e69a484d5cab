"""Apps with a mirror in a network that exists, for the tests of `MirroredDatabase`."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns

from cdk_intersystems import MemberVolumes, MirroredDatabase, Network, VolumeSpec
from stacks.deployment_app import make_app

ZONES = ["eu-west-2a", "eu-west-2b", "eu-west-2c"]
IMAGE = "ami-0123456789abcdef0"
ENDPOINTS = "sg-0123456789abcdef0"
TOPIC = "arn:aws:sns:eu-west-2:111122223333:alarms"
KIT_KEY = "arn:aws:kms:eu-west-2:111122223333:key/11111111-2222-3333-4444-555555555555"
BLOCKS = {"application": 1, "data": 2, "arbiter": 3}

Templates = Mapping[str, Any]


def network(stack: Stack) -> Network:
    """A network that exists."""
    return Network.from_existing(
        stack,
        "Network",
        vpc_id="vpc-1",
        cidr="10.9.0.0/16",
        availability_zones=ZONES,
        subnets={
            tier: [
                ec2.SubnetAttributes(
                    subnet_id=f"subnet-{tier}{number}",
                    availability_zone=zone,
                    ipv4_cidr_block=f"10.9.{block}{number}.0/24",
                    route_table_id="rtb-1",
                )
                for number, zone in enumerate(ZONES)
            ]
            for tier, block in BLOCKS.items()
        },
        endpoints_security_group_id=ENDPOINTS,
    )


def define(app: App | None = None, **more: Any) -> MirroredDatabase:
    """A mirror in a stack called trak."""
    app = app or make_app()
    stack = Stack(app, "trak", env=Environment(region="eu-west-2"))
    existing = network(stack)
    arguments: dict[str, Any] = {
        "deployment": "one",
        "mirror_name": "TRAK",
        "vpc": existing.vpc,
        "data_subnets": existing.subnets("data"),
        "arbiter_subnets": existing.subnets("arbiter"),
        "machine_image": ec2.MachineImage.generic_linux({"eu-west-2": IMAGE}),
        "instance_type": ec2.InstanceType("r7i.4xlarge"),
        "member_stacks_scope": app,
    }
    return MirroredDatabase(stack, "Database", **{**arguments, **more})


def templates_of(**more: Any) -> Templates:
    """The templates of a mirror by stack name."""
    app = make_app()
    define(app, **more)
    return {stack.stack_name: stack.template for stack in app.synth().stacks}


def full_templates() -> Templates:
    """The templates of a mirror with every argument given."""
    app = make_app()
    outside = Stack(app, "outside", env=Environment(region="eu-west-2"))
    define(
        app,
        service_endpoints=ec2.SecurityGroup.from_security_group_id(outside, "Endpoints", ENDPOINTS),
        internet=True,
        license_secret=secretsmanager.Secret.from_secret_name_v2(outside, "License", "iris/key"),
        alarm_topic=sns.Topic.from_topic_arn(outside, "Alarms", TOPIC),
        encryption_key=kms.Key.from_key_arn(outside, "Key", KIT_KEY),
        log_retention=logs.RetentionDays.ONE_MONTH,
        user_data=ec2.UserData.custom("#!/bin/bash\necho hello"),
        endpoint_subnets=network(outside).subnets("application"),
        volumes=MemberVolumes(data=VolumeSpec(type="io2", size_gib=100, iops=80_000, count=3)),
    )
    return {stack.stack_name: stack.template for stack in app.synth().stacks}
