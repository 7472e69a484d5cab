"""What connects a region's network with those outside AWS, and with the other region's."""

from collections.abc import Callable

from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.connectivity import DirectConnect, Vpn
from cdk_intersystems.configuration.dr_region import JournalTraffic
from cdk_intersystems.configuration.plan import other_role
from cdk_intersystems.network.connectivity import SiteToSiteVpn
from cdk_intersystems.network.network import Network
from cdk_intersystems.network.region_peering import RegionPeering, lead_to_other_region
from cdk_intersystems.network.transit import TransitGatewayAttachment
from stacks.other_region import subnets_by_tier


def connect(
    scope: Construct, deployment: Deployment, role: str, network: Network, *, alarm_topic: Callable[[], sns.ITopic]
) -> None:
    """Define the connections of one region's network, from the configuration alone.

    Args:
        scope: The network's stack.
        deployment: The configuration.
        role: The region's role, `primary` or `dr`.
        network: The region's network, with a VPC made here.
        alarm_topic: Gives what alarms are sent to.
    """
    transit = _TransitGateways(scope, network)
    connectivity = deployment.regions.of(role).connectivity
    if connectivity.kind == "vpn" and connectivity.vpn is not None:
        _vpn(scope, connectivity.vpn, network, transit, alarm_topic())
    elif connectivity.kind == "direct_connect" and connectivity.direct_connect is not None:
        _direct_connect(scope, connectivity.direct_connect, network, alarm_topic)
    _other_region(scope, deployment, role, network, transit)


class _TransitGateways:
    """The VPC's attachments: AWS admits one to each transit gateway."""

    def __init__(self, scope: Construct, network: Network) -> None:
        self._scope = scope
        self._network = network
        self._attached: dict[str, TransitGatewayAttachment] = {}

    def attach(self, transit_gateway: str) -> TransitGatewayAttachment:
        if transit_gateway not in self._attached:
            # By number and not by the gateway's id, so that another gateway changes routes where they are.
            id = f"TransitGateway{len(self._attached) + 1}"
            self._attached[transit_gateway] = TransitGatewayAttachment(
                self._scope, id, network=self._network, transit_gateway=transit_gateway
            )
        return self._attached[transit_gateway]


def _vpn(scope: Construct, stated: Vpn, network: Network, transit: _TransitGateways, alarm_topic: sns.ITopic) -> None:
    SiteToSiteVpn(
        scope,
        "Vpn",
        network=network,
        customer_gateway=str(stated.customer_gateway),
        asn=stated.asn,
        static_routes=[str(cidr) for cidr in stated.static_routes],
        transit_gateway=transit.attach(stated.transit_gateway) if stated.transit_gateway else None,
        remote_cidrs=[str(cidr) for cidr in stated.on_premises_cidrs],
        alarm_topic=alarm_topic,
    )


def _direct_connect(scope: Construct, stated: DirectConnect, network: Network, alarm_topic: Callable[[], sns.ITopic]) -> None:
    # Imported only here: nobody else pays for its module.
    from cdk_intersystems.network import direct_connect

    direct_connect.DirectConnect(
        scope,
        "DirectConnect",
        network=network,
        gateway=stated.gateway,
        allowed_prefixes=[str(cidr) for cidr in stated.allowed_prefixes] or [network.vpc.vpc_cidr_block],
        asn=stated.asn,
        connections=stated.connections,
        alarm_topic=alarm_topic() if stated.connections else None,
    )


def _other_region(scope: Construct, deployment: Deployment, role: str, network: Network, transit: _TransitGateways) -> None:
    regions = deployment.regions
    other = other_role(deployment, role)
    if other not in regions.roles() or regions.dr is None:
        return
    traffic, region = regions.dr.journal_traffic, regions.of(other)
    if traffic.kind == "transit_gateway":
        own = traffic.transit_gateway if role == "dr" else traffic.primary_transit_gateway
        if own is not None:
            attachment = transit.attach(own)
            lead_to_other_region(attachment, subnets_by_tier(region))
            if role == "dr" and traffic.request_peering and traffic.primary_transit_gateway is not None:
                attachment.request_peering(transit_gateway=traffic.primary_transit_gateway, region=region.region)
    elif traffic.kind == "peering":
        requested = _requested_vpc(deployment, traffic) if role == "dr" else None
        if requested is None and traffic.peering_connection is None:
            # The primary region has no routes until somebody says which connection the other region requested.
            return
        RegionPeering(
            scope,
            "Peering",
            network=network,
            peer_subnets=subnets_by_tier(region),
            peer_vpc=requested,
            peer_region=region.region,
            peering_connection=None if requested else traffic.peering_connection,
        )


def _requested_vpc(deployment: Deployment, traffic: JournalTraffic) -> str | None:
    """The primary region's VPC, with which the DR region requests a connection; None where one was brought."""
    primary = deployment.regions.primary
    existing = primary.existing if primary is not None else None
    return traffic.primary_vpc or (existing.vpc_id if existing is not None else None)
