"""What the function is told by its environment: the variable `READINESS`, made by the construct `RegionReadiness`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settings:
    """What the function is for.

    Args:
        deployment: Name of the deployment.
        mirror_set: Name of the mirror set.
        table: Name of the table of the regions' state.
        document: Name of the Systems Manager document that asks a member for its state.
        old_region: The primary region; empty where the primary is on premises.
        vpc: Id of the DR region's VPC.
        endpoints: Services that the VPC has to have an interface endpoint of, like `dynamodb`.
        instances: Instance type -> how many the DR region has at its full size.
        full_type: Instance type of a member at its full size.
        fallback_types: What is taken when there is no capacity for that.
        parameters: SSM parameters that name the bundles of the region's hosts.
        certificates: ARNs of the certificates of the region's tiers.
        secrets: ARNs of the region's secrets.
        approvers: ARNs of the roles that may approve.
        requesters: ARNs of the roles that may request.
        lag_limit_seconds: What the journals may be behind.
    """

    deployment: str
    mirror_set: str
    table: str
    document: str
    old_region: str
    vpc: str
    endpoints: tuple[str, ...]
    instances: Mapping[str, int]
    full_type: str
    fallback_types: tuple[str, ...]
    parameters: tuple[str, ...]
    certificates: tuple[str, ...]
    secrets: tuple[str, ...]
    approvers: tuple[str, ...]
    requesters: tuple[str, ...]
    lag_limit_seconds: int


def read(given: Mapping[str, Any]) -> Settings:
    """Reads the settings.

    Args:
        given: The value of the variable.

    Raises:
        KeyError: Something in it is missing: the stack was not made by this version.
    """
    values = {each.name: given[each.name] for each in fields(Settings)}
    return Settings(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


@cache
def settings() -> Settings:
    """The settings of this function.

    Raises:
        KeyError: The variable, or something in it, is missing.
    """
    return read(json.loads(os.environ["READINESS"]))
