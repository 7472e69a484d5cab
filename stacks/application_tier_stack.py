"""One tier of ECP application servers."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.plan import tier_capacity
from cdk_intersystems.configuration.tiers import ApplicationTierConfig
from cdk_intersystems.ecp_app_tier.ecp_app_tier import EcpAppTier
from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
from stacks.existing import existing_role, existing_secret
from stacks.log_retention import log_retention
from stacks.regional_stack import RegionalStack
from stacks.shared import Shared


class ApplicationTierStack(RegionalStack):
    """Application servers of one mirror set, or TrakCare's print servers, which are ECP clients too."""

    def __init__(
        self,
        scope: Construct,
        deployment: Deployment,
        role: str,
        tier: ApplicationTierConfig,
        *,
        shared: Shared,
        database: MirroredDatabase,
    ) -> None:
        super().__init__(
            scope,
            deployment,
            role,
            tier.name,
            description=f"Application tier {tier.name} of {deployment.name}",
            stateful=False,
        )
        settings = self.settings
        network = shared.network(self)
        platform = deployment.platform_of(role)
        warm_min, warm_max = tier_capacity(deployment, role, tier) if role == "dr" else (None, None)
        facts = deployment.instance_type(tier.instance_type)
        self.tier = EcpAppTier(
            self,
            "Tier",
            deployment=deployment.name,
            name=tier.name,
            database=database,
            subnets=network.subnets("application"),
            machine_image=ec2.MachineImage.generic_linux({settings.region: settings.ami_of(tier.name)}),
            instance_type=ec2.InstanceType(tier.instance_type),
            min_capacity=tier.min,
            max_capacity=tier.max,
            warm_min_capacity=warm_min,
            warm_max_capacity=warm_max,
            tenancy=tier.tenancy,
            purchase=tier.purchase,
            capacity_platform=platform.capacity_platform,
            root_volume_gib=tier.root_volume_gib,
            service_endpoints=network.endpoints_security_group,
            internet=settings.internet,
            encryption_key=shared.encryption_key(self),
            platform=platform.model(),
            local_storage=tier.local_storage,
            memory_mib=facts.memory_mib,
            vcpus=facts.vcpus,
            license_secret=existing_secret(self, "License", platform.license_secret, platform.license_secret_key),
            log_retention=log_retention(deployment.log_retention_days),
            alarm_topic=shared.alarm_topic(self),
            role=existing_role(self, "Role", settings.roles.tiers.get(tier.name)),
        )
