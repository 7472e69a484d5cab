"""One tier of web servers."""

from aws_cdk import Duration
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.plan import certificate_of, tier_capacity
from cdk_intersystems.configuration.tiers import WebTierConfig
from cdk_intersystems.csp_web_tier.csp_web_tier import CspWebTier
from cdk_intersystems.ecp_app_tier.ecp_app_tier import EcpAppTier
from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
from stacks.dns import define_alias
from stacks.existing import existing_role
from stacks.log_retention import log_retention
from stacks.regional_stack import RegionalStack
from stacks.shared import Shared


class WebTierStack(RegionalStack):
    """Web servers of one application tier, or of one mirror set, behind a load balancer."""

    def __init__(
        self,
        scope: Construct,
        deployment: Deployment,
        role: str,
        tier: WebTierConfig,
        *,
        shared: Shared,
        application_tier: EcpAppTier | None,
        database: MirroredDatabase | None,
    ) -> None:
        super().__init__(
            scope,
            deployment,
            role,
            tier.name,
            description=f"Web tier {tier.name} of {deployment.name}",
            stateful=False,
        )
        settings = self.settings
        network = shared.network(self)
        platform = deployment.platform_of(role)
        warm_min, warm_max = tier_capacity(deployment, role, tier) if role == "dr" else (None, None)
        internet_facing = tier.scheme == "internet-facing"
        self.tier = CspWebTier(
            self,
            "Tier",
            deployment=deployment.name,
            name=tier.name,
            vpc=network.vpc,
            subnets=network.subnets("web"),
            load_balancer_subnets=network.subnets("public" if internet_facing else "web"),
            internet_facing=internet_facing,
            machine_image=ec2.MachineImage.generic_linux({settings.region: settings.ami_of(tier.name)}),
            instance_type=ec2.InstanceType(tier.instance_type),
            min_capacity=tier.min,
            max_capacity=tier.max,
            warm_min_capacity=warm_min,
            warm_max_capacity=warm_max,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", certificate_of(deployment, role, tier)),
            application_tier=application_tier,
            database=database,
            client_cidrs=[str(cidr) for cidr in tier.client_cidrs],
            stickiness=Duration.hours(tier.stickiness_hours),
            waf=tier.waf,
            access_log_bucket=s3.Bucket.from_bucket_name(self, "AccessLogs", settings.access_log_bucket)
            if settings.access_log_bucket
            else None,
            tenancy=tier.tenancy,
            purchase=tier.purchase,
            capacity_platform=platform.capacity_platform,
            service_endpoints=network.endpoints_security_group,
            internet=settings.internet,
            encryption_key=shared.encryption_key(self),
            platform=platform.model(),
            paths=tier.paths,
            gateway_parameters=tier.gateway_parameters,
            log_retention=log_retention(deployment.log_retention_days),
            alarm_topic=shared.alarm_topic(self),
            deletion_protection=settings.termination_protection,
            role=existing_role(self, "Role", settings.roles.tiers.get(tier.name)),
        )
        define_alias(self, deployment, role, tier.name, self.tier.load_balancer)
