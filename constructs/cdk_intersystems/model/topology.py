"""Mirror sets: their names, their members, and the Availability Zones these stand in."""

import re
from collections.abc import Mapping
from typing import Final, Literal

RegionRole = Literal["primary", "dr", "on_premises"]
AwsRole = Literal["primary", "dr"]

MemberId = Literal["a", "b", "arbiter"]
FailoverMemberId = Literal["a", "b"]

FAILOVER_MEMBERS: Final[tuple[FailoverMemberId, ...]] = ("a", "b")
MEMBERS: Final[tuple[MemberId, ...]] = ("a", "b", "arbiter")

#: A mirror spans exactly this many Availability Zones: an arbiter that shares one with a failover member turns the loss
#: of that zone into the loss of both, after which the other member does not become primary (High Availability Guide,
#: table of the effects of lost connections).
ZONES: Final = 3

#: Source: Configuration Parameter File Reference, [Mirrors] and ConfigMirror: at most 15 upper-case letters and digits.
MIRROR_NAME_LENGTH: Final = 15
_MIRROR_NAME = re.compile(r"[A-Z][A-Z0-9]*")

#: Source: Configuration Parameter File Reference, [MapMirrors]. The Management Portal accepts 32 characters; the smaller
#: of the two limits holds everywhere.
SYSTEM_NAME_LENGTH: Final = 15

#: A member's letter inside the mirror. A mirror spans its regions, so the letters go on from one to the next.
_LETTERS: Final[Mapping[AwsRole, Mapping[FailoverMemberId, str]]] = {
    "primary": {"a": "A", "b": "B"},
    "dr": {"a": "C", "b": "D"},
}

#: The number of a mirror set is part of its members' addresses, of which a subnet reserves sixteen.
MIRROR_SET_NUMBERS: Final = range(1, 16)


def mirror_name_problem(name: str) -> str | None:
    """Says what is wrong with a mirror name.

    Args:
        name: The name of the mirror, and so of the mirror set.

    Returns:
        What is allowed, in words; `None` if the name is a mirror name.
    """
    if len(name) <= MIRROR_NAME_LENGTH and _MIRROR_NAME.fullmatch(name):
        return None
    return f"a mirror name has 1 to {MIRROR_NAME_LENGTH} upper-case letters and digits and starts with a letter"


def system_name(mirror_name: str, number: int, member: FailoverMemberId, role: AwsRole = "primary") -> str:
    """Names a member inside its mirror (`SystemName` of ConfigMirror).

    It is the mirror name and a letter: `TRAK` has `TRAKA` and `TRAKB` in the primary region, `TRAKC` and `TRAKD` in the DR
    region. Only where that would be longer than 15 characters the name is cut to 12, and the number of the mirror set, two
    digits, stands before the letter: the number is unique in a deployment, so the names stay so too.

    Args:
        mirror_name: A valid mirror name.
        number: Number of the mirror set, 1 to 15.
        member: The member, by its letter in its region.
        role: The region's role. Default: the primary region.
    """
    letter = _LETTERS[role][member]
    full = f"{mirror_name}{letter}"
    if len(full) <= SYSTEM_NAME_LENGTH:
        return full
    suffix = f"{number:02d}{letter}"
    return f"{mirror_name[: SYSTEM_NAME_LENGTH - len(suffix)]}{suffix}"


def zone_index(number: int, member: MemberId) -> int:
    """Places a member: the index of its Availability Zone in the deployment's list of three.

    Member a of mirror set 1 stands in the first zone, b in the second, the arbiter in the third; each further set
    begins one zone later, so that the members of many sets are spread evenly.

    Args:
        number: Number of the mirror set, 1 to 15.
        member: The failover member or the arbiter.

    Raises:
        ValueError: The number is not one of a mirror set.
    """
    if number not in MIRROR_SET_NUMBERS:
        raise ValueError(f"a mirror set has a number from 1 to {MIRROR_SET_NUMBERS[-1]}, got {number}")
    return (number - 1 + MEMBERS.index(member)) % ZONES
