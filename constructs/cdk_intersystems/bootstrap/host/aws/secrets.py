"""Secrets Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from .client import AwsError

if TYPE_CHECKING:
    from .client import Aws

#: The same on all hosts. Secrets Manager takes a version's token as its identity: what comes later with the same token and
#: another content is refused. Source: Secrets Manager API Reference, PutSecretValue, ClientRequestToken; 32 to 64 characters.
_ONCE = "cdk-intersystems-first-value-0001"


def get_secret(aws: Aws, arn: str) -> str:
    """Reads the current value of a secret.

    Args:
        aws: AWS.
        arn: Its ARN.

    Raises:
        AwsError: It has no value yet (code `ResourceNotFoundException`), or reading it is refused.
    """
    return str(_call(aws, "GetSecretValue", {"SecretId": arn}, arn)["SecretString"])


def put_secret_once(aws: Aws, arn: str, value: str) -> bool:
    """Gives a secret that has no value yet its first one.

    Args:
        aws: AWS.
        arn: Its ARN.
        value: The value.

    Returns:
        Whether this value is the secret's now. False if another host was first.

    Raises:
        AwsError: It is refused.
    """
    try:
        _call(aws, "PutSecretValue", {"SecretId": arn, "SecretString": value, "ClientRequestToken": _ONCE}, arn)
    except AwsError as error:
        if error.code != "ResourceExistsException":
            raise
        return False
    return True


def _call(aws: Aws, action: str, request: Mapping[str, Any], arn: str) -> dict[str, Any]:
    try:
        return aws.json("secretsmanager", action, request, arn)
    except AwsError as error:
        if "AccessDenied" in error.code or "NotFound" in error.code:
            raise
        # What AWS says of a request may repeat what was in it.
        raise AwsError(f"secretsmanager {action} {arn}", error.code, error.status, "") from None
