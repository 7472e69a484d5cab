"""What the function is told by its environment: the variable `ROUTER`, made by the construct `FailoverAutomation`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RouteVip:
    """The address that routes lead to the primary.

    Args:
        vip: The address, outside the VPC's range.
        vpc: Id of the VPC.
        route_tables: Ids of the tables, in their order. Empty: all that are tagged as this deployment's.
    """

    vip: str
    vpc: str
    route_tables: tuple[str, ...]

    @property
    def destination(self) -> str:
        """The destination of the routes."""
        return f"{self.vip}/32"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the function is for.

    Args:
        deployment: Name of the deployment.
        mirror_set: Name of the mirror set.
        table: Name of the route epoch table.
        dead_letter_queue: URL of the queue that messages are parked in.
        members: Failover member -> its address.
        status_port: Port of the members' mirror status.
        status_path: Its path.
        route_vip: The address led by routes; None without it.
        listeners: ARN of each listener that is moved -> member -> ARN of its target group.
    """

    deployment: str
    mirror_set: str
    table: str
    dead_letter_queue: str
    members: Mapping[str, str]
    status_port: int
    status_path: str
    route_vip: RouteVip | None
    listeners: Mapping[str, Mapping[str, str]]


@cache
def settings() -> Settings:
    """The settings of this function.

    Raises:
        KeyError: The variable, or something in it, is missing: the stack was not made by this version.
    """
    return read(json.loads(os.environ["ROUTER"]))


def read(given: Mapping[str, Any]) -> Settings:
    """Reads the settings.

    Args:
        given: The value of the variable.
    """
    vip = given["route_vip"]
    return Settings(
        deployment=given["deployment"],
        mirror_set=given["mirror_set"],
        table=given["table"],
        dead_letter_queue=given["dead_letter_queue"],
        members=dict(given["members"]),
        status_port=int(given["status_port"]),
        status_path=given["status_path"],
        route_vip=RouteVip(vip["vip"], vip["vpc"], tuple(vip.get("route_tables", ()))) if vip else None,
        listeners=dict(given["listeners"] or {}),
    )
