"""What connects a network with networks outside AWS, and with the other region's."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs

from cdk_intersystems import Network
from cdk_intersystems.network.connectivity import SiteToSiteVpn
from cdk_intersystems.network.direct_connect import DirectConnect
from cdk_intersystems.network.region_peering import RegionPeering, lead_to_other_region
from cdk_intersystems.network.routes import PRIVATE_TIERS
from cdk_intersystems.network.transit import TransitGatewayAttachment
from stacks.deployment_app import make_app
from tests.infra.templates import only, resources, tags

ZONES = ["eu-west-2a", "eu-west-2b", "eu-west-2c"]
GATEWAY = "203.0.113.10"
TRANSIT = "tgw-0123456789abcdef0"
PEER_VPC = "vpc-0123456789abcdef0"
# The other region's /16, cut by the address plan.
PEER = {
    "application": ["10.21.96.0/20", "10.21.112.0/20", "10.21.128.0/20"],
    "data": ["10.21.144.0/20", "10.21.160.0/20", "10.21.176.0/20"],
    "arbiter": ["10.21.192.0/20", "10.21.208.0/20", "10.21.224.0/20"],
}


class _Stack(Stack):
    @property
    def availability_zones(self) -> list[str]:
        return ZONES


def _network(app: App) -> tuple[Stack, Network]:
    stack = _Stack(app, "network", env=Environment(account="111122223333", region="eu-west-2"))
    group = logs.LogGroup(stack, "FlowLogs")
    network = Network(stack, "Network", cidr="10.20.0.0/16", availability_zones=ZONES, flow_log_group=group, internet=True)
    return stack, network


def _template(define: Callable[[Stack, Network], object]) -> Any:
    app = make_app()
    stack, network = _network(app)
    define(stack, network)
    return app.synth().get_stack_by_name("network").template


def _existing(stack: Stack) -> Network:
    return Network.from_existing(
        stack,
        "Existing",
        vpc_id="vpc-0123456789abcdef1",
        cidr="10.20.0.0/16",
        availability_zones=ZONES,
        subnets={
            "data": [
                ec2.SubnetAttributes(subnet_id=f"subnet-{zone}", availability_zone=zone, route_table_id=f"rtb-{zone}")
                for zone in ZONES
            ]
        },
    )


def _tables(template: Any) -> dict[str, str]:
    """Logical id of a route table -> its tier."""
    return {
        name: tags(resource["Properties"])["cdk-intersystems:subnets"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::EC2::RouteTable"
    }


def _led(template: Any, key: str) -> dict[str, list[str]]:
    """Tier -> where its route tables lead by a gateway or connection, each of them alike."""
    tables = _tables(template)
    by_table: dict[str, list[str]] = {}
    for route in resources(template, "EC2::Route"):
        if key in route:
            by_table.setdefault(route["RouteTableId"]["Ref"], []).append(route["DestinationCidrBlock"])
    led: dict[str, list[str]] = {}
    for table, ranges in by_table.items():
        assert led.setdefault(tables[table], sorted(ranges)) == sorted(ranges)
    for tier in led:
        assert sum(tables[table] == tier for table in by_table) == 3
    return led


class TestVpn:
    def test_ends_at_a_private_gateway_of_the_vpc(self) -> None:
        template = _template(
            lambda stack, network: SiteToSiteVpn(
                stack, "Vpn", network=network, customer_gateway=GATEWAY, static_routes=["192.168.0.0/16", "172.16.0.0/12"]
            )
        )

        customer = only(template, "EC2::CustomerGateway")
        assert (customer["IpAddress"], customer["Type"]) == (GATEWAY, "ipsec.1")
        connection = only(template, "EC2::VPNConnection")
        assert connection["StaticRoutesOnly"] is True
        assert template["Resources"][connection["VpnGatewayId"]["Ref"]]["Type"] == "AWS::EC2::VPNGateway"
        assert [route["DestinationCidrBlock"] for route in resources(template, "EC2::VPNConnectionRoute")] == [
            "192.168.0.0/16",
            "172.16.0.0/12",
        ]

    def test_its_routes_reach_the_tables_of_every_tier_but_the_public_one(self) -> None:
        template = _template(
            lambda stack, network: SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010)
        )

        tables = _tables(template)
        propagated = [tables[table["Ref"]] for table in only(template, "EC2::VPNGatewayRoutePropagation")["RouteTableIds"]]
        assert sorted(propagated) == sorted(["web", "application", "data", "arbiter"] * 3)
        # CloudFormation would propagate from a gateway that isn't attached yet, which EC2 refuses.
        (propagation,) = (r for r in template["Resources"].values() if r["Type"] == "AWS::EC2::VPNGatewayRoutePropagation")
        assert {template["Resources"][name]["Type"] for name in propagation["DependsOn"]} == {"AWS::EC2::VPCGatewayAttachment"}

    def test_with_bgp_it_has_no_static_route(self) -> None:
        template = _template(
            lambda stack, network: SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010)
        )

        assert only(template, "EC2::CustomerGateway")["BgpAsn"] == 65010
        assert only(template, "EC2::VPNConnection")["StaticRoutesOnly"] is False
        assert resources(template, "EC2::VPNConnectionRoute") == []

    def test_no_key_of_a_tunnel_is_in_the_template_and_aws_keeps_them_as_secrets(self) -> None:
        template = _template(
            lambda stack, network: SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010)
        )

        connection = only(template, "EC2::VPNConnection")
        assert connection["PreSharedKeyStorage"] == "SecretsManager"
        assert "VpnTunnelOptionsSpecifications" not in connection

    def test_at_a_transit_gateway_the_tables_lead_there(self) -> None:
        def define(stack: Stack, network: Network) -> None:
            transit = TransitGatewayAttachment(stack, "Transit", network=network, transit_gateway=TRANSIT)
            SiteToSiteVpn(
                stack,
                "Vpn",
                network=network,
                customer_gateway=GATEWAY,
                asn=65010,
                transit_gateway=transit,
                remote_cidrs=["192.168.0.0/17", "192.168.128.0/17"],
            )

        template = _template(define)
        assert only(template, "EC2::VPNConnection")["TransitGatewayId"] == TRANSIT
        assert resources(template, "EC2::VPNGateway") == []
        assert _led(template, "TransitGatewayId") == {tier: ["192.168.0.0/16"] for tier in PRIVATE_TIERS}
        (attachment,) = (n for n, r in template["Resources"].items() if r["Type"] == "AWS::EC2::TransitGatewayAttachment")
        routes = [r for r in template["Resources"].values() if "TransitGatewayId" in r.get("Properties", {})]
        assert {tuple(r.get("DependsOn", ())) for r in routes if r["Type"] == "AWS::EC2::Route"} == {(attachment,)}

    @pytest.mark.parametrize("both", [{}, {"asn": 65010, "static_routes": ["192.168.0.0/16"]}])
    def test_refuses_neither_and_both_kinds_of_routes(self, both: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="either asn or static_routes"):
            _template(lambda stack, network: SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, **both))

    def test_refuses_a_transit_gateway_without_any_range(self) -> None:
        def define(stack: Stack, network: Network) -> None:
            transit = TransitGatewayAttachment(stack, "Transit", network=network, transit_gateway=TRANSIT)
            SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010, transit_gateway=transit)

        with pytest.raises(ValueError, match="remote_cidrs"):
            _template(define)


class TestDirectConnect:
    def test_associates_the_vpc_and_tells_its_prefixes_alone(self) -> None:
        template = _template(
            lambda stack, network: DirectConnect(
                stack, "DirectConnect", network=network, gateway="gateway", allowed_prefixes=["10.20.0.0/16"], asn=64513
            )
        )

        association = only(template, "DirectConnect::DirectConnectGatewayAssociation")
        assert association["DirectConnectGatewayId"] == "gateway"
        assert association["AllowedPrefixesToDirectConnectGateway"] == ["10.20.0.0/16"]
        own = association["AssociatedGatewayId"]["Ref"]
        assert template["Resources"][own]["Properties"]["AmazonSideAsn"] == 64513
        assert only(template, "EC2::VPNGatewayRoutePropagation")["VpnGatewayId"] == {"Ref": own}

    def test_refuses_to_tell_nothing(self) -> None:
        with pytest.raises(ValueError, match="ranges of the VPC"):
            _template(
                lambda stack, network: DirectConnect(
                    stack, "DirectConnect", network=network, gateway="gateway", allowed_prefixes=[]
                )
            )


# Its application, data and arbiter subnets, and its data subnets, in as few ranges as hold exactly them.
MIRROR = ["10.21.128.0/18", "10.21.192.0/19", "10.21.224.0/20", "10.21.96.0/19"]
DATA = ["10.21.144.0/20", "10.21.160.0/19"]


class TestRegionPeering:
    def test_requests_a_connection_with_a_vpc_it_knows_by_name_alone(self) -> None:
        template = _template(
            lambda stack, network: RegionPeering(
                stack, "Peering", network=network, peer_vpc=PEER_VPC, peer_region="eu-west-1", peer_subnets=PEER
            )
        )

        connection = only(template, "EC2::VPCPeeringConnection")
        assert (connection["PeerVpcId"], connection["PeerRegion"]) == (PEER_VPC, "eu-west-1")
        assert connection["PeerOwnerId"] == "111122223333"

    def test_leads_to_what_a_mirror_needs_and_to_nothing_else(self) -> None:
        template = _template(
            lambda stack, network: RegionPeering(
                stack, "Peering", network=network, peer_vpc=PEER_VPC, peer_region="eu-west-1", peer_subnets=PEER
            )
        )

        assert _led(template, "VpcPeeringConnectionId") == {
            "data": MIRROR,
            "arbiter": DATA,
            "application": DATA,
        }

    def test_uses_a_connection_that_is_there(self) -> None:
        template = _template(
            lambda stack, network: RegionPeering(
                stack, "Peering", network=network, peering_connection="pcx-0123456789abcdef0", peer_subnets=PEER
            )
        )

        assert resources(template, "EC2::VPCPeeringConnection") == []
        used = {route.get("VpcPeeringConnectionId") for route in resources(template, "EC2::Route")} - {None}
        assert used == {"pcx-0123456789abcdef0"}

    def test_a_transit_gateway_is_led_to_alike(self) -> None:
        def define(stack: Stack, network: Network) -> None:
            transit = TransitGatewayAttachment(stack, "Transit", network=network, transit_gateway=TRANSIT)
            lead_to_other_region(transit, PEER)
            transit.request_peering(transit_gateway="tgw-0123456789abcdef1", region="eu-west-1")

        template = _template(define)
        assert _led(template, "TransitGatewayId") == {"data": MIRROR, "arbiter": DATA, "application": DATA}
        peering = only(template, "EC2::TransitGatewayPeeringAttachment")
        assert (peering["TransitGatewayId"], peering["PeerTransitGatewayId"]) == (TRANSIT, "tgw-0123456789abcdef1")
        assert (peering["PeerRegion"], peering["PeerAccountId"]) == ("eu-west-1", "111122223333")
        # In members' subnets their addresses are fixed, and the gateway could be given one of them.
        ids = [subnet["Ref"] for subnet in only(template, "EC2::TransitGatewayAttachment")["SubnetIds"]]
        subnets = [template["Resources"][name]["Properties"] for name in ids]
        assert [tags(subnet)["aws-cdk:subnet-name"] for subnet in subnets] == ["application"] * 3

    @pytest.mark.parametrize("which", [{}, {"peer_vpc": PEER_VPC, "peering_connection": "pcx-0123456789abcdef0"}])
    def test_refuses_neither_and_both(self, which: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="either peer_vpc or peering_connection"):
            _template(lambda stack, network: RegionPeering(stack, "Peering", network=network, peer_subnets=PEER, **which))

    def test_refuses_a_vpc_without_its_region(self) -> None:
        with pytest.raises(ValueError, match="peer_region"):
            _template(
                lambda stack, network: RegionPeering(stack, "Peering", network=network, peer_subnets=PEER, peer_vpc=PEER_VPC)
            )


@pytest.mark.parametrize(
    "define",
    [
        lambda stack, network: SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010),
        lambda stack, network: DirectConnect(stack, "Dx", network=network, gateway="g", allowed_prefixes=["10.20.0.0/16"]),
        lambda stack, network: TransitGatewayAttachment(stack, "Transit", network=network, transit_gateway=TRANSIT),
        lambda stack, network: RegionPeering(
            stack, "Peering", network=network, peering_connection="pcx-0123456789abcdef0", peer_subnets=PEER
        ),
    ],
)
def test_nothing_in_an_existing_vpc_is_changed(define: Callable[[Stack, Network], object]) -> None:
    with pytest.raises(ValueError, match="in an existing one"):
        _template(lambda stack, _: define(stack, _existing(stack)))
