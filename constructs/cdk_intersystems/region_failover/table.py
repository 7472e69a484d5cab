"""The table that says which region serves, and what was done to change that."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_intersystems.model.names import region_state_table_name
from cdk_intersystems.policy.acknowledge import acknowledge

PARTITION_KEY = "key"
"""The table's key: `<mirror set>` for who serves, `<mirror set>#current` for the move under way, `<mirror set>#move#<id>` for a
copy of each that has ended."""


def define_region_state(scope: Construct, id: str, *, deployment: str, mirror_set: str, key: kms.IKey) -> dynamodb.Table:
    """Define the table of one mirror set, under a name that the hosts of the other region know from the configuration.

    Args:
        scope: The construct it belongs to.
        id: Its id within the scope.
        deployment: Name of the deployment.
        mirror_set: Name of the mirror set.
        key: The key it is encrypted with.
    """
    table = dynamodb.Table(
        scope,
        id,
        table_name=region_state_table_name(deployment, mirror_set),
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


_BACKUP = (
    "point-in-time recovery is on; an older copy of who serves would be wrong, and could put the traffic back to a region that "
    "has lost it"
)
