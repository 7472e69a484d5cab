"""`DrRegion`: what moves a mirror to its DR region and back, watches both places, and leads clients."""

from collections import Counter
from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk_intersystems.dr_region.checks import (
    HomeRole,
    check_capacity,
    check_database,
    check_home,
    check_latch,
    check_people,
)
from cdk_intersystems.encryption.encryption_key import define_encryption_key
from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
from cdk_intersystems.model.region_capacity import TierCapacity
from cdk_intersystems.model.region_latch import Latch
from cdk_intersystems.region_failover.region_failover import RegionFailover
from cdk_intersystems.region_routing.region_readiness import RegionReadiness
from cdk_intersystems.region_routing.region_routing import RegionRouting
from cdk_intersystems.region_routing.region_watch import RegionWatch

NEEDED_ENDPOINTS = (
    "autoscaling",
    "cloudformation",
    "dynamodb",
    "ec2",
    "kms",
    "logs",
    "monitoring",
    "s3",
    "secretsmanager",
    "sqs",
    "ssm",
    "ssmmessages",
)
"""The services whose interface endpoints the hosts and the watch of a DR region without Internet need, as EC2 names them."""


class DrRegion(Construct):
    """Defines, in the DR region, all that moves a mirror between its two places. Nothing of it stands in the other one.

    The DR members themselves are a `MirroredDatabase` with `role="dr"`; tiers work with it as they do in any region, at a
    capacity of their own while they wait. This construct adds the workflow by which people promote the region
    (`RegionFailover`), the watch over both places with the region latch (`RegionWatch`), and a look every 15 minutes at whether
    the region could take over (`RegionReadiness`). `add_name` defines a name that leads clients to the place that holds the
    traffic.

    A promotion is requested by one person, approved by another, and needs nothing of the other place. Its functions stand
    outside the VPC, for they call the APIs of both regions; only the watch stands in it, beside the members it asks.

    Example:
        ```python
        database = MirroredDatabase(
            database_stack,
            "Database",
            deployment="trakcare",
            mirror_name="TRAK",
            role="dr",
            others={"TRAKA": "10.20.144.17", "TRAKB": "10.20.160.17"},
            other_arbiter="10.20.224.17",
            other_region="eu-west-2",
            region_state=RegionStateAt(table="trakcare-TRAK-region-state", region="eu-west-1"),
            vpc=network.vpc,
            data_subnets=network.subnets("data"),
            arbiter_subnets=network.subnets("arbiter"),
            service_endpoints=network.endpoints_security_group,
            machine_image=ec2.MachineImage.generic_linux({"eu-west-1": "ami-0123456789abcdef0"}),
            instance_type=ec2.InstanceType("r7i.4xlarge"),
            warm_instance_type=ec2.InstanceType("r7i.xlarge"),
            ecp_client_ceiling=24,
            platform=Platform(operating_system="rhel9", architecture="x86_64", packages="image"),
            databases=["TRAKDATA"],
        )
        region = DrRegion(
            stack,
            "Region",
            database=database,
            subnets=network.subnets("application"),
            service_endpoints=network.endpoints_security_group,
            old_region="eu-west-2",
            fallback_types=[ec2.InstanceType("r7i.8xlarge"), ec2.InstanceType("r6i.4xlarge")],
            tiers=[TierCapacity(name="app", min=3, max=6, warm_min=0, warm_max=0)],
            requesters=["arn:aws:iam::111122223333:role/operators"],
            approvers=["arn:aws:iam::111122223333:role/duty-managers"],
        )
        region.add_name("web", zone_id="Z0123456789ABCDEFGHIJ", zone="hospital.example", name="trakcare", private=True)
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        database: MirroredDatabase,
        subnets: Sequence[ec2.ISubnet],
        approvers: Sequence[str],
        requesters: Sequence[str],
        home_role: HomeRole = "primary",
        old_region: str | None = None,
        fallback_types: Sequence[ec2.InstanceType] = (),
        tiers: Sequence[TierCapacity] = (),
        certificates: Sequence[str] = (),
        lag_limit_seconds: int = 60,
        approval_minutes: int = 30,
        latch: Latch | None = None,
        region_switch: bool = False,
        encryption_key: kms.IKey | None = None,
        service_endpoints: ec2.ISecurityGroup | None = None,
        internet: bool = False,
        powertools_layer: str | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        alarm_topic: sns.ITopic | None = None,
    ) -> None:
        """Define what moves the mirror.

        Args:
            scope: The construct this belongs to, in a stack of the DR region.
            id: Its id within the scope.
            database: The DR region's side of the mirror, with `role="dr"`.
            subnets: Where the watch has its network interfaces, one subnet per zone. Their ranges are the `probe_cidrs` of the
                other side's `MirroredDatabase`.
            approvers: ARNs of the IAM roles whose sessions may approve a promotion that somebody else requested.
            requesters: ARNs of the IAM roles whose sessions may request one.
            home_role: Where the mirror is at home: `primary`, in another region, or `on_premises`. Default: `primary`.
            old_region: The region it is at home in. Default: none, it is on premises.
            fallback_types: What a member becomes at a promotion where there is no capacity for `instance_type` of the database,
                in this order. Default: nothing; the promotion tries again.
            tiers: The capacities of the region's tiers, `capacity` of each; a promotion raises them. Default: there are none.
            certificates: ARNs of the ACM certificates of the region's tiers, whose dates are watched. Default: none.
            lag_limit_seconds: How far the DR members' journals may be behind for a promotion without accepted loss. Default:
                60 seconds.
            approval_minutes: How long a request waits for its approval. Default: 30 minutes.
            latch: What carries the region latch to where Route 53 sees it. Default: a metric of this region.
            region_switch: Whether there is a plan of AWS's Region switch that does the moves which were asked for and approved.
                Default: there is none, and Step Functions does them.
            encryption_key: The key of tables and logs. Default: a new customer-managed key that rotates yearly.
            service_endpoints: The security group of the VPC's interface endpoints, which the watch may then use. Default: it
                reaches AWS only with `internet`.
            internet: Whether the watch may open connections to port 443 anywhere. Default: it may not.
            powertools_layer: ARN of a layer with AWS Lambda Powertools for Python. Default: the public layer of the region.
            log_retention: How long the functions' logs are kept. Default: a year.
            alarm_topic: Where alarms go. Default: the alarms act on nothing but themselves.

        Raises:
            ValueError: If the database is another region's or asks another table, the home is this region, nobody may request
                or approve, a type has another architecture, the latch isn't possible, or there is to be a Region switch plan
                with a home on premises.
        """
        super().__init__(scope, id)
        stack = Stack.of(self)
        latch = latch or Latch()
        check_database(database, stack)
        check_home(home_role, old_region, stack.region)
        check_people(approvers, requesters, approval_minutes, lag_limit_seconds)
        check_capacity(database.full_instance_type, fallback_types, tiers)
        check_latch(latch, stack.region)
        self._database = database
        self._latch = latch
        deployment, mirror_set = database.facts.deployment, database.mirror_name
        key = encryption_key or define_encryption_key(self, "Key")
        self._failover = RegionFailover(
            self,
            "Failover",
            deployment=deployment,
            mirror_set=mirror_set,
            home_role=home_role,
            old_region=old_region,
            system_names=database.system_names,
            others=database.others,
            full_instance_type=database.full_instance_type,
            warm_instance_type=database.warm_instance_type,
            fallback_types=fallback_types,
            tiers=tiers,
            approvers=approvers,
            requesters=requesters,
            lag_limit_seconds=lag_limit_seconds,
            approval_minutes=approval_minutes,
            region_switch=region_switch,
            encryption_key=key,
            powertools_layer=powertools_layer,
            log_retention=log_retention,
            alarm_topic=alarm_topic,
        )
        self._watch = RegionWatch(
            self,
            "Watch",
            deployment=deployment,
            mirror_set=mirror_set,
            table=self._failover.table,
            latch=latch,
            vpc=database.vpc,
            subnets=subnets,
            member_addresses=database.member_addresses,
            # Members on premises have no responder that could be asked.
            other_addresses=database.others if home_role == "primary" else {},
            member_security_group=database.members_security_group,
            encryption_key=key,
            service_endpoints=service_endpoints,
            internet=internet,
            powertools_layer=powertools_layer,
            log_retention=log_retention,
            alarm_topic=alarm_topic,
        )
        self._readiness = RegionReadiness(
            self,
            "Readiness",
            deployment=deployment,
            mirror_set=mirror_set,
            table=self._failover.table,
            encryption_key=key,
            old_region=old_region,
            vpc=database.vpc,
            full_instance_type=database.full_instance_type.to_string(),
            fallback_types=[each.to_string() for each in fallback_types],
            instances=_instances_of(database, tiers),
            endpoints=NEEDED_ENDPOINTS if service_endpoints is not None else (),
            groups=[mirror_set, *(tier.name for tier in tiers)],
            certificates=certificates,
            secrets=_secrets_of(database),
            approvers=approvers,
            requesters=requesters,
            lag_limit_seconds=lag_limit_seconds,
            powertools_layer=powertools_layer,
            log_retention=log_retention,
            alarm_topic=alarm_topic,
        )

    def add_name(
        self,
        label: str,
        *,
        zone_id: str,
        zone: str,
        name: str,
        private: bool = True,
        primary_endpoint: str | None = None,
        status_path: str | None = None,
    ) -> RegionRouting:
        """Define `<label>.<name>.<zone>`, which leads clients to the place that holds the traffic.

        Each place answers for itself at `<label>-primary.<name>.<zone>` and `<label>-dr.<name>.<zone>`, which its own stacks
        define.

        Args:
            label: The service's label, such as the name of a web tier.
            zone_id: Id of the hosted zone.
            zone: Its name.
            name: Name of the deployment within the zone.
            private: Whether the service is reached from private networks alone, so that Route 53's checkers can't ask it.
                Default: it is.
            primary_endpoint: The name by which the checkers ask the primary place's service. Default: its own name of this
                label. It isn't used if `private`.
            status_path: The path they ask for. Default: that of a web tier's region status.
        """
        return RegionRouting(
            self,
            f"Name-{label}",
            zone_id=zone_id,
            zone=zone,
            name=name,
            label=label,
            private=private,
            holds_alarm=self._watch.holds_alarm,
            primary_alarm=self._watch.primary_alarm,
            latch=self._latch,
            latch_bucket_domain=self._watch.latch_bucket_domain,
            primary_endpoint_fqdn=primary_endpoint,
            status_path=status_path,
        )

    @property
    def database(self) -> MirroredDatabase:
        """The DR region's side of the mirror."""
        return self._database

    @property
    def failover(self) -> RegionFailover:
        """The workflow by which people move the mirror, and its API."""
        return self._failover

    @property
    def watch(self) -> RegionWatch:
        """What watches both places and carries the latch."""
        return self._watch

    @property
    def readiness(self) -> RegionReadiness:
        """What looks whether the region could take over."""
        return self._readiness

    @property
    def table(self) -> dynamodb.ITable:
        """The table that says which place holds the mirror."""
        return self._failover.table

    @property
    def state_machine(self) -> stepfunctions.IStateMachine:
        """The workflow."""
        return self._failover.state_machine

    @property
    def api_url(self) -> str:
        """The address at which moves are requested and approved."""
        return self._failover.api_url


def _instances_of(database: MirroredDatabase, tiers: Sequence[TierCapacity]) -> dict[str, int]:
    """How many instances of each type the region has once it serves, as far as it is known: for its quotas."""
    counted = Counter({database.full_instance_type.to_string(): len(database.member_addresses)})
    for tier in tiers:
        if tier.instance_type:
            counted[tier.instance_type] += tier.max
    return dict(counted)


def _secrets_of(database: MirroredDatabase) -> list[secretsmanager.ISecret]:
    authority = database.certificate_authority
    known = [database.password, database.gateway_password, database.license_secret]
    return [each for each in known if each] + ([] if authority is None or isinstance(authority, str) else [authority])
