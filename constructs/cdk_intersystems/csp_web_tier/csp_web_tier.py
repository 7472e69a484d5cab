"""`CspWebTier`: web servers with the Web Gateway behind an Application Load Balancer."""

from collections.abc import Mapping, Sequence

import jsii
from aws_cdk import Duration, Stack, Tags, Token
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.bootstrap.host.apache import STATUS_PATH
from cdk_intersystems.bootstrap.host.csp_ini import parameter_problem, path_problem
from cdk_intersystems.csp_web_tier.access_logs import define_access_log_bucket
from cdk_intersystems.csp_web_tier.checks import check_zones, checked_stickiness, clients, one_of
from cdk_intersystems.csp_web_tier.load_balancer import (
    HTTPS_PORT,
    add_listeners,
    define_load_balancer,
    define_target_group,
)
from cdk_intersystems.ecp_app_tier.ecp_app_tier import EcpAppTier
from cdk_intersystems.encryption.encryption_key import define_encryption_key
from cdk_intersystems.identity.instance_role import read_secrets
from cdk_intersystems.instance_group.bootstrap import GroupBootstrap, start_after
from cdk_intersystems.instance_group.capacity import tier_capacity
from cdk_intersystems.instance_group.instance_group import InstanceGroup
from cdk_intersystems.instance_group.launch_template import Purchase, Tenancy
from cdk_intersystems.mirrored_database.checks import check_bootstrap
from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
from cdk_intersystems.model import tags
from cdk_intersystems.model.host_files import web_files
from cdk_intersystems.model.host_settings import SecretArns
from cdk_intersystems.model.names import authority_parameter
from cdk_intersystems.model.platform import Platform
from cdk_intersystems.model.ports import MIRROR_STATUS_PORT, SUPERSERVER_PORT
from cdk_intersystems.model.region_capacity import TierCapacity
from cdk_intersystems.monitoring.load_balancer_alarms import alarm_on_fail_open, alarm_on_unhealthy_servers
from cdk_intersystems.policy.acknowledge import acknowledge

WEB_GATEWAY_PATH = "/csp/bin/Systems/Module.cxw"
"""The Web Gateway's own page, which it answers without any IRIS: a database that is away must not make every web server
unhealthy, and have Auto Scaling replace them all. Source: Web Gateway Guide, "Web Gateway management pages"."""

# What that page answers: itself, or that the asker may not see it. Either way the web server and the gateway work. A web server
# without the gateway answers 404, one that can't reach it 5xx.
_WEB_GATEWAY_CODES = "200,403"

# One in each zone. Source: reference architecture, "Load Balancing".
_FEWEST_SERVERS = 3

_DEFAULT_STICKINESS = Duration.hours(8)

# Time to install packages, the web server and the gateway, where the image doesn't have them.
_START_TIME = Duration.minutes(10)


@jsii.implements(ec2.IConnectable)
class CspWebTier(Construct):
    """Defines at least three web servers, one in each zone, behind an Application Load Balancer.

    TLS goes all the way: clients to load balancer with the given certificate, load balancer to web servers with theirs. Plain
    HTTP is redirected. A client stays with one web server by cookie, as sessions live on one server behind it. Behind the
    web servers is either an application tier or, without one, the mirror itself, whose members a mirror-aware gateway reaches
    directly.

    A load balancer none of whose targets is healthy sends requests to all of them, and this can't be switched off: an alarm
    tells.

    Example:
        ```python
        web = CspWebTier(
            stack,
            "Web",
            deployment="trakcare",
            name="web",
            vpc=network.vpc,
            subnets=network.subnets("web"),
            load_balancer_subnets=network.subnets("public"),
            internet_facing=True,
            application_tier=tier,
            certificate=acm.Certificate.from_certificate_arn(stack, "Certificate", arn),
            machine_image=ec2.MachineImage.generic_linux({"eu-west-2": "ami-0123456789abcdef0"}),
            instance_type=ec2.InstanceType("c7i.2xlarge"),
            min_capacity=3,
            max_capacity=9,
        )
        route53.ARecord(stack, "Name", zone=zone, target=RecordTarget.from_alias(LoadBalancerTarget(web.load_balancer)))
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        name: str,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
        load_balancer_subnets: Sequence[ec2.ISubnet],
        internet_facing: bool,
        machine_image: ec2.IMachineImage,
        instance_type: ec2.InstanceType,
        min_capacity: int,
        max_capacity: int,
        certificate: acm.ICertificate,
        warm_min_capacity: int | None = None,
        warm_max_capacity: int | None = None,
        application_tier: EcpAppTier | None = None,
        database: MirroredDatabase | None = None,
        client_cidrs: Sequence[str] | None = None,
        stickiness: Duration | None = None,
        health_check_path: str | None = None,
        waf: bool | None = None,
        waf_rate_limit: int = 20_000,
        access_log_bucket: s3.IBucket | None = None,
        deletion_protection: bool = True,
        tenancy: Tenancy = "default",
        purchase: Purchase = "on-demand",
        capacity_platform: str = "Linux/UNIX",
        root_volume_gib: int = 30,
        service_endpoints: ec2.ISecurityGroup | None = None,
        internet: bool = False,
        encryption_key: kms.IKey | None = None,
        platform: Platform | None = None,
        paths: Sequence[str] = ("/csp",),
        gateway_parameters: Mapping[str, str] | None = None,
        user_data: ec2.UserData | None = None,
        log_group: logs.ILogGroup | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        alarm_topic: sns.ITopic | None = None,
        role: iam.IRole | None = None,
    ) -> None:
        """Define the tier.

        Args:
            scope: The construct this belongs to, in a stack with a concrete region.
            id: Its id within the scope.
            deployment: Name of the deployment; a tag of every resource.
            name: Name of the tier, unique in the deployment; a tag of every resource.
            vpc: The VPC.
            subnets: The web servers' subnets, one per zone, three in all.
            load_balancer_subnets: Where the load balancer has its addresses, one subnet per zone: public ones if it faces
                the Internet.
            internet_facing: Whether the load balancer has public addresses; the web servers never have.
            machine_image: The web servers' image.
            instance_type: The web servers' type.
            min_capacity: The fewest web servers, at least 3. How many there are beyond it is not the template's to say.
            max_capacity: The most web servers.
            certificate: The load balancer's certificate.
            warm_min_capacity: The fewest web servers in the DR region while it waits, 0 or more; a promotion raises the group
                to `min_capacity` and `max_capacity`. Default: `min_capacity`.
            warm_max_capacity: The most web servers there while it waits. Default: `max_capacity`.
            application_tier: The application servers the web servers work with. Either this or `database`.
            database: The mirror the web servers work with, with no application tier between. Either this or
                `application_tier`.
            client_cidrs: The IPv4 ranges clients may connect from. Default: anywhere, if `internet_facing`; otherwise they
                must be stated. An empty list leaves it to `connections`.
            stickiness: For how long a client stays with one web server: 1 second to 7 days. Default: 8 hours.
            health_check_path: What the load balancer asks each web server for; 200 and 403 are healthy. It must not depend on
                what is behind the web servers. Default: with a `platform`, the page on which a web server tells that it takes
                requests, with 200 alone; without, the Web Gateway's own page.
            waf: Whether AWS WAF stands before the load balancer: a rate limit, and AWS's rule groups against bad addresses,
                known bad inputs and common attacks. Default: only if `internet_facing`.
            waf_rate_limit: How many requests from one address AWS WAF lets through in any five minutes. A whole hospital may
                come from one address. Default: 20,000.
            access_log_bucket: Where the load balancer's access logs go; not one with a KMS key, and one defined elsewhere
                must admit them itself. Default: a new bucket that keeps them for a year.
            deletion_protection: Whether the load balancer is protected from deletion. Switch it off only for the deployment
                before the tier is destroyed. Default: it is.
            tenancy: Whether the web servers share hardware with other accounts or have hardware of this account alone
                (`dedicated-instance`). Default: shared.
            purchase: `capacity-reservation` reserves the minimum's places, evenly over the zones; `spot` is cheap, and AWS
                may take all the web servers back at once. Default: on demand.
            capacity_platform: How EC2 bills the image (`PlatformDetails` of DescribeImages), which a reservation has to match.
                Default: `Linux/UNIX`. It matters only with `purchase="capacity-reservation"`.
            root_volume_gib: Size of the root volume in GiB. Default: 30.
            service_endpoints: The security group of the VPC's interface endpoints, which the web servers may then use.
                Default: they have no way to AWS's services, unless `internet`.
            internet: Whether the web servers may open connections to port 443 anywhere. Default: they may not.
            encryption_key: The key for root volumes and logs. Its policy must admit Auto Scaling's service-linked role.
                Default: a new customer-managed key that rotates yearly.
            platform: What the web servers run on, with which they set themselves up; the mirror needs one too, and the tier a
                stack of its own. Default: they start empty and run `user_data`.
            paths: The paths, as they begin in a browser, that the Web Gateway passes on to IRIS, for `platform`. Default:
                `/csp`.
            gateway_parameters: Parameters of the Web Gateway's CSP.ini, by name, for `platform`; those that the deployment
                itself has to set are refused. Default: the library's own values.
            user_data: What the web servers run at their first start, without `platform`. Default: nothing: the image has all. A
                change replaces the servers, one after another.
            log_group: The web servers' log group. Default: a new one, encrypted with the key.
            log_retention: How long new log groups keep their logs. Default: a year.
            alarm_topic: Where alarms and failed launches are sent. Default: the alarms act on nothing but themselves.
            role: The web servers' role, used as it is. Default: one with just what a web server needs.

        Raises:
            ValueError: If there isn't exactly one of application tier and database, there are fewer than three web servers,
                the subnets aren't in three zones, the clients of an internal load balancer aren't stated, a range isn't one,
                or the stickiness, rate limit, purchase, tenancy or platform isn't possible.
        """
        super().__init__(scope, id)
        behind = one_of(application_tier, database)
        if Token.is_unresolved(Stack.of(self).region):
            raise ValueError("put a web tier into a stack with a concrete region: who writes its access logs depends on it")
        if min_capacity < _FEWEST_SERVERS:
            raise ValueError(
                f"min_capacity of web tier {name} is at least {_FEWEST_SERVERS}, one server in each zone, got {min_capacity}"
            )
        if purchase not in ("on-demand", "capacity-reservation", "spot"):
            raise ValueError(f"purchase is on-demand, capacity-reservation or spot, got {purchase!r}")
        admitted = clients(name, client_cidrs, internet_facing=internet_facing)
        sticky_for = checked_stickiness(stickiness or _DEFAULT_STICKINESS)
        check_zones(load_balancer_subnets)
        with_waf = internet_facing if waf is None else waf
        Tags.of(self).add(tags.DEPLOYMENT, deployment)
        Tags.of(self).add(tags.TIER, name)

        mirror = behind if isinstance(behind, MirroredDatabase) else behind.database
        self._capacity = tier_capacity(
            name,
            role=mirror.role,
            min_capacity=min_capacity,
            max_capacity=max_capacity,
            warm_min_capacity=warm_min_capacity,
            warm_max_capacity=warm_max_capacity,
            instance_type=instance_type.to_string(),
        )
        bootstrap: GroupBootstrap | None = None
        access: list[iam.PolicyStatement] = []
        if platform is not None:
            whose = f"web tier {name}"
            check_bootstrap(whose, platform, user_data=user_data, internet=internet)
            if problem := path_problem(list(paths)) or parameter_problem(gateway_parameters or {}):
                raise ValueError(f"{problem} (paths and gateway_parameters of {whose})")
            start_after(self, whose, mirror)
            bootstrap = GroupBootstrap(
                deployment=deployment,
                tier=name,
                files=web_files(
                    platform,
                    mirror.facts,
                    name,
                    application_tier=application_tier.name if application_tier else "",
                    paths=paths,
                    gateway_parameters=gateway_parameters or {},
                ),
                secrets=SecretArns(gateway=mirror.gateway_password.secret_arn),
                parameters=[authority_parameter(deployment, mirror.mirror_name)],
                objects=[platform.kit, platform.archive],
                # The load balancer has drained a web server before it is terminated.
                leaves=False,
            )
            access = [
                *read_secrets(self, mirror.gateway_password),
                # Which servers there are behind it.
                iam.PolicyStatement(actions=["ec2:DescribeInstances"], resources=["*"]),
            ]
        full_name = f"{deployment}/{name}"
        key = encryption_key or define_encryption_key(self, "Key")
        self._servers = InstanceGroup(
            self,
            "Servers",
            description=f"Web servers {full_name}",
            vpc=vpc,
            subnets=subnets,
            machine_image=machine_image,
            instance_type=instance_type,
            capacity=self._capacity,
            waits=mirror.role == "dr",
            tenancy=tenancy,
            purchase=purchase,
            capacity_platform=capacity_platform,
            root_volume_gib=root_volume_gib,
            encryption_key=key,
            log_group=log_group,
            log_retention=log_retention,
            role=role,
            statements=access,
            user_data=user_data,
            bootstrap=bootstrap,
            service_endpoints=service_endpoints,
            internet=internet,
            health_checks=autoscaling.HealthChecks.with_additional_checks(
                additional_types=[autoscaling.AdditionalHealthCheckType.ELB], grace_period=_START_TIME
            ),
            start_time=_START_TIME,
            alarm_topic=alarm_topic,
        )
        self._servers.security_group.connections.allow_to(
            behind, ec2.Port.tcp(SUPERSERVER_PORT), f"superserver, by the web servers of {name}"
        )
        self._servers.security_group.connections.allow_to(
            mirror, ec2.Port.tcp(MIRROR_STATUS_PORT), f"mirror status, for the web servers of {name}"
        )

        self._load_balancer, security_group = define_load_balancer(
            self,
            description=f"Load balancer of web servers {full_name}",
            vpc=vpc,
            subnets=load_balancer_subnets,
            internet_facing=internet_facing,
            client_cidrs=admitted,
            deletion_protection=deletion_protection,
        )
        self._connections = ec2.Connections(security_groups=[security_group], default_port=ec2.Port.tcp(HTTPS_PORT))
        self._load_balancer.log_access_logs(access_log_bucket or define_access_log_bucket(self, "AccessLogs"), prefix=name)
        target_group = define_target_group(
            self,
            vpc=vpc,
            servers=self._servers.auto_scaling_group,
            health_check_path=health_check_path or (STATUS_PATH if platform else WEB_GATEWAY_PATH),
            # A web server that sets itself up closes the Web Gateway's page to everybody, and answers 503 while it leaves.
            healthy_codes="200" if platform and not health_check_path else _WEB_GATEWAY_CODES,
            stickiness=sticky_for,
        )
        add_listeners(self._load_balancer, certificate=certificate, target_group=target_group)
        if with_waf:
            # Imported only here: a deployment without AWS WAF needn't load its service module.
            from cdk_intersystems.csp_web_tier.web_acl import define_web_acl

            define_web_acl(
                self,
                deployment=deployment,
                name=name,
                load_balancer=self._load_balancer,
                rate_limit=waf_rate_limit,
                encryption_key=key,
                log_retention=log_retention,
            )
        else:
            acknowledge(
                self._load_balancer,
                {"NIST.800.53.R5-ALBWAFEnabled": _NO_WAF},
            )
        self._alarms = [
            self._servers.missing_servers_alarm,
            alarm_on_unhealthy_servers(self, target_group, f"Web servers {full_name}", alarm_topic),
            alarm_on_fail_open(self, target_group, f"Web servers {full_name}", alarm_topic),
        ]

    @property
    def connections(self) -> ec2.Connections:
        """The load balancer's connections. The default port is that of HTTPS."""
        return self._connections

    @property
    def load_balancer(self) -> elbv2.ApplicationLoadBalancer:
        """The load balancer."""
        return self._load_balancer

    @property
    def dns_name(self) -> str:
        """The name of the load balancer, to which the name in the certificate is to lead."""
        return self._load_balancer.load_balancer_dns_name

    @property
    def capacity(self) -> TierCapacity:
        """How many web servers there are: while the region waits, if it does, and once it serves."""
        return self._capacity

    @property
    def auto_scaling_group(self) -> autoscaling.AutoScalingGroup:
        """The group of web servers."""
        return self._servers.auto_scaling_group

    @property
    def role(self) -> iam.IRole:
        """The web servers' role."""
        return self._servers.role

    @property
    def log_group(self) -> logs.ILogGroup:
        """The web servers' log group."""
        return self._servers.log_group

    @property
    def alarms(self) -> Sequence[cloudwatch.Alarm]:
        """The alarms on the tier: missing servers, unhealthy servers, and requests sent to unhealthy servers."""
        return list(self._alarms)


_NO_WAF = "AWS WAF was not asked for; only the clients in client_cidrs and connections reach the load balancer"
