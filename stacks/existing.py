"""What the configuration brings: roles and secrets that exist already."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_intersystems.configuration.platform import CertificateAuthority


def existing_role(scope: Construct, id: str, name_or_arn: str | None) -> iam.IRole | None:
    """Refer to an existing role, by its name or ARN, without ever changing its policies; None where none is brought."""
    if name_or_arn is None:
        return None
    if name_or_arn.startswith("arn:"):
        return iam.Role.from_role_arn(scope, id, name_or_arn, mutable=False)
    return iam.Role.from_role_name(scope, id, name_or_arn, mutable=False)


def existing_secret(scope: Construct, id: str, name_or_arn: str | None, key_arn: str | None) -> secretsmanager.ISecret | None:
    """Refer to an existing secret, by its name or ARN, and the key it is encrypted with; None where none is brought."""
    if name_or_arn is None:
        return None
    key = None if key_arn is None else kms.Key.from_key_arn(scope, f"{id}Key", key_arn)
    if name_or_arn.startswith("arn:"):
        return secretsmanager.Secret.from_secret_attributes(scope, id, secret_complete_arn=name_or_arn, encryption_key=key)
    arn = Stack.of(scope).format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=name_or_arn,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return secretsmanager.Secret.from_secret_attributes(scope, id, secret_partial_arn=arn, encryption_key=key)


def existing_authority(scope: Construct, authority: CertificateAuthority | None) -> secretsmanager.ISecret | str | None:
    """Refer to a certificate authority that exists: its secret, or the ARN of an AWS Private CA; None where none is brought."""
    if authority is None:
        return None
    return authority.private_ca or existing_secret(scope, "Authority", authority.secret, authority.secret_key)
