"""`MirroredDatabase`: an IRIS mirror with its arbiter and endpoint."""

from collections.abc import Mapping, Sequence

import jsii
from aws_cdk import RemovalPolicy, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.encryption.encryption_key import define_encryption_key
from cdk_intersystems.failover_automation.failover_automation import FailoverAutomation
from cdk_intersystems.identity.instance_role import read_secrets
from cdk_intersystems.mirror_endpoint.checks import Strategy
from cdk_intersystems.mirror_endpoint.load_balancer import first_service
from cdk_intersystems.mirror_endpoint.mirror_endpoint import MirrorEndpoint
from cdk_intersystems.mirrored_database.bootstrap import HostSecrets, define_mirror_bundle, member_access
from cdk_intersystems.mirrored_database.checks import (
    arbiter_type_for,
    check_bootstrap,
    check_subnets,
    check_volumes,
    planned_address,
)
from cdk_intersystems.mirrored_database.member_host import Purchase, Tenancy, require_pinned
from cdk_intersystems.mirrored_database.member_stack import MemberDefaults, define_arbiter, define_failover_member
from cdk_intersystems.mirrored_database.secrets import (
    CertificateAuthority,
    define_authority,
    define_password,
    private_ca_arn,
)
from cdk_intersystems.mirrored_database.security_groups import MirrorSecurityGroups
from cdk_intersystems.model import tags
from cdk_intersystems.model.ecp import ceiling_problem
from cdk_intersystems.model.host_description import TAKEOVER_WAIT_SECONDS, MirrorFacts
from cdk_intersystems.model.host_memory import host_memory
from cdk_intersystems.model.platform import Platform
from cdk_intersystems.model.ports import SUPERSERVER, SUPERSERVER_PORT
from cdk_intersystems.model.storage import MemberVolumes
from cdk_intersystems.model.topology import FAILOVER_MEMBERS, MEMBERS, mirror_name_problem, zone_index


@jsii.implements(ec2.IConnectable)
class MirroredDatabase(Construct):
    """Defines two failover members and an arbiter, each in its own zone, and the endpoint that follows the primary.

    What the members share (security groups, secrets, log group, endpoint, failover automation) is defined in the stack this
    construct is in. Each member and the arbiter gets a stack of its own, so that no deployment of one touches another, and a
    gate (`RollApproval`) that lets a change which restarts or replaces a member through only when that member was named.

    With a `platform` the hosts set themselves up when they first start, until the mirror is there, and their stacks wait for
    it. A later change of what they are to be reaches them only when somebody applies it.

    Example:
        ```python
        database = MirroredDatabase(
            stack,
            "Database",
            deployment="trakcare",
            mirror_name="TRAK",
            vpc=network.vpc,
            data_subnets=network.subnets("data"),
            arbiter_subnets=network.subnets("arbiter"),
            service_endpoints=network.endpoints_security_group,
            machine_image=ec2.MachineImage.generic_linux({"eu-west-2": "ami-0123456789abcdef0"}),
            instance_type=ec2.InstanceType("r7i.4xlarge"),
            platform=Platform(operating_system="rhel9", architecture="x86_64", packages="image"),
            databases=["TRAKDATA"],
        )
        database.endpoint.connections.allow_default_port_from(reporting_tool)
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        mirror_name: str,
        vpc: ec2.IVpc,
        data_subnets: Sequence[ec2.ISubnet],
        arbiter_subnets: Sequence[ec2.ISubnet],
        machine_image: ec2.IMachineImage,
        instance_type: ec2.InstanceType,
        number: int = 1,
        arbiter_instance_type: ec2.InstanceType | None = None,
        volumes: MemberVolumes | None = None,
        ports: Mapping[str, int] | None = None,
        endpoint_subnets: Sequence[ec2.ISubnet] | None = None,
        strategies: Sequence[Strategy] = ("polling",),
        vip: str | None = None,
        route_tables: Sequence[str] = (),
        takeover_wait_seconds: int = TAKEOVER_WAIT_SECONDS,
        client_cidrs: Sequence[str] = (),
        client_security_groups: Sequence[ec2.ISecurityGroup] = (),
        ecp_client_ceiling: int = 0,
        platform: Platform | None = None,
        databases: Sequence[str] = (),
        memory_mib: int | None = None,
        vcpus: int | None = None,
        addresses: Mapping[str, str] | None = None,
        absent_member: str | None = None,
        tenancy: Tenancy = "default",
        purchase: Purchase = "on-demand",
        capacity_platform: str = "Linux/UNIX",
        service_endpoints: ec2.ISecurityGroup | None = None,
        internet: bool = False,
        encryption_key: kms.IKey | None = None,
        license_secret: secretsmanager.ISecret | None = None,
        certificate_authority: CertificateAuthority | None = None,
        user_data: ec2.UserData | None = None,
        powertools_layer: str | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        alarm_topic: sns.ITopic | None = None,
        member_role: iam.IRole | None = None,
        arbiter_role: iam.IRole | None = None,
        member_stacks_scope: Construct | None = None,
        termination_protection: bool = True,
    ) -> None:
        """Define the mirror.

        Args:
            scope: The construct this belongs to, in a stack with a concrete region.
            id: Its id within the scope.
            deployment: Name of the deployment; a tag of every resource.
            mirror_name: Name of the mirror: up to 15 upper-case letters and digits, beginning with a letter.
            vpc: The VPC.
            data_subnets: The failover members' subnets, one per zone, three in all.
            arbiter_subnets: The arbiter's, in the same zones and order.
            machine_image: The image of all three hosts, pinned by its id.
            instance_type: The type of both failover members.
            number: Number of the mirror set in the deployment, 1 to 15. It decides the members' zones and addresses and must
                never change. Default: 1.
            arbiter_instance_type: The arbiter's type; it needs next to nothing. Default: `t3.small`, or `t4g.small` where
                the members are Graviton.
            volumes: The volumes of each failover member. Default: gp3 volumes of modest size, see `MemberVolumes`.
            ports: The services of the endpoint, name to port. Default: the superserver on 1972.
            endpoint_subnets: Where the endpoint and the router have their addresses, one subnet per zone. AWS chooses them, so
                it is better not where the members' fixed addresses are. Default: the data subnets.
            strategies: How the endpoint finds the primary: one or two of `polling`, `route_vip` and `listener`, see
                `MirrorEndpoint`. Default: by polling.
            vip: The address that routes lead to the primary, outside the range of the VPC; needed with `route_vip`. Default:
                there is none.
            route_tables: Ids of the route tables that lead the VIP. Default: all tables of the VPC that carry the tag
                `cdk-intersystems:deployment` of this deployment; the application's stacks set it, in stacks of your own it
                takes `Tags.of(network).add("cdk-intersystems:deployment", ...)`.
            takeover_wait_seconds: How long a takeover waits for the member's route epoch at most, 0 to 5 seconds, for
                `platform`. Default: 1.
            client_cidrs: Ranges outside AWS that may use every service of the endpoint. Default: none.
            client_security_groups: Security groups of the VPC whose instances may use every service of the endpoint. Default:
                none.
            ecp_client_ceiling: The most ECP clients the members admit (MaxServerConn of IRIS), 0 to 254. Default: none.
            platform: What the hosts run on, with which they set themselves up. Default: they start empty and run `user_data`.
            databases: Names of the mirrored databases, needed with `platform`. Default: none.
            memory_mib: Memory of `instance_type` in MiB, needed with `platform` where the library doesn't know the type yet.
                Default: what the type has.
            vcpus: The number of its vCPUs, likewise. Default: what the type has.
            addresses: The fixed addresses by member (`a`, `b`, `arbiter`). Default: by the address plan, from the
                second sixteen addresses of each subnet.
            absent_member: `a` or `b`, if that failover member's host is taken out, to be replaced by one with another image.
                Its volumes stay. Default: both are there.
            tenancy: Whether the members share hardware with other accounts, have hardware of this account alone
                (`dedicated-instance`), or a host each (`dedicated-host`). Default: shared.
            purchase: `capacity-reservation` reserves each member's place in its zone, so that it can always start again.
                Default: on demand.
            capacity_platform: How EC2 bills the image (`PlatformDetails` of DescribeImages), which a reservation has to match:
                `Red Hat Enterprise Linux` for RHEL by the hour, `Linux/UNIX` for Ubuntu and RHEL of your own subscription.
                Default: `Linux/UNIX`. It matters only with `purchase="capacity-reservation"`.
            service_endpoints: The security group of the VPC's interface endpoints, which the hosts may then use. Default:
                the hosts have no way to AWS's services, unless `internet`.
            internet: Whether the hosts may open connections to port 443 anywhere. Default: they may not.
            encryption_key: The key for volumes, logs and secrets. Default: a new customer-managed key that rotates yearly.
            license_secret: The secret with the license key the members may read. Default: none.
            certificate_authority: What issues the members' and application servers' certificates, for `platform`: a secret with
                `{"certificate": PEM, "private_key": PEM}`, or the ARN of an AWS Private CA. Default: a new secret, in which the
                first member makes an authority.
            user_data: What the hosts run at their first start, without `platform`. Default: nothing. A change restarts a host.
            powertools_layer: ARN of a layer with AWS Lambda Powertools for Python, for accounts that may not use the public
                one. Default: the public layer of the region.
            log_retention: How long the logs of the members and the router are kept. Default: a year.
            alarm_topic: Where alarms go. Default: the alarms act on nothing but themselves.
            member_role: The failover members' role, used as it is. Default: a role for each, with just what it needs.
            arbiter_role: The arbiter's role, used as it is. Default: likewise.
            member_stacks_scope: Where the members' stacks are defined. Default: below this construct, so that tags and
                aspects of its stack reach them. Pass the app or stage for ids that equal the stacks' names.
            termination_protection: Whether the members' stacks and hosts and the endpoint are protected from deletion.
                Default: they are.

        Raises:
            ValueError: If the name, number, subnets, ports, strategies, volumes, platform or databases are not possible or
                don't fit each other, the image isn't pinned, or the subnets' ranges aren't known and no addresses were given.
        """
        super().__init__(scope, id)
        if problem := mirror_name_problem(mirror_name):
            raise ValueError(f"{problem}, got {mirror_name!r}")
        check_subnets("data", data_subnets)
        check_subnets("arbiter", arbiter_subnets)
        member_volumes = volumes or MemberVolumes()
        check_volumes(member_volumes)
        require_pinned(machine_image, self)
        if problem := ceiling_problem(ecp_client_ceiling, ()):
            raise ValueError(f"ecp_client_ceiling of {mirror_name} is {ecp_client_ceiling}: {problem}")
        if absent_member is not None and absent_member not in FAILOVER_MEMBERS:
            raise ValueError(f"only failover member a or b can be absent, got {absent_member!r}")
        if platform is not None:
            check_bootstrap(mirror_name, platform, databases, user_data=user_data, internet=internet)
        self._vpc = vpc
        self._mirror_name = mirror_name
        self._ecp_client_ceiling = ecp_client_ceiling
        self._ecp_tiers: dict[str, int] = {}
        self._platform = platform
        subnets = {
            member: (arbiter_subnets if member == "arbiter" else data_subnets)[zone_index(number, member)] for member in MEMBERS
        }
        self._addresses: dict[str, str] = {
            member: (addresses or {}).get(member) or planned_address(subnets[member], number, member) for member in MEMBERS
        }
        service_ports = ports or {SUPERSERVER: SUPERSERVER_PORT}
        self._facts = MirrorFacts(
            deployment=deployment,
            name=mirror_name,
            number=number,
            addresses={member: self._addresses[member] for member in MEMBERS},
            databases=tuple(databases),
            ecp_clients=ecp_client_ceiling > 0,
            service_ports=tuple(service_ports.values()),
            private_ca_arn=private_ca_arn(certificate_authority),
            vip=vip or "",
            takeover_wait_seconds=takeover_wait_seconds,
        )
        Tags.of(self).add(tags.DEPLOYMENT, deployment)
        Tags.of(self).add(tags.MIRROR_SET, mirror_name)

        key = encryption_key or define_encryption_key(self, "Key")
        self._security_groups = MirrorSecurityGroups(
            self, "Network", vpc=vpc, mirror_name=mirror_name, service_endpoints=service_endpoints, internet=internet
        )
        self._connections = ec2.Connections(
            security_groups=[self._security_groups.members], default_port=ec2.Port.tcp(SUPERSERVER_PORT)
        )
        self._log_group = logs.LogGroup(
            self, "Logs", encryption_key=key, retention=log_retention, removal_policy=RemovalPolicy.RETAIN
        )
        self._password = define_password(
            self, "Password", key, "Password of IRIS's predefined accounts, set when the members are installed"
        )
        self._gateway_password = define_password(
            self, "GatewayPassword", key, "Password of CSPSystem, with which Web Gateways log in"
        )
        self._endpoint = MirrorEndpoint(
            self,
            "Endpoint",
            vpc=vpc,
            subnets=endpoint_subnets or data_subnets,
            member_addresses=[self._addresses[member] for member in FAILOVER_MEMBERS],
            member_security_group=self._security_groups.members,
            ports=service_ports,
            strategies=strategies,
            vip=vip,
            client_cidrs=client_cidrs,
            client_security_groups=client_security_groups,
            deletion_protection=termination_protection,
        )
        self._failover_automation = FailoverAutomation(
            self,
            "Failover",
            deployment=deployment,
            mirror_set=mirror_name,
            vpc=vpc,
            subnets=endpoint_subnets or data_subnets,
            member_addresses={member: self._addresses[member] for member in FAILOVER_MEMBERS},
            member_security_group=self._security_groups.members,
            encryption_key=key,
            vip=vip,
            route_tables=route_tables,
            listeners=self._endpoint.moved_listeners,
            target_groups=self._endpoint.target_groups.get(first_service(service_ports), ()),
            # Who is taken out calls nobody, and neither does a host that isn't set up by this library.
            calling_members=[member for member in FAILOVER_MEMBERS if platform and member != absent_member],
            service_endpoints=service_endpoints,
            internet=internet,
            powertools_layer=powertools_layer,
            log_retention=log_retention,
            alarm_topic=alarm_topic,
        )
        self._certificate_authority = certificate_authority
        bundle = None
        if platform is not None:
            self._certificate_authority = certificate_authority or define_authority(self, "Authority", key, mirror_name)
            secrets = HostSecrets(
                password=self._password,
                gateway=self._gateway_password,
                license=license_secret,
                authority=self._certificate_authority,
            )
            bundle = define_mirror_bundle(
                self,
                platform=platform,
                facts=self._facts,
                volumes=member_volumes,
                memory=host_memory(
                    "member",
                    instance_type.to_string(),
                    whose=mirror_name,
                    architecture=platform.architecture,
                    memory_mib=memory_mib,
                    vcpus=vcpus,
                    max_server_conn=ecp_client_ceiling,
                ),
                secrets=secrets,
                log_group=self._log_group,
                call_out=self._failover_automation.call_out,
            )
            access = [
                *member_access(self, bundle, platform, self._facts, secrets),
                *self._failover_automation.member_access(self),
            ]
            arbiter_access = bundle.read(self, objects=(platform.arbiter_kit, platform.archive))
        else:
            access, arbiter_access = read_secrets(self, self._password, license_secret), []

        defaults = MemberDefaults(
            deployment=deployment,
            mirror_name=mirror_name,
            scope=member_stacks_scope or self,
            parent=Stack.of(self),
            vpc=vpc,
            machine_image=machine_image,
            encryption_key=key,
            log_group=self._log_group,
            user_data=user_data,
            bundle=bundle,
            alarm_topic=alarm_topic,
            termination_protection=termination_protection,
        )
        arbiter_stack, self._arbiter = define_arbiter(
            defaults,
            subnet=subnets["arbiter"],
            address=self._addresses["arbiter"],
            instance_type=arbiter_instance_type or arbiter_type_for(instance_type),
            security_group=self._security_groups.arbiter,
            role=arbiter_role,
            statements=arbiter_access,
        )
        members = {
            member: define_failover_member(
                defaults,
                member=member,
                subnet=subnets[member],
                address=self._addresses[member],
                instance_type=instance_type,
                security_group=self._security_groups.members,
                volumes=member_volumes,
                tenancy=tenancy,
                purchase=purchase,
                capacity_platform=capacity_platform,
                role=member_role,
                statements=access,
                absent=member == absent_member,
                takes_routes=vip is not None,
                after=arbiter_stack,
            )
            for member in FAILOVER_MEMBERS
        }
        self._members = {member: instance for member, (_, instance) in members.items()}
        self._member_stacks = [arbiter_stack, *(stack for stack, _ in members.values())]

    @property
    def connections(self) -> ec2.Connections:
        """The failover members' connections. The default port is the superserver's, for mirror-aware clients."""
        return self._connections

    @property
    def vpc(self) -> ec2.IVpc:
        """The VPC the mirror is in."""
        return self._vpc

    @property
    def mirror_name(self) -> str:
        """Name of the mirror."""
        return self._mirror_name

    @property
    def endpoint(self) -> MirrorEndpoint:
        """What clients that are not mirror-aware connect to."""
        return self._endpoint

    @property
    def failover_automation(self) -> FailoverAutomation:
        """What has clients follow the primary: route epochs, router, alarms."""
        return self._failover_automation

    @property
    def addresses(self) -> Mapping[str, str]:
        """The fixed addresses of the members, by `a`, `b` and `arbiter`."""
        return dict(self._addresses)

    @property
    def members(self) -> Mapping[str, ec2.Instance]:
        """The failover members' instances, by `a` and `b`; one that is absent is left out."""
        return {member: instance for member, instance in self._members.items() if instance is not None}

    @property
    def arbiter(self) -> ec2.Instance:
        """The arbiter's instance."""
        return self._arbiter

    @property
    def password(self) -> secretsmanager.ISecret:
        """The secret with the password of IRIS's predefined accounts."""
        return self._password

    @property
    def gateway_password(self) -> secretsmanager.ISecret:
        """The secret with the password of CSPSystem, with which Web Gateways log in."""
        return self._gateway_password

    @property
    def certificate_authority(self) -> CertificateAuthority | None:
        """What issues the hosts' certificates: a secret, or the ARN of an AWS Private CA; None without a platform."""
        return self._certificate_authority

    @property
    def platform(self) -> Platform | None:
        """What the members run on; None if they don't set themselves up."""
        return self._platform

    @property
    def facts(self) -> MirrorFacts:
        """What hosts that work with the mirror have to know of it."""
        return self._facts

    @property
    def member_stacks(self) -> Sequence[Stack]:
        """The stacks of the arbiter and the failover members."""
        return list(self._member_stacks)

    @property
    def log_group(self) -> logs.ILogGroup:
        """The log group of the members and the arbiter."""
        return self._log_group

    def admit_ecp_clients(self, tier: str, maximum: int) -> None:
        """Count an application tier's servers against the ceiling on ECP clients.

        Args:
            tier: Name of the tier.
            maximum: The most servers it can have; while they are replaced, twice as many are connected.

        Raises:
            ValueError: If the tiers together could exceed the ceiling: one ECP client too many restarts the data server.
        """
        tiers = {**self._ecp_tiers, tier: maximum}
        if problem := ceiling_problem(self._ecp_client_ceiling, tiers.values()):
            raise ValueError(f"ecp_client_ceiling of {self._mirror_name} is {self._ecp_client_ceiling}: {problem}")
        self._ecp_tiers = tiers
