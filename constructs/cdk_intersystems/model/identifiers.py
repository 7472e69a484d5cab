"""The shapes of the identifiers that AWS gives, and of the names that go into them."""

import re
from collections.abc import Mapping
from typing import Final, Literal

IdentifierKind = Literal[
    "ami",
    "vpc",
    "subnet",
    "route-table",
    "security-group",
    "hosted-zone",
    "account",
    "transit-gateway",
    "peering-connection",
    "direct-connect-gateway",
    "direct-connect-connection",
]

#: EC2's identifiers have 8 hexadecimal digits (until 2016 to 2018) or 17. Source: EC2 User Guide, "Resource IDs".
_HEX = r"(?:[0-9a-f]{8}|[0-9a-f]{17})"

_SHAPES: Final[Mapping[IdentifierKind, tuple[re.Pattern[str], str]]] = {
    "ami": (re.compile(rf"ami-{_HEX}"), "the id of an AMI, ami- and 8 or 17 hexadecimal digits"),
    "vpc": (re.compile(rf"vpc-{_HEX}"), "the id of a VPC, vpc- and 8 or 17 hexadecimal digits"),
    "subnet": (re.compile(rf"subnet-{_HEX}"), "the id of a subnet, subnet- and 8 or 17 hexadecimal digits"),
    "route-table": (re.compile(rf"rtb-{_HEX}"), "the id of a route table, rtb- and 8 or 17 hexadecimal digits"),
    "security-group": (re.compile(rf"sg-{_HEX}"), "the id of a security group, sg- and 8 or 17 hexadecimal digits"),
    # Source: Route 53 API Reference, ResourceId: at most 32 characters.
    "hosted-zone": (re.compile(r"Z[A-Z0-9]{1,31}"), "the id of a hosted zone, Z and up to 31 capitals and digits"),
    "transit-gateway": (re.compile(rf"tgw-{_HEX}"), "the id of a transit gateway, tgw- and 8 or 17 hexadecimal digits"),
    "peering-connection": (
        re.compile(rf"pcx-{_HEX}"),
        "the id of a VPC peering connection, pcx- and 8 or 17 hexadecimal digits",
    ),
    # Source: Direct Connect API Reference, DirectConnectGateway: its id is a UUID.
    "direct-connect-gateway": (
        re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        "the id of a Direct Connect gateway, like 11111111-2222-3333-4444-555555555555",
    ),
    # Source: Direct Connect API Reference, examples of DescribeConnections; no length is stated. A group of connections
    # (dxlag-) is none: each of its connections has an id and a state of its own.
    "direct-connect-connection": (
        re.compile(r"dxcon-[0-9a-z]{6,17}"),
        "the id of a Direct Connect connection, dxcon- and small letters and digits",
    ),
    "account": (re.compile(r"[0-9]{12}"), "an AWS account number, 12 digits in quotes"),
}


def identifier_problem(text: str, kind: IdentifierKind) -> str | None:
    """Says what an identifier of a kind looks like; `None` if the text is one."""
    pattern, words = _SHAPES[kind]
    return None if pattern.fullmatch(text) else f"needs {words}"
