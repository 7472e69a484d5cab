"""A function of the region automation: its code, its role with one policy, its log, and what wakes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import CfnResource, Duration, IgnoreMode, RemovalPolicy, Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

import cdk_intersystems.functions
from cdk_intersystems.failover_automation.grants import function_statements
from cdk_intersystems.failover_automation.router import METRIC_NAMESPACE
from cdk_intersystems.model.powertools import PYTHON
from cdk_intersystems.model.powertools import powertools_layer as public_layer
from cdk_intersystems.model.regions import partition
from cdk_intersystems.policy.acknowledge import acknowledge, wildcard_finding

_MEMORY_MIB = 512
# The schedule's run and a promotion's, and one by hand; each does the same.
_CONCURRENCY = 3


@dataclass(frozen=True, kw_only=True)
class InVpc:
    """Where a function has its network interfaces.

    Args:
        vpc: The VPC.
        subnets: Its subnets.
        security_group: Their group.
    """

    vpc: ec2.IVpc
    subnets: Sequence[ec2.ISubnet]
    security_group: ec2.ISecurityGroup


def define_function(
    scope: Construct,
    *,
    package: str,
    name: str,
    description: str,
    variable: str,
    settings: Mapping[str, Any],
    statements: Sequence[iam.PolicyStatement],
    wildcards: Mapping[str, str],
    timeout: Duration,
    place: InVpc | None,
    powertools_layer: str | None,
    key: kms.IKey,
    log_retention: logs.RetentionDays,
    entry: str = "handler",
) -> tuple[lambda_.Function, logs.LogGroup]:
    """Define the function with its role and log group.

    Args:
        scope: The construct it belongs to.
        package: Its package in `lambda/`.
        name: Its name, by which others call it who can't know a generated one.
        description: What it does.
        variable: The environment variable that holds its settings.
        settings: The settings.
        statements: What it may do besides writing its log.
        wildcards: Resources with a wildcard in the statements, and why they have it.
        timeout: How long a run may take.
        place: Where it has its network interfaces. None: nowhere, it calls AWS alone.
        powertools_layer: ARN of the layer; None: the region's public one.
        key: The log group's key.
        log_retention: How long logs are kept.
        entry: The module whose `handler` is called. Default: the package's `handler`.
    """
    stack = Stack.of(scope)
    log_group = logs.LogGroup(scope, "Logs", encryption_key=key, retention=log_retention, removal_policy=RemovalPolicy.RETAIN)
    role = iam.Role(
        scope, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=f"{name}: {description}"
    )
    platform = function_statements(log_group)
    if place is None:
        platform = [each for each in platform if not any(action.startswith("ec2:") for action in each.actions)]
    policy = iam.ManagedPolicy(
        role, "Policy", roles=[role], description=f"{name}: {description}", statements=[*platform, *statements]
    )
    acknowledge(
        policy,
        {
            **{wildcard_finding(scope, resource): reason for resource, reason in wildcards.items()},
            wildcard_finding(scope, f"{log_group.log_group_arn}:*"): _LOG,
        },
    )
    function = lambda_.Function(
        scope,
        "Function",
        function_name=name,
        description=description,
        code=_code(package),
        handler=f"{package}.{entry}.handler",
        runtime=lambda_.Runtime(PYTHON, lambda_.RuntimeFamily.PYTHON),
        architecture=lambda_.Architecture.X86_64,
        memory_size=_MEMORY_MIB,
        timeout=timeout,
        reserved_concurrent_executions=_CONCURRENCY,
        tracing=lambda_.Tracing.ACTIVE,
        # What it may do stands in the one policy above, and nothing adds to it unseen.
        role=role.without_policy_updates(),
        vpc=place.vpc if place else None,
        vpc_subnets=ec2.SubnetSelection(subnets=list(place.subnets)) if place else None,
        security_groups=[place.security_group] if place else None,
        layers=[
            lambda_.LayerVersion.from_layer_version_arn(scope, "Powertools", powertools_layer or _public_layer(stack)),
        ],
        log_group=log_group,
        environment={
            variable: stack.to_json_string(dict(settings)),
            # And no name of the service: it would be a dimension of every metric.
            "POWERTOOLS_METRICS_NAMESPACE": METRIC_NAMESPACE,
        },
        retry_attempts=0,
        max_event_age=Duration.minutes(1),
    )
    made, first = function.node.default_child, policy.node.default_child
    assert isinstance(made, CfnResource)
    assert isinstance(first, CfnResource)
    # The CDK would add the role, on which the function depends by naming it.
    made.add_override("DependsOn", [first.logical_id])
    acknowledge(function, {"HIPAA.Security-LambdaDLQ": _NO_DLQ, "NIST.800.53.R5-LambdaDLQ": _NO_DLQ})
    if place is None:
        acknowledge(function, {"HIPAA.Security-LambdaInsideVPC": _NO_VPC, "NIST.800.53.R5-LambdaInsideVPC": _NO_VPC})
    return function, log_group


def wake(
    scope: Construct,
    id: str,
    function: lambda_.IFunction,
    *,
    every: Duration,
    description: str,
    event: Mapping[str, str],
) -> None:
    """Define a schedule that wakes a function.

    Args:
        scope: The construct it belongs to.
        id: Its id within the scope.
        function: The function.
        every: How often.
        description: What for.
        event: What it is told.
    """
    target = targets.LambdaFunction(
        function,
        event=events.RuleTargetInput.from_object(dict(event)),
        retry_attempts=0,
        max_event_age=Duration.minutes(1),
    )
    events.Rule(scope, id, description=description, schedule=events.Schedule.rate(every), targets=[target])


def _code(package: str) -> lambda_.Code:
    """A function's package alone, the same from a checkout and from the wheel."""
    root = next(path for path in cdk_intersystems.functions.__path__ if (Path(path) / package).is_dir())
    return lambda_.Code.from_asset(root, exclude=["*", f"!{package}", f"!{package}/*.py"], ignore_mode=IgnoreMode.GIT)


def _public_layer(stack: Stack) -> str:
    if Token.is_unresolved(stack.region):
        raise ValueError("the region automation needs a stack with a concrete region, or powertools_layer")
    return public_layer(stack.region, partition(stack.region))


_LOG = "the streams of the function's own log group, which Lambda names as it makes them"
_NO_DLQ = "every event only asks for what the next one asks for again, and an alarm tells if none succeeds"
_NO_VPC = (
    "it calls AWS's public APIs of both regions and opens no connection to any instance; in the VPC it would need a way to the "
    "Internet for the other region's"
)
