"""What `CspWebTier` promises of its load balancer: listeners, targets, access logs, AWS WAF."""

import subprocess
import sys

import pytest
from aws_cdk.assertions import Match, Template

from tests.infra.tier_app import TierApp, of_type, only, rules
from tests.infra.web_tier_app import (
    BALANCER,
    BUCKET,
    CERTIFICATE,
    GROUP,
    LISTENER,
    TARGETS,
    WEB_ACL,
    WebTiers,
    attributes_of,
    define,
)


@pytest.fixture(scope="module")
def tiers() -> WebTiers:
    return WebTiers()


class TestListeners:
    def test_https_with_tls_13_and_post_quantum_key_exchange(self, tiers: WebTiers) -> None:
        ((targets, _),) = of_type(tiers.web_template.to_json(), TARGETS).items()
        tiers.web_template.has_resource_properties(
            LISTENER,
            {
                "Port": 443,
                "Protocol": "HTTPS",
                "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
                "Certificates": [{"CertificateArn": CERTIFICATE}],
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": targets}}],
            },
        )

    def test_http_is_redirected_for_good_and_never_forwarded(self, tiers: WebTiers) -> None:
        listeners = of_type(tiers.web_template.to_json(), LISTENER).values()
        assert {listener["Port"] for listener in listeners} == {80, 443}
        (plain,) = [listener for listener in listeners if listener["Protocol"] == "HTTP"]
        assert plain["DefaultActions"] == [
            {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
        ]


class TestLoadBalancer:
    def test_faces_the_internet_from_the_public_subnets(self, tiers: WebTiers) -> None:
        tiers.web_template.has_resource_properties(
            BALANCER,
            {
                "Type": "application",
                "Scheme": "internet-facing",
                "Subnets": ["subnet-public1", "subnet-public2", "subnet-public3"],
            },
        )
        assert tiers.web_stack.resolve(tiers.web.dns_name) == tiers.web_stack.resolve(
            tiers.web.load_balancer.load_balancer_dns_name
        )

    def test_is_internal_if_so_wanted(self, tiers: WebTiers) -> None:
        tiers.clinical_template.has_resource_properties(
            BALANCER, {"Scheme": "internal", "Subnets": ["subnet-web1", "subnet-web2", "subnet-web3"]}
        )

    def test_is_protected_drops_invalid_headers_and_waits_longer_than_the_web_gateway(self, tiers: WebTiers) -> None:
        attributes = attributes_of(only(tiers.web_template.to_json(), BALANCER), "LoadBalancerAttributes")
        assert attributes["deletion_protection.enabled"] == "true"
        assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
        assert attributes["routing.http.desync_mitigation_mode"] == "defensive"
        assert int(attributes["idle_timeout.timeout_seconds"]) > 60

    def test_can_be_deleted_once_unprotected(self) -> None:
        base = TierApp()
        stack = base.stack("web")
        define(
            base,
            stack,
            load_balancer_subnets=base.network.subnets("web"),
            internet_facing=False,
            client_cidrs=[],
            database=base.database,
            deletion_protection=False,
        )
        template = Template.from_stack(stack).to_json()
        attributes = attributes_of(only(template, BALANCER), "LoadBalancerAttributes")
        assert attributes["deletion_protection.enabled"] == "false"
        # No ranges: nobody is admitted but through `connections`.
        assert not [rule for rule in rules(template) if rule[0] == "in" and rule[2].count(".") == 3]


class TestTargets:
    def test_are_spoken_to_by_https(self, tiers: WebTiers) -> None:
        tiers.web_template.has_resource_properties(TARGETS, {"Port": 443, "Protocol": "HTTPS", "TargetType": "instance"})
        ((targets, _),) = of_type(tiers.web_template.to_json(), TARGETS).items()
        tiers.web_template.has_resource_properties(GROUP, {"TargetGroupARNs": [{"Ref": targets}]})

    def test_are_asked_for_the_web_gateways_own_page(self, tiers: WebTiers) -> None:
        tiers.web_template.has_resource_properties(
            TARGETS,
            {
                "HealthCheckProtocol": "HTTPS",
                "HealthCheckPath": "/csp/bin/Systems/Module.cxw",
                "Matcher": {"HttpCode": "200,403"},
                "HealthCheckIntervalSeconds": 10,
                "HealthCheckTimeoutSeconds": 5,
                "HealthyThresholdCount": 2,
                "UnhealthyThresholdCount": 3,
            },
        )
        tiers.clinical_template.has_resource_properties(TARGETS, {"HealthCheckPath": "/alive"})

    @pytest.mark.parametrize(("tier", "seconds"), [("web", 8 * 3600), ("clinical", 30 * 60)])
    def test_keep_a_client_by_cookie(self, tiers: WebTiers, tier: str, seconds: int) -> None:
        template: Template = getattr(tiers, f"{tier}_template")
        attributes = attributes_of(only(template.to_json(), TARGETS), "TargetGroupAttributes")
        assert attributes["stickiness.enabled"] == "true"
        assert attributes["stickiness.type"] == "lb_cookie"
        assert attributes["stickiness.lb_cookie.duration_seconds"] == str(seconds)


class TestAccessLogs:
    def test_go_to_a_bucket_that_is_private_versioned_kept_and_empties_itself(self, tiers: WebTiers) -> None:
        ((bucket, _),) = of_type(tiers.web_template.to_json(), BUCKET).items()
        attributes = attributes_of(only(tiers.web_template.to_json(), BALANCER), "LoadBalancerAttributes")
        assert attributes["access_logs.s3.enabled"] == "true"
        assert attributes["access_logs.s3.bucket"] == {"Ref": bucket}
        assert attributes["access_logs.s3.prefix"] == "web"
        tiers.web_template.has_resource(
            BUCKET,
            {
                "Properties": {
                    # A load balancer can't write to a bucket with a KMS key.
                    "BucketEncryption": {
                        "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                    },
                    "PublicAccessBlockConfiguration": {
                        "BlockPublicAcls": True,
                        "BlockPublicPolicy": True,
                        "IgnorePublicAcls": True,
                        "RestrictPublicBuckets": True,
                    },
                    "VersioningConfiguration": {"Status": "Enabled"},
                    "LifecycleConfiguration": {
                        "Rules": [
                            Match.object_like(
                                {
                                    "Status": "Enabled",
                                    "ExpirationInDays": 365,
                                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                                }
                            )
                        ]
                    },
                },
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
            },
        )

    def test_bucket_refuses_connections_without_tls_1_2(self, tiers: WebTiers) -> None:
        statements = only(tiers.web_template.to_json(), "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
        denied = [each["Condition"] for each in statements if each["Effect"] == "Deny" and each["Action"] == "s3:*"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in denied

    def test_may_go_to_a_bucket_of_ones_own(self, tiers: WebTiers) -> None:
        tiers.clinical_template.resource_count_is(BUCKET, 0)
        attributes = attributes_of(only(tiers.clinical_template.to_json(), BALANCER), "LoadBalancerAttributes")
        assert attributes["access_logs.s3.bucket"] == "access-logs-of-all"
        assert attributes["access_logs.s3.prefix"] == "clinical"


class TestWaf:
    def test_stands_before_the_external_load_balancer(self, tiers: WebTiers) -> None:
        template = tiers.web_template.to_json()
        ((acl, properties),) = of_type(template, WEB_ACL).items()
        ((balancer, _),) = of_type(template, BALANCER).items()
        assert properties["Scope"] == "REGIONAL"
        assert properties["DefaultAction"] == {"Allow": {}}
        assert only(template, "AWS::WAFv2::WebACLAssociation") == {
            "ResourceArn": {"Ref": balancer},
            "WebACLArn": {"Fn::GetAtt": [acl, "Arn"]},
        }

    def test_limits_the_rate_and_has_awss_rule_groups(self, tiers: WebTiers) -> None:
        acl_rules = {rule["Priority"]: rule for rule in only(tiers.web_template.to_json(), WEB_ACL)["Rules"]}
        assert [acl_rules[priority]["Name"] for priority in sorted(acl_rules)] == [
            "RateLimit",
            "AWSManagedRulesAmazonIpReputationList",
            "AWSManagedRulesKnownBadInputsRuleSet",
            "AWSManagedRulesCommonRuleSet",
        ]
        assert acl_rules[0]["Action"] == {"Block": {}}
        assert acl_rules[0]["Statement"]["RateBasedStatement"] == {
            "AggregateKeyType": "IP",
            "Limit": 20_000,
            "EvaluationWindowSec": 300,
        }
        for priority in (1, 2, 3):
            assert acl_rules[priority]["OverrideAction"] == {"None": {}}

    def test_lets_large_bodies_pass(self, tiers: WebTiers) -> None:
        overrides = {
            rule["Name"]: rule["Statement"]["ManagedRuleGroupStatement"].get("RuleActionOverrides", [])
            for rule in only(tiers.web_template.to_json(), WEB_ACL)["Rules"]
            if "ManagedRuleGroupStatement" in rule["Statement"]
        }
        counted = {"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}
        assert overrides.pop("AWSManagedRulesCommonRuleSet") == [counted]
        assert list(overrides.values()) == [[], []]

    def test_logs_without_what_a_session_could_be_taken_over_with(self, tiers: WebTiers) -> None:
        template = tiers.web_template.to_json()
        names = {id: each.get("LogGroupName") for id, each in of_type(template, "AWS::Logs::LogGroup").items()}
        ((log_group, name),) = [(id, name) for id, name in names.items() if name]
        separator, (prefix, _) = name["Fn::Join"]
        assert f"{prefix}{separator}" == "aws-waf-logs-t-web-"
        tiers.web_template.has_resource_properties(
            "AWS::WAFv2::LoggingConfiguration",
            {
                "LogDestinationConfigs": [
                    {"Fn::Join": ["", ["arn:aws:logs:eu-west-2:111122223333:log-group:", {"Ref": log_group}]]}
                ],
                "RedactedFields": [{"SingleHeader": {"Name": "authorization"}}, {"SingleHeader": {"Name": "cookie"}}],
            },
        )
        tiers.web_template.has_resource_properties(
            "AWS::Logs::LogGroup", {"LogGroupName": Match.any_value(), "RetentionInDays": 365, "KmsKeyId": Match.any_value()}
        )

    def test_is_not_there_for_an_internal_one_unless_asked_for(self, tiers: WebTiers) -> None:
        tiers.clinical_template.resource_count_is(WEB_ACL, 0)
        base = TierApp()
        stack = base.stack("web")
        define(
            base,
            stack,
            load_balancer_subnets=base.network.subnets("web"),
            internet_facing=False,
            client_cidrs=["10.0.0.0/8"],
            database=base.database,
            waf=True,
            waf_rate_limit=100_000,
        )
        asked = only(Template.from_stack(stack).to_json(), WEB_ACL)["Rules"]
        assert asked[0]["Statement"]["RateBasedStatement"]["Limit"] == 100_000

    def test_its_service_module_is_loaded_only_when_it_is_used(self) -> None:
        code = "import sys, cdk_intersystems; cdk_intersystems.CspWebTier; sys.exit('aws_cdk.aws_wafv2' in sys.modules)"
        path = [entry for entry in sys.path if entry]
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
