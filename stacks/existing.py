"""What the configuration brings: roles and secrets that exist already."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct


def existing_role(scope: Construct, id: str, name_or_arn: str | None) -> iam.IRole | None:
    """Refer to an existing role, by its name or ARN, without ever changing its policies; None where none is brought."""
    if name_or_arn is None:
        return None
    if name_or_arn.startswith("arn:"):
        return iam.Role.from_role_arn(scope, id, name_or_arn, mutable=False)
    return iam.Role.from_role_name(scope, id, name_or_arn)


def existing_secret(scope: Construct, id: str, name_or_arn: str | None) -> secretsmanager.ISecret | None:
    """Refer to an existing secret, by its name or ARN; None where none is brought."""
    if name_or_arn is None:
        return None
    if name_or_arn.startswith("arn:"):
        return secretsmanager.Secret.from_secret_complete_arn(scope, id, name_or_arn)
    return secretsmanager.Secret.from_secret_name_v2(scope, id, name_or_arn)
