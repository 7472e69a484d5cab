"""Two regions of one deployment: each region's stacks stand alone, and meet the other's by names and addresses only."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk_intersystems.configuration import deployment_of
from stacks.deployment_app import UnknownRegionError, define_deployment, make_app
from tests.infra.templates import by_id, only, resources
from tests.infra.test_deployment_app import bundled
from tests.policy.variations import existing_vpc
from tests.unit.configuration.regions import one_region

ROOT = Path(__file__).parent.parent.parent
TRAKCARE = yaml.safe_load((ROOT / "config/trakcare.yaml").read_text())
HYBRID = yaml.safe_load((ROOT / "config/hybrid.yaml").read_text())
PER_REGION = {"foundation", "network", "trak", "trak-a", "trak-b", "trak-arbiter", "app", "print", "web", "clinical"}

Stacks = dict[str, Any]
Change = Callable[[dict[str, Any]], object]


def synthesized(data: dict[str, Any], change: Change = lambda data: None, *, regions: str | None = None) -> Stacks:
    data = copy.deepcopy(data)
    change(data)
    app = make_app({"regions": regions} if regions else None)
    define_deployment(app, deployment_of(data))
    return {stack.stack_name: stack for stack in app.synth().stacks}


@pytest.fixture(scope="module")
def both() -> Stacks:
    return synthesized(TRAKCARE)


@pytest.fixture(scope="module")
def hybrid() -> Stacks:
    return synthesized(HYBRID)


def test_each_region_has_the_same_stacks_and_the_dr_region_what_moves_mirrors(both: Stacks) -> None:
    assert set(both) == {
        *(f"trakcare-{role}-{what}" for role in ("primary", "dr") for what in PER_REGION),
        "trakcare-dr-trak-region",
    }


def test_stacks_are_deployed_to_the_region_of_their_role(both: Stacks) -> None:
    regions = {(name.split("-")[1], stack.environment.region) for name, stack in both.items()}
    assert regions == {("primary", "eu-west-2"), ("dr", "eu-west-1")}


def test_no_stack_waits_for_one_of_the_other_region(both: Stacks) -> None:
    for name, stack in both.items():
        needed = {dependency.stack_name for dependency in stack.dependencies if hasattr(dependency, "stack_name")}
        assert {other.split("-")[1] for other in needed} <= {name.split("-")[1]}


@pytest.mark.parametrize("role", ["primary", "dr"])
def test_a_region_s_stacks_are_the_same_with_the_other_region_gone(both: Stacks, role: str) -> None:
    """On the day one needs it, the other region's stacks can't be deployed, and needn't even be defined."""
    alone = synthesized(TRAKCARE, regions=role)

    assert set(alone) == {name for name in both if name.split("-")[1] == role}
    for name, stack in alone.items():
        assert stack.template == both[name].template
        assert _assets(stack) == _assets(both[name])


def _assets(stack: Any) -> dict[str, Any]:
    manifest = json.loads((Path(stack.assembly.directory) / f"{stack.stack_name}.assets.json").read_text())
    # The template's own entry says where on this disk it is.
    return {name: file["destinations"] for name, file in manifest["files"].items() if file["source"]["packaging"] != "file"}


def test_a_region_that_the_deployment_lacks_is_refused() -> None:
    with pytest.raises(UnknownRegionError, match="-c regions=dr,third: trakcare has no region third, but primary, dr"):
        synthesized(TRAKCARE, regions="dr,third")


def test_what_is_global_has_no_name_twice(both: Stacks) -> None:
    """IAM and S3 know one name for all regions; so these have none, or one with the region's role in it."""
    names = [
        properties[key]
        for stack in both.values()
        for kind, key in (("IAM::Role", "RoleName"), ("IAM::ManagedPolicy", "ManagedPolicyName"), ("S3::Bucket", "BucketName"))
        for properties in resources(stack.template, kind)
        if key in properties
    ]
    assert len(names) == len(set(names))


def test_a_dr_region_leaves_the_primary_region_s_hosts_as_they_are(both: Stacks) -> None:
    """It may be added while the mirror works: nothing is replaced or restarted by it."""
    before = synthesized(
        one_region(), lambda data: data["platform"].update(certificate_authority={"secret": "trakcare/authority"})
    )
    for name, stack in before.items():
        now = both[name].template["Resources"]
        for logical_id, resource in stack.template["Resources"].items():
            assert now[logical_id]["Type"] == resource["Type"]
            if resource["Type"] in ("AWS::EC2::Instance", "AWS::EC2::Volume", "AWS::EC2::Subnet", "AWS::EC2::VPC"):
                assert now[logical_id] == resource


class TestMembers:
    def test_wait_small_in_the_dr_region(self, both: Stacks) -> None:
        types = {
            name: only(both[f"trakcare-{name}"].template, "EC2::Instance")["InstanceType"]
            for name in ("primary-trak-a", "primary-trak-b", "dr-trak-a", "dr-trak-b")
        }
        assert types == {
            "primary-trak-a": "r7i.4xlarge",
            "primary-trak-b": "r7i.4xlarge",
            "dr-trak-a": "r7i.2xlarge",
            "dr-trak-b": "r7i.2xlarge",
        }

    def test_know_those_of_the_other_region_by_their_fixed_addresses(self, both: Stacks) -> None:
        described = {
            role: json.loads(bundled(both[f"trakcare-{role}-trak"], "config/a/host.json")) for role in ("primary", "dr")
        }
        own = {role: host["mirror"]["members"] for role, host in described.items()}
        others = {role: host["mirror"]["others"] for role, host in described.items()}

        assert {name: each["address"] for name, each in others["primary"].items()} == {
            "TRAKC": "10.30.144.17",
            "TRAKD": "10.30.160.17",
        }
        assert sorted(others["dr"]) == ["TRAKA", "TRAKB"]
        assert "10.30.144.17" in json.dumps(own["dr"])
        assert "10.30.144.17" not in json.dumps(own["primary"])
        assert {role: host["member_type"] for role, host in described.items()} == {"primary": "failover", "dr": "dr"}

    def test_of_both_regions_ask_the_same_table_who_holds_the_mirror(self, both: Stacks) -> None:
        asked = [
            json.loads(bundled(both[f"trakcare-{role}-trak"], f"config/{member}/host.json"))["region"]
            for role in ("primary", "dr")
            for member in "ab"
        ]
        assert [each["role"] for each in asked] == ["primary", "primary", "dr", "dr"]
        assert {(each["table"], each["table_region"]) for each in asked} == {("trakcare-TRAK-region-state", "eu-west-1")}

    def test_of_both_regions_have_the_document_that_moves_them(self, both: Stacks) -> None:
        for role in ("primary", "dr"):
            named = [document.get("Name") for document in resources(both[f"trakcare-{role}-trak"].template, "SSM::Document")]
            assert "cdk-intersystems-trakcare-TRAK-region" in named

    def test_there_may_be_one_alone(self) -> None:
        stacks = synthesized(TRAKCARE, lambda data: data["regions"]["dr"].update(members=1), regions="dr")
        assert "trakcare-dr-trak-b" not in stacks
        assert resources(stacks["trakcare-dr-trak-a"].template, "EC2::Instance") != []


class TestTiers:
    def test_wait_with_the_capacity_that_is_stated(self, both: Stacks) -> None:
        sizes = {
            name: (group["MinSize"], group["MaxSize"])
            for name in ("primary-app", "dr-app", "primary-web", "dr-web")
            for group in [only(both[f"trakcare-{name}"].template, "AutoScaling::AutoScalingGroup")]
        }
        # Half of it, rounded up.
        assert sizes == {
            "primary-app": ("3", "6"),
            "dr-app": ("2", "3"),
            "primary-web": ("3", "9"),
            "dr-web": ("2", "5"),
        }

    def test_have_certificates_of_their_region(self, both: Stacks) -> None:
        for tier in ("web", "clinical"):
            template = both[f"trakcare-dr-{tier}"].template
            used = [
                certificate["CertificateArn"]
                for listener in resources(template, "ElasticLoadBalancingV2::Listener")
                for certificate in listener.get("Certificates", [])
            ]
            assert used == [TRAKCARE["regions"]["dr"]["certificates"][tier]]

    def test_have_images_of_their_region(self, both: Stacks) -> None:
        for role in ("primary", "dr"):
            image = only(both[f"trakcare-{role}-app"].template, "EC2::LaunchTemplate")["LaunchTemplateData"]["ImageId"]
            assert image == TRAKCARE["regions"][role]["ami"]


def test_images_are_made_in_the_first_region_alone() -> None:
    def change(data: dict[str, Any]) -> None:
        data["golden_image"] = {
            "base_ami": "ami-0123456789abcdef0",
            "instance_type": "m7i.large",
            "packages_archive": {"uri": "s3://example-kits/packages-rhel9.tar", "sha256": "0123456789abcdef" * 4},
            "kit": dict(data["platform"]["kit"]),
        }

    stacks = synthesized(TRAKCARE, change)
    assert [name for name in stacks if name.endswith("-image")] == ["trakcare-primary-image"]


class TestNames:
    def test_each_region_has_its_own_and_the_dr_region_those_that_follow_the_latch(self, both: Stacks) -> None:
        zone = TRAKCARE["dns"]["zone_id"]
        names: dict[str, set[str]] = {"primary": set(), "dr": set()}
        for stack_name, stack in both.items():
            for record in resources(stack.template, "Route53::RecordSet"):
                if record["HostedZoneId"] == zone:
                    names[stack_name.split("-")[1]].add(record["Name"].removesuffix(".trakcare.example.org."))

        labels = {"trak", "trak-vip", "web", "clinical"}
        assert names == {
            "primary": {f"{label}-primary" for label in labels},
            "dr": {f"{label}-dr" for label in labels} | labels,
        }

    def test_those_that_follow_lead_to_the_regions_own(self, both: Stacks) -> None:
        led: dict[str, dict[str, list[str]]] = {}
        for record in resources(both["trakcare-dr-trak-region"].template, "Route53::RecordSet"):
            led.setdefault(record["Name"], {})[record["Failover"]] = record["ResourceRecords"]
        assert led["web.trakcare.example.org."] == {
            "PRIMARY": ["web-primary.trakcare.example.org"],
            "SECONDARY": ["web-dr.trakcare.example.org"],
        }
        assert all(set(pair) == {"PRIMARY", "SECONDARY"} for pair in led.values())

    def test_of_one_region_are_as_they_were(self) -> None:
        stacks = synthesized(one_region())
        zone = TRAKCARE["dns"]["zone_id"]
        names = {
            record["Name"]
            for stack in stacks.values()
            for record in resources(stack.template, "Route53::RecordSet")
            if record["HostedZoneId"] == zone
        }
        assert names == {f"{label}.trakcare.example.org." for label in ("trak", "trak-vip", "web", "clinical")}


class TestJournalTraffic:
    @staticmethod
    def _networks(traffic: dict[str, Any]) -> tuple[Any, Any]:
        stacks = synthesized(TRAKCARE, lambda data: data["regions"]["dr"].update(journal_traffic=traffic))
        return stacks["trakcare-primary-network"].template, stacks["trakcare-dr-network"].template

    def test_the_dr_region_alone_requests_the_connection(self, both: Stacks) -> None:
        assert resources(both["trakcare-primary-network"].template, "EC2::VPCPeeringConnection") == []
        requested = only(both["trakcare-dr-network"].template, "EC2::VPCPeeringConnection")
        assert (requested["PeerVpcId"], requested["PeerRegion"]) == ("vpc-0123456789abcdef0", "eu-west-2")

    def test_the_primary_region_leads_to_the_connection_once_it_is_known(self, both: Stacks) -> None:
        connections = {
            route.get("VpcPeeringConnectionId") for route in resources(both["trakcare-primary-network"].template, "EC2::Route")
        }
        assert "pcx-0123456789abcdef0" in connections
        primary, dr = self._networks({"primary_vpc": "vpc-0123456789abcdef0"})
        assert not [route for route in resources(primary, "EC2::Route") if "VpcPeeringConnectionId" in route]
        assert [route for route in resources(dr, "EC2::Route") if "VpcPeeringConnectionId" in route]

    def test_what_leads_there_is_led_back(self, both: Stacks) -> None:
        """For each tier that leads to a tier there, that one leads here: a packet without an answer helps nobody."""
        led: dict[str, set[tuple[str, str]]] = {}
        for role in ("primary", "dr"):
            template = both[f"trakcare-{role}-network"].template
            tables = {
                name: tag["Value"]
                for name, table in by_id(template, "EC2::RouteTable")
                for tag in table["Tags"]
                if tag["Key"] == "cdk-intersystems:subnets"
            }
            led[role] = {
                (tables[route["RouteTableId"]["Ref"]], other)
                for route in resources(template, "EC2::Route")
                if "VpcPeeringConnectionId" in route
                for other in _tiers_in(both["trakcare-primary-network" if role == "dr" else "trakcare-dr-network"], route)
            }
        assert led["dr"] == {(tier, other) for other, tier in led["primary"]}
        assert led["dr"] == {
            ("data", "data"),
            ("data", "arbiter"),
            ("data", "application"),
            ("arbiter", "data"),
            ("application", "data"),
        }

    def test_each_region_leads_to_a_transit_gateway_of_its_own(self) -> None:
        primary, dr = self._networks(
            {"transit_gateway": "tgw-0123456789abcdef0", "primary_transit_gateway": "tgw-0123456789abcdef1"}
        )
        assert only(dr, "EC2::TransitGatewayAttachment")["TransitGatewayId"] == "tgw-0123456789abcdef0"
        assert only(primary, "EC2::TransitGatewayAttachment")["TransitGatewayId"] == "tgw-0123456789abcdef1"

        for template in (primary, dr):
            assert resources(template, "EC2::TransitGatewayPeeringAttachment") == []

    def test_the_dr_region_alone_requests_that_they_are_peered(self) -> None:
        primary, dr = self._networks(
            {
                "transit_gateway": "tgw-0123456789abcdef0",
                "primary_transit_gateway": "tgw-0123456789abcdef1",
                "request_peering": True,
            }
        )
        assert resources(primary, "EC2::TransitGatewayPeeringAttachment") == []
        requested = only(dr, "EC2::TransitGatewayPeeringAttachment")
        assert requested["TransitGatewayId"] == "tgw-0123456789abcdef0"
        assert (requested["PeerTransitGatewayId"], requested["PeerRegion"]) == ("tgw-0123456789abcdef1", "eu-west-2")
        assert requested["PeerAccountId"] == TRAKCARE["account"]

    def test_without_any_nothing_is_made(self) -> None:
        """Whoever has made the DR region's VPC has connected it."""

        def change(data: dict[str, Any]) -> None:
            existing_vpc(data, "dr")
            data["regions"]["dr"] |= {"journal_traffic": {"kind": "none"}, "connectivity": {"kind": "none"}}

        stacks = synthesized(TRAKCARE, change)
        assert "trakcare-dr-network" not in stacks or not resources(stacks["trakcare-dr-network"].template, "EC2::Route")
        template = stacks["trakcare-primary-network"].template
        assert {key for route in resources(template, "EC2::Route") for key in route} == {
            "RouteTableId",
            "DestinationCidrBlock",
            "GatewayId",
            "NatGatewayId",
        }


def _tiers_in(stack: Any, route: dict[str, Any]) -> set[str]:
    """The tiers of a network that a route leads to, whole."""
    from ipaddress import IPv4Network

    led = IPv4Network(route["DestinationCidrBlock"])
    return {
        tag["Value"]
        for subnet in resources(stack.template, "EC2::Subnet")
        if IPv4Network(subnet["CidrBlock"]).subnet_of(led)
        for tag in subnet["Tags"]
        if tag["Key"] == "aws-cdk:subnet-name"
    }


class TestConnectivity:
    def test_a_vpn_in_each_region(self, both: Stacks) -> None:
        for role in ("primary", "dr"):
            template = both[f"trakcare-{role}-network"].template
            assert only(template, "EC2::CustomerGateway")["IpAddress"] == "203.0.113.10"
            assert only(template, "EC2::VPNConnection")["StaticRoutesOnly"] is False

    def test_its_alarms_go_to_the_topic_of_their_region(self, both: Stacks) -> None:
        for role in ("primary", "dr"):
            alarms = resources(both[f"trakcare-{role}-network"].template, "CloudWatch::Alarm")
            assert len(alarms) == 2
            (topic,) = (name for name, _ in by_id(both[f"trakcare-{role}-foundation"].template, "SNS::Topic"))
            for alarm in alarms:
                (action,) = alarm["AlarmActions"]
                assert action["Fn::ImportValue"].startswith(f"trakcare-{role}-foundation:ExportsOutputRef{topic}")

    def test_they_go_to_a_topic_that_was_brought(self) -> None:
        topic, key = "arn:aws:sns:eu-west-1:111122223333:alarms", "arn:aws:kms:eu-west-1:111122223333:key/" + "1" * 8
        key += "-1111-1111-1111-" + "1" * 12
        stacks = synthesized(
            TRAKCARE, lambda data: data["regions"]["dr"].update(alarm_topic=topic, encryption_key=key), regions="dr"
        )
        alarms = resources(stacks["trakcare-dr-network"].template, "CloudWatch::Alarm")
        assert [alarm["AlarmActions"] for alarm in alarms] == [[topic], [topic]]

    def test_a_line_has_an_alarm_once_it_is_named(self, hybrid: Stacks) -> None:
        def name(data: dict[str, Any]) -> None:
            data["regions"]["dr"]["connectivity"]["direct_connect"]["connections"] = ["dxcon-fg5678gh"]

        assert resources(hybrid["hybrid-dr-network"].template, "CloudWatch::Alarm") == []
        alarm = only(synthesized(HYBRID, name)["hybrid-dr-network"].template, "CloudWatch::Alarm")
        assert alarm["Dimensions"] == [{"Name": "ConnectionId", "Value": "dxcon-fg5678gh"}]
        assert len(alarm["AlarmActions"]) == 1

    def test_one_attachment_serves_the_vpn_and_the_other_region(self) -> None:
        def change(data: dict[str, Any]) -> None:
            data["regions"]["dr"]["journal_traffic"] = {
                "transit_gateway": "tgw-0123456789abcdef0",
                "primary_transit_gateway": "tgw-0123456789abcdef1",
            }
            data["regions"]["dr"]["connectivity"] = {
                "vpn": {
                    "gateway": "transit",
                    "transit_gateway": "tgw-0123456789abcdef0",
                    "customer_gateway": "203.0.113.10",
                    "asn": 65010,
                    "on_premises_cidrs": ["192.168.0.0/16"],
                }
            }

        template = synthesized(TRAKCARE, change, regions="dr")["trakcare-dr-network"].template
        only(template, "EC2::TransitGatewayAttachment")
        assert only(template, "EC2::VPNConnection")["TransitGatewayId"] == "tgw-0123456789abcdef0"


class TestHybrid:
    def test_has_stacks_in_the_dr_region_alone(self, hybrid: Stacks) -> None:
        assert {name.split("-")[1] for name in hybrid} == {"dr"}
        assert {stack.environment.region for stack in hybrid.values()} == {"eu-west-2"}

    def test_is_associated_with_the_direct_connect_gateway(self, hybrid: Stacks) -> None:
        association = only(hybrid["hybrid-dr-network"].template, "DirectConnect::DirectConnectGatewayAssociation")
        assert association["DirectConnectGatewayId"] == "11111111-2222-3333-4444-555555555555"
        vpc = next(name for name, _ in by_id(hybrid["hybrid-dr-network"].template, "EC2::VPC"))
        assert association["AllowedPrefixesToDirectConnectGateway"] == [{"Fn::GetAtt": [vpc, "CidrBlock"]}]

    def test_members_know_those_on_premises(self, hybrid: Stacks) -> None:
        host = json.loads(bundled(hybrid["hybrid-dr-trak"], "config/a/host.json"))
        assert host["mirror"]["others"]["TRAKA"] == {"address": "192.168.10.11", "subject": "CN=TRAKA,O=Example"}
        assert host["member_type"] == "dr"

    def test_only_the_mirror_s_ports_are_open_to_its_members_there(self, hybrid: Stacks) -> None:
        """And nothing else of the premises but the ranges of the YAML, at the load balancers."""
        open_to: dict[str, set[tuple[str, int]]] = {}
        for stack in hybrid.values():
            for group in resources(stack.template, "EC2::SecurityGroup"):
                for stated in group.get("SecurityGroupIngress", []):
                    if "CidrIp" in stated:
                        open_to.setdefault(stated["CidrIp"], set()).add((stated["IpProtocol"], stated["FromPort"]))
        mirror = {("tcp", 1972), ("tcp", 2188), ("icmp", 8)}
        assert open_to == {
            "192.168.10.11/32": mirror,
            "192.168.10.12/32": mirror,
            # The endpoint, and the web tier.
            "192.168.0.0/16": {("tcp", 1972), ("tcp", 443), ("tcp", 80)},
        }

    def test_servers_are_started_by_a_promotion(self, hybrid: Stacks) -> None:
        group = only(hybrid["hybrid-dr-app"].template, "AutoScaling::AutoScalingGroup")
        assert (group["MinSize"], group["MaxSize"]) == ("0", "0")
