"""The customer-managed key of one region."""

from aws_cdk import ArnFormat, Aws, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


def define_encryption_key(scope: Construct, id: str, *, description: str | None = None) -> kms.Key:
    """Define a customer-managed, yearly rotating key that the AWS services of a deployment may use.

    Beside the account (whose IAM policies decide, as usual), these may use the key, each only from this account: CloudWatch
    Logs for the log groups of this region, CloudWatch alarms for encrypted topics, and Auto Scaling's service-linked role,
    which launches instances with encrypted volumes. The role is admitted by its name in a condition and not as a principal,
    because a key policy that names a role which doesn't exist yet is refused.

    Args:
        scope: The construct this belongs to.
        id: Its id within the scope.
        description: What the key is for. Default: a sentence that says it is a deployment's data key.
    """
    key = kms.Key(
        scope,
        id,
        description=description or "Encrypts volumes, logs, secrets and notifications of an InterSystems deployment",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.RETAIN,
    )
    _admit_services(key)
    return key


def _admit_services(key: kms.Key) -> None:
    stack = Stack.of(key)
    account = Aws.ACCOUNT_ID if Token.is_unresolved(stack.account) else stack.account
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CloudWatchLogs",
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=use,
            resources=["*"],
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": stack.format_arn(
                        service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
                    )
                }
            },
        )
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CloudWatchAlarms",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": account}},
        )
    )
    # "Any principal", narrowed to the one role: a statement for the account would only let IAM policies decide, and those of a
    # service-linked role can't be changed. Source: EC2 Auto Scaling User Guide, "Required AWS KMS key policy".
    auto_scaling = {
        "StringEquals": {"kms:CallerAccount": account},
        "ArnLike": {
            "aws:PrincipalArn": f"arn:{Aws.PARTITION}:iam::{account}:role/aws-service-role/"
            "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling*"
        },
    }
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="AutoScalingUse",
            principals=[iam.AnyPrincipal()],
            actions=use,
            resources=["*"],
            conditions=auto_scaling,
        )
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="AutoScalingGrants",
            principals=[iam.AnyPrincipal()],
            actions=["kms:CreateGrant"],
            resources=["*"],
            conditions={**auto_scaling, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        )
    )
