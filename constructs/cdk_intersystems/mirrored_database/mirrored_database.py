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
from cdk_intersystems.mirror_endpoint.checks import Strategy
from cdk_intersystems.mirror_endpoint.load_balancer import first_service
from cdk_intersystems.mirror_endpoint.mirror_endpoint import MirrorEndpoint
from cdk_intersystems.mirrored_database.bootstrap import define_software
from cdk_intersystems.mirrored_database.checks import (
    check_absence,
    check_bootstrap,
    check_mirror,
    check_subnets,
    planned_address,
    waiting_type,
)
from cdk_intersystems.mirrored_database.member_host import Purchase, Tenancy, require_pinned
from cdk_intersystems.mirrored_database.member_stack import MemberDefaults, define_members
from cdk_intersystems.mirrored_database.other_place import OtherPlace
from cdk_intersystems.mirrored_database.secrets import CertificateAuthority, define_password, private_ca_arn
from cdk_intersystems.mirrored_database.security_groups import MirrorSecurityGroups
from cdk_intersystems.model import tags
from cdk_intersystems.model.ecp import ceiling_problem
from cdk_intersystems.model.host_description import TAKEOVER_WAIT_SECONDS, MirrorFacts, RegionStateAt
from cdk_intersystems.model.platform import Platform
from cdk_intersystems.model.ports import SUPERSERVER, SUPERSERVER_PORT
from cdk_intersystems.model.storage import MemberVolumes
from cdk_intersystems.model.topology import FAILOVER_MEMBERS, MEMBERS, AwsRole, zone_index


@jsii.implements(ec2.IConnectable)
class MirroredDatabase(Construct):
    """Defines two failover members and an arbiter, each in its own zone, and the endpoint that follows the primary.

    What the members share (security groups, secrets, log group, endpoint, failover automation) is defined in the stack this
    construct is in. Each member and the arbiter gets a stack of its own, so that no deployment of one touches another, and a
    gate (`RollApproval`) that lets a change which restarts or replaces a member through only when that member was named.

    With a `platform` the hosts set themselves up when they first start, until the mirror is there, and their stacks wait for
    it. A later change of what they are to be reaches them only when somebody applies it.

    A mirror can have members in a second place, each side defined by a construct of its own that refers to the other by fixed
    addresses alone. In the DR region (`role="dr"`) both members wait as members for disaster recovery until `DrRegion`'s
    automation promotes them.

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
        member_count: int = 2,
        role: AwsRole = "primary",
        others: Mapping[str, str] | None = None,
        other_subjects: Mapping[str, str] | None = None,
        other_arbiter: str = "",
        other_region: str = "",
        region_state: RegionStateAt | None = None,
        probe_cidrs: Sequence[str] = (),
        warm_instance_type: ec2.InstanceType | None = None,
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
            instance_type: The type of both failover members; in the DR region, the one they have once it serves.
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
            memory_mib: Memory in MiB of the type the members start with, needed with `platform` where the library doesn't know
                the type yet. Default: what the type has.
            vcpus: The number of its vCPUs, likewise. Default: what the type has.
            addresses: The fixed addresses by member (`a`, `b`, `arbiter`). Default: by the address plan, from the
                second sixteen addresses of each subnet.
            absent_member: `a` or `b`, if that failover member's host is taken out, to be replaced by one with another image.
                Its volumes stay. Default: both are there.
            member_count: 2, or 1 in a DR region that makes do with member `a`; then there is nothing of `b`. Default: 2.
            role: `primary`, or `dr` where the members wait for disaster recovery. It must never change. Default: `primary`.
            others: The mirror's members in the other place, system name to address: in its other region, or on premises. Each
                is admitted by its one address. Default: the mirror has none.
            other_subjects: Subjects of the certificates of those whose certificate isn't made by this library, by system name.
                Default: none.
            other_arbiter: Address of the arbiter in the other place, which a member promoted with a partner there dials.
                Default: none.
            other_region: The AWS region of `others`, whose certificate authority the members trust too. Default: none, they
                are on premises, or all members have one authority.
            region_state: The table that says which region holds the mirror, which members ask before IRIS starts; needed in the
                DR region. Default: they ask none.
            probe_cidrs: Ranges of the DR region from which its watch asks the members here for their mirror status. Default:
                none.
            warm_instance_type: The type of the members in the DR region while it waits, of the architecture of
                `instance_type`. What a promotion raises it to is run-time state: no deployment takes it back unless this
                argument, or another that replaces the member, is changed and the member approved. Default: `instance_type`.
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
            ValueError: If the name, number, subnets, ports, strategies, volumes, platform, databases or members elsewhere are
                not possible or don't fit each other, the image isn't pinned, or the subnets' ranges aren't known and no
                addresses were given.
        """
        super().__init__(scope, id)
        member_volumes = volumes or MemberVolumes()
        check_mirror(mirror_name, member_volumes, ecp_client_ceiling)
        check_subnets("data", data_subnets)
        check_subnets("arbiter", arbiter_subnets)
        require_pinned(machine_image, self)
        check_absence(absent_member, member_count, role)
        present = [member for member in FAILOVER_MEMBERS[:member_count] if member != absent_member]
        elsewhere = OtherPlace(
            mirror=mirror_name,
            role=role,
            members=others or {},
            subjects=other_subjects or {},
            arbiter=other_arbiter,
            region=other_region,
            state=region_state,
            probe_cidrs=probe_cidrs,
        )
        stated_type = waiting_type(instance_type, warm_instance_type, role=role, tenancy=tenancy)
        if platform is not None:
            check_bootstrap(mirror_name, platform, databases, user_data=user_data, internet=internet)
        self._vpc = vpc
        self._mirror_name = mirror_name
        self._ecp_client_ceiling = ecp_client_ceiling
        self._ecp_tiers: dict[str, int] = {}
        self._platform = platform
        self._here = FAILOVER_MEMBERS[:member_count]
        self._full_instance_type, self._warm_instance_type = instance_type, stated_type
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
            role=role,
            others=elsewhere.facts(),
            other_arbiter=other_arbiter,
            region_state=region_state,
            other_region=other_region,
        )
        Tags.of(self).add(tags.DEPLOYMENT, deployment)
        Tags.of(self).add(tags.MIRROR_SET, mirror_name)

        key = encryption_key or define_encryption_key(self, "Key")
        self._security_groups = MirrorSecurityGroups(
            self, "Network", vpc=vpc, mirror_name=mirror_name, service_endpoints=service_endpoints, internet=internet
        )
        self._security_groups.admit_others(
            elsewhere.members, arbiter=other_arbiter, probe_cidrs=probe_cidrs, answer=bool(other_region)
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
            calling_members=present if platform else [],
            service_endpoints=service_endpoints,
            internet=internet,
            powertools_layer=powertools_layer,
            log_retention=log_retention,
            alarm_topic=alarm_topic,
            role=role,
        )
        software = define_software(
            self,
            platform=platform,
            facts=self._facts,
            volumes=member_volumes,
            instance_type=stated_type.to_string(),
            full_instance_type=instance_type.to_string(),
            memory_mib=memory_mib,
            vcpus=vcpus,
            max_server_conn=ecp_client_ceiling,
            password=self._password,
            gateway_password=self._gateway_password,
            license_secret=license_secret,
            certificate_authority=certificate_authority,
            encryption_key=key,
            log_group=self._log_group,
            automation=self._failover_automation,
        )
        self._certificate_authority = software.authority
        self._license_secret = license_secret
        self._arbiter, self._members, self._member_stacks = define_members(
            MemberDefaults(
                deployment=deployment,
                mirror_name=mirror_name,
                scope=member_stacks_scope or self,
                parent=Stack.of(self),
                vpc=vpc,
                machine_image=machine_image,
                encryption_key=key,
                log_group=self._log_group,
                user_data=user_data,
                bundle=software.bundle,
                alarm_topic=alarm_topic,
                termination_protection=termination_protection,
                note=_RAISED if role == "dr" else "",
                wildcards=elsewhere.wildcards(self),
            ),
            members=FAILOVER_MEMBERS[:member_count],
            present=present,
            subnets=subnets,
            addresses=self._addresses,
            instance_type=stated_type,
            arbiter_instance_type=arbiter_instance_type,
            security_groups=self._security_groups,
            volumes=member_volumes,
            tenancy=tenancy,
            purchase=purchase,
            capacity_platform=capacity_platform,
            member_role=member_role,
            arbiter_role=arbiter_role,
            access=[*software.access, *elsewhere.statements(self, deployment)],
            arbiter_access=software.arbiter_access,
            takes_routes=vip is not None,
        )

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
        return dict(self._members)

    @property
    def role(self) -> AwsRole:
        """The role of the region the mirror's members here are in."""
        return self._facts.role

    @property
    def system_names(self) -> Mapping[str, str]:
        """The names inside the mirror of the failover members here, by `a` and `b`; in the DR region they wait."""
        return {member: self._facts.system_name(member) for member in self._here}

    @property
    def member_addresses(self) -> Mapping[str, str]:
        """The fixed addresses of the failover members here, by `a` and `b`, without the arbiter's."""
        return {member: self._addresses[member] for member in self._here}

    @property
    def others(self) -> Mapping[str, str]:
        """The addresses of the mirror's members in the other place, by system name; empty if there is none."""
        return {name: other.address for name, other in self._facts.others.items()}

    @property
    def members_security_group(self) -> ec2.ISecurityGroup:
        """The failover members' security group."""
        return self._security_groups.members

    @property
    def full_instance_type(self) -> ec2.InstanceType:
        """The type the failover members have once their region serves."""
        return self._full_instance_type

    @property
    def warm_instance_type(self) -> ec2.InstanceType:
        """The type the template gives them: in the DR region, the one they wait with."""
        return self._warm_instance_type

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
    def license_secret(self) -> secretsmanager.ISecret | None:
        """The secret with the license key; None if there is none."""
        return self._license_secret

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


_RAISED = (
    "If the DR region serves, and the instance type or the host is what changes, it would take back what the promotion raised: "
    "fail back first."
)
