"""What the functions are told by their environment: the variable `REGION_PROMOTION`, made by the construct `RegionFailover`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from .principals import role_of
from .records import DR, FAILBACK

if TYPE_CHECKING:
    from collections.abc import Mapping

ON_PREMISES = "on_premises"


@dataclass(frozen=True, slots=True)
class Tier:
    """The capacity of a tier of the DR region.

    Args:
        name: Its name.
        min: The least that it has while its region serves.
        max: The most.
        warm_min: The least that it has while it waits.
        warm_max: The most.
    """

    name: str
    min: int
    max: int
    warm_min: int
    warm_max: int


@dataclass(frozen=True, slots=True)
class Settings:
    """What the functions are for.

    Args:
        deployment: Name of the deployment.
        mirror_set: Name of the mirror set.
        table: Name of the table `RegionState`.
        home: `primary` or `on_premises`: who serves while nothing was moved.
        region: The DR region, where this runs.
        old_region: The primary region. Empty: the home is not in AWS.
        system_names: Member of the DR region, `a` or `b` -> its system name.
        others: System name of each failover member at home -> its address.
        document: Name of the document that runs `iris-region` on the hosts of either region.
        fenced_parameter: The parameter, in either region, that says who serves.
        full_type: The instance type of a member that serves.
        fallback_types: What is taken if there is no capacity for it, in this order.
        warm_type: The type of a member that waits.
        tiers: The tiers of the DR region.
        lag_limit_seconds: How far behind a member may be that is promoted without accepting loss.
        approval_seconds: How long a move waits for its approval.
        approvers: Roles that may approve, as `<account>/<name>`.
        requesters: Roles that may ask.
        watch: Name of the function that carries the latch.
        readiness: Name of the function that looks whether the region is ready.
        state_machine: ARN of the workflow.
        plan: Name of the Region switch plan. Empty: there is none.
        plan_arn: Its ARN; the API's alone.
        steps: Name of the function that runs the steps; the plan's function's alone.
    """

    deployment: str
    mirror_set: str
    table: str
    home: str
    region: str
    old_region: str
    system_names: Mapping[str, str]
    others: Mapping[str, str]
    document: str
    fenced_parameter: str
    full_type: str
    fallback_types: tuple[str, ...]
    warm_type: str
    tiers: tuple[Tier, ...]
    lag_limit_seconds: int
    approval_seconds: int
    approvers: tuple[str, ...]
    requesters: tuple[str, ...]
    watch: str
    readiness: str
    state_machine: str
    plan: str = ""
    plan_arn: str = ""
    steps: str = ""

    def target_of(self, kind: str) -> str:
        """The region that a kind of move leads to."""
        return self.home if kind == FAILBACK else DR


@cache
def settings() -> Settings:
    """The settings of this function.

    Raises:
        KeyError: The variable, or something in it, is missing: the stack was not made by this version.
    """
    return read(json.loads(os.environ["REGION_PROMOTION"]), os.environ["AWS_REGION"])


def read(given: Mapping[str, Any], region: str) -> Settings:
    """Reads the settings.

    Args:
        given: The value of the variable.
        region: The region of the function.
    """
    return Settings(
        deployment=given["deployment"],
        mirror_set=given["mirror_set"],
        table=given["table"],
        home=given["home"],
        region=region,
        old_region=given["old_region"],
        system_names=dict(given["system_names"]),
        others=dict(given["others"]),
        document=given["document"],
        fenced_parameter=given["fenced_parameter"],
        full_type=given["full_type"],
        fallback_types=tuple(given["fallback_types"]),
        warm_type=given["warm_type"],
        tiers=tuple(Tier(**each) for each in given["tiers"]),
        lag_limit_seconds=int(given["lag_limit_seconds"]),
        approval_seconds=int(given["approval_seconds"]),
        approvers=tuple(role_of(arn) for arn in given["approvers"]),
        requesters=tuple(role_of(arn) for arn in given["requesters"]),
        watch=given["watch"],
        readiness=given["readiness"],
        state_machine=given["state_machine"],
        plan=given.get("plan", ""),
        plan_arn=given.get("plan_arn", ""),
        steps=given.get("steps", ""),
    )
