"""docs/reference/reachability.md says who can reach whom: nothing more, nothing less."""

from copy import deepcopy
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cdk_intersystems.policy.rules.assembly import Assembly
from cdk_intersystems.policy.rules.security_groups import group_rules
from tests.policy.mutations.network_rules import allow_all, no_own_egress
from tests.policy.mutations.templates import APP, MIRROR, NETWORK, WEB, A, Mutation, add, admit, first, set_property
from tests.policy.reachability import Flow, Reachability
from tests.policy.variations import VARIATIONS, configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.policy.policed import Policed

    Get = Callable[[str], Policed]
    Change = Callable[[Mutation], tuple[set[Flow], set[Flow]]]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "reachability.md"
_IN_EXISTING_VPCS = {"existing VPC", "everything brought", "existing VPCs without Internet in both regions"}


def stated(deployment: str) -> list[Flow]:
    """The table of a deployment, as the page has it."""
    section = PAGE.read_text().split(f"\n## {deployment}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [Flow(*(cell.strip() for cell in row[:4])) for row in rows[2:]]


@pytest.mark.parametrize("deployment", ["trakcare", "minimal", "hybrid"])
def test_the_page_is_what_the_templates_admit(policed: "Get", deployment: str) -> None:
    table = stated(deployment)
    computed = Reachability(policed(deployment).assembly).flows()
    assert computed - set(table) == set(), "admitted, and not on the page"
    assert set(table) - computed == set(), "on the page, and not admitted"
    assert table == sorted(set(table), key=lambda flow: (flow.source, flow.destination, flow.ports)), "sorted, each once"


# The subnets and routes of an existing VPC are not in the templates.
@pytest.mark.parametrize("variation", [name for name in VARIATIONS if name not in _IN_EXISTING_VPCS])
def test_every_load_balancer_reaches_its_targets(policed: "Get", variation: str) -> None:
    """Requests and health checks alike; a rule forgotten on either side would make every target unhealthy."""
    assert Reachability(policed(variation).assembly).unreachable_targets() == []


@pytest.mark.parametrize("variation", VARIATIONS)
def test_nobody_is_let_in_but_whom_the_yaml_names(policed: "Get", variation: str) -> None:
    """By range: clients, the mirror's members elsewhere by their addresses, and the DR region's watch."""
    data = configuration(variation)
    clients = {cidr for each in (*data["mirror_sets"], *data.get("web_tiers", [])) for cidr in each.get("client_cidrs", [])}
    internet = {"0.0.0.0/0"} if any(tier["scheme"] == "internet-facing" for tier in data.get("web_tiers", [])) else set()
    regions = data["regions"]
    elsewhere = {
        f"{address}/32"
        for mirror in regions.get("on_premises", {"mirror_sets": {}})["mirror_sets"].values()
        for address in mirror["members"].values()
    }
    if {"primary", "dr"} <= regions.keys():
        for role, region in regions.items():
            # Of mirror set 1: the seventeenth address of the first zone's data subnet, and of the second's.
            data_subnets = _ranges(region, "data")[: region.get("members", 2)]
            elsewhere |= {f"{subnet.network_address + 17}/32" for subnet in data_subnets}
            elsewhere |= {str(subnet) for subnet in _ranges(region, "application")} if role == "dr" else set()
    let_in = {
        stated.peer
        for stated in group_rules(policed(variation).assembly)
        if stated.direction == "ingress" and stated.peer_kind == "range"
    }
    assert let_in == clients | internet | elsewhere


def _ranges(region: dict[str, Any], tier: str) -> list[IPv4Network]:
    """A tier's subnets: stated, or by the address plan a sixteenth of the region's range each."""
    if "existing" in region:
        return [IPv4Network(subnet["cidr"]) for subnet in region["existing"]["subnets"][tier]]
    first = {"application": 6, "data": 9}[tier]
    return list(IPv4Network(region["cidr"]).subnets(prefixlen_diff=4))[first : first + 3]


def test_without_internet_nothing_leaves_the_vpc(policed: "Get") -> None:
    flows = Reachability(policed("no Internet").assembly).flows()
    assert {flow.way for flow in flows if flow.destination == "Internet"} == set()
    assert {flow.source for flow in flows if flow.destination == "service endpoints"} == {
        flow.source for flow in flows if flow.source.startswith(("arbiter", "failover", "router", "servers"))
    }


@pytest.mark.parametrize("variation", ["trakcare", "minimal", "no Internet", "member taken out"])
def test_members_have_their_subnets_to_themselves(policed: "Get", variation: str) -> None:
    """AWS would give anything else one of their fixed addresses some day."""
    actors = Reachability(policed(variation).assembly).actors
    tiers = {(actor.name.split(" of ")[0], subnet.tags["aws-cdk:subnet-name"]) for actor in actors for subnet in actor.subnets}
    assert {name for name, tier in tiers if tier == "data"} == {"failover members"}
    assert {name for name, tier in tiers if tier == "arbiter"} == {"arbiter"}


class TestTheComputation:
    """Each way to open or close something is seen, so that agreement with the page means something."""

    @pytest.fixture
    def after(self, policed: "Get") -> "Change":
        """A function from a change of one region's templates to the flows it adds and those it takes away."""

        def run(mutate: Mutation) -> tuple[set[Flow], set[Flow]]:
            before = Reachability(policed("one region").assembly).flows()
            templates: dict[str, Any] = {
                stack.name: deepcopy(dict(stack.template)) for stack in policed("one region").assembly.stacks
            }
            mutate(templates)
            now = Reachability(Assembly.from_templates(templates)).flows()
            return now - before, before - now

        return run

    def test_a_range_of_on_premises(self, after: "Change") -> None:
        added = Flow("172.16.0.0/12", "failover members of TRAK", "tcp 1972", "private connection")
        assert after(admit(MIRROR, "Members", 1972, 1972, "172.16.0.0/12")) == ({added}, set())

    def test_the_internet_reaches_only_what_has_public_addresses(self, after: "Change") -> None:
        """The security group of the members may be as open as it likes: there is no way to them. Inside the VPC there is."""
        added, removed = after(admit(MIRROR, "Members", 443, 443, "0.0.0.0/0"))
        assert removed == set()
        assert {flow.source for flow in added} == {
            "arbiter of TRAK",
            "failover members of TRAK",
            "servers of app",
            "servers of clinical",
            "servers of print",
            "servers of web",
        }
        assert {(flow.destination, flow.ports, flow.way) for flow in added} == {("failover members of TRAK", "tcp 443", "VPC")}

    def test_a_public_address(self, after: "Change") -> None:
        def mutate(templates: dict[str, Any]) -> None:
            interface = first(templates, A, "AWS::EC2::Instance")["Properties"]["NetworkInterfaces"][0]
            interface["AssociatePublicIpAddress"] = True
            subnet = first(templates, WEB, "AWS::ElasticLoadBalancingV2::LoadBalancer")["Properties"]["Subnets"][0]
            interface["SubnetId"] = subnet
            admit(MIRROR, "Members", 1972, 1972, "0.0.0.0/0")(templates)

        added, _ = after(mutate)
        assert Flow("Internet", "failover members of TRAK", "tcp 1972", "Internet gateway") in added

    def test_a_rule_that_is_taken_away_on_either_side(self, after: "Change") -> None:
        gone = Flow("servers of app", "failover members of TRAK", "tcp 1972", "VPC")
        for type in ("AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress"):

            def mutate(templates: dict[str, Any], type: str = type) -> None:
                resources = templates[APP]["Resources"]
                name = next(k for k, v in resources.items() if v["Type"] == type and v["Properties"]["FromPort"] == 1972)
                del resources[name]

            assert after(mutate) == (set(), {gone})

    def test_everything_let_out(self, after: "Change") -> None:
        added, removed = after(allow_all)
        assert Flow("failover members of TRAK", "Internet", "everything", "NAT gateway") in added
        assert removed == set()

    def test_egress_left_to_ec2(self, after: "Change") -> None:
        """A group without any egress rule lets everything out."""
        added, _ = after(no_own_egress)
        assert {flow.source for flow in added} == {"service endpoints"}

    def test_a_load_balancer_that_is_not_public_any_more(self, after: "Change") -> None:
        balancer = "AWS::ElasticLoadBalancingV2::LoadBalancer"
        added, removed = after(set_property(WEB, balancer, "Scheme", "internal"))
        assert added == set()
        assert {(flow.source, flow.destination) for flow in removed} == {("Internet", "load balancer of web")}

    def test_no_route_to_the_nat_gateways(self, after: "Change") -> None:
        def mutate(templates: dict[str, Any]) -> None:
            resources = templates[NETWORK]["Resources"]
            for name in [k for k, v in resources.items() if "NatGatewayId" in v.get("Properties", {})]:
                del resources[name]

        added, removed = after(mutate)
        assert added == set()
        assert {flow.way for flow in removed} == {"NAT gateway"}
        assert len(removed) == 6

    def test_a_listener_more_or_less(self, after: "Change") -> None:
        listener = "AWS::ElasticLoadBalancingV2::Listener"
        added, removed = after(set_property(MIRROR, listener, "Port", 7777, "Hl7"))
        assert added == set()
        assert removed == {Flow("192.168.0.0/16", "endpoint of TRAK", "tcp 6661", "private connection")}

    def test_refuses_what_it_does_not_understand(self, after: "Change") -> None:
        with pytest.raises(LookupError, match="Added"):
            after(add(NETWORK, "AWS::EC2::NetworkAclEntry", {}))
        with pytest.raises(LookupError, match="Added"):
            after(add(NETWORK, "AWS::EC2::Route", {"LocalGatewayId": "lgw-0123456789abcdef0"}))
