"""AWS WAF before a web tier's load balancer."""

from aws_cdk import ArnFormat, Aws, Fn, RemovalPolicy, Stack
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

# Source: WAFV2 API, RateBasedStatement.
_RATE_LIMITS = range(10, 2_000_000_001)
_RATE_WINDOW_SECONDS = 300

# The log group of a web ACL must be named so. Source: AWS WAF Developer Guide, "Sending web ACL traffic logs".
_LOG_GROUP_PREFIX = "aws-waf-logs"

# In the order they are asked: the cheapest first, which also spares the others. The rules in brackets only count.
# A body of more than 8 KB is no attack here: forms, documents and messages are larger. The other rules then look at its
# first 8 KB, which is all an Application Load Balancer hands to AWS WAF.
# Source: AWS WAF Developer Guide, "AWS Managed Rules rule groups list".
_RULE_GROUPS: dict[str, tuple[str, ...]] = {
    "AWSManagedRulesAmazonIpReputationList": (),
    "AWSManagedRulesKnownBadInputsRuleSet": (),
    "AWSManagedRulesCommonRuleSet": ("SizeRestrictions_BODY",),
}


def define_web_acl(
    scope: Construct,
    *,
    deployment: str,
    name: str,
    load_balancer: elbv2.ApplicationLoadBalancer,
    rate_limit: int,
    encryption_key: kms.IKey,
    log_retention: logs.RetentionDays,
) -> wafv2.CfnWebACL:
    """Define a web ACL, put it before the load balancer, and log what it sees.

    Args:
        scope: The construct this belongs to.
        deployment: Name of the deployment.
        name: Name of the tier.
        load_balancer: What it protects.
        rate_limit: How many requests of one address in five minutes are answered.
        encryption_key: The key of the logs.
        log_retention: How long the logs are kept.

    Raises:
        ValueError: If the rate limit isn't one that AWS WAF has.
    """
    if rate_limit not in _RATE_LIMITS:
        raise ValueError(
            f"waf_rate_limit of web tier {name} is {_RATE_LIMITS[0]} to {_RATE_LIMITS[-1]} requests in five minutes, "
            f"got {rate_limit}"
        )
    # The wafv2 L1s call their first two arguments differently, so these are given by position.
    web_acl = wafv2.CfnWebACL(
        scope,
        "WebAcl",
        scope="REGIONAL",
        description=f"Web tier {deployment}/{name}",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        visibility_config=_visible("WebAcl"),
        rules=[
            _rate_rule(rate_limit, priority=0),
            *(
                _managed_rule(group, counted, priority)
                for priority, (group, counted) in enumerate(_RULE_GROUPS.items(), start=1)
            ),
        ],
    )
    wafv2.CfnWebACLAssociation(
        scope, "WebAclAssociation", resource_arn=load_balancer.load_balancer_arn, web_acl_arn=web_acl.attr_arn
    )
    _log(scope, web_acl, f"{deployment}-{name}", encryption_key, log_retention)
    return web_acl


def _rate_rule(limit: int, *, priority: int) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name="RateLimit",
        priority=priority,
        action=wafv2.CfnWebACL.RuleActionProperty(block={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                aggregate_key_type="IP", limit=limit, evaluation_window_sec=_RATE_WINDOW_SECONDS
            )
        ),
        visibility_config=_visible("RateLimit"),
    )


def _managed_rule(group: str, counted: tuple[str, ...], priority: int) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name=group,
        priority=priority,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS",
                name=group,
                rule_action_overrides=[
                    wafv2.CfnWebACL.RuleActionOverrideProperty(
                        name=rule, action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={})
                    )
                    for rule in counted
                ]
                or None,
            )
        ),
        visibility_config=_visible(group),
    )


def _visible(metric: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )


def _log(
    scope: Construct,
    web_acl: wafv2.CfnWebACL,
    name: str,
    encryption_key: kms.IKey,
    retention: logs.RetentionDays,
) -> None:
    # The end of the stack's id makes the name unique, so that a stack made again doesn't meet the log group it left behind.
    stack_uuid = Fn.select(2, Fn.split("/", Aws.STACK_ID))
    log_group = logs.LogGroup(
        scope,
        "WebAclLogs",
        log_group_name=Fn.join("-", [_LOG_GROUP_PREFIX, name, stack_uuid]),
        encryption_key=encryption_key,
        retention=retention,
        removal_policy=RemovalPolicy.RETAIN,
    )
    # Without the ":*" that a log group's own ARN ends with, which AWS WAF refuses.
    arn = Stack.of(scope).format_arn(
        service="logs",
        resource="log-group",
        resource_name=log_group.log_group_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    wafv2.CfnLoggingConfiguration(
        scope,
        "WebAclLogging",
        resource_arn=web_acl.attr_arn,
        log_destination_configs=[arn],
        # Whoever reads the logs must not be able to take over a session.
        redacted_fields=[
            wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": header})
            for header in ("authorization", "cookie")
        ],
    )
