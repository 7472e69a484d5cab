"""What connects a network with networks outside AWS, and with the other region's."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns

from cdk_intersystems import Network
from cdk_intersystems.network.connectivity import SiteToSiteVpn
from cdk_intersystems.network.direct_connect import DirectConnect
from cdk_intersystems.network.region_peering import RegionPeering, lead_to_other_region
from cdk_intersystems.network.routes import PRIVATE_TIERS
from cdk_intersystems.network.transit import TransitGatewayAttachment
from tests.infra.connection_app import ZONES, template_with
from tests.infra.templates import by_id, only, resources, tags

GATEWAY = "203.0.113.10"
TOPIC = "arn:aws:sns:eu-west-2:111122223333:alarms"
LINES = ["dxcon-fg5678gh", "dxcon-ab1234cd"]
TRANSIT = "tgw-0123456789abcdef0"
PEER_VPC = "vpc-0123456789abcdef0"
# The other region's /16, cut by the address plan.
PEER = {
    "application": ["10.21.96.0/20", "10.21.112.0/20", "10.21.128.0/20"],
    "data": ["10.21.144.0/20", "10.21.160.0/20", "10.21.176.0/20"],
    "arbiter": ["10.21.192.0/20", "10.21.208.0/20", "10.21.224.0/20"],
}


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
        template = template_with(
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
        template = template_with(
            lambda stack, network: SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010)
        )

        tables = _tables(template)
        propagated = [tables[table["Ref"]] for table in only(template, "EC2::VPNGatewayRoutePropagation")["RouteTableIds"]]
        assert sorted(propagated) == sorted(["web", "application", "data", "arbiter"] * 3)
        # CloudFormation would propagate from a gateway that isn't attached yet, which EC2 refuses.
        (propagation,) = (r for r in template["Resources"].values() if r["Type"] == "AWS::EC2::VPNGatewayRoutePropagation")
        assert {template["Resources"][name]["Type"] for name in propagation["DependsOn"]} == {"AWS::EC2::VPCGatewayAttachment"}

    def test_with_bgp_it_has_no_static_route(self) -> None:
        template = template_with(
            lambda stack, network: SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010)
        )

        assert only(template, "EC2::CustomerGateway")["BgpAsn"] == 65010
        assert only(template, "EC2::VPNConnection")["StaticRoutesOnly"] is False
        assert resources(template, "EC2::VPNConnectionRoute") == []

    def test_no_key_of_a_tunnel_is_in_the_template_and_aws_keeps_them_as_secrets(self) -> None:
        template = template_with(
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

        template = template_with(define)
        assert only(template, "EC2::VPNConnection")["TransitGatewayId"] == TRANSIT
        assert resources(template, "EC2::VPNGateway") == []
        assert _led(template, "TransitGatewayId") == {tier: ["192.168.0.0/16"] for tier in PRIVATE_TIERS}
        (attachment,) = (n for n, r in template["Resources"].items() if r["Type"] == "AWS::EC2::TransitGatewayAttachment")
        routes = [r for r in template["Resources"].values() if "TransitGatewayId" in r.get("Properties", {})]
        assert {tuple(r.get("DependsOn", ())) for r in routes if r["Type"] == "AWS::EC2::Route"} == {(attachment,)}

    @pytest.mark.parametrize("both", [{}, {"asn": 65010, "static_routes": ["192.168.0.0/16"]}])
    def test_refuses_neither_and_both_kinds_of_routes(self, both: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="either asn or static_routes"):
            template_with(lambda stack, network: SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, **both))

    def test_refuses_a_transit_gateway_without_any_range(self) -> None:
        def define(stack: Stack, network: Network) -> None:
            transit = TransitGatewayAttachment(stack, "Transit", network=network, transit_gateway=TRANSIT)
            SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010, transit_gateway=transit)

        with pytest.raises(ValueError, match="needs remote_cidrs"):
            template_with(define)

    def test_refuses_routes_to_a_transit_gateway_that_is_not_there(self) -> None:
        def define(stack: Stack, network: Network) -> None:
            remote = ["192.168.0.0/16"]
            SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010, remote_cidrs=remote)

        with pytest.raises(ValueError, match="remote_cidrs are routes to a transit gateway"):
            template_with(define)


def _alarms(template: Any) -> dict[str, dict[str, Any]]:
    return dict(by_id(template, "CloudWatch::Alarm"))


@pytest.fixture(scope="module")
def watched() -> Any:
    """The template of a network with a VPN whose alarms go somewhere."""

    def define(stack: Stack, network: Network) -> None:
        topic = sns.Topic.from_topic_arn(stack, "Topic", TOPIC)
        SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010, alarm_topic=topic)

    return template_with(define)


class TestAlarmsOfAVpn:
    def _alarm(self, template: Any, runbook: str) -> dict[str, Any]:
        (found,) = (a for a in _alarms(template).values() if a["AlarmDescription"].endswith(f"docs/runbooks/{runbook}.md"))
        return found

    def test_are_on_the_tunnels_of_the_connection(self, watched: Any) -> None:
        (connection,) = (name for name, _ in by_id(watched, "EC2::VPNConnection"))
        assert len(_alarms(watched)) == 2
        for alarm in _alarms(watched).values():
            assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/VPN", "TunnelState")
            assert alarm["Dimensions"] == [{"Name": "VpnId", "Value": {"Ref": connection}}]

    @pytest.mark.parametrize(
        ("tunnels", "reported", "expected"),
        [
            # What is told of a connection with the states of its tunnels: each by itself, or their mean.
            ("both up", [1, 1], set()),
            ("one down", [0, 1], {"vpn-tunnel-down"}),
            ("one down", [0.5], {"vpn-tunnel-down"}),
            ("both down", [0, 0], {"vpn-tunnel-down", "vpn-down"}),
            ("gone", [], {"vpn-down"}),
        ],
    )
    def test_tell_one_tunnel_from_both(self, watched: Any, tunnels: str, reported: list[float], expected: set[str]) -> None:
        alarming = {name for name in ("vpn-tunnel-down", "vpn-down") if _burns(self._alarm(watched, name), reported)}
        assert alarming == expected

    def test_go_to_the_topic_and_so_does_their_end(self, watched: Any) -> None:
        for alarm in _alarms(watched).values():
            assert (alarm["AlarmActions"], alarm["OKActions"]) == ([TOPIC], [TOPIC])

    def test_stand_without_a_topic_too(self) -> None:
        template = template_with(
            lambda stack, network: SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010)
        )
        assert ["AlarmActions" in alarm for alarm in _alarms(template).values()] == [False, False]

    def test_others_can_be_made_of_its_metric(self) -> None:
        def define(stack: Stack, network: Network) -> None:
            vpn = SiteToSiteVpn(stack, "Vpn", network=network, customer_gateway=GATEWAY, asn=65010)
            vpn.metric_tunnel_state(statistic="Maximum").create_alarm(stack, "Mine", threshold=0, evaluation_periods=1)

        template = template_with(define)
        mine = next(alarm for name, alarm in _alarms(template).items() if name.startswith("Mine"))
        assert (mine["Namespace"], mine["MetricName"], mine["Statistic"]) == ("AWS/VPN", "TunnelState", "Maximum")


def _burns(alarm: Mapping[str, Any], reported: Sequence[float]) -> bool:
    """What CloudWatch makes of a metric that says the same in each period."""
    if not reported:
        return bool(alarm["TreatMissingData"] == "breaching")
    value = {"Minimum": min, "Maximum": max}[alarm["Statistic"]](reported)
    compare = {"LessThanThreshold": operator.lt, "LessThanOrEqualToThreshold": operator.le}[alarm["ComparisonOperator"]]
    return bool(compare(value, alarm["Threshold"]))


class TestDirectConnect:
    def test_has_an_alarm_on_each_line_that_is_named(self) -> None:
        def define(stack: Stack, network: Network) -> None:
            topic = sns.Topic.from_topic_arn(stack, "Topic", TOPIC)
            DirectConnect(
                stack,
                "DirectConnect",
                network=network,
                gateway="gateway",
                allowed_prefixes=["10.20.0.0/16"],
                connections=LINES,
                alarm_topic=topic,
            )

        alarms = list(_alarms(template_with(define)).values())
        assert [alarm["Dimensions"] for alarm in alarms] == [[{"Name": "ConnectionId", "Value": line}] for line in LINES]
        for alarm in alarms:
            assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/DX", "ConnectionState")
            assert [_burns(alarm, told) for told in ([1], [0], [])] == [False, True, True]
            assert alarm["AlarmActions"] == [TOPIC]

    def test_has_none_on_lines_that_nobody_names(self) -> None:
        template = template_with(
            lambda stack, network: DirectConnect(
                stack, "DirectConnect", network=network, gateway="gateway", allowed_prefixes=["10.20.0.0/16"]
            )
        )
        assert _alarms(template) == {}

    def test_refuses_a_line_that_is_named_twice(self) -> None:
        with pytest.raises(ValueError, match="each Direct Connect connection once"):
            template_with(
                lambda stack, network: DirectConnect(
                    stack,
                    "DirectConnect",
                    network=network,
                    gateway="gateway",
                    allowed_prefixes=["10.20.0.0/16"],
                    connections=[LINES[0], LINES[0]],
                )
            )

    def test_associates_the_vpc_and_tells_its_prefixes_alone(self) -> None:
        template = template_with(
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
            template_with(
                lambda stack, network: DirectConnect(
                    stack, "DirectConnect", network=network, gateway="gateway", allowed_prefixes=[]
                )
            )


# Its application, data and arbiter subnets, and its data subnets, in as few ranges as hold exactly them.
MIRROR = ["10.21.128.0/18", "10.21.192.0/19", "10.21.224.0/20", "10.21.96.0/19"]
DATA = ["10.21.144.0/20", "10.21.160.0/19"]


class TestRegionPeering:
    def test_requests_a_connection_with_a_vpc_it_knows_by_name_alone(self) -> None:
        template = template_with(
            lambda stack, network: RegionPeering(
                stack, "Peering", network=network, peer_vpc=PEER_VPC, peer_region="eu-west-1", peer_subnets=PEER
            )
        )

        connection = only(template, "EC2::VPCPeeringConnection")
        assert (connection["PeerVpcId"], connection["PeerRegion"]) == (PEER_VPC, "eu-west-1")
        assert connection["PeerOwnerId"] == "111122223333"

    def test_leads_to_what_a_mirror_needs_and_to_nothing_else(self) -> None:
        template = template_with(
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
        template = template_with(
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

        template = template_with(define)
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
            template_with(lambda stack, network: RegionPeering(stack, "Peering", network=network, peer_subnets=PEER, **which))

    def test_refuses_a_vpc_without_its_region(self) -> None:
        with pytest.raises(ValueError, match="peer_region"):
            template_with(
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
        template_with(lambda stack, _: define(stack, _existing(stack)))
