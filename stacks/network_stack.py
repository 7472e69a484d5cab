"""The network of a region."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.plan import existing_subnets
from cdk_intersystems.model.addresses import TIERS
from cdk_intersystems.network.network import Network
from stacks.log_retention import log_retention
from stacks.regional_stack import RegionalStack


class NetworkStack(RegionalStack):
    """The region's VPC, new or existing."""

    def __init__(self, scope: Construct, deployment: Deployment, role: str, *, encryption_key: kms.IKey) -> None:
        super().__init__(scope, deployment, role, "network", description=f"Network of {deployment.name}", stateful=True)
        settings = self.settings
        if settings.existing is not None:
            existing = settings.existing
            self.network = Network.from_existing(
                self,
                "Network",
                vpc_id=existing.vpc_id,
                cidr=str(existing.cidr),
                availability_zones=settings.availability_zones,
                subnets={
                    tier: [
                        ec2.SubnetAttributes(
                            subnet_id=subnet.id,
                            availability_zone=subnet.zone,
                            ipv4_cidr_block=str(subnet.cidr),
                            route_table_id=subnet.route_table,
                        )
                        for subnet in existing_subnets(settings, tier)
                    ]
                    for tier in TIERS
                    if existing_subnets(settings, tier)
                },
                endpoints_security_group_id=existing.endpoints_security_group,
            )
            return
        self.network = Network(
            self,
            "Network",
            cidr=str(settings.cidr),
            availability_zones=settings.availability_zones,
            internet=settings.internet,
            public_subnets=settings.internet or any(tier.scheme == "internet-facing" for tier in deployment.web_tiers),
            flow_log_group=logs.LogGroup(
                self,
                "FlowLogs",
                encryption_key=encryption_key,
                retention=log_retention(deployment.log_retention_days),
                removal_policy=RemovalPolicy.RETAIN,
            ),
        )
