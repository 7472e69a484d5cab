"""SSM's Parameter Store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .client import AwsError

if TYPE_CHECKING:
    from .client import Aws


def get_parameter(aws: Aws, name: str) -> str:
    """Reads a parameter.

    Args:
        aws: AWS.
        name: Its name.

    Raises:
        AwsError: There is none (code `ParameterNotFound`), or it is refused.
    """
    return str(aws.json("ssm", "GetParameter", {"Name": name}, name)["Parameter"]["Value"])


def put_parameter_once(aws: Aws, name: str, value: str) -> bool:
    """Writes a parameter that isn't there yet, as text that is not secret.

    Args:
        aws: AWS.
        name: Its name.
        value: Its value.

    Returns:
        Whether it was written. False also if it was written by this call and the answer got lost: read it to be sure.

    Raises:
        AwsError: It is refused.
    """
    try:
        aws.json("ssm", "PutParameter", {"Name": name, "Value": value, "Type": "String", "Overwrite": False}, name)
    except AwsError as error:
        if error.code != "ParameterAlreadyExists":
            raise
        return False
    return True
