"""What `CspWebTier` promises of its servers, of who reaches whom, of its alarms, and what it refuses."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Match, Template
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks

from tests.infra.tier_app import ENDPOINTS, TierApp, descriptions, of_type, only, rules
from tests.infra.web_tier_app import (
    ALARM,
    GROUP,
    TARGETS,
    TEMPLATE,
    TOPIC,
    WebTiers,
    define,
    define_application_tier,
)

# Source: EC2 API, IpRange and UserIdGroupPair.
ALLOWED_IN_DESCRIPTIONS = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=;{}!$*]{1,255}")


@pytest.fixture(scope="module")
def tiers() -> WebTiers:
    return WebTiers()


@pytest.fixture(scope="module")
def spare() -> TierApp:
    """An app that is never synthesized, for tiers that are refused."""
    return TierApp()


class TestServers:
    def test_are_three_at_least_one_in_each_zone_and_their_number_is_run_time_state(self, tiers: WebTiers) -> None:
        tiers.web_template.has_resource_properties(
            GROUP,
            {
                "MinSize": "3",
                "MaxSize": "9",
                "DesiredCapacity": Match.absent(),
                "VPCZoneIdentifier": ["subnet-web1", "subnet-web2", "subnet-web3"],
            },
        )

    def test_are_replaced_when_the_load_balancer_finds_them_unhealthy(self, tiers: WebTiers) -> None:
        tiers.web_template.has_resource_properties(
            GROUP, {"HealthCheckType": "ELB", "HealthCheckGracePeriod": 600, "CapacityRebalance": Match.absent()}
        )

    def test_are_launched_private_and_imdsv2_only(self, tiers: WebTiers) -> None:
        tiers.web_template.has_resource_properties(
            TEMPLATE,
            {
                "LaunchTemplateData": {
                    "MetadataOptions": Match.object_like({"HttpTokens": "required", "HttpPutResponseHopLimit": 1}),
                    "NetworkInterfaces": [Match.object_like({"AssociatePublicIpAddress": False})],
                    "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": Match.object_like({"Encrypted": True})}],
                    "InstanceMarketOptions": Match.absent(),
                }
            },
        )

    def test_may_be_spot_instances(self, tiers: WebTiers) -> None:
        tiers.clinical_template.has_resource_properties(
            TEMPLATE,
            {
                "LaunchTemplateData": {
                    "InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}}
                }
            },
        )
        tiers.clinical_template.has_resource_properties(GROUP, {"CapacityRebalance": True})

    def test_carry_deployment_and_tier(self, tiers: WebTiers) -> None:
        tags = only(tiers.web_template.to_json(), GROUP)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in tags if tag["PropagateAtLaunch"]}.items() >= {
            "cdk-intersystems:deployment": "t",
            "cdk-intersystems:tier": "web",
        }.items()

    def test_read_no_object_and_have_no_inline_policy(self, tiers: WebTiers) -> None:
        for template in (tiers.web_template, tiers.clinical_template):
            template.resource_count_is("AWS::IAM::Policy", 0)
            assert "s3:GetObject" not in json.dumps(only(template.to_json(), "AWS::IAM::ManagedPolicy"))


class TestReach:
    def test_clients_to_load_balancer_to_web_servers_to_application_servers_and_nothing_else(self, tiers: WebTiers) -> None:
        template = tiers.web_template.to_json()
        balancer = _group(template, "Load balancer of web servers t/web")
        servers = _group(template, "Web servers t/web")
        (applications,) = {rule[2] for rule in rules(template) if rule[2].startswith("app:")}
        (members,) = {rule[2] for rule in rules(template) if "DatabaseNetworkMembers" in rule[2]}
        assert rules(template) == {
            ("in", balancer, "0.0.0.0/0", 443),
            ("in", balancer, "0.0.0.0/0", 80),
            ("out", balancer, servers, 443),
            ("in", servers, balancer, 443),
            ("out", servers, applications, 1972),
            ("in", applications, servers, 1972),
            # Their role, for the region's health check.
            ("out", servers, members, 2189),
            ("in", members, servers, 2189),
            ("out", servers, ENDPOINTS, 443),
            ("in", ENDPOINTS, servers, 443),
        }

    def test_without_application_tier_web_servers_reach_the_members(self, tiers: WebTiers) -> None:
        template = tiers.clinical_template.to_json()
        balancer = _group(template, "Load balancer of web servers t/clinical")
        servers, portal = _group(template, "Web servers t/clinical"), _group(template, "clinical/Portal")
        (members,) = {rule[2] for rule in rules(template) if "DatabaseNetworkMembers" in rule[2]}
        assert rules(template) == {
            ("in", balancer, "10.0.0.0/8", 443),
            ("in", balancer, "10.0.0.0/8", 80),
            ("in", balancer, "192.168.0.0/16", 443),
            ("in", balancer, "192.168.0.0/16", 80),
            # By the default port of the tier's connections.
            ("in", balancer, portal, 443),
            ("out", portal, balancer, 443),
            ("out", balancer, servers, 443),
            ("in", servers, balancer, 443),
            ("out", servers, members, 1972),
            ("in", members, servers, 1972),
            ("out", servers, members, 2189),
            ("in", members, servers, 2189),
            ("out", servers, ENDPOINTS, 443),
            ("in", ENDPOINTS, servers, 443),
        }

    def test_what_is_behind_depends_on_no_web_tier(self, tiers: WebTiers) -> None:
        assert tiers.app_stack in tiers.web_stack.dependencies
        assert tiers.web_stack not in tiers.app_stack.dependencies
        assert tiers.clinical_stack not in tiers.base.database_stack.dependencies

    def test_ec2_takes_the_descriptions_of_all_groups_and_rules(self, tiers: WebTiers) -> None:
        texts = descriptions(tiers.web_template.to_json()) | descriptions(tiers.clinical_template.to_json())
        assert [text for text in texts if not ALLOWED_IN_DESCRIPTIONS.fullmatch(text)] == []


class TestAlarms:
    def test_tell_of_missing_and_unhealthy_servers_and_of_failing_open(self, tiers: WebTiers) -> None:
        alarms = of_type(tiers.clinical_template.to_json(), ALARM)
        assert len(tiers.clinical.alarms) == len(alarms) == 3
        by_metric = {each.get("MetricName", "missing servers"): each for each in alarms.values()}
        assert set(by_metric) == {"missing servers", "UnHealthyHostCount", "UnhealthyRoutingRequestCount"}
        for alarm in alarms.values():
            assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]
            assert alarm["Threshold"] == 1
            assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"

    def test_watch_the_target_group(self, tiers: WebTiers) -> None:
        alarms = of_type(tiers.clinical_template.to_json(), ALARM).values()
        ((targets, _),) = of_type(tiers.clinical_template.to_json(), TARGETS).items()
        by_metric = {each["MetricName"]: each for each in alarms if "MetricName" in each}
        for alarm in by_metric.values():
            assert alarm["Namespace"] == "AWS/ApplicationELB"
            dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
            assert dimensions["TargetGroup"] == {"Fn::GetAtt": [targets, "TargetGroupFullName"]}
            assert set(dimensions) == {"TargetGroup", "LoadBalancer"}
        unhealthy, open_ = by_metric["UnHealthyHostCount"], by_metric["UnhealthyRoutingRequestCount"]
        assert (unhealthy["Statistic"], unhealthy["EvaluationPeriods"], unhealthy["Period"]) == ("Maximum", 10, 60)
        assert (open_["Statistic"], open_["EvaluationPeriods"], open_["Period"]) == ("Sum", 1, 60)


class TestRefusals:
    def test_needs_exactly_one_of_application_tier_and_database(self, spare: TierApp) -> None:
        balancer = {"load_balancer_subnets": spare.network.subnets("public"), "internet_facing": True}
        reason = "the web servers work with application servers, or with the mirror itself"
        with pytest.raises(ValueError, match=f"^supply either application_tier or database, got neither: {reason}$"):
            define(spare, spare.stack("neither"), **balancer)
        rich = TierApp(ecp_client_ceiling=24)
        application_tier = define_application_tier(rich, rich.stack("app"))
        with pytest.raises(ValueError, match=f"^supply either application_tier or database, got both: {reason}$"):
            define(rich, rich.stack("both"), **balancer, application_tier=application_tier, database=rich.database)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"min_capacity": 2}, "min_capacity of web tier web is at least 3, one server in each zone, got 2"),
            ({"max_capacity": 2}, "max_capacity is at least min_capacity, got 2 and 3"),
            ({"purchase": "cheap"}, "purchase is on-demand, capacity-reservation or spot, got 'cheap'"),
            ({"tenancy": "dedicated-host"}, "tenancy is default or dedicated-instance, got 'dedicated-host'"),
            (
                {"internet_facing": False},
                "supply client_cidrs, the ranges from which clients may connect to the internal web tier web, got none",
            ),
            (
                {"client_cidrs": ["10.0.0.0/8", "10.0.0.1/8"]},
                "client_cidrs of web tier web needs IPv4 ranges, got '10.0.0.1/8': 10.0.0.1/8 has host bits set",
            ),
            (
                {"client_cidrs": ["2001:db8::/32"]},
                "client_cidrs of web tier web needs IPv4 ranges, got '2001:db8::/32': "
                "the load balancer has IPv4 addresses only",
            ),
            ({"stickiness": Duration.seconds(0)}, "stickiness is 1 second to 7 days, got 0 seconds"),
            ({"stickiness": Duration.seconds(604_801)}, "stickiness is 1 second to 7 days, got 604801 seconds"),
            (
                {"waf_rate_limit": 9},
                "waf_rate_limit of web tier web is 10 to 2000000000 requests in five minutes, got 9",
            ),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
    )
    def test_say_what_was_got_and_what_is_possible(
        self, spare: TierApp, request: pytest.FixtureRequest, changes: dict[str, Any], message: str
    ) -> None:
        stack = spare.stack("refused-" + re.sub("[^a-z0-9]", "-", request.node.callspec.id))
        arguments = {
            "load_balancer_subnets": spare.network.subnets("public"),
            "internet_facing": True,
            "database": spare.database,
        }
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            define(spare, stack, **{**arguments, **changes})

    @pytest.mark.parametrize(("argument", "what"), [("subnets", "subnets"), ("load_balancer_subnets", "load balancer subnets")])
    def test_fewer_than_three_zones(self, spare: TierApp, argument: str, what: str) -> None:
        arguments = {
            "load_balancer_subnets": spare.network.subnets("public"),
            "internet_facing": True,
            "database": spare.database,
            argument: spare.network.subnets("web")[:2],
        }
        message = f"supply three {what}, one in each of three availability zones, got ['eu-west-2a', 'eu-west-2b']"
        with pytest.raises(ValueError, match=re.escape(message)):
            define(spare, spare.stack(argument.replace("_", "-")), **arguments)

    def test_a_stack_without_a_region(self, spare: TierApp) -> None:
        stack = Stack(App(), "nowhere")
        message = "put a web tier into a stack with a concrete region: who writes its access logs depends on it"
        with pytest.raises(ValueError, match=f"^{message}$"):
            define(
                spare,
                stack,
                load_balancer_subnets=spare.network.subnets("public"),
                internet_facing=True,
                database=spare.database,
            )


def test_role_and_log_group_may_be_ones_own() -> None:
    base = TierApp()
    stack = base.stack("web")
    tier = define(
        base,
        stack,
        load_balancer_subnets=base.network.subnets("web"),
        internet_facing=False,
        client_cidrs=[],
        database=base.database,
        role=iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/web-servers"),
        log_group=logs.LogGroup.from_log_group_name(stack, "Logs", "/web"),
    )
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::IAM::Role", 0)
    template.resource_count_is("AWS::Logs::LogGroup", 0)
    template.has_resource_properties("AWS::IAM::InstanceProfile", {"Roles": ["web-servers"]})
    assert tier.role.role_arn == "arn:aws:iam::111122223333:role/web-servers"
    assert stack.resolve(tier.log_group.log_group_name) == "/web"


@pytest.mark.parametrize("pack", [AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks])
def test_policy_packs_find_nothing(tiers: WebTiers, pack: Any) -> None:
    for stack in (tiers.web_stack, tiers.clinical_stack):
        assert [violation.rule_name for violation in pack(tiers.base.app).validate_scope(stack).violations] == []


def _group(template: Mapping[str, Any], description: str) -> str:
    (found,) = [
        id for id, group in of_type(template, "AWS::EC2::SecurityGroup").items() if group["GroupDescription"] == description
    ]
    return found
