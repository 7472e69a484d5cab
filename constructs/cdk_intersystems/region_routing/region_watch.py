"""`RegionWatch`: looks at both regions of a mirror set each minute, and carries the region latch to where Route 53 sees it."""

from collections.abc import Mapping, Sequence
from typing import Any

import jsii
from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.failover_automation.router import METRIC_NAMESPACE
from cdk_intersystems.identity.instance_role import use_keys
from cdk_intersystems.mirrored_database.security_groups import admit_to_services
from cdk_intersystems.model.ports import MIRROR_STATUS_PATH, MIRROR_STATUS_PORT
from cdk_intersystems.model.region_latch import LATCH_OBJECT, Latch, watch_function_name
from cdk_intersystems.region_routing.alarms import RegionWatchAlarms
from cdk_intersystems.region_routing.function import InVpc, define_function, wake
from cdk_intersystems.region_routing.latch_bucket import define_latch_bucket, keep_latch

# Reading, carrying and confirming take a second or two; each call of AWS that hangs costs some.
_TIMEOUT = Duration.seconds(50)


@jsii.implements(ec2.IConnectable)
class RegionWatch(Construct):
    """Defines the function that watches both regions of a mirror set from the DR region.

    Each minute, and when a promotion asks for it, it carries what the table of the regions' state says of the latch to what
    Route 53's health checks read, until the table confirms that it is still so. It never decides where the latch stands.
    It also asks all members for their mirror status, and tells in metrics which region serves, and for how long a move has been
    under way.

    `DrRegion` defines one for itself.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        mirror_set: str,
        table: dynamodb.ITable,
        latch: Latch,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
        member_addresses: Mapping[str, str],
        other_addresses: Mapping[str, str],
        member_security_group: ec2.ISecurityGroup,
        encryption_key: kms.IKey,
        service_endpoints: ec2.ISecurityGroup | None = None,
        internet: bool = False,
        powertools_layer: str | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        alarm_topic: sns.ITopic | None = None,
    ) -> None:
        """Define the watch.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            deployment: Name of the deployment.
            mirror_set: Name of the mirror set.
            table: The table of the regions' state.
            latch: What carries the latch.
            vpc: The DR region's VPC.
            subnets: Where the function has its network interfaces, which need a way to AWS's services and to the members
                elsewhere.
            member_addresses: DR member -> its address.
            other_addresses: System name of each member elsewhere -> its address. Empty: they can't be asked, such as where none
                of them has a mirror status responder; then nothing is told of their region.
            member_security_group: The DR members' security group; it gets the rule that admits the function's questions. Those
                elsewhere have to admit the function's subnets themselves.
            encryption_key: The key of table and logs.
            service_endpoints: The security group of the VPC's interface endpoints. Default: the function reaches AWS only with
                `internet`.
            internet: Whether the function may open connections to port 443 anywhere. A latch of the kind `routing_control`
                needs it. Default: it may not.
            powertools_layer: ARN of a layer with AWS Lambda Powertools for Python. Default: the public layer of the region.
            log_retention: How long the function's log is kept. Default: a year.
            alarm_topic: Where alarms go. Default: the alarms act on nothing but themselves.

        Raises:
            ValueError: If the latch can't be reached, or the region isn't known.
        """
        super().__init__(scope, id)
        if latch.kind == "routing_control" and not internet:
            raise ValueError(
                "latch: routing_control is set at endpoints of five regions, which no VPC endpoint leads to: give internet, or "
                "take the kind metric"
            )
        self._bucket = define_latch_bucket(self, "Latch") if latch.kind == "s3_object" else None
        group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=vpc, description=f"Region watch of mirror {mirror_set}", allow_all_outbound=False
        )
        self._connections = ec2.Connections(security_groups=[group])
        by_internet = internet and (service_endpoints is None or latch.kind == "routing_control")
        admit_to_services(group, service_endpoints, internet=by_internet)
        status = ec2.Port.tcp(MIRROR_STATUS_PORT)
        group.connections.allow_to(member_security_group, status, "mirror status, asked by the region watch")
        for name, address in other_addresses.items():
            group.add_egress_rule(ec2.Peer.ipv4(f"{address}/32"), status, f"mirror status of member {name} elsewhere")
        settings = {
            "deployment": deployment,
            "mirror_set": mirror_set,
            "table": table.table_name,
            "members": dict(member_addresses),
            "others": dict(other_addresses),
            "status_port": MIRROR_STATUS_PORT,
            "status_path": MIRROR_STATUS_PATH,
            "latch": _latch_settings(latch, self._bucket),
        }
        self._function, self._log_group = define_function(
            self,
            package="region_watch",
            name=watch_function_name(deployment, mirror_set),
            description=f"Watches the regions of mirror {mirror_set} of {deployment}, and carries the latch",
            variable="WATCH",
            settings=settings,
            statements=[
                *_record_statements(self, mirror_set, table, encryption_key),
                *_carrier_statements(latch, self._bucket),
            ],
            wildcards={"*": _NO_RESOURCE},
            timeout=_TIMEOUT,
            place=InVpc(vpc=vpc, subnets=subnets, security_group=group),
            powertools_layer=powertools_layer,
            key=encryption_key,
            log_retention=log_retention,
        )
        if self._bucket is not None:
            assert self._function.role is not None
            keep_latch(self._bucket, self._function.role)
        wake(
            self,
            "EachMinute",
            self._function,
            every=Duration.minutes(1),
            description=f"Has the region watch of mirror {mirror_set} of {deployment} look",
            event={"kind": "look"},
        )
        self._alarms = RegionWatchAlarms(
            self,
            "Alarms",
            deployment=deployment,
            mirror_set=mirror_set,
            function=self._function,
            asks_elsewhere=bool(other_addresses),
            topic=alarm_topic,
        )

    @property
    def connections(self) -> ec2.Connections:
        """Whom the function may connect to."""
        return self._connections

    @property
    def function(self) -> lambda_.IFunction:
        """The watch function."""
        return self._function

    @property
    def log_group(self) -> logs.ILogGroup:
        """The log group of the watch function."""
        return self._log_group

    @property
    def holds_alarm(self) -> cloudwatch.IAlarm:
        """The alarm that is on while the DR region holds the traffic."""
        return self._alarms.holds

    @property
    def primary_alarm(self) -> cloudwatch.IAlarm | None:
        """The alarm that is on while no member of the primary region is primary; None where they can't be asked."""
        return self._alarms.primary

    @property
    def latch_bucket(self) -> s3.IBucket | None:
        """The bucket of a latch of the kind `s3_object`; None with another."""
        return self._bucket

    @property
    def latch_bucket_domain(self) -> str | None:
        """The domain name at which Route 53's checkers ask for the latch's object; None without a bucket."""
        return self._bucket.bucket_regional_domain_name if self._bucket else None


def _latch_settings(latch: Latch, bucket: s3.Bucket | None) -> dict[str, Any]:
    if bucket is not None:
        return {"kind": latch.kind, "bucket": bucket.bucket_name, "key": LATCH_OBJECT}
    if latch.kind == "routing_control":
        endpoints = [{"region": each.region, "url": each.url} for each in latch.endpoints]
        return {"kind": latch.kind, "primary": latch.primary, "dr": latch.dr, "endpoints": endpoints}
    return {"kind": latch.kind}


def _record_statements(scope: Construct, mirror_set: str, table: dynamodb.ITable, key: kms.IKey) -> list[iam.PolicyStatement]:
    """What the watch may do with the regions' state: read it and the move, and write its own note of the latch."""

    def items(action: str, *keys: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=[f"dynamodb:{action}"],
            resources=[table.table_arn],
            conditions={
                "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(keys)},
                # For all values is true where there is none, too.
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        )

    state, move, latch = mirror_set, f"{mirror_set}#current", f"{mirror_set}#latch"
    return [
        items("GetItem", state, move, latch),
        items("ConditionCheckItem", state),
        items("UpdateItem", latch),
        use_keys([key.key_arn], f"dynamodb.{Stack.of(scope).region}.amazonaws.com", "kms:Decrypt"),
    ]


def _carrier_statements(latch: Latch, bucket: s3.Bucket | None) -> list[iam.PolicyStatement]:
    """What the watch may do with the latch's carrier. It may override no safety rule."""
    if bucket is not None:
        return [
            iam.PolicyStatement(
                actions=["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], resources=[bucket.arn_for_objects(LATCH_OBJECT)]
            ),
            # So that an object that isn't there is told from one that may not be read.
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn]),
        ]
    if latch.kind == "routing_control":
        controls = [latch.primary, latch.dr]
        return [
            iam.PolicyStatement(
                actions=[
                    "route53-recovery-cluster:GetRoutingControlState",
                    "route53-recovery-cluster:UpdateRoutingControlState",
                    "route53-recovery-cluster:UpdateRoutingControlStates",
                ],
                resources=controls,
            ),
            iam.PolicyStatement(
                sid="NoSafetyRuleIsOverridden",
                effect=iam.Effect.DENY,
                actions=[
                    "route53-recovery-cluster:UpdateRoutingControlState",
                    "route53-recovery-cluster:UpdateRoutingControlStates",
                ],
                resources=controls,
                conditions={"Bool": {"route53-recovery-cluster:AllowSafetyRulesOverrides": "true"}},
            ),
        ]
    return [
        iam.PolicyStatement(
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": METRIC_NAMESPACE}},
        )
    ]


_NO_RESOURCE = (
    "these actions have no resource-level permissions, or name what Lambda makes itself: traces, the metric of the latch (by "
    "its namespace alone), and the function's network interfaces, which its code may not touch"
)
