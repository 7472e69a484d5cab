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
from cdk_intersystems.identity.instance_role import read_object, read_secret
from cdk_intersystems.instance_group.instance_group import InstanceGroup
from cdk_intersystems.instance_group.launch_template import Purchase, Tenancy
from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
from cdk_intersystems.model import tags
from cdk_intersystems.model.ports import SUPERSERVER_PORT

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
        tenancy: Tenancy = "default",
        purchase: Purchase = "on-demand",
        capacity_platform: str = "Linux/UNIX",
        root_volume_gib: int = 100,
        service_endpoints: ec2.ISecurityGroup | None = None,
        internet: bool = False,
        encryption_key: kms.IKey | None = None,
        kit_uri: str | None = None,
        kit_key_arn: str | None = None,
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
            kit_uri: `s3://bucket/key` of the installation kit the servers may fetch. Default: none.
            kit_key_arn: The key that kit is encrypted with. Default: none of its own.
            license_secret: The secret with the license key the servers may read. Default: none.
            user_data: What the servers run at their first start. Default: nothing. A change replaces the servers, one after
                another.
            log_group: The servers' log group. Default: a new one, encrypted with the key.
            log_retention: How long the new log group keeps the servers' logs. Default: a year.
            alarm_topic: Where alarms and failed launches are sent. Default: the alarms act on nothing but themselves.
            role: The servers' role, used as it is. Default: one with just what a server needs.

        Raises:
            ValueError: If the subnets aren't in three zones, the capacities don't fit each other or the mirror's ceiling on
                ECP clients, or the purchase or tenancy isn't possible.
        """
        super().__init__(scope, id)
        if purchase not in ("on-demand", "capacity-reservation"):
            raise ValueError(
                f"purchase of application tier {name} is on-demand or capacity-reservation, got {purchase!r}: "
                "a lost ECP client takes its open transactions with it"
            )
        database.admit_ecp_clients(name, max_capacity)
        Tags.of(self).add(tags.DEPLOYMENT, deployment)
        Tags.of(self).add(tags.TIER, name)
        self._servers = InstanceGroup(
            self,
            "Servers",
            description=f"Application servers {deployment}/{name}",
            vpc=database.vpc,
            subnets=subnets,
            machine_image=machine_image,
            instance_type=instance_type,
            min_capacity=min_capacity,
            max_capacity=max_capacity,
            tenancy=tenancy,
            purchase=purchase,
            capacity_platform=capacity_platform,
            root_volume_gib=root_volume_gib,
            encryption_key=encryption_key or define_encryption_key(self, "Key"),
            log_group=log_group,
            log_retention=log_retention,
            role=role,
            statements=[
                *(read_secret(license_secret) if license_secret else []),
                *(read_object(self, kit_uri, kit_key_arn) if kit_uri else []),
            ],
            user_data=user_data,
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

    @property
    def connections(self) -> ec2.Connections:
        """The servers' connections. The default port is the superserver's, for web gateways and other clients."""
        return self._connections

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
