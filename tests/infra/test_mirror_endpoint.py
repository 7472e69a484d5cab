"""`MirrorEndpoint`: the load balancer that finds the primary by polling."""

from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems import MirrorEndpoint
from stacks.deployment_app import make_app
from tests.infra.templates import by_id, only, resources

ZONES = ["eu-west-2a", "eu-west-2b", "eu-west-2c"]
MEMBERS = ["10.0.0.17", "10.0.1.17"]


def _define(ports: Mapping[str, int], **more: Any) -> tuple[Stack, MirrorEndpoint]:
    stack = Stack(make_app(), "trak", env=Environment(region="eu-west-2"))
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=ZONES)
    subnets = [
        ec2.Subnet.from_subnet_attributes(stack, f"Subnet{number}", subnet_id=f"subnet-{number}", availability_zone=zone)
        for number, zone in enumerate(ZONES)
    ]
    members = ec2.SecurityGroup(stack, "Members", vpc=vpc, allow_all_outbound=False)
    return stack, MirrorEndpoint(
        stack,
        "Endpoint",
        vpc=vpc,
        subnets=subnets,
        member_addresses=MEMBERS,
        member_security_group=members,
        ports=ports,
        **more,
    )


def _template(ports: Mapping[str, int], **more: Any) -> Any:
    stack, _ = _define(ports, **more)
    return stack.node.root.synth().get_stack_by_name("trak").template  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def template() -> Any:
    return _template({"superserver": 1972, "hl7": 6661}, client_cidrs=["192.168.0.0/16"])


def _attributes(properties: Mapping[str, Any], of: str) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in properties[f"{of}Attributes"]}


def test_the_load_balancer_is_internal_and_in_every_zone(template: Any) -> None:
    balancer = only(template, "ElasticLoadBalancingV2::LoadBalancer")
    assert (balancer["Type"], balancer["Scheme"]) == ("network", "internal")
    assert balancer["Subnets"] == ["subnet-0", "subnet-1", "subnet-2"]
    attributes = _attributes(balancer, "LoadBalancer")
    assert attributes["load_balancing.cross_zone.enabled"] == "true"
    assert attributes["deletion_protection.enabled"] == "true"


def test_the_deletion_protection_can_be_switched_off() -> None:
    balancer = only(_template({"superserver": 1972}, deletion_protection=False), "ElasticLoadBalancingV2::LoadBalancer")
    assert _attributes(balancer, "LoadBalancer")["deletion_protection.enabled"] == "false"


def test_each_service_has_a_listener_and_a_target_group_ten_thousand_above(template: Any) -> None:
    listeners = resources(template, "ElasticLoadBalancingV2::Listener")
    groups = dict(by_id(template, "ElasticLoadBalancingV2::TargetGroup"))
    forwards = {
        listener["Port"]: groups[listener["DefaultActions"][0]["TargetGroupArn"]["Ref"]]["Port"] for listener in listeners
    }
    assert forwards == {1972: 11972, 6661: 16661}
    assert {listener["Protocol"] for listener in listeners} == {"TCP"}


def test_every_group_holds_both_failover_members(template: Any) -> None:
    for group in resources(template, "ElasticLoadBalancingV2::TargetGroup"):
        assert group["TargetType"] == "ip"
        assert [(target["Id"], target["Port"]) for target in group["Targets"]] == [(a, group["Port"]) for a in MEMBERS]


def test_the_health_check_asks_for_the_mirror_status(template: Any) -> None:
    for group in resources(template, "ElasticLoadBalancingV2::TargetGroup"):
        assert group["HealthCheckProtocol"] == "HTTP"
        assert group["HealthCheckPath"] == "/csp/bin/mirror_status.cxw"
        assert group["HealthCheckPort"] == "2189"
        assert group["Matcher"] == {"HttpCode": "200"}
        assert group["HealthCheckIntervalSeconds"] == 5
        assert group["HealthyThresholdCount"] == group["UnhealthyThresholdCount"] == 2
        assert group["HealthCheckTimeoutSeconds"] < group["HealthCheckIntervalSeconds"]


def test_clients_of_the_old_primary_are_reset_and_members_see_who_they_are(template: Any) -> None:
    for group in resources(template, "ElasticLoadBalancingV2::TargetGroup"):
        attributes = _attributes(group, "TargetGroup")
        assert attributes["target_health_state.unhealthy.connection_termination.enabled"] == "true"
        assert attributes["deregistration_delay.connection_termination.enabled"] == "true"
        assert attributes["deregistration_delay.timeout_seconds"] == "0"
        assert attributes["preserve_client_ip.enabled"] == "true"


def test_the_balancer_reaches_the_members_on_target_ports_and_mirror_status_alone(template: Any) -> None:
    for direction in ("Ingress", "Egress"):
        rules = resources(template, f"EC2::SecurityGroup{direction}")
        assert sorted(rule["FromPort"] for rule in rules) == [2189, 11972, 16661]
        assert all(rule["FromPort"] == rule["ToPort"] for rule in rules)
        assert not any("CidrIp" in rule for rule in rules)


def _endpoint_group(template: Any) -> dict[str, Any]:
    groups = resources(template, "EC2::SecurityGroup")
    (group,) = (group for group in groups if group["GroupDescription"] == "Mirror endpoint")
    return group


def test_clients_outside_aws_reach_the_services(template: Any) -> None:
    rules = _endpoint_group(template)["SecurityGroupIngress"]
    assert sorted((rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in rules) == [
        ("192.168.0.0/16", 1972, 1972),
        ("192.168.0.0/16", 6661, 6661),
    ]


def test_without_clients_nobody_may_connect() -> None:
    assert "SecurityGroupIngress" not in _endpoint_group(_template({"superserver": 1972}))


def test_the_default_port_is_the_superservers() -> None:
    stack, endpoint = _define({"hl7": 6661, "superserver": 1972})
    endpoint.connections.allow_default_port_from_any_ipv4()
    template = stack.node.root.synth().get_stack_by_name("trak").template  # type: ignore[attr-defined]
    assert [rule["FromPort"] for rule in _endpoint_group(template)["SecurityGroupIngress"]] == [1972]


def test_the_default_port_is_the_first_where_there_is_no_superserver() -> None:
    stack, endpoint = _define({"hl7": 6661, "jdbc": 6662})
    endpoint.connections.allow_default_port_from_any_ipv4()
    template = stack.node.root.synth().get_stack_by_name("trak").template  # type: ignore[attr-defined]
    assert [rule["FromPort"] for rule in _endpoint_group(template)["SecurityGroupIngress"]] == [6661]


def test_its_name_is_the_load_balancers() -> None:
    stack, endpoint = _define({"superserver": 1972})
    assert stack.resolve(endpoint.dns_name)["Fn::GetAtt"][1] == "DNSName"


@pytest.mark.parametrize(
    ("ports", "problem"),
    [
        ({}, "at least one service port"),
        ({"hl7": 0}, "port hl7=0"),
        ({"hl7": 60_000}, "port hl7=60000"),
        ({"hl7": 22}, "SSH"),
        ({"agent": 2188}, "ISCAgent"),
        ({"status": 2189}, "mirror status"),
        ({"superserver": 1973}, "1972"),
        ({"one": 6661, "two": 6661}, "already"),
        ({"one": 6661, "two": 16661}, "target port 16661"),
    ],
)
def test_impossible_ports_are_refused(ports: dict[str, int], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        _define(ports)
