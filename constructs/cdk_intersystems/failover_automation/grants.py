"""What members and router may do, statement by statement. `tests/infra` holds it against the calls they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_intersystems.identity.instance_role import use_keys
from cdk_intersystems.model import tags


@dataclass(frozen=True, kw_only=True)
class Records:
    """What the statements are about.

    Args:
        mirror_set: Name of the mirror set.
        table: The table with the route epochs.
        queue: The queue that wakes the router.
        parked: Its dead-letter queue.
        key: The key all three are encrypted with.
    """

    mirror_set: str
    table: dynamodb.ITable
    queue: sqs.IQueue
    parked: sqs.IQueue
    key: kms.IKey

    @property
    def claim(self) -> str:
        """Key of the item that members write."""
        return self.mirror_set

    @property
    def routed(self) -> str:
        """Key of the item that the router writes."""
        return f"{self.mirror_set}#routed"

    def items(self, actions: Sequence[str], *keys: str) -> iam.PolicyStatement:
        """The statement that allows actions on items of the table, and on no others.

        Args:
            actions: Actions of DynamoDB, without the service.
            keys: The items' keys.
        """
        return iam.PolicyStatement(
            actions=[f"dynamodb:{action}" for action in actions],
            resources=[self.table.table_arn],
            conditions={
                "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(keys)},
                # For all values is true where there is none, too.
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        )


def member_statements(scope: Construct, records: Records) -> list[iam.PolicyStatement]:
    """What a failover member may do: read both items, raise the claim, and tell the router.

    Args:
        scope: A construct of a stack in the region.
        records: Table and queues.
    """
    region = Stack.of(scope).region
    return [
        records.items(["GetItem"], records.claim, records.routed),
        records.items(["UpdateItem"], records.claim),
        iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[records.queue.queue_arn]),
        use_keys([records.key.key_arn], f"dynamodb.{region}.amazonaws.com", "kms:Decrypt"),
        use_keys([records.key.key_arn], f"sqs.{region}.amazonaws.com", "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def record_statements(scope: Construct, records: Records) -> list[iam.PolicyStatement]:
    """What the router may do with table and queues: read both items, confirm a claim, take messages, and park them."""
    region = Stack.of(scope).region
    return [
        records.items(["BatchGetItem"], records.claim, records.routed),
        records.items(["ConditionCheckItem"], records.claim),
        records.items(["UpdateItem"], records.routed),
        # What Lambda's poller does in the name of the function. Source: Lambda Developer Guide, "Using Lambda with SQS".
        iam.PolicyStatement(
            actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], resources=[records.queue.queue_arn]
        ),
        iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[records.parked.queue_arn]),
        use_keys([records.key.key_arn], f"dynamodb.{region}.amazonaws.com", "kms:Decrypt"),
        use_keys([records.key.key_arn], f"sqs.{region}.amazonaws.com", "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def function_statements(log_group: logs.ILogGroup) -> list[iam.PolicyStatement]:
    """What every function in a VPC may do: write its log and traces, and have Lambda make its network interfaces."""
    interfaces = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    return [
        iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[f"{log_group.log_group_arn}:*"]),
        iam.PolicyStatement(actions=["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources=["*"]),
        iam.PolicyStatement(actions=interfaces, resources=["*"]),
        # Lambda makes the interfaces and not the code: with this key in a request it is the code that asks. Source: Lambda
        # Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC", "Required IAM permissions".
        iam.PolicyStatement(
            sid="NotTheCode",
            effect=iam.Effect.DENY,
            actions=interfaces,
            resources=["*"],
            conditions={"Null": {"lambda:SourceFunctionArn": "false"}},
        ),
    ]


def find_members() -> iam.PolicyStatement:
    """The statement that lets the router find the members' instances."""
    return iam.PolicyStatement(actions=["ec2:DescribeInstances"], resources=["*"])


def route_statements(
    scope: Construct, *, deployment: str, vpc_id: str, route_tables: Sequence[str]
) -> list[iam.PolicyStatement]:
    """What leading a VIP takes: routes of this deployment's tables can be created and replaced, and never deleted.

    Args:
        scope: A construct of the router's stack.
        deployment: Name of the deployment, by whose tag tables are known.
        vpc_id: The VPC.
        route_tables: Ids of the tables. None: those with the tag, in the VPC.
    """
    conditions: dict[str, Mapping[str, str]] = {}
    if not route_tables:
        conditions = {
            "StringEquals": {f"aws:ResourceTag/{tags.DEPLOYMENT}": deployment},
            "ArnEquals": {"ec2:Vpc": _ec2_arn(scope, "vpc", vpc_id)},
        }
    return [
        iam.PolicyStatement(actions=["ec2:DescribeRouteTables"], resources=["*"]),
        iam.PolicyStatement(
            actions=["ec2:CreateRoute", "ec2:ReplaceRoute"],
            resources=[_ec2_arn(scope, "route-table", table) for table in route_tables or ["*"]],
            conditions=conditions,
        ),
    ]


def any_route_table(scope: Construct) -> str:
    """The resource with a wildcard in the statements of `route_statements` without ids."""
    return _ec2_arn(scope, "route-table", "*")


def listener_statements(listeners: Sequence[str]) -> list[iam.PolicyStatement]:
    """What moving listeners takes.

    Args:
        listeners: Their ARNs.
    """
    return [
        iam.PolicyStatement(actions=["elasticloadbalancing:DescribeListeners"], resources=["*"]),
        iam.PolicyStatement(actions=["elasticloadbalancing:ModifyListener"], resources=list(listeners)),
    ]


def _ec2_arn(scope: Construct, resource: str, name: str) -> str:
    return Stack.of(scope).format_arn(
        service="ec2", resource=resource, resource_name=name, arn_format=ArnFormat.SLASH_RESOURCE_NAME
    )
