"""Records of the route epoch table, checked: what is there was written by members, and by hands that repair."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .core import Claim
from .errors import DamagedRecordError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: Source: Amazon EC2 User Guide, "Resource IDs": 8 or 17 hexadecimal digits.
_INSTANCE = re.compile(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?")
#: A DynamoDB number has 38 digits; an epoch is taken at each failover, and has few.
_EPOCH = re.compile(r"[1-9][0-9]{0,14}")


def claim_of(item: Mapping[str, Any], members: Collection[str]) -> Claim:
    """The claim that a record holds.

    Args:
        item: The record as DynamoDB gives it.
        members: The failover members there are.

    Raises:
        DamagedRecordError: It holds none.
    """
    name = item.get("record", {}).get("S", "?")
    epoch = item.get("epoch", {}).get("N", "")
    member = item.get("member", {}).get("S", "")
    instance = item.get("instance_id", {}).get("S", "")
    if not _EPOCH.fullmatch(epoch):
        raise DamagedRecordError(f"record {name} has no epoch from 1 but {epoch!r}")
    if member not in members:
        raise DamagedRecordError(f"record {name} names member {member!r}, which there is not")
    if not _INSTANCE.fullmatch(instance):
        raise DamagedRecordError(f"record {name} names no instance but {instance!r}")
    return Claim(int(epoch), member, instance)
