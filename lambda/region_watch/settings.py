"""What the function is told by its environment: the variable `WATCH`, made by the construct `RegionWatch`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
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
        members: DR member -> its address.
        others: System name of each member elsewhere -> its address; empty where none of them can be asked.
        status_port: Port of the members' mirror status.
        status_path: Its path.
        latch: What carries the latch: `kind`, and what that kind needs.
    """

    deployment: str
    mirror_set: str
    table: str
    members: Mapping[str, str]
    others: Mapping[str, str]
    status_port: int
    status_path: str
    latch: Mapping[str, Any]


@cache
def settings() -> Settings:
    """The settings of this function.

    Raises:
        KeyError: The variable, or something in it, is missing: the stack was not made by this version.
    """
    given = json.loads(os.environ["WATCH"])
    return Settings(
        deployment=given["deployment"],
        mirror_set=given["mirror_set"],
        table=given["table"],
        members=dict(given["members"]),
        others=dict(given["others"]),
        status_port=int(given["status_port"]),
        status_path=given["status_path"],
        latch=dict(given["latch"]),
    )
