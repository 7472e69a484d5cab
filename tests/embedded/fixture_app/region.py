"""Two regions with two bare instances each, and this library's region failover, watch and routing in the second one."""

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ssm as ssm

from cdk_intersystems.model import tags
from cdk_intersystems.model.region_capacity import TierCapacity
from cdk_intersystems.model.region_document import region_document, region_document_name
from cdk_intersystems.model.region_latch import Latch
from cdk_intersystems.region_failover.region_failover import RegionFailover
from cdk_intersystems.region_routing.region_readiness import RegionReadiness
from cdk_intersystems.region_routing.region_routing import RegionRouting
from cdk_intersystems.region_routing.region_watch import RegionWatch

ACCOUNT, PRIMARY, DR = "111122223333", "eu-west-2", "eu-west-1"
DEPLOYMENT, MIRROR_SET = "fixture", "TRAK"
WARM, FULL, FALLBACK = "r7i.2xlarge", "r7i.4xlarge", "r7i.8xlarge"
IMAGE = "ami-0123456789abcdef0"
ZONE_ID, ZONE = "Z0123456789ABC", "example.org"


class Members(cdk.Stack):
    """A VPC with two members, and the document that runs commands on them."""

    def __init__(self, scope: cdk.App, id: str, *, region: str, cidr: str, instance_type: str) -> None:
        super().__init__(scope, id, env=cdk.Environment(account=ACCOUNT, region=region))
        cdk.Tags.of(self).add(tags.DEPLOYMENT, DEPLOYMENT)
        private = ec2.SubnetType.PRIVATE_ISOLATED
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(cidr),
            availability_zones=[f"{region}a", f"{region}b"],
            nat_gateways=0,
            subnet_configuration=[ec2.SubnetConfiguration(name=name, subnet_type=private) for name in ("application", "data")],
            restrict_default_security_group=False,
        )
        self.members = ec2.SecurityGroup(self, "Members", vpc=self.vpc, description="members", allow_all_outbound=False)
        for member, subnet in zip("ab", self.vpc.select_subnets(subnet_group_name="data").subnets, strict=True):
            instance = ec2.CfnInstance(
                self,
                f"Member{member.upper()}",
                image_id=IMAGE,
                instance_type=instance_type,
                subnet_id=subnet.subnet_id,
                security_group_ids=[self.members.security_group_id],
            )
            cdk.Tags.of(instance).add(tags.MIRROR_SET, MIRROR_SET)
            cdk.Tags.of(instance).add(tags.MEMBER, member)
            cdk.CfnOutput(self, f"Of{member}", value=instance.ref).override_logical_id(f"OutMember{member.upper()}")
        ssm.CfnDocument(
            self,
            "Document",
            name=region_document_name(DEPLOYMENT, MIRROR_SET),
            document_type="Command",
            document_format="JSON",
            content=region_document(DEPLOYMENT, MIRROR_SET),
            update_method="NewVersion",
        )


class Moves(cdk.Stack):
    """A tier that waits, and what moves the mirror between the regions."""

    def __init__(self, scope: cdk.App, id: str, *, members: Members) -> None:
        super().__init__(scope, id, env=cdk.Environment(account=ACCOUNT, region=DR))
        cdk.Tags.of(self).add(tags.DEPLOYMENT, DEPLOYMENT)
        address = self.node.get_context
        own = {name: address(f"address_dr_{name}") for name in "ab"}
        others = {f"TRAK{name.upper()}": address(f"address_primary_{name}") for name in "ab"}
        tier = TierCapacity(name="app", min=3, max=6, warm_min=1, warm_max=2)
        self._tier(members.vpc, tier)
        key = kms.Key(self, "Key", enable_key_rotation=True)
        failover = RegionFailover(
            self,
            "Failover",
            deployment=DEPLOYMENT,
            mirror_set=MIRROR_SET,
            home_role="primary",
            old_region=PRIMARY,
            system_names={"a": "TRAKC", "b": "TRAKD"},
            others=others,
            full_instance_type=ec2.InstanceType(FULL),
            warm_instance_type=ec2.InstanceType(WARM),
            fallback_types=[ec2.InstanceType(FALLBACK)],
            tiers=[tier],
            approvers=[f"arn:aws:iam::{ACCOUNT}:role/approver"],
            requesters=[f"arn:aws:iam::{ACCOUNT}:role/operator", f"arn:aws:iam::{ACCOUNT}:role/approver"],
            lag_limit_seconds=60,
            approval_minutes=30,
            region_switch=bool(self.node.try_get_context("region_switch")),
            encryption_key=key,
        )
        watch = RegionWatch(
            self,
            "Watch",
            deployment=DEPLOYMENT,
            mirror_set=MIRROR_SET,
            table=failover.table,
            latch=Latch(),
            vpc=members.vpc,
            subnets=members.vpc.select_subnets(subnet_group_name="application").subnets,
            member_addresses=own,
            other_addresses=others,
            member_security_group=members.members,
            encryption_key=key,
        )
        RegionRouting(
            self,
            "Routing",
            zone_id=ZONE_ID,
            zone=ZONE,
            name=DEPLOYMENT,
            label="trak",
            holds_alarm=watch.holds_alarm,
            primary_alarm=watch.primary_alarm,
        )
        if self.node.try_get_context("readiness"):
            RegionReadiness(
                self,
                "Readiness",
                deployment=DEPLOYMENT,
                mirror_set=MIRROR_SET,
                table=failover.table,
                encryption_key=key,
                old_region=PRIMARY,
                vpc=members.vpc,
                full_instance_type=FULL,
                fallback_types=[FALLBACK],
                approvers=[f"arn:aws:iam::{ACCOUNT}:role/approver"],
                requesters=[f"arn:aws:iam::{ACCOUNT}:role/operator"],
            )
        if changed := self.node.try_get_context("changed"):
            # Every resource that has tags is then updated.
            cdk.Tags.of(self).add("changed", changed)

    def _tier(self, vpc: ec2.Vpc, tier: TierCapacity) -> None:
        group = autoscaling.AutoScalingGroup(
            self,
            "Tier",
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name="application"),
            min_capacity=tier.warm_min,
            max_capacity=tier.warm_max,
            launch_template=ec2.LaunchTemplate(
                self,
                "Template",
                machine_image=ec2.MachineImage.generic_linux({DR: IMAGE}),
                instance_type=ec2.InstanceType("m7i.large"),
                security_group=ec2.SecurityGroup(self, "Servers", vpc=vpc, description="servers"),
            ),
        )
        cdk.Tags.of(group).add(tags.TIER, tier.name)


app = cdk.App()
Members(app, "fixture-primary", region=PRIMARY, cidr="10.20.0.0/16", instance_type=FULL)
Moves(app, "fixture-dr-region", members=Members(app, "fixture-dr", region=DR, cidr="10.30.0.0/16", instance_type=WARM))
app.synth()
