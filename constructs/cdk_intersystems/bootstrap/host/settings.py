"""What only CloudFormation knows of a group of hosts: the SSM parameter with the bundle, the secrets and the log group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from .description import S3Object  # noqa: TC001 (what the fields are is asked at run time)


@dataclass(frozen=True)
class Secrets:
    """ARNs of the secrets a host may read; empty where there is none.

    Args:
        password: Password of IRIS's predefined accounts, but for CSPSystem.
        gateway: Password of CSPSystem, with which Web Gateways log in. The only secret a web server may read.
        license: The licence key.
        authority: Certificate and key of the certificate authority, in JSON: `{"certificate": PEM, "private_key": PEM}`.
    """

    password: str
    gateway: str
    license: str
    authority: str


@dataclass(frozen=True)
class CallOutPlaces:
    """Where the members of a mirror take route epochs, and whom they tell.

    Args:
        table: Name of the DynamoDB table with the route epochs.
        queue: URL of the SQS FIFO queue that wakes the router.
    """

    table: str
    queue: str


@dataclass(frozen=True)
class Settings:
    """The parameter `/cdk-intersystems/<deployment>/<group>/bootstrap`, in JSON.

    Args:
        bundle: The bundle; its version is its SHA-256.
        secrets: The secrets.
        log_group: Name of the log group.
        call_out: What the members of a mirror tell that they have become primary. None: nothing.
    """

    bundle: S3Object
    secrets: Secrets
    log_group: str
    call_out: Optional[CallOutPlaces]
