"""`regions.on_premises`: failover members outside AWS."""

from collections.abc import Mapping, Sized
from typing import Annotated

from cdk_intersystems.model.topology import FAILOVER_MEMBERS, SYSTEM_NAME_LENGTH

from .section import Address, Section, Text, checked, key, matching

SystemName = Annotated[
    Text,
    matching(
        rf"[A-Z][A-Z0-9]{{0,{SYSTEM_NAME_LENGTH - 1}}}",
        f"a system name has 1 to {SYSTEM_NAME_LENGTH} upper-case letters and digits and starts with a letter",
    ),
]


def _two(value: Sized) -> str | None:
    if len(value) == len(FAILOVER_MEMBERS):
        return None
    return f"needs the {len(FAILOVER_MEMBERS)} failover members, each by its system name"


class OnPremisesMirror(Section):
    """The failover members of one mirror, which exist already."""

    members: Annotated[Mapping[SystemName, Address], checked(_two)] = key(
        "Address of each failover member, by its system name inside the mirror.",
        example={"TRAKA": "192.168.10.11", "TRAKB": "192.168.10.12"},
    )
    arbiter: Address | None = key(
        "Address of the arbiter.", default=None, default_text="the mirror has none", example="192.168.10.13"
    )
    subjects: Mapping[SystemName, Text] = key(
        "Subject of each member's certificate, as `openssl x509 -subject` prints it, by its system name; so this region's "
        "members admit it.",
        default_factory=dict,
        default_text="a person authorizes them by hand",
        example={"TRAKA": "CN=TRAKA,O=Example"},
    )


class OnPremises(Section):
    """Failover members outside AWS, whose DR async members are in `dr`."""

    mirror_sets: Mapping[Text, OnPremisesMirror] = key(
        "The failover members of each mirror set, by its name.",
        example={"TRAK": {"members": {"TRAKA": "192.168.10.11", "TRAKB": "192.168.10.12"}}},
    )
