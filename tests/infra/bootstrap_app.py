"""An app whose hosts set themselves up: a mirror with a tier of each kind in front of it."""

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import Environment, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_intersystems import CspWebTier, EcpAppTier, MirroredDatabase, Platform, S3Object
from stacks.deployment_app import make_app
from tests.infra.mirror_app import IMAGE, network

KIT = S3Object(uri="s3://kits/iris.tar.gz", sha256="1" * 64, key_arn="arn:aws:kms:eu-west-2:111122223333:key/kits")
AGENT = S3Object(uri="s3://kits/agent.tar.gz", sha256="2" * 64)
PACKAGES = S3Object(uri="s3://packages/rhel9.tar", sha256="3" * 64, region="eu-west-1")
PLATFORM = Platform(operating_system="rhel9", architecture="x86_64", packages=PACKAGES, kit=KIT, arbiter_kit=AGENT)
LICENSE = "arn:aws:secretsmanager:eu-west-2:111122223333:secret:iris-key-abcdef"
CERTIFICATE = "arn:aws:acm:eu-west-2:111122223333:certificate/11111111-2222-3333-4444-555555555555"
PRIVATE_CA = "arn:aws:acm-pca:eu-west-2:111122223333:certificate-authority/11111111-2222-3333-4444-555555555555"

HOSTS = {"a": "trak-a", "b": "trak-b", "arbiter": "trak-arbiter", "app": "app", "web": "web"}
"""The stack of each host or tier."""

Templates = Mapping[str, Any]


class BootstrapApp:
    """Arguments are those of the mirror; those of a tier are given to its method."""

    def __init__(self, **changes: Any) -> None:
        self.app = make_app()
        self.mirror_stack = self.stack("trak")
        self.network = network(self.mirror_stack)
        arguments: dict[str, Any] = {
            "deployment": "one",
            "mirror_name": "TRAK",
            "vpc": self.network.vpc,
            "data_subnets": self.network.subnets("data"),
            "arbiter_subnets": self.network.subnets("arbiter"),
            "machine_image": ec2.MachineImage.generic_linux({"eu-west-2": IMAGE}),
            "instance_type": ec2.InstanceType("r7i.4xlarge"),
            "member_stacks_scope": self.app,
            "ecp_client_ceiling": 12,
            "platform": PLATFORM,
            "databases": ["DATA"],
            "license_secret": secretsmanager.Secret.from_secret_complete_arn(self.mirror_stack, "License", LICENSE),
        }
        self.database = MirroredDatabase(self.mirror_stack, "Database", **{**arguments, **changes})

    def stack(self, id: str) -> Stack:
        return Stack(self.app, id, env=Environment(region="eu-west-2", account="111122223333"))

    def application(self, stack: Stack, **changes: Any) -> EcpAppTier:
        arguments: dict[str, Any] = {
            "deployment": "one",
            "name": "app",
            "database": self.database,
            "subnets": self.network.subnets("application"),
            "machine_image": ec2.MachineImage.generic_linux({"eu-west-2": IMAGE}),
            "instance_type": ec2.InstanceType("m7i.4xlarge"),
            "min_capacity": 3,
            "max_capacity": 6,
            "platform": PLATFORM,
            "license_secret": secretsmanager.Secret.from_secret_complete_arn(stack, "TierLicense", LICENSE),
        }
        return EcpAppTier(stack, "Tier", **{**arguments, **changes})

    def web(self, stack: Stack, **changes: Any) -> CspWebTier:
        arguments: dict[str, Any] = {
            "deployment": "one",
            "name": "web",
            "vpc": self.network.vpc,
            "subnets": self.network.subnets("application"),
            "load_balancer_subnets": self.network.subnets("application"),
            "internet_facing": False,
            "client_cidrs": ["10.0.0.0/8"],
            "machine_image": ec2.MachineImage.generic_linux({"eu-west-2": IMAGE}),
            "instance_type": ec2.InstanceType("c7i.2xlarge"),
            "min_capacity": 3,
            "max_capacity": 9,
            "certificate": acm.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE),
            "platform": PLATFORM,
        }
        return CspWebTier(stack, "Tier", **{**arguments, **changes})

    def templates(self) -> Templates:
        return {stack.stack_name: stack.template for stack in self.app.synth().stacks}


def everything(**changes: Any) -> BootstrapApp:
    """A mirror, application servers, and web servers in front of them."""
    made = BootstrapApp(**changes)
    application = made.application(made.stack("app"))
    made.web(made.stack("web"), application_tier=application)
    return made


def hosts(template: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """What CloudFormation can wait for in a template: instances and groups, by logical id."""
    kinds = ("AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup")
    return [(id, resource) for id, resource in template["Resources"].items() if resource["Type"] in kinds]


def parameter(template: Any) -> tuple[str, Any]:
    """The name of a template's SSM parameter, and its value as a host reads it, with every reference as its name."""
    (found,) = (r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::SSM::Parameter")
    return found["Name"], json.loads(_joined(found["Value"]))


def _joined(value: Any) -> str:
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return "".join(_joined(part) for part in argument[1])
    return f"<{argument if isinstance(argument, str) else argument[0]}>"


def _bundle(made: BootstrapApp, template: Any) -> tarfile.TarFile:
    _, value = parameter(template)
    return tarfile.open(Path(made.app.outdir, f"asset.{value['bundle']['sha256']}.tar"))


def configured(made: BootstrapApp, template: Any) -> dict[str, set[str]]:
    """The files that the bundle of a stack has for each host."""
    with _bundle(made, template) as archive:
        paths = [name.split("/") for name in archive.getnames() if name.startswith("config/")]
    return {host: {path[2] for path in paths if len(path) == 3 and path[1] == host} for host in {p[1] for p in paths if p[1:]}}


def described(made: BootstrapApp, stack: str, host: str) -> Any:
    """What a host is told to become by the bundle of a stack."""
    with _bundle(made, made.templates()[stack]) as archive:
        file = archive.extractfile(f"config/{host}/host.json")
        assert file is not None
        return json.load(file)
