"""What only CloudFormation knows of a group of hosts: their SSM parameter, which `bootstrap/host/settings.py` reads.

Pure, and without the hosts' own code. A test has that accept what is written here.
"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretArns:
    """The secrets that hosts may read.

    Args:
        password: Password of IRIS's predefined accounts, but for CSPSystem. Default: none.
        gateway: Password of CSPSystem. Default: none.
        license: The licence key. Default: none.
        authority: Certificate and key of the certificate authority. Default: none.
    """

    password: str = ""
    gateway: str = ""
    license: str = ""
    authority: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOut:
    """Where the members of a mirror take route epochs, and whom they tell.

    Args:
        table: Name of the DynamoDB table with the route epochs.
        queue: URL of the SQS FIFO queue that wakes the router.
    """

    table: str
    queue: str


def host_settings(
    *,
    bucket: str,
    key: str,
    sha256: str,
    region: str,
    secrets: SecretArns,
    log_group: str,
    call_out: CallOut | None = None,
) -> dict[str, Any]:
    """The value of the parameter, to be written as JSON.

    Args:
        bucket: The bucket the bundle is in.
        key: Its key.
        sha256: Its SHA-256, which is its version.
        region: The bucket's region.
        secrets: The secrets the hosts may read.
        log_group: Name of their log group.
        call_out: What the members of a mirror tell that they have become primary. Default: nothing, they have no call-out.
    """
    return {
        "bundle": {"bucket": bucket, "key": key, "sha256": sha256, "region": region},
        "secrets": asdict(secrets),
        "log_group": log_group,
        "call_out": asdict(call_out) if call_out else None,
    }
