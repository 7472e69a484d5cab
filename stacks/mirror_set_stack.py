"""One mirror set; its members have stacks of their own beside this one."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.mirror_set import MirrorSetConfig
from cdk_intersystems.configuration.plan import (
    absent_member,
    member_addresses,
    region_members,
    vip_label,
    vip_route_tables,
    volumes_of,
    waiting_type,
)
from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
from cdk_intersystems.model.topology import AwsRole
from cdk_intersystems.rolling_change.rolling_change import RollingChange
from stacks.dns import define_address, define_alias
from stacks.existing import existing_authority, existing_role, existing_secret
from stacks.log_retention import log_retention
from stacks.other_region import other_place
from stacks.regional_stack import RegionalStack
from stacks.shared import Shared


class MirrorSetStack(RegionalStack):
    """What the members of a mirror set share, the endpoint of the mirror, and the runbooks that work on it."""

    def __init__(
        self,
        scope: Construct,
        deployment: Deployment,
        role: AwsRole,
        mirror_set: MirrorSetConfig,
        *,
        shared: Shared,
    ) -> None:
        super().__init__(
            scope,
            deployment,
            role,
            mirror_set.name.lower(),
            description=f"Mirror {mirror_set.name} of {deployment.name}: what its members share, and its endpoint",
            stateful=True,
        )
        settings = self.settings
        network = shared.network(self)
        platform = deployment.platform_of(role)
        endpoint = mirror_set.endpoint
        warm_type = waiting_type(deployment, role, mirror_set)
        facts = deployment.instance_type(warm_type)
        self.database = MirroredDatabase(
            self,
            "Database",
            deployment=deployment.name,
            mirror_name=mirror_set.name,
            number=mirror_set.number,
            vpc=network.vpc,
            data_subnets=network.subnets("data"),
            arbiter_subnets=network.subnets("arbiter"),
            machine_image=ec2.MachineImage.generic_linux({settings.region: settings.ami_of(mirror_set.name)}),
            instance_type=ec2.InstanceType(mirror_set.instance_type),
            arbiter_instance_type=ec2.InstanceType(mirror_set.arbiter.instance_type),
            volumes=volumes_of(deployment, role, mirror_set),
            ports=endpoint.ports,
            strategies=endpoint.strategies,
            vip=None if endpoint.vip is None else str(endpoint.vip),
            route_tables=vip_route_tables(settings),
            takeover_wait_seconds=endpoint.takeover_wait_seconds,
            # Away from the members' fixed addresses, one of which AWS might give it otherwise. An existing VPC may have no
            # application subnets.
            endpoint_subnets=network.subnets(network.endpoint_tier),
            client_cidrs=[str(cidr) for cidr in mirror_set.client_cidrs],
            client_security_groups=[
                ec2.SecurityGroup.from_security_group_id(self, f"Client{number}", group)
                for number, group in enumerate(endpoint.client_security_groups, start=1)
            ],
            ecp_client_ceiling=mirror_set.ecp_client_ceiling,
            addresses={member: str(address) for member, address in member_addresses(settings, mirror_set).items()},
            absent_member=absent_member(deployment, role, mirror_set),
            tenancy=mirror_set.tenancy,
            purchase=mirror_set.purchase,
            capacity_platform=platform.capacity_platform,
            service_endpoints=network.endpoints_security_group,
            internet=settings.internet,
            encryption_key=shared.encryption_key(self),
            platform=platform.model(),
            databases=mirror_set.databases,
            memory_mib=facts.memory_mib,
            vcpus=facts.vcpus,
            license_secret=existing_secret(self, "License", platform.license_secret, platform.license_secret_key),
            certificate_authority=existing_authority(self, platform.certificate_authority),
            powertools_layer=settings.powertools_layer,
            log_retention=log_retention(deployment.log_retention_days),
            alarm_topic=shared.alarm_topic(self),
            member_role=existing_role(self, "MemberRole", settings.roles.member),
            arbiter_role=existing_role(self, "ArbiterRole", settings.roles.arbiter),
            member_stacks_scope=scope,
            termination_protection=settings.termination_protection,
            member_count=len(region_members(deployment, role)),
            role=role,
            warm_instance_type=ec2.InstanceType(warm_type) if role == "dr" else None,
            **other_place(deployment, role, mirror_set),
        )
        if deployment.regions.dr is not None:
            self._define_region_document(deployment, mirror_set)
        RollingChange(self, "RollingChange", deployment=deployment.name, mirror_name=mirror_set.name)
        name = mirror_set.name.lower()
        if self.database.endpoint.load_balancer is not None:
            define_alias(self, deployment, role, name, self.database.endpoint.load_balancer)
        if endpoint.vip is not None:
            define_address(self, deployment, role, vip_label(mirror_set), str(endpoint.vip))

    def _define_region_document(self, deployment: Deployment, mirror_set: MirrorSetConfig) -> None:
        """What the automation that moves the mirror between regions runs on the members of this one."""
        # Imported only here: a deployment of one region has no such document.
        from aws_cdk import aws_ssm as ssm

        from cdk_intersystems.model.region_document import region_document, region_document_name

        ssm.CfnDocument(
            self,
            "RegionDocument",
            name=region_document_name(deployment.name, mirror_set.name),
            document_type="Command",
            content=region_document(deployment.name, mirror_set.name),
            update_method="NewVersion",
        )
