"""The network of a region."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.model.addresses import TIERS
from cdk_intersystems.network.network import Network
from stacks.connectivity import connect
from stacks.foundation_stack import FoundationStack, alarm_topic_of, encryption_key_of
from stacks.log_retention import log_retention
from stacks.regional_stack import RegionalStack


class NetworkStack(RegionalStack):
    """The region's VPC, where the configuration doesn't bring one."""

    def __init__(self, scope: Construct, deployment: Deployment, role: str, *, foundation: FoundationStack | None) -> None:
        super().__init__(scope, deployment, role, "network", description=f"Network of {deployment.name}", stateful=True)
        settings = self.settings
        public_subnets = settings.internet or any(tier.scheme == "internet-facing" for tier in deployment.web_tiers)
        authority = deployment.platform_of(role).certificate_authority
        self.network = Network(
            self,
            "Network",
            cidr=str(settings.cidr),
            availability_zones=settings.availability_zones,
            internet=settings.internet,
            public_subnets=public_subnets,
            private_ca=authority is not None and authority.private_ca is not None,
            load_balancing=any("listener" in mirror_set.endpoint.strategies for mirror_set in deployment.mirror_sets),
            # The pipelines stand in the region that is set up first; the other's images are copies.
            image_builder=deployment.golden_image is not None and role == deployment.regions.first_role(),
            flow_log_group=logs.LogGroup(
                self,
                "FlowLogs",
                encryption_key=encryption_key_of(self, foundation, settings),
                retention=log_retention(deployment.log_retention_days),
                removal_policy=RemovalPolicy.RETAIN,
            ),
        )
        connect(
            self,
            deployment,
            role,
            self.network,
            # The foundation's, or one of this stack; made only where something has alarms.
            alarm_topic=lambda: alarm_topic_of(self, foundation, settings),
        )
        for tier in TIERS:
            if tier != "public" or public_subnets:
                for subnet in self.network.subnets(tier):
                    # Also while nobody uses it: CloudFormation refuses to take back an export that a deployed stack uses, and
                    # a host that is taken out is the only user of its subnet.
                    self.export_value(subnet.subnet_id)
