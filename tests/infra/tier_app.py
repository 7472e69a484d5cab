"""An app with a network and a mirror, for the tests of the tiers in front of it."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import App, CfnResource, Environment, Stack
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems import MirroredDatabase, Network
from stacks.deployment_app import make_app

ACCOUNT = "111122223333"
REGION = "eu-west-2"
ZONES = [f"{REGION}{letter}" for letter in "abc"]
ENDPOINTS = "sg-0123456789abcdef0"
TIERS = ("public", "web", "application", "data", "arbiter")
IMAGE = "ami-0123456789abcdef0"


class TierApp:
    """A network that exists and a mirror in a stack of its own; more stacks are added by `stack`."""

    def __init__(self, ecp_client_ceiling: int = 24) -> None:
        self.app: App = make_app()
        self.network = Network.from_existing(
            self.stack("network"),
            "Network",
            vpc_id="vpc-0123456789abcdef0",
            cidr="10.20.0.0/16",
            availability_zones=ZONES,
            subnets={
                tier: [
                    ec2.SubnetAttributes(
                        subnet_id=f"subnet-{tier}{number}",
                        availability_zone=zone,
                        ipv4_cidr_block=f"10.20.{16 * block + number}.0/24",
                        route_table_id="rtb-0123456789abcdef0",
                    )
                    for number, zone in enumerate(ZONES, start=1)
                ]
                for block, tier in enumerate(TIERS)
            },
            endpoints_security_group_id=ENDPOINTS,
        )
        self.image = ec2.MachineImage.generic_linux({REGION: IMAGE})
        self.database_stack = self.stack("trak")
        self.database = MirroredDatabase(
            self.database_stack,
            "Database",
            deployment="t",
            mirror_name="TRAK",
            vpc=self.network.vpc,
            data_subnets=self.network.subnets("data"),
            arbiter_subnets=self.network.subnets("arbiter"),
            machine_image=self.image,
            instance_type=ec2.InstanceType("r7i.4xlarge"),
            ecp_client_ceiling=ecp_client_ceiling,
            member_stacks_scope=self.app,
        )

    def stack(self, id: str) -> Stack:
        return Stack(self.app, id, env=Environment(account=ACCOUNT, region=REGION))


def of_type(template: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The properties of a template's resources of a type, by logical id."""
    return {id: each.get("Properties", {}) for id, each in template["Resources"].items() if each["Type"] == kind}


def only(template: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The properties of the only resource of a type."""
    (properties,) = of_type(template, kind).values()
    return properties


def logical_id(resource: object) -> str:
    """The logical id of an L2's resource."""
    child = resource.node.default_child  # type: ignore[attr-defined]
    assert isinstance(child, CfnResource)
    return str(Stack.of(child).resolve(child.logical_id))


def rules(template: Mapping[str, Any]) -> set[tuple[str, str, str, int]]:
    """All security group rules of a template: direction, group, peer, port. Every rule must be one TCP port."""
    found = []
    for id, group in of_type(template, "AWS::EC2::SecurityGroup").items():
        found += [("in", id, rule) for rule in group.get("SecurityGroupIngress", [])]
        found += [("out", id, rule) for rule in group.get("SecurityGroupEgress", [])]
    for rule in of_type(template, "AWS::EC2::SecurityGroupIngress").values():
        found.append(("in", _name(rule["GroupId"]), rule))
    for rule in of_type(template, "AWS::EC2::SecurityGroupEgress").values():
        found.append(("out", _name(rule["GroupId"]), rule))
    for _, _, rule in found:
        assert rule["IpProtocol"] == "tcp", rule
        assert rule["FromPort"] == rule["ToPort"], rule
    return {(way, group, _peer(rule), rule["FromPort"]) for way, group, rule in found}


def descriptions(template: Mapping[str, Any]) -> set[str]:
    """The descriptions of a template's security groups and their rules."""
    groups = of_type(template, "AWS::EC2::SecurityGroup").values()
    apart = [
        *of_type(template, "AWS::EC2::SecurityGroupIngress").values(),
        *of_type(template, "AWS::EC2::SecurityGroupEgress").values(),
    ]
    inline = [rule for group in groups for rule in group.get("SecurityGroupIngress", []) + group.get("SecurityGroupEgress", [])]
    return {group["GroupDescription"] for group in groups} | {rule["Description"] for rule in [*apart, *inline]}


def _peer(rule: dict[str, Any]) -> str:
    for key in ("CidrIp", "SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if key in rule:
            return _name(rule[key])
    raise AssertionError(f"a rule with a peer of another kind: {rule}")


def _name(value: Any) -> str:
    if isinstance(value, str):
        return value
    if "Fn::GetAtt" in value:
        return str(value["Fn::GetAtt"][0])
    # The export's name holds the other stack's name and logical id.
    return str(value["Fn::ImportValue"])
