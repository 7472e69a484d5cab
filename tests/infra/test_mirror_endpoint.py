"""`MirrorEndpoint`: a load balancer that finds the primary by polling, or what the router moves."""

from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems import MirrorEndpoint
from stacks.deployment_app import make_app
from tests.infra.templates import by_id, only, resources, tags

ZONES = ["eu-west-2a", "eu-west-2b", "eu-west-2c"]
MEMBERS = ["10.0.0.17", "10.0.1.17"]


VIP = "10.255.0.1"


def _define(ports: Mapping[str, int], vpc_cidr: str | None = None, **more: Any) -> tuple[Stack, MirrorEndpoint]:
    stack = Stack(make_app(), "trak", env=Environment(region="eu-west-2"))
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=ZONES, vpc_cidr_block=vpc_cidr)
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


# What the router moves.


@pytest.fixture(scope="module")
def moved() -> Any:
    return _template({"superserver": 1972, "hl7": 6661}, strategies=["listener"], client_cidrs=["192.168.0.0/16"])


def test_a_moved_listener_has_a_group_for_each_member_and_leads_to_a(moved: Any) -> None:
    groups = dict(by_id(moved, "ElasticLoadBalancingV2::TargetGroup"))
    assert len(groups) == 4
    for listener in resources(moved, "ElasticLoadBalancingV2::Listener"):
        (action,) = listener["DefaultActions"]
        named = [(groups[each["TargetGroupArn"]["Ref"]], each["Weight"]) for each in action["ForwardConfig"]["TargetGroups"]]
        assert action["Type"] == "forward"
        # Both are named, or the idle member's would be unused, and no health check would be made of it.
        assert [(tags(group)["cdk-intersystems:member"], weight) for group, weight in named] == [("a", 1), ("b", 0)]
        assert [group["Targets"] for group, _ in named] == [
            [{"Id": address, "Port": listener["Port"] + 10_000}] for address in MEMBERS
        ]


def test_the_health_check_of_a_members_group_asks_only_whether_it_is_there(moved: Any) -> None:
    """With one that only a primary passes, a failover would wait for health checks after all."""
    for group in resources(moved, "ElasticLoadBalancingV2::TargetGroup"):
        assert (group["HealthCheckProtocol"], group["HealthCheckPort"]) == ("TCP", "2189")
        assert "HealthCheckPath" not in group
        assert "Matcher" not in group
        assert group["HealthCheckIntervalSeconds"] == 5


def test_a_member_that_is_down_takes_no_zone_out_of_the_load_balancers_name(template: Any, moved: Any) -> None:
    key = "target_group_health.dns_failover.minimum_healthy_targets.count"
    for group in resources(moved, "ElasticLoadBalancingV2::TargetGroup"):
        assert _attributes(group, "TargetGroup")[key] == "off"
    for group in resources(template, "ElasticLoadBalancingV2::TargetGroup"):
        assert key not in _attributes(group, "TargetGroup")


def test_moved_listeners_are_told_by_member() -> None:
    stack, endpoint = _define({"superserver": 1972, "hl7": 6661}, strategies=["listener"])
    template = stack.node.root.synth().get_stack_by_name("trak").template  # type: ignore[attr-defined]
    members = {i: tags(group)["cdk-intersystems:member"] for i, group in by_id(template, "ElasticLoadBalancingV2::TargetGroup")}
    told = {stack.resolve(listener)["Ref"]: groups for listener, groups in endpoint.moved_listeners.items()}
    assert set(told) == {logical_id for logical_id, _ in by_id(template, "ElasticLoadBalancingV2::Listener")}
    for groups in told.values():
        assert {member: members[stack.resolve(arn)["Ref"]] for member, arn in groups.items()} == {"a": "a", "b": "b"}


# The VIP.

_STRATEGIES = [["polling"], ["listener"], ["route_vip"], ["route_vip", "polling"], ["listener", "route_vip"]]


@pytest.mark.parametrize("strategies", _STRATEGIES, ids="+".join)
def test_every_combination_has_what_it_needs_and_no_route(strategies: list[str]) -> None:
    vip = VIP if "route_vip" in strategies else None
    stack, endpoint = _define({"superserver": 1972}, strategies=strategies, vip=vip)
    template = stack.node.root.synth().get_stack_by_name("trak").template  # type: ignore[attr-defined]
    balanced = strategies != ["route_vip"]
    assert len(resources(template, "ElasticLoadBalancingV2::LoadBalancer")) == balanced
    assert len(resources(template, "ElasticLoadBalancingV2::TargetGroup")) == (2 if "listener" in strategies else balanced)
    assert (endpoint.load_balancer is not None, endpoint.vip) == (balanced, vip)
    assert bool(endpoint.moved_listeners) == ("listener" in strategies)
    assert list(endpoint.strategies) == strategies
    # A deployment would reset what the router has written.
    assert resources(template, "EC2::Route") == []
    assert VIP not in str(template)


def test_with_the_vip_alone_clients_connect_to_it() -> None:
    stack, endpoint = _define({"superserver": 1972}, strategies=["route_vip"], vip=VIP)
    assert stack.resolve(endpoint.dns_name) == VIP
    assert endpoint.target_groups == {}


def _admitted(strategies: list[str]) -> dict[str, list[int]]:
    """Description of a group -> the ports that a client's group may use of it."""
    client = "sg-0123456789abcdef0"
    stack, endpoint = _define({"superserver": 1972, "hl7": 6661}, strategies=strategies, vip=VIP)
    endpoint.connections.allow_default_port_from(ec2.SecurityGroup.from_security_group_id(stack, "Tool", client))
    template = stack.node.root.synth().get_stack_by_name("trak").template  # type: ignore[attr-defined]
    names = {logical_id: group["GroupDescription"] for logical_id, group in by_id(template, "EC2::SecurityGroup")}
    found: dict[str, list[int]] = {}
    for rule in resources(template, "EC2::SecurityGroupIngress"):
        if rule.get("SourceSecurityGroupId") == client:
            found.setdefault(names[rule["GroupId"]["Fn::GetAtt"][0]], []).append(rule["FromPort"])
    return found


def test_what_comes_by_a_route_reaches_the_members_own_ports() -> None:
    assert _admitted(["route_vip"]) == {"trak/Members": [1972]}
    assert _admitted(["route_vip", "polling"]) == {"Mirror endpoint": [1972], "trak/Members": [1972]}


@pytest.mark.parametrize("strategies", _STRATEGIES, ids="+".join)
def test_clients_in_the_vpc_may_use_every_service_by_every_strategy(strategies: list[str]) -> None:
    stack = Stack(make_app(), "clients", env=Environment(region="eu-west-2"))
    client = ec2.SecurityGroup.from_security_group_id(stack, "Tool", "sg-0123456789abcdef0")
    template = _template(
        {"superserver": 1972, "hl7": 6661},
        strategies=strategies,
        vip=VIP if "route_vip" in strategies else None,
        client_security_groups=[client],
    )
    ports = sorted(
        rule["FromPort"]
        for rule in resources(template, "EC2::SecurityGroupIngress")
        if rule.get("SourceSecurityGroupId") == "sg-0123456789abcdef0"
    )
    ways = ("route_vip" in strategies) + (strategies != ["route_vip"])
    assert ports == [1972] * ways + [6661] * ways


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"strategies": []}, "one or two of"),
        ({"strategies": ["dns"]}, "one or two of"),
        ({"strategies": ["polling", "polling"]}, "each once"),
        ({"strategies": ["polling", "listener"]}, "both decide"),
        ({"strategies": ["polling", "listener", "route_vip"], "vip": VIP}, "both decide"),
        ({"strategies": ["route_vip"]}, "missing"),
        ({"strategies": ["route_vip", "listener"]}, "missing"),
        ({"strategies": ["polling"], "vip": VIP}, "only the strategy route_vip"),
        ({"strategies": ["listener"], "vip": VIP}, "only the strategy route_vip"),
        ({"strategies": ["route_vip"], "vip": "trak"}, "IPv4 address"),
        ({"strategies": ["route_vip"], "vip": "10.255.0.0/24"}, "IPv4 address"),
        ({"strategies": ["route_vip"], "vip": "127.0.0.1"}, "loopback"),
        ({"strategies": ["route_vip"], "vip": "169.254.169.254"}, "link-local"),
        ({"strategies": ["route_vip"], "vip": "239.1.1.1"}, "multicast"),
        ({"strategies": ["route_vip"], "vip": VIP, "client_cidrs": ["192.168.0.0/16"]}, "not reached over VPN"),
        (
            {"strategies": ["route_vip"], "vip": "10.0.3.4", "vpc_cidr": "10.0.0.0/16"},
            "outside the range of the VPC.*10.0.0.0/16",
        ),
        ({"strategies": ["route_vip", "polling"], "vip": "10.0.255.255", "vpc_cidr": "10.0.0.0/16"}, "outside the range"),
    ],
)
def test_strategies_that_do_not_fit_are_refused(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        _define({"superserver": 1972}, **arguments)


def test_a_vip_inside_a_vpc_of_the_same_app_is_refused() -> None:
    """Whose range is a reference in the templates, and known all the same."""
    stack = Stack(make_app(), "trak", env=Environment(region="eu-west-2"))
    vpc = ec2.Vpc(stack, "Vpc", ip_addresses=ec2.IpAddresses.cidr("10.7.0.0/16"), restrict_default_security_group=False)
    arguments: dict[str, Any] = {
        "vpc": vpc,
        "subnets": vpc.private_subnets,
        "member_addresses": MEMBERS,
        "member_security_group": ec2.SecurityGroup(stack, "Members", vpc=vpc),
        "ports": {"superserver": 1972},
        "strategies": ["route_vip"],
    }
    with pytest.raises(ValueError, match=r"10\.7\.0\.0/16"):
        MirrorEndpoint(stack, "Inside", vip="10.7.200.1", **arguments)
    assert MirrorEndpoint(stack, "Outside", vip="10.8.0.1", **arguments).vip == "10.8.0.1"


def test_a_vip_may_stand_beside_a_load_balancer_for_clients_outside_aws() -> None:
    for beside in ("polling", "listener"):
        _, endpoint = _define({"superserver": 1972}, strategies=["route_vip", beside], vip=VIP, client_cidrs=["192.168.0.0/16"])
        assert endpoint.load_balancer is not None
