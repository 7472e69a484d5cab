"""The constructs as a library user may compose them: in one stack, with nothing given that has a default."""

from aws_cdk import App, Environment, Stack, Validations
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs

from cdk_intersystems import CspWebTier, EcpAppTier, IrisChecks, MirroredDatabase, Network
from cdk_intersystems.encryption.encryption_key import define_encryption_key
from tests.policy.variations import ACCOUNT, REGION

STACK = "Library"


def define_constructs_alone(app: App) -> None:
    """No alarm topic, no AWS WAF, no key of its own: what the reference app always has."""
    stack = Stack(app, STACK, env=Environment(account=ACCOUNT, region=REGION), termination_protection=True)
    image = ec2.MachineImage.generic_linux({REGION: "ami-0123456789abcdef0"})
    network = Network(
        stack,
        "Network",
        cidr="10.40.0.0/16",
        availability_zones=[f"{REGION}{letter}" for letter in "abc"],
        flow_log_group=logs.LogGroup(
            stack,
            "FlowLogs",
            encryption_key=define_encryption_key(stack, "Key"),
            retention=logs.RetentionDays.ONE_YEAR,
        ),
        public_subnets=True,
    )
    endpoints = network.endpoints_security_group
    database = MirroredDatabase(
        stack,
        "Database",
        deployment="library",
        mirror_name="IRIS",
        vpc=network.vpc,
        data_subnets=network.subnets("data"),
        arbiter_subnets=network.subnets("arbiter"),
        machine_image=image,
        instance_type=ec2.InstanceType("r7i.xlarge"),
        ecp_client_ceiling=12,
        service_endpoints=endpoints,
    )
    application = EcpAppTier(
        stack,
        "Application",
        deployment="library",
        name="app",
        database=database,
        subnets=network.subnets("application"),
        machine_image=image,
        instance_type=ec2.InstanceType("m7i.large"),
        min_capacity=1,
        max_capacity=6,
        service_endpoints=endpoints,
    )
    CspWebTier(
        stack,
        "Web",
        deployment="library",
        name="web",
        vpc=network.vpc,
        subnets=network.subnets("web"),
        load_balancer_subnets=network.subnets("public"),
        internet_facing=True,
        waf=False,
        application_tier=application,
        certificate=acm.Certificate.from_certificate_arn(
            stack, "Certificate", f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
        ),
        machine_image=image,
        instance_type=ec2.InstanceType("c7i.large"),
        min_capacity=3,
        max_capacity=6,
        service_endpoints=endpoints,
    )
    Validations.of(app).add_plugins(IrisChecks())
