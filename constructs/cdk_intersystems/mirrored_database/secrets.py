"""The secrets of a mirror: passwords, and the certificate authority that issues its hosts' certificates."""

from aws_cdk import RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_intersystems.identity.instance_role import read_secrets, secret_resource, use_keys
from cdk_intersystems.model.arns import shape_problem
from cdk_intersystems.policy.acknowledge import acknowledge

CertificateAuthority = secretsmanager.ISecret | str
"""A secret with a certificate authority, `{"certificate": PEM, "private_key": PEM}`, or the ARN of an AWS Private CA."""


def define_password(scope: Construct, id: str, key: kms.IKey, description: str) -> secretsmanager.Secret:
    """Define a secret with a password that IRIS's installer takes: no blank, tab or backslash in it."""
    return _define_secret(scope, id, key, description, _NO_ROTATION)


def define_authority(scope: Construct, id: str, key: kms.IKey, mirror_name: str) -> secretsmanager.Secret:
    """Define the secret for a mirror's certificate authority, with nothing in it: the first member makes the authority."""
    description = f"Certificate authority of mirror {mirror_name}, made by the first of its members"
    secret = _define_secret(scope, id, key, description, _MADE_BY_A_MEMBER)
    resource = secret.node.default_child
    assert isinstance(resource, secretsmanager.CfnSecret)
    # CloudFormation's secret without a value, for which the L2 has no argument.
    resource.generate_secret_string = None
    return secret


def private_ca_arn(authority: CertificateAuthority | None) -> str:
    """The ARN of the AWS Private CA, where the authority is one; empty where it is in a secret.

    Raises:
        ValueError: If it isn't such an ARN, known at synthesis: hosts are told of it by their bundle.
    """
    if not isinstance(authority, str):
        return ""
    if Token.is_unresolved(authority) or (problem := shape_problem(authority, "private-ca")) is not None:
        said = "needs an ARN known at synthesis" if Token.is_unresolved(authority) else problem
        raise ValueError(f"certificate_authority {said}, or a secret, got {authority!r}")
    return authority


def read_secrets_and_authority(
    scope: Construct, authority: CertificateAuthority, *secrets: secretsmanager.ISecret | None
) -> list[iam.PolicyStatement]:
    """The statements that let a host read secrets and issue its own certificate."""
    if not isinstance(authority, str):
        return read_secrets(scope, *secrets, authority)
    # Which names it asks for can't be limited: see the decision on certificates.
    ask = iam.PolicyStatement(
        actions=[
            "acm-pca:DescribeCertificateAuthority",
            "acm-pca:GetCertificate",
            "acm-pca:GetCertificateAuthorityCertificate",
            "acm-pca:IssueCertificate",
        ],
        resources=[authority],
    )
    return [*read_secrets(scope, *secrets), ask]


def make_authority(scope: Construct, authority: CertificateAuthority) -> list[iam.PolicyStatement]:
    """The statements that let a member make the authority, if its secret has no value yet."""
    if isinstance(authority, str):
        return []
    statements = [iam.PolicyStatement(actions=["secretsmanager:PutSecretValue"], resources=[secret_resource(authority)])]
    if (key := authority.encryption_key) is not None:
        service = f"secretsmanager.{Stack.of(scope).region}.amazonaws.com"
        statements.append(use_keys([key.key_arn], service, "kms:Decrypt", "kms:GenerateDataKey"))
    return statements


def _define_secret(scope: Construct, id: str, key: kms.IKey, description: str, no_rotation: str) -> secretsmanager.Secret:
    secret = secretsmanager.Secret(
        scope,
        id,
        description=description,
        encryption_key=key,
        generate_secret_string=secretsmanager.SecretStringGenerator(password_length=32, exclude_punctuation=True),
        removal_policy=RemovalPolicy.RETAIN,
    )
    acknowledge(
        secret,
        {
            "AwsSolutions-SMG4": no_rotation,
            "HIPAA.Security-SecretsManagerRotationEnabled": no_rotation,
            "NIST.800.53.R5-SecretsManagerRotationEnabled": no_rotation,
        },
    )
    return secret


_NO_ROTATION = (
    "IRIS takes this password once, at installation; afterwards it is changed in IRIS, where a rotation by Secrets Manager "
    "would only make the two differ"
)
_MADE_BY_A_MEMBER = (
    "the authority is good for ten years and every certificate it issues for 90 days; another one would make all hosts "
    "distrust each other until each has a certificate of it, so it is replaced by a person"
)
