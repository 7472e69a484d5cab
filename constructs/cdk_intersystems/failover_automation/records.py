"""What members and router share: the table with the route epochs, and the queue that wakes the router."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_intersystems.policy.acknowledge import acknowledge

PARTITION_KEY = "record"
"""The table's key: `<mirror set>` for the newest claim, `<mirror set>#routed` for the one that was confirmed last."""

FUNCTION_TIMEOUT = Duration.seconds(30)
"""How long a run of the router may take, and so how long a message is nobody else's."""

# A message that was refused so often, each half a minute, is looked at by a person.
_MOST_RECEIVES = 10
# The longest SQS keeps a message. Source: SQS API, SetQueueAttributes, MessageRetentionPeriod.
_KEPT_PARKED = Duration.days(14)
# An older wake-up call wakes nobody who wasn't awake: the router runs each minute.
_KEPT = Duration.days(1)


def define_route_epochs(scope: Construct, id: str, key: kms.IKey) -> dynamodb.Table:
    """Define the table with the route epochs of a mirror: two items, which only members and router write."""
    table = dynamodb.Table(
        scope,
        id,
        partition_key=dynamodb.Attribute(name=PARTITION_KEY, type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True),
        encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
        encryption_key=key,
        deletion_protection=True,
        removal_policy=RemovalPolicy.RETAIN,
    )
    acknowledge(table, {"HIPAA.Security-DynamoDBInBackupPlan": _BACKUP, "NIST.800.53.R5-DynamoDBInBackupPlan": _BACKUP})
    return table


def define_queues(scope: Construct, key: kms.IKey) -> tuple[sqs.Queue, sqs.Queue]:
    """Define the queue that wakes the router, and the one for messages that nothing can be done with."""
    parked = sqs.Queue(
        scope,
        "ParkedMessages",
        fifo=True,
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=_KEPT_PARKED,
    )
    queue = sqs.Queue(
        scope,
        "Messages",
        fifo=True,
        content_based_deduplication=False,
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=_KEPT,
        visibility_timeout=FUNCTION_TIMEOUT,
        dead_letter_queue=sqs.DeadLetterQueue(queue=parked, max_receive_count=_MOST_RECEIVES),
    )
    return queue, parked


_BACKUP = (
    "point-in-time recovery is on; the two items say who is routed now, and an older copy of them would be wrong: if they are "
    "lost, the members and the router write them anew"
)
