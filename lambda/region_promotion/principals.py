"""Who calls: as the signature of the request says, and never as the request says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .errors import MoveRefusedError
from .records import Principal

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Source: IAM User Guide, "IAM identifiers" and "AWS JSON policy elements: Principal", role session principals: the ARN of a
#: session names the role without its path.
_SESSION = re.compile(r"arn:(aws[a-z-]*):sts::([0-9]{12}):assumed-role/([\w+=,.@-]{1,64})/([\w+=,.@-]{2,64})")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/(?:[\x21-\x7e]+/)?([\w+=,.@-]{1,64})")


def principal_of(arn: str) -> Principal:
    """Who has this ARN.

    Args:
        arn: The ARN of a role's session.

    Raises:
        MoveRefusedError: It is none.
    """
    found = _SESSION.fullmatch(arn)
    if not found:
        raise MoveRefusedError("not_allowed", "only a session of an IAM role may do this: assume one of those that are named")
    return Principal(arn, f"{found[2]}/{found[3]}", found[4])


def caller(event: Mapping[str, Any]) -> Principal:
    """Who calls an HTTP API with IAM authorization. Source: API Gateway Developer Guide, payload format 2.0.

    Args:
        event: The event.

    Raises:
        MoveRefusedError: Nobody who may.
    """
    context = event.get("requestContext")
    authorizer = context.get("authorizer") if isinstance(context, dict) else None
    iam = authorizer.get("iam") if isinstance(authorizer, dict) else None
    arn = iam.get("userArn") if isinstance(iam, dict) else None
    return principal_of(arn if isinstance(arn, str) else "")


def role_of(arn: str) -> str:
    """A role's ARN, as `<account>/<name>`: names are unique in an account, whatever the paths.

    Args:
        arn: ARN of a role.

    Raises:
        ValueError: It is none.
    """
    found = _ROLE.fullmatch(arn)
    if not found:
        raise ValueError(f"needs the ARN of an IAM role, got {arn!r}")
    return f"{found[1]}/{found[2]}"
