"""Names that AWS's services and the hosts of a deployment have to agree on."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_ROOT: Final = "/cdk-intersystems"

#: The lifecycle hook of an application tier's group, by which a server that is to go says when it has left in good order.
LIFECYCLE_HOOK: Final = "leave"

#: Source: Systems Manager API Reference, PutParameter, Name: letters, digits and . - _ between slashes.
_PART: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,62}")
#: Source: ARC Region switch API Reference, CreatePlan, name.
_PLAN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?")


def bootstrap_parameter(deployment: str, group: str) -> str:
    """The SSM parameter that names the bundle of a group of hosts.

    Args:
        deployment: Name of the deployment.
        group: Name of the mirror set or tier.

    Raises:
        ValueError: A name can't be part of a parameter's.
    """
    return f"{_ROOT}/{checked_name(deployment)}/{checked_name(group)}/bootstrap"


def created_parameter(deployment: str, mirror: str) -> str:
    """The SSM parameter that says which member created the mirror; written once, by that member.

    Args:
        deployment: Name of the deployment.
        mirror: Name of the mirror.

    Raises:
        ValueError: A name can't be part of a parameter's.
    """
    return f"{_ROOT}/{checked_name(deployment)}/{checked_name(mirror)}/created"


def authority_parameter(deployment: str, mirror: str) -> str:
    """The SSM parameter with the certificate (PEM, public) of the certificate authority of a mirror; written once, by a member.

    Args:
        deployment: Name of the deployment.
        mirror: Name of the mirror.

    Raises:
        ValueError: A name can't be part of a parameter's.
    """
    return f"{_ROOT}/{checked_name(deployment)}/{checked_name(mirror)}/authority"


def fenced_parameter(deployment: str, mirror: str) -> str:
    """The SSM parameter of a region that says that the other region holds the mirror: its members start as nobody's primary.

    Args:
        deployment: Name of the deployment.
        mirror: Name of the mirror.

    Raises:
        ValueError: A name can't be part of a parameter's.
    """
    return f"{_ROOT}/{checked_name(deployment)}/{checked_name(mirror)}/fenced"


def region_api_parameter(deployment: str, mirror: str) -> str:
    """The SSM parameter of the DR region with the address of the API that moves a mirror between regions.

    Args:
        deployment: Name of the deployment.
        mirror: Name of the mirror.

    Raises:
        ValueError: A name can't be part of a parameter's.
    """
    return f"{_ROOT}/{checked_name(deployment)}/{checked_name(mirror)}/region-api"


def region_state_parameter(deployment: str, mirror: str) -> str:
    """The SSM parameter of the DR region with the name of the table that says which region holds a mirror.

    Args:
        deployment: Name of the deployment.
        mirror: Name of the mirror.

    Raises:
        ValueError: A name can't be part of a parameter's.
    """
    return f"{_ROOT}/{checked_name(deployment)}/{checked_name(mirror)}/region-state"


def region_state_table_name(deployment: str, mirror: str) -> str:
    """The table, in the DR region, that says which region holds a mirror.

    Its name is fixed, so that the hosts of the primary region know it from the configuration alone.

    Args:
        deployment: Name of the deployment.
        mirror: Name of the mirror.

    Raises:
        ValueError: A name can't be part of a table's.
    """
    return f"{checked_name(deployment)}-{checked_name(mirror)}-region-state"


def region_switch_plan_name(deployment: str, mirror: str) -> str:
    """The Region switch plan of a mirror; one name in the whole account.

    Args:
        deployment: Name of the deployment.
        mirror: Name of the mirror.

    Raises:
        ValueError: A name can't be part of a plan's.
    """
    name = f"{checked_name(deployment)}-{checked_name(mirror)}"
    if _PLAN.fullmatch(name):
        return name
    # What it would be too long for, or may not have, is replaced by a digest, so that two names stay two.
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{re.sub('[^A-Za-z0-9]+', '-', name).strip('-')[:22]}-{digest}"


def checked_name(name: str) -> str:
    """A name as it may stand in parameters' names, hosts' names and certificates.

    Raises:
        ValueError: It has other characters, or too many.
    """
    if not _PART.fullmatch(name):
        raise ValueError(f"the name of a deployment, mirror set or tier has letters, digits and . - _, up to 63, got {name!r}")
    return name
