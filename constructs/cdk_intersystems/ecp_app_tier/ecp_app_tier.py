"""`EcpAppTier`: application servers that work on a mirror's databases through ECP."""

from collections.abc import Sequence

import jsii
from aws_cdk import Duration, Tags
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.encryption.encryption_key import define_encryption_key
from cdk_intersystems.identity.instance_role import read_secrets
from cdk_intersystems.instance_group.bootstrap import GroupBootstrap, start_after
from cdk_intersystems.instance_group.capacity import tier_capacity
from cdk_intersystems.instance_group.instance_group import InstanceGroup
from cdk_intersystems.instance_group.launch_template import Purchase, Tenancy
from cdk_intersystems.mirrored_database.bootstrap import HostSecrets
from cdk_intersystems.mirrored_database.checks import check_bootstrap
from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
from cdk_intersystems.model import tags
from cdk_intersystems.model.host_files import application_files
from cdk_intersystems.model.host_memory import host_memory, local_storage_problem
from cdk_intersystems.model.names import authority_parameter
from cdk_intersystems.model.platform import Platform
from cdk_intersystems.model.ports import MIRROR_STATUS_PORT, SUPERSERVER_PORT
from cdk_intersystems.model.region_capacity import TierCapacity

# Time to install IRIS from its kit, where the image doesn't have it, and to connect to the data server.
_START_TIME = Duration.minutes(10)


@jsii.implements(ec2.IConnectable)
class EcpAppTier(Construct):
    """Defines application servers as an Auto Scaling group over three zones, each an ECP client of one mirror.

    ECP is mirror-aware: every server connects to the superserver of both failover members, whichever is primary, and never
    to the mirror endpoint. The mirror's members admit as many ECP clients as their ceiling says, and one more would restart
    them: so the tier's maximum is counted against it, twice, because old and new servers are connected at once while they
    are replaced.

    Its print servers, interface servers and the like are tiers of their own.

    Example:
        ```python
        tier = EcpAppTier(
            stack,
            "App",
            deployment="trakcare",
            name="app",
            database=database,
            subnets=network.subnets("application"),
            service_endpoints=network.endpoints_security_group,
            machine_image=ec2.MachineImage.generic_linux({"eu-west-2": "ami-0123456789abcdef0"}),
            instance_type=ec2.InstanceType("m7i.4xlarge"),
            min_capacity=3,
            max_capacity=6,
        )
        tier.connections.allow_default_port_from(integration_engine)
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        name: str,
        database: MirroredDatabase,
        subnets: Sequence[ec2.ISubnet],
        machine_image: ec2.IMachineImage,
        instance_type: ec2.InstanceType,
        min_capacity: int,
        max_capacity: int,
        warm_min_capacity: int | None = None,
        warm_max_capacity: int | None = None,
        tenancy: Tenancy = "default",
        purchase: Purchase = "on-demand",
        capacity_platform: str = "Linux/UNIX",
        root_volume_gib: int = 100,
        service_endpoints: ec2.ISecurityGroup | None = None,
        internet: bool = False,
        encryption_key: kms.IKey | None = None,
        platform: Platform | None = None,
        local_storage: bool = False,
        memory_mib: int | None = None,
        vcpus: int | None = None,
        license_secret: secretsmanager.ISecret | None = None,
        user_data: ec2.UserData | None = None,
        log_group: logs.ILogGroup | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        alarm_topic: sns.ITopic | None = None,
        role: iam.IRole | None = None,
    ) -> None:
        """Define the tier.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            deployment: Name of the deployment; a tag of every resource.
            name: Name of the tier, unique in the deployment; a tag of every resource.
            database: The mirror whose databases the servers work on. The rules that admit them to it are defined in this
                tier's stack, so that the mirror's never depends on it.
            subnets: The servers' subnets, one per zone, three in all.
            machine_image: The servers' image.
            instance_type: The servers' type.
            min_capacity: The fewest servers, at least 1. How many there are beyond it is not the template's to say.
            max_capacity: The most servers. Twice the maxima of all tiers of a mirror must not exceed its
                `ecp_client_ceiling`.
            warm_min_capacity: The fewest servers in the DR region while it waits, 0 or more; a promotion raises the group to
                `min_capacity` and `max_capacity`. Default: `min_capacity`.
            warm_max_capacity: The most servers there while it waits. Default: `max_capacity`.
            tenancy: Whether the servers share hardware with other accounts or have hardware of this account alone
                (`dedicated-instance`). Default: shared.
            purchase: `capacity-reservation` reserves the minimum's places, evenly over the zones, so that as many can always
                start. Not `spot`: a lost ECP client takes its open transactions with it. Default: on demand.
            capacity_platform: How EC2 bills the image (`PlatformDetails` of DescribeImages), which a reservation has to match.
                Default: `Linux/UNIX`. It matters only with `purchase="capacity-reservation"`.
            root_volume_gib: Size of the root volume in GiB, which also holds the server's IRIS. Default: 100.
            service_endpoints: The security group of the VPC's interface endpoints, which the servers may then use. Default:
                the servers have no way to AWS's services, unless `internet`.
            internet: Whether the servers may open connections to port 443 anywhere. Default: they may not.
            encryption_key: The key for root volumes and logs. Its policy must admit Auto Scaling's service-linked role.
                Default: a new customer-managed key that rotates yearly.
            platform: What the servers run on, with which they set themselves up; the mirror needs one too, and the tier a stack
                of its own. Default: they start empty and run `user_data`.
            local_storage: Whether the instance store is mounted at `/irissys/local`, for what needs not survive a stop; it is
                formatted anew at each start. Default: it is not used.
            memory_mib: Memory of `instance_type` in MiB, needed with `platform` where the library doesn't know the type yet.
                Default: what the type has.
            vcpus: The number of its vCPUs, likewise. Default: what the type has.
            license_secret: The secret with the license key the servers may read. Default: none.
            user_data: What the servers run at their first start, without `platform`. Default: nothing. A change replaces the
                servers, one after another.
            log_group: The servers' log group. Default: a new one, encrypted with the key.
            log_retention: How long the new log group keeps the servers' logs. Default: a year.
            alarm_topic: Where alarms and failed launches are sent. Default: the alarms act on nothing but themselves.
            role: The servers' role, used as it is. Default: one with just what a server needs.

        Raises:
            ValueError: If the subnets aren't in three zones, the capacities don't fit each other or the mirror's ceiling on
                ECP clients, or the purchase, tenancy, platform or local storage isn't possible.
        """
        super().__init__(scope, id)
        if purchase not in ("on-demand", "capacity-reservation"):
            raise ValueError(
                f"purchase of application tier {name} is on-demand or capacity-reservation, got {purchase!r}: "
                "a lost ECP client takes its open transactions with it"
            )
        if local_storage and (problem := local_storage_problem(instance_type.to_string())):
            raise ValueError(f"local_storage of application tier {name}: {problem}")
        self._capacity = tier_capacity(
            name,
            role=database.role,
            min_capacity=min_capacity,
            max_capacity=max_capacity,
            warm_min_capacity=warm_min_capacity,
            warm_max_capacity=warm_max_capacity,
            instance_type=instance_type.to_string(),
        )
        # By what a promotion raises it to: the members' MaxServerConn must not have to be changed then.
        database.admit_ecp_clients(name, max_capacity)
        self._name = name
        self._database = database
        Tags.of(self).add(tags.DEPLOYMENT, deployment)
        Tags.of(self).add(tags.TIER, name)
        bootstrap: GroupBootstrap | None = None
        if platform is not None:
            whose = f"application tier {name}"
            check_bootstrap(whose, platform, user_data=user_data, internet=internet)
            start_after(self, whose, database)
            authority = database.certificate_authority
            assert authority is not None, "a mirror with a platform has one"
            secrets = HostSecrets(
                password=database.password, gateway=database.gateway_password, license=license_secret, authority=authority
            )
            memory = host_memory(
                "application_server",
                instance_type.to_string(),
                whose=whose,
                architecture=platform.architecture,
                memory_mib=memory_mib,
                vcpus=vcpus,
            )
            bootstrap = GroupBootstrap(
                deployment=deployment,
                tier=name,
                files=application_files(platform, database.facts, name, memory=memory, local_storage=local_storage),
                secrets=secrets.arns(),
                parameters=[authority_parameter(deployment, database.mirror_name)],
                objects=[platform.kit, platform.archive],
                leaves=True,
            )
            access = secrets.read(self)
        else:
            access = read_secrets(self, license_secret)
        self._servers = InstanceGroup(
            self,
            "Servers",
            description=f"Application servers {deployment}/{name}",
            vpc=database.vpc,
            subnets=subnets,
            machine_image=machine_image,
            instance_type=instance_type,
            capacity=self._capacity,
            waits=database.role == "dr",
            tenancy=tenancy,
            purchase=purchase,
            capacity_platform=capacity_platform,
            root_volume_gib=root_volume_gib,
            encryption_key=encryption_key or define_encryption_key(self, "Key"),
            log_group=log_group,
            log_retention=log_retention,
            role=role,
            statements=access,
            user_data=user_data,
            bootstrap=bootstrap,
            service_endpoints=service_endpoints,
            internet=internet,
            # Beside EC2's own checks: a root volume that no longer answers.
            health_checks=autoscaling.HealthChecks.with_additional_checks(
                additional_types=[autoscaling.AdditionalHealthCheckType.EBS], grace_period=_START_TIME
            ),
            start_time=_START_TIME,
            alarm_topic=alarm_topic,
        )
        self._connections = ec2.Connections(
            security_groups=[self._servers.security_group], default_port=ec2.Port.tcp(SUPERSERVER_PORT)
        )
        self._connections.allow_to(database, ec2.Port.tcp(SUPERSERVER_PORT), f"ECP, by the application servers of {name}")
        self._connections.allow_to(
            database, ec2.Port.tcp(MIRROR_STATUS_PORT), f"mirror status, for the application servers of {name}"
        )

    @property
    def connections(self) -> ec2.Connections:
        """The servers' connections. The default port is the superserver's, for web gateways and other clients."""
        return self._connections

    @property
    def capacity(self) -> TierCapacity:
        """How many servers there are: while the region waits, if it does, and once it serves."""
        return self._capacity

    @property
    def name(self) -> str:
        """Name of the tier."""
        return self._name

    @property
    def database(self) -> MirroredDatabase:
        """The mirror whose databases the servers work on."""
        return self._database

    @property
    def auto_scaling_group(self) -> autoscaling.AutoScalingGroup:
        """The group of servers."""
        return self._servers.auto_scaling_group

    @property
    def role(self) -> iam.IRole:
        """The servers' role."""
        return self._servers.role

    @property
    def log_group(self) -> logs.ILogGroup:
        """The servers' log group."""
        return self._servers.log_group

    @property
    def alarms(self) -> Sequence[cloudwatch.Alarm]:
        """The alarms on the tier."""
        return [self._servers.missing_servers_alarm]
