"""`Network`: a VPC by the address plan, or one that exists."""

from collections.abc import Sequence
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs

from cdk_intersystems import Network
from cdk_intersystems.model.addresses import TIERS
from stacks.deployment_app import make_app
from tests.infra.templates import by_id, only, resources, tags

ZONES = ["eu-west-2a", "eu-west-2b", "eu-west-2c"]


class _Stack(Stack):
    @property
    def availability_zones(self) -> list[str]:
        return ZONES


def _define(cidr: str = "10.20.0.0/16", zones: Sequence[str] = ZONES, **more: Any) -> tuple[Stack, Network]:
    stack = _Stack(make_app(), "network", env=Environment(region="eu-west-2"))
    group = logs.LogGroup(stack, "FlowLogs")
    return stack, Network(stack, "Network", cidr=cidr, availability_zones=zones, flow_log_group=group, **more)


def _template(**more: Any) -> Any:
    stack, _ = _define(**more)
    return stack.node.root.synth().get_stack_by_name("network").template  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def private() -> Any:
    return _template()


@pytest.fixture(scope="module")
def with_internet() -> Any:
    return _template(internet=True)


def _subnets(template: Any, tier: str) -> dict[str, str]:
    """Zone -> range."""
    return {
        subnet["AvailabilityZone"]: subnet["CidrBlock"]
        for subnet in resources(template, "EC2::Subnet")
        if tags(subnet)["aws-cdk:subnet-name"] == tier
    }


def test_each_tier_has_a_subnet_in_each_zone(private: Any) -> None:
    for tier in ("web", "application", "data", "arbiter"):
        assert sorted(_subnets(private, tier)) == ZONES
    assert _subnets(private, "public") == {}


def test_the_ranges_follow_the_address_plan(private: Any) -> None:
    assert list(_subnets(private, "web").values()) == ["10.20.48.0/20", "10.20.64.0/20", "10.20.80.0/20"]
    assert list(_subnets(private, "arbiter").values()) == ["10.20.192.0/20", "10.20.208.0/20", "10.20.224.0/20"]


def test_public_subnets_move_no_other(private: Any, with_internet: Any) -> None:
    assert list(_subnets(with_internet, "public").values()) == ["10.20.0.0/20", "10.20.16.0/20", "10.20.32.0/20"]
    for tier in ("web", "application", "data", "arbiter"):
        assert _subnets(with_internet, tier) == _subnets(private, tier)


def test_the_order_of_the_zones_is_kept() -> None:
    zones = ["eu-west-2c", "eu-west-2a", "eu-west-2b"]
    _, network = _define(zones=zones)
    assert [subnet.availability_zone for subnet in network.subnets("data")] == zones


def test_no_subnet_gives_public_addresses(private: Any, with_internet: Any) -> None:
    for template in (private, with_internet):
        assert {subnet.get("MapPublicIpOnLaunch", False) for subnet in resources(template, "EC2::Subnet")} == {False}


def test_without_internet_there_is_no_way_out_or_in(private: Any) -> None:
    for kind in ("InternetGateway", "NatGateway", "EgressOnlyInternetGateway", "EIP", "Route"):
        assert resources(private, f"EC2::{kind}") == []


def test_with_internet_each_zone_has_a_nat_gateway_of_its_own(with_internet: Any) -> None:
    assert len({str(gateway["SubnetId"]) for gateway in resources(with_internet, "EC2::NatGateway")}) == 3
    ways_out = [route for route in resources(with_internet, "EC2::Route") if "NatGatewayId" in route]
    assert len(ways_out) == 4 * 3
    assert len({str(route["NatGatewayId"]) for route in ways_out}) == 3


def test_public_subnets_alone_bring_no_nat_gateway() -> None:
    template = _template(public_subnets=True)
    assert sorted(_subnets(template, "public")) == ZONES
    assert resources(template, "EC2::NatGateway") == []
    routes = resources(template, "EC2::Route")
    assert len(routes) == 3
    assert all("GatewayId" in route for route in routes)


def test_aws_assigns_no_address_in_data_and_arbiter_subnets(with_internet: Any) -> None:
    """Members' addresses are fixed there: anything else could be given one of them."""
    shared = {
        subnet["Ref"]
        for kind, key in (("VPCEndpoint", "SubnetIds"), ("NatGateway", "SubnetId"))
        for each in resources(with_internet, f"EC2::{kind}")
        for subnet in (each.get(key, []) if key == "SubnetIds" else [each[key]])
    }
    tiers = {tags(p)["aws-cdk:subnet-name"] for i, p in by_id(with_internet, "EC2::Subnet") if i in shared}
    assert tiers == {"application", "public"}


def test_all_traffic_is_logged(private: Any) -> None:
    flow_log = only(private, "EC2::FlowLog")
    assert flow_log["TrafficType"] == "ALL"
    assert flow_log["ResourceType"] == "VPC"
    assert flow_log["LogDestinationType"] == "cloud-watch-logs"


def test_the_flow_logs_role_may_write_to_this_log_group_alone(private: Any) -> None:
    (statement,) = only(private, "IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
    ((log_group, _),) = by_id(private, "Logs::LogGroup")
    assert statement["Resource"] == {"Fn::GetAtt": [log_group, "Arn"]}
    assert resources(private, "IAM::Policy") == []


_SERVICES = {
    "ssm",
    "ssmmessages",
    "ec2",
    "logs",
    "monitoring",
    "secretsmanager",
    "kms",
    "cloudformation",
    "autoscaling",
    "s3",
    "sqs",
    "dynamodb",
}


def test_what_an_instance_needs_has_an_interface_endpoint(private: Any) -> None:
    interfaces = [e for e in resources(private, "EC2::VPCEndpoint") if e["VpcEndpointType"] == "Interface"]
    assert {str(endpoint["ServiceName"]).rpartition(".")[2] for endpoint in interfaces} == _SERVICES
    # DynamoDB Developer Guide, "AWS PrivateLink for DynamoDB", considerations: it has no private names.
    unnamed = [str(endpoint["ServiceName"]) for endpoint in interfaces if not endpoint["PrivateDnsEnabled"]]
    assert [name.rpartition(".")[2] for name in unnamed] == ["dynamodb"]
    assert {len(endpoint["SubnetIds"]) for endpoint in interfaces} == {3}


def _endpoint(template: Any, service: str) -> tuple[str, Any]:
    (found,) = (
        each for each in by_id(template, "EC2::VPCEndpoint") if str(each[1]["ServiceName"]).rpartition(".")[2] == service
    )
    return found


def test_dynamodb_is_reached_from_every_tier_by_its_own_name(private: Any) -> None:
    """By a security group's rule, which no gateway endpoint can have; so there is none."""
    assert {each["VpcEndpointType"] for each in resources(private, "EC2::VPCEndpoint")} == {"Interface"}
    logical_id, _ = _endpoint(private, "dynamodb")
    ((zone_id, zone),) = by_id(private, "Route53::HostedZone")
    ((vpc_id, _),) = by_id(private, "EC2::VPC")
    assert zone["VPCs"] == [{"VPCId": {"Ref": vpc_id}, "VPCRegion": "eu-west-2"}]
    assert zone["Name"] == {"Fn::Join": ["", ["dynamodb.eu-west-2.", {"Ref": "AWS::URLSuffix"}]]}
    record = only(private, "Route53::RecordSet")
    assert (record["HostedZoneId"], record["Type"]) == ({"Ref": zone_id}, "A")
    assert record["Name"] == {"Fn::Join": ["", ["dynamodb.eu-west-2.", {"Ref": "AWS::URLSuffix"}, "."]]}
    # `<hosted zone id>:<name>`, the first of them that of the region.
    entry = {"Fn::Select": [0, {"Fn::GetAtt": [logical_id, "DnsEntries"]}]}
    parts = [{"Fn::Select": [number, {"Fn::Split": [":", entry]}]} for number in (0, 1)]
    alias = record["AliasTarget"]
    assert alias["HostedZoneId"] == {"Fn::Select": [0, parts]}
    assert alias["DNSName"] == {"Fn::Select": [1, parts]}


@pytest.mark.parametrize(
    ("argument", "service"),
    [("load_balancing", "elasticloadbalancing"), ("private_ca", "acm-pca"), ("image_builder", "imagebuilder")],
)
def test_what_only_some_deployments_need_has_an_endpoint_where_it_is_asked_for(
    private: Any, argument: str, service: str
) -> None:
    with_it = {str(e["ServiceName"]).rpartition(".")[2] for e in resources(_template(**{argument: True}), "EC2::VPCEndpoint")}
    assert with_it == _SERVICES | {service}


def test_only_this_accounts_principals_get_through_an_endpoint(private: Any) -> None:
    """Otherwise a host could carry data out with credentials of another account; S3's has the public objects besides."""
    for endpoint in resources(private, "EC2::VPCEndpoint"):
        first, *more = endpoint["PolicyDocument"]["Statement"]
        assert (first["Effect"], first["Condition"]) == (
            "Allow",
            {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}},
        )
        is_s3 = str(endpoint["ServiceName"]).endswith(".s3")
        assert [each["Action"] for each in more] == (["s3:GetObject"] if is_s3 else [])


def test_the_router_knows_route_tables_by_their_tier_and_nothing_in_the_template_leads_a_vip(
    private: Any, with_internet: Any
) -> None:
    for template, tiers in ((private, ("web", "application", "data", "arbiter")), (with_internet, TIERS)):
        of = [tags(table).get("cdk-intersystems:subnets") for table in resources(template, "EC2::RouteTable")]
        assert sorted(map(str, of)) == sorted(tier for tier in tiers for _ in ZONES)
        assert {route["DestinationCidrBlock"] for route in resources(template, "EC2::Route")} <= {"0.0.0.0/0"}
    for kind in ("EC2::Subnet", "EC2::VPC"):
        assert not any("cdk-intersystems:subnets" in tags(each) for each in resources(private, kind))


def test_nobody_may_use_the_endpoints_until_told(private: Any) -> None:
    group = only(private, "EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["255.255.255.255/32"]
    assert resources(private, "EC2::SecurityGroupIngress") == []


def test_nothing_is_a_custom_resource(with_internet: Any) -> None:
    assert [r for r in with_internet["Resources"].values() if "Custom" in r["Type"] or "Lambda" in r["Type"]] == []


@pytest.mark.parametrize("zones", [ZONES[:2], ["eu-west-2a", "eu-west-2a", "eu-west-2b"], [*ZONES, "eu-west-2d"]])
def test_other_than_three_zones_are_refused(zones: list[str]) -> None:
    with pytest.raises(ValueError, match="exactly three distinct availability zones"):
        _define(zones=zones)


@pytest.mark.parametrize("cidr", ["10.0.0.0/23", "10.0.0.0/8", "127.0.0.0/16"])
def test_a_range_outside_the_address_plan_is_refused(cidr: str) -> None:
    with pytest.raises(ValueError, match=cidr):
        _define(cidr=cidr)


def test_internet_without_public_subnets_is_refused() -> None:
    with pytest.raises(ValueError, match="public_subnets"):
        _define(internet=True, public_subnets=False)


def test_an_unknown_tier_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no 'public' subnets; it has web, application, data, arbiter"):
        _define()[1].subnets("public")


def _existing(**more: Any) -> tuple[Stack, Network]:
    stack = Stack(make_app(), "network", env=Environment(region="eu-west-2"))
    subnets = {
        "data": [
            ec2.SubnetAttributes(
                subnet_id=f"subnet-{number}",
                availability_zone=zone,
                ipv4_cidr_block=f"10.9.{number}.0/24",
                route_table_id="rtb-1",
            )
            for number, zone in enumerate(ZONES)
        ]
    }
    network = Network.from_existing(
        stack, "Network", vpc_id="vpc-1", cidr="10.9.0.0/16", availability_zones=ZONES, subnets=subnets, **more
    )
    return stack, network


def test_an_existing_vpc_is_taken_as_it_is() -> None:
    stack, network = _existing()
    assert network.vpc.vpc_id == "vpc-1"
    assert [subnet.subnet_id for subnet in network.subnets("data")] == ["subnet-0", "subnet-1", "subnet-2"]
    assert network.endpoints_security_group is None
    template = stack.node.root.synth().get_stack_by_name("network").template  # type: ignore[attr-defined]
    assert template.get("Resources", {}) == {}


def test_the_endpoints_group_of_an_existing_vpc_can_be_named() -> None:
    _, network = _existing(endpoints_security_group_id="sg-1")
    assert network.endpoints_security_group is not None
    assert network.endpoints_security_group.security_group_id == "sg-1"


def test_an_existing_vpc_has_the_tiers_it_was_given() -> None:
    with pytest.raises(ValueError, match="it has data"):
        _existing()[1].subnets("web")


def test_through_the_endpoints_only_this_account_gets(private: Any) -> None:
    endpoints = resources(private, "EC2::VPCEndpoint")
    assert len(endpoints) > 5
    for endpoint in endpoints:
        statement, *public = endpoint["PolicyDocument"]["Statement"]
        assert set(statement["Condition"]["StringEquals"]) == {"aws:PrincipalAccount"}
        # What a package manager reads that signs no request.
        assert [(each["Action"], each["Resource"]) for each in public] == (
            [("s3:GetObject", "arn:aws:s3:::amazon-ssm-eu-west-2/*")] if str(endpoint["ServiceName"]).endswith(".s3") else []
        )


def _services(template: Any) -> dict[str, Any]:
    return {str(endpoint["ServiceName"]).rpartition(".")[2]: endpoint for endpoint in resources(template, "EC2::VPCEndpoint")}


def test_aws_private_ca_is_reached_only_where_it_issues_certificates(private: Any) -> None:
    assert _services(_template(private_ca=True)).keys() - _services(private).keys() == {"acm-pca"}


def test_image_builder_and_its_program_are_reached_only_where_an_image_is_built(private: Any) -> None:
    services = _services(_template(image_builder=True))
    assert services.keys() - _services(private).keys() == {"imagebuilder"}
    _, public = services["s3"]["PolicyDocument"]["Statement"]
    assert public["Resource"] == [
        f"arn:aws:s3:::{bucket}/*" for bucket in ("amazon-ssm-eu-west-2", "ec2imagebuilder-toe-eu-west-2-prod")
    ]


def test_only_flow_logs_of_this_account_take_their_role(private: Any) -> None:
    (trust,) = only(private, "IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert set(trust["Condition"]) == {"StringEquals", "ArnLike"}
    assert "vpc-flow-log/*" in str(trust["Condition"]["ArnLike"]["aws:SourceArn"])
