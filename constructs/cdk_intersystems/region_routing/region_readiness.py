"""`RegionReadiness`: looks every 15 minutes whether the DR region could take over, and leaves a report."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.identity.instance_role import secret_resource, use_keys
from cdk_intersystems.model import tags
from cdk_intersystems.model.names import bootstrap_parameter
from cdk_intersystems.model.region_document import region_document_name
from cdk_intersystems.model.region_latch import readiness_function_name
from cdk_intersystems.region_routing.alarms import ReadinessAlarms
from cdk_intersystems.region_routing.function import define_function, wake

CHECK_EVERY = Duration.minutes(15)
"""How often everything is looked at."""

LAG_EVERY = Duration.minutes(5)
"""How often the members are asked how far their journals are behind."""

# Members are asked for half a minute at most; then some dozens of calls follow, each bounded.
_TIMEOUT = Duration.minutes(3)


class RegionReadiness(Construct):
    """Defines the function that looks whether the DR region could take over: by schedule, and when somebody asks.

    It looks at lag, agents, certificates, images, quotas, capacity, endpoints, who may approve, the last drill, the hosts'
    bundles and secrets. Each check says `ok`, `warning`, `failed` or `unknown`, and what to do. The metric `Readiness` is 1 if
    none is `failed` or `unknown`; the report is the item `<mirror set>#readiness` of the table. It changes nothing else.

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
        encryption_key: kms.IKey,
        old_region: str | None,
        vpc: ec2.IVpc,
        full_instance_type: str,
        fallback_types: Sequence[str] = (),
        instances: Mapping[str, int] | None = None,
        endpoints: Sequence[str] = (),
        groups: Sequence[str] = (),
        certificates: Sequence[str] = (),
        secrets: Sequence[secretsmanager.ISecret] = (),
        approvers: Sequence[str] = (),
        requesters: Sequence[str] = (),
        lag_limit_seconds: int = 60,
        powertools_layer: str | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        alarm_topic: sns.ITopic | None = None,
    ) -> None:
        """Define the function, its schedules and alarms.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            deployment: Name of the deployment; members are found by their tags.
            mirror_set: Name of the mirror set.
            table: The table of the regions' state.
            encryption_key: The key of table and logs.
            old_region: The primary region. None: the primary is on premises, and nothing is compared with it.
            vpc: The DR region's VPC.
            full_instance_type: The members' instance type at their full size.
            fallback_types: What is taken when there is no capacity for that. Default: nothing is.
            instances: Instance type -> how many the region has at its full size. Default: the two members.
            endpoints: The services, like `dynamodb`, that the VPC has to have an interface endpoint of. Default: none; AWS is
                reached through the Internet.
            groups: Names of the region's groups of hosts, the mirror set and the tiers. Default: the mirror set alone.
            certificates: ARNs of the certificates of the region's tiers. Default: there are none.
            secrets: The region's secrets. Default: the check says that it knows none.
            approvers: ARNs of the roles that may approve. Default: the check says that there are none.
            requesters: ARNs of the roles that may request. Default: likewise.
            lag_limit_seconds: What the journals may be behind.
            powertools_layer: ARN of a layer with AWS Lambda Powertools for Python. Default: the public layer of the region.
            log_retention: How long the function's log is kept. Default: a year.
            alarm_topic: Where alarms go. Default: the alarms act on nothing but themselves.

        Raises:
            ValueError: If the region isn't known.
        """
        super().__init__(scope, id)
        document = region_document_name(deployment, mirror_set)
        parameters = [bootstrap_parameter(deployment, group) for group in groups or [mirror_set]]
        regions = [Stack.of(self).region, *([old_region] if old_region else [])]
        self._function, self._log_group = define_function(
            self,
            package="region_readiness",
            name=readiness_function_name(deployment, mirror_set),
            description=f"Looks whether the DR region of mirror {mirror_set} of {deployment} could take over",
            variable="READINESS",
            settings={
                "deployment": deployment,
                "mirror_set": mirror_set,
                "table": table.table_name,
                "document": document,
                "old_region": old_region or "",
                "vpc": vpc.vpc_id,
                "endpoints": list(endpoints),
                "instances": dict(instances or {full_instance_type: 2}),
                "full_type": full_instance_type,
                "fallback_types": list(fallback_types),
                "parameters": parameters,
                "certificates": list(certificates),
                "secrets": [secret.secret_arn for secret in secrets],
                "approvers": list(approvers),
                "requesters": list(requesters),
                "lag_limit_seconds": lag_limit_seconds,
            },
            statements=[
                *_records(self, mirror_set, table, encryption_key),
                *_members(self, deployment, mirror_set, document),
                _looking(),
                *_about("ssm:GetParameter", _parameter_arns(self, regions, parameters)),
                *_about("acm:DescribeCertificate", certificates),
                *_about("secretsmanager:DescribeSecret", [secret_resource(secret) for secret in secrets]),
                *_about("iam:GetRole", sorted({*approvers, *requesters})),
            ],
            wildcards={"*": _NO_RESOURCE, _instances(self): _BY_TAG},
            timeout=_TIMEOUT,
            place=None,
            powertools_layer=powertools_layer,
            key=encryption_key,
            log_retention=log_retention,
        )
        for name, every, kind in (("Check", CHECK_EVERY, "check"), ("Lag", LAG_EVERY, "lag")):
            wake(
                self,
                name,
                self._function,
                every=every,
                description=f"Has the readiness of mirror {mirror_set} of {deployment} looked at ({kind})",
                event={"kind": kind},
            )
        ReadinessAlarms(
            self,
            "Alarms",
            deployment=deployment,
            mirror_set=mirror_set,
            lag_limit_seconds=lag_limit_seconds,
            check_every=CHECK_EVERY,
            lag_every=LAG_EVERY,
            topic=alarm_topic,
        )

    @property
    def function(self) -> lambda_.IFunction:
        """The readiness function; invoked with `{"kind": "check"}` it answers with a new report."""
        return self._function

    @property
    def log_group(self) -> logs.ILogGroup:
        """The log group of the readiness function."""
        return self._log_group


def _records(scope: Construct, mirror_set: str, table: dynamodb.ITable, key: kms.IKey) -> list[iam.PolicyStatement]:
    """What it may do with the regions' state: read it, and write its own report."""

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

    return [
        items("BatchGetItem", mirror_set, f"{mirror_set}#current", f"{mirror_set}#rehearsal"),
        items("PutItem", f"{mirror_set}#readiness"),
        use_keys([key.key_arn], f"dynamodb.{Stack.of(scope).region}.amazonaws.com", "kms:Decrypt"),
    ]


def _members(scope: Construct, deployment: str, mirror_set: str, document: str) -> list[iam.PolicyStatement]:
    """What asking the members takes: one document, on this mirror set's instances."""
    stack = Stack.of(scope)
    return [
        iam.PolicyStatement(
            actions=["ssm:SendCommand"],
            resources=[stack.format_arn(service="ssm", resource="document", resource_name=document)],
        ),
        iam.PolicyStatement(
            actions=["ssm:SendCommand"],
            resources=[_instances(scope)],
            conditions={
                "StringEquals": {
                    f"ssm:resourceTag/{tags.DEPLOYMENT}": deployment,
                    f"ssm:resourceTag/{tags.MIRROR_SET}": mirror_set,
                }
            },
        ),
    ]


def _instances(scope: Construct) -> str:
    return Stack.of(scope).format_arn(service="ec2", resource="instance", resource_name="*")


def _looking() -> iam.PolicyStatement:
    """What has no resource-level permissions, in both regions: nothing of it changes anything."""
    return iam.PolicyStatement(
        actions=[
            "ec2:DescribeCapacityReservations",
            "ec2:DescribeImages",
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeInstances",
            "ec2:DescribeVpcEndpoints",
            "servicequotas:GetServiceQuota",
            "ssm:GetCommandInvocation",
        ],
        resources=["*"],
    )


def _about(action: str, resources: Sequence[str]) -> list[iam.PolicyStatement]:
    return [iam.PolicyStatement(actions=[action], resources=list(resources))] if resources else []


def _parameter_arns(scope: Construct, regions: Sequence[str], parameters: Sequence[str]) -> list[str]:
    stack = Stack.of(scope)
    return [f"arn:{stack.partition}:ssm:{region}:{stack.account}:parameter{name}" for region in regions for name in parameters]


_NO_RESOURCE = (
    "these actions have no resource-level permissions, and change nothing: they describe what EC2 has, a quota, and what a "
    "command printed; besides, traces"
)
_BY_TAG = "the members' instances are known by their tags, which the condition asks for; one document may be run on them"
