"""The DR region's side of a mirror, for the tests of `MirroredDatabase`, the tiers and `DrRegion` there."""

from typing import Any

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems import MirroredDatabase, Network, Platform
from cdk_intersystems.model.host_description import RegionStateAt
from stacks.deployment_app import make_app
from tests.infra.mirror_app import Templates, define

ACCOUNT = "111122223333"
PRIMARY, DR = "eu-west-2", "eu-west-1"
ZONES = [f"{DR}{letter}" for letter in "abc"]
IMAGE = "ami-0fedcba9876543210"
STATE = RegionStateAt(table="one-TRAK-region-state", region=DR)
PLATFORM = Platform(operating_system="rhel9", architecture="x86_64", packages="image")
_TIERS = ("public", "web", "application", "data", "arbiter")

# The primary region's members, seen from the DR region.
OTHERS = {"TRAKA": "10.9.20.17", "TRAKB": "10.9.21.17"}
OTHER_ARBITER = "10.9.32.17"
# And the other way round.
DR_MEMBERS = {"TRAKC": "10.30.48.17", "TRAKD": "10.30.49.17"}


class DrApp:
    """A network in the DR region and the DR members of a mirror in a stack of their own; more stacks are added by `stack`."""

    def __init__(self, **more: Any) -> None:
        self.app: App = make_app()
        self.network = Network.from_existing(
            self.stack("network"),
            "Network",
            vpc_id="vpc-0123456789abcdef0",
            cidr="10.30.0.0/16",
            availability_zones=ZONES,
            subnets={
                tier: [
                    ec2.SubnetAttributes(
                        subnet_id=f"subnet-{tier}{number}",
                        availability_zone=zone,
                        ipv4_cidr_block=f"10.30.{16 * block + number}.0/24",
                        route_table_id="rtb-0123456789abcdef0",
                    )
                    for number, zone in enumerate(ZONES)
                ]
                for block, tier in enumerate(_TIERS)
            },
            endpoints_security_group_id="sg-0123456789abcdef0",
        )
        self.image = ec2.MachineImage.generic_linux({DR: IMAGE})
        self.database_stack = self.stack("trak")
        arguments: dict[str, Any] = {
            "deployment": "one",
            "mirror_name": "TRAK",
            "role": "dr",
            "others": OTHERS,
            "other_arbiter": OTHER_ARBITER,
            "other_region": PRIMARY,
            "region_state": STATE,
            "vpc": self.network.vpc,
            "data_subnets": self.network.subnets("data"),
            "arbiter_subnets": self.network.subnets("arbiter"),
            "machine_image": self.image,
            "instance_type": ec2.InstanceType("r7i.4xlarge"),
            "service_endpoints": self.network.endpoints_security_group,
            "ecp_client_ceiling": 24,
            "platform": PLATFORM,
            "databases": ["DATA"],
            "member_stacks_scope": self.app,
        }
        self.database = MirroredDatabase(self.database_stack, "Database", **{**arguments, **more})

    def stack(self, id: str) -> Stack:
        """A further stack in the DR region."""
        return Stack(self.app, id, env=Environment(account=ACCOUNT, region=DR))

    def templates(self) -> dict[str, Any]:
        """The templates by stack name."""
        return {stack.stack_name: stack.template for stack in self.app.synth().stacks}


def primary_templates(**more: Any) -> Templates:
    """The templates of the primary region's side of the same mirror."""
    app = make_app()
    elsewhere: dict[str, Any] = {
        "others": DR_MEMBERS,
        "other_arbiter": "10.30.66.17",
        "other_region": DR,
        "region_state": STATE,
        "probe_cidrs": ["10.30.32.0/24"],
        "platform": PLATFORM,
        "databases": ["DATA"],
    }
    define(app, **{**elsewhere, **more})
    return {stack.stack_name: stack.template for stack in app.synth().stacks}
