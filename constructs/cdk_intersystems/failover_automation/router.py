"""The router function: its code, its role, its place in the network, and what wakes it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aws_cdk import Aws, CfnResource, Duration, IgnoreMode, RemovalPolicy, Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from constructs import Construct

import cdk_intersystems.functions
from cdk_intersystems.failover_automation.grants import (
    Records,
    any_route_table,
    find_members,
    function_statements,
    listener_statements,
    record_statements,
    route_statements,
)
from cdk_intersystems.failover_automation.records import FUNCTION_TIMEOUT
from cdk_intersystems.model.powertools import PYTHON
from cdk_intersystems.policy.acknowledge import acknowledge, wildcard_finding

METRIC_NAMESPACE = "cdk-intersystems"
"""The namespace of the router's metrics."""

_PACKAGE = "mirror_router"
# The queue, the schedule and a stack update may each need one at the same time; more would only wait for each other.
_CONCURRENCY = 3
# One vCPU is 1769 MB (Lambda Developer Guide, "Memory"): of half of one, a cold start takes half as long as of a quarter.
_MEMORY_MIB = 1024
# A batch holds what waits for the router; one run answers all of it.
_BATCH = 10
# An event that came later than this asks for what the next minute's event asks for again.
_OLDEST_EVENT = Duration.minutes(1)
# After what a stack may lead clients elsewhere, or have made a route table that leads nobody.
_STACK_EVENTS = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]


def function_code() -> lambda_.Code:
    """The function's package alone, the same from a checkout and from the wheel."""
    root = next(path for path in cdk_intersystems.functions.__path__ if (Path(path) / _PACKAGE).is_dir())
    return lambda_.Code.from_asset(
        root,
        exclude=["*", f"!{_PACKAGE}", f"!{_PACKAGE}/*.py"],
        ignore_mode=IgnoreMode.GIT,
    )


def define_router(
    scope: Construct,
    *,
    records: Records,
    deployment: str,
    settings: Mapping[str, Any],
    vpc: ec2.IVpc,
    subnets: Sequence[ec2.ISubnet],
    security_group: ec2.ISecurityGroup,
    route_tables: Sequence[str] | None,
    listeners: Sequence[str],
    powertools_layer: str,
    key: kms.IKey,
    log_retention: logs.RetentionDays,
) -> tuple[lambda_.Function, logs.LogGroup]:
    """Define the function with its role and log group.

    Args:
        scope: The construct it belongs to.
        records: Table and queues.
        deployment: Name of the deployment.
        settings: What the function is told, without the names of table and queue.
        vpc: The VPC.
        subnets: Where its network interfaces are.
        security_group: Their group.
        route_tables: Ids of the route tables of the VIP; empty: by their tags. None: there is no VIP.
        listeners: ARNs of the listeners that it moves.
        powertools_layer: ARN of the layer.
        key: The log group's key.
        log_retention: How long logs are kept.
    """
    log_group = logs.LogGroup(scope, "Logs", encryption_key=key, retention=log_retention, removal_policy=RemovalPolicy.RETAIN)
    role = iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=f"Router of mirror {records.mirror_set} of {deployment}",
    )
    statements = [*function_statements(log_group), *record_statements(scope, records), find_members()]
    wildcards = {"AwsSolutions-IAM5[Resource::*]": _NO_RESOURCE, wildcard_finding(scope, f"{log_group.log_group_arn}:*"): _LOG}
    if route_tables is not None:
        statements += route_statements(scope, deployment=deployment, vpc_id=vpc.vpc_id, route_tables=route_tables)
        if not route_tables:
            wildcards[wildcard_finding(scope, any_route_table(scope))] = _BY_TAG
    if listeners:
        statements += listener_statements(listeners)
    policy = iam.ManagedPolicy(
        role,
        "Policy",
        roles=[role],
        description=f"Router of mirror {records.mirror_set} of {deployment}",
        statements=statements,
    )
    acknowledge(policy, wildcards)
    function = lambda_.Function(
        scope,
        "Function",
        description=f"Leads clients of mirror {records.mirror_set} of {deployment} to its primary",
        code=function_code(),
        handler=f"{_PACKAGE}.handler.handler",
        runtime=lambda_.Runtime(PYTHON, lambda_.RuntimeFamily.PYTHON),
        architecture=lambda_.Architecture.X86_64,
        memory_size=_MEMORY_MIB,
        timeout=FUNCTION_TIMEOUT,
        reserved_concurrent_executions=_CONCURRENCY,
        tracing=lambda_.Tracing.ACTIVE,
        # What it may do stands in the one policy above, and nothing adds to it unseen.
        role=role.without_policy_updates(),
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnets=list(subnets)),
        security_groups=[security_group],
        layers=[lambda_.LayerVersion.from_layer_version_arn(scope, "Powertools", powertools_layer)],
        log_group=log_group,
        environment={
            "ROUTER": Stack.of(scope).to_json_string(
                {
                    **settings,
                    "table": records.table.table_name,
                    "dead_letter_queue": records.parked.queue_url,
                }
            ),
            # And no name of the service: it would be a dimension of every metric.
            "POWERTOOLS_METRICS_NAMESPACE": METRIC_NAMESPACE,
        },
        retry_attempts=0,
        max_event_age=_OLDEST_EVENT,
    )
    # The CDK would add the role, on which the function depends by naming it.
    _only_after(function, policy)
    acknowledge(function, {"HIPAA.Security-LambdaDLQ": _NO_DLQ, "NIST.800.53.R5-LambdaDLQ": _NO_DLQ})
    return function, log_group


def _only_after(function: lambda_.Function, policy: iam.ManagedPolicy) -> None:
    """Have CloudFormation make the function when its role may do everything, and state nothing that it knows besides."""
    made, first = function.node.default_child, policy.node.default_child
    assert isinstance(made, CfnResource)
    assert isinstance(first, CfnResource)
    made.add_override("DependsOn", [first.logical_id])


def wake_router(scope: Construct, function: lambda_.Function, records: Records, deployment: str) -> None:
    """Define what wakes the function: the queue, each minute, and updates of the deployment's stacks.

    Args:
        scope: The construct this belongs to.
        function: The function.
        records: Table and queues.
        deployment: Name of the deployment; stacks whose names begin with it and a hyphen are its own.
    """
    function.add_event_source(sources.SqsEventSource(records.queue, batch_size=_BATCH, report_batch_item_failures=True))
    target = targets.LambdaFunction(function, retry_attempts=0, max_event_age=_OLDEST_EVENT)
    events.Rule(
        scope,
        "EachMinute",
        description=f"Has the router of mirror {records.mirror_set} of {deployment} look",
        schedule=events.Schedule.rate(Duration.minutes(1)),
        targets=[target],
    )
    events.Rule(
        scope,
        "StackUpdates",
        description=f"Has it look again when a stack of {deployment} was changed",
        event_pattern=events.EventPattern(
            source=["aws.cloudformation"],
            detail_type=["CloudFormation Stack Status Change"],
            detail={
                "stack-id": [{"prefix": prefix} for prefix in _stacks(scope, deployment)],
                "status-details": {"status": _STACK_EVENTS},
            },
        ),
        targets=[target],
    )


def _stacks(scope: Construct, deployment: str) -> list[str]:
    """The beginnings of the ids of the deployment's stacks, and of this one, whatever its name is."""
    stack = Stack.of(scope)
    names = [f"{deployment}-"]
    if not stack.stack_name.startswith(names[0]):
        names.append(f"{stack.stack_name}/")
    account = Aws.ACCOUNT_ID if Token.is_unresolved(stack.account) else stack.account
    return [f"arn:{stack.partition}:cloudformation:{stack.region}:{account}:stack/{name}" for name in names]


_NO_RESOURCE = (
    "these actions have no resource-level permissions, or name what Lambda makes itself: finding members and route tables, "
    "traces, and the function's network interfaces, which its code may not touch"
)
_LOG = "the streams of the function's own log group, which Lambda names as it makes them"
_BY_TAG = (
    "the route tables are found by their tags, since others may be added to the VPC; the condition admits only those of this "
    "deployment and of its VPC, and routes can be created and replaced there but not deleted"
)
_NO_DLQ = (
    "its messages have a dead-letter queue, that of their own queue; every other event only asks for what the next minute's "
    "event asks for again, and an alarm tells if none succeeds"
)
