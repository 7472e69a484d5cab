"""`regions.<role>.connectivity`: how networks outside AWS reach a region."""

from ipaddress import IPv4Network
from typing import Annotated, Literal

from cdk_intersystems.model.addresses import public_address_problem

from .section import Address, Cidr, Number, Section, Text, checked, identifier, key

ConnectivityKind = Literal["none", "internet", "vpn", "direct_connect"]

# Sources: EC2 API Reference, CreateCustomerGateway, BgpAsn and BgpAsnExtended; CreateVpnGateway, AmazonSideAsn.
_HIGHEST_ASN = 4_294_967_295
_AWS_ASN = 64512


def _aws_asn_problem(value: int) -> str | None:
    if 64512 <= value <= 65534 or 4_200_000_000 <= value <= 4_294_967_294:
        return None
    return "needs a private number, 64512 to 65534 or 4200000000 to 4294967294"


class Vpn(Section):
    """A Site-to-Site VPN with two tunnels to one device outside AWS."""

    gateway: Literal["virtual_private", "transit"] = key(
        "Where it ends in AWS: a new virtual private gateway of the VPC, or the transit gateway `transit_gateway`.",
        default="virtual_private",
        example="virtual_private",
    )
    customer_gateway: Annotated[Address, checked(public_address_problem)] = key(
        "Public address of the device outside AWS.", example="203.0.113.10"
    )
    asn: Number | None = key(
        "The device's BGP number, 1 to 4294967295; routes are learned. Either this or `static_routes`.",
        default=None,
        default_text="`static_routes` must be there",
        example=65010,
        ge=1,
        le=_HIGHEST_ASN,
    )
    static_routes: tuple[Cidr, ...] = key(
        "Ranges outside AWS, where the device has no BGP. Either this or `asn`.",
        default=(),
        default_text="`asn` must be there",
        example=["192.168.0.0/16"],
    )
    transit_gateway: Annotated[Text, identifier("transit-gateway")] | None = key(
        "Id of the transit gateway of the region, for `gateway: transit`.",
        default=None,
        default_text="none; needed with `gateway: transit`",
        example="tgw-0123456789abcdef0",
    )
    on_premises_cidrs: tuple[Cidr, ...] = key(
        "Ranges outside AWS that the VPC's routes lead to a transit gateway, where they are learned with `asn`.",
        default=(),
        default_text="those of `static_routes`",
        example=["192.168.0.0/16"],
    )


class DirectConnect(Section):
    """A Direct Connect gateway, associated with a new virtual private gateway of the VPC."""

    gateway: Annotated[Text, identifier("direct-connect-gateway")] = key(
        "Id of the Direct Connect gateway, which is this account's; it has its virtual interfaces already.",
        example="11111111-2222-3333-4444-555555555555",
    )
    asn: Annotated[Number, checked(_aws_asn_problem)] = key(
        "BGP number of AWS's side, which the new virtual private gateway gets: 64512 to 65534 or 4200000000 to 4294967294; "
        "another one than the Direct Connect gateway's (Direct Connect User Guide).",
        default=_AWS_ASN,
        example=_AWS_ASN,
    )
    allowed_prefixes: tuple[Cidr, ...] = key(
        "Ranges that are announced to the networks outside AWS; one has to hold the VPC's range.",
        default=(),
        default_text="the VPC's range",
        example=["10.20.0.0/16"],
    )
    on_premises_cidrs: tuple[Cidr, ...] = key("Ranges outside AWS that are reached this way.", example=["192.168.0.0/16"])
    connections: tuple[Annotated[Text, identifier("direct-connect-connection")], ...] = key(
        "Ids of the Direct Connect connections to have an alarm on. CloudWatch tells of a connection only in the region that "
        "its location belongs to: name those of this region.",
        default=(),
        default_text="none; no alarm on a line",
        example=["dxcon-fg5678gh"],
    )


class Connectivity(Section):
    """How networks outside AWS reach the region."""

    kind: ConnectivityKind = key(
        "`none`: nothing is made; an existing VPC may be connected already. `internet`: nothing is made either, clients use "
        "the internet-facing web tiers. `vpn`, `direct_connect`: what the key of that name says.",
        default="none",
        default_text="`vpn` or `direct_connect` where that key is there, else `none`",
        example="none",
    )
    vpn: Vpn | None = key("The VPN of `kind: vpn`.", default=None, default_text="no VPN", example=None)
    direct_connect: DirectConnect | None = key(
        "The Direct Connect gateway of `kind: direct_connect`.", default=None, default_text="no Direct Connect", example=None
    )

    @property
    def private(self) -> bool:
        """Whether networks outside AWS reach the VPC's own addresses."""
        return self.kind in ("vpn", "direct_connect")

    @property
    def on_premises_cidrs(self) -> tuple[IPv4Network, ...]:
        """The ranges outside AWS, as far as they are stated."""
        if self.kind == "vpn" and self.vpn is not None:
            return self.vpn.static_routes or self.vpn.on_premises_cidrs
        if self.kind == "direct_connect" and self.direct_connect is not None:
            return self.direct_connect.on_premises_cidrs
        return ()
