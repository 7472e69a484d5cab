"""The workflow as a resource: its definition, its role, its log."""

from aws_cdk import CfnResource, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk_intersystems.policy.acknowledge import acknowledge
from cdk_intersystems.region_failover.definition import definition

#: Source: Step Functions Developer Guide, "Logging using CloudWatch Logs", IAM policies: they have no resources.
_DELIVERY = [
    *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery"),
    *("logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
]
#: Source: the same guide, "Trace requests with AWS X-Ray", IAM policies.
_TRACES = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"]


def define_workflow(
    scope: Construct, *, name: str, function: lambda_.IFunction, key: kms.IKey, log_retention: logs.RetentionDays
) -> stepfunctions.StateMachine:
    """Define the workflow of a mirror set.

    Args:
        scope: The construct it belongs to.
        name: Its name.
        function: The function that runs the steps.
        key: The key of its log.
        log_retention: How long the log is kept.
    """
    stack = Stack.of(scope)
    log_group = logs.LogGroup(
        scope, "WorkflowLogs", encryption_key=key, retention=log_retention, removal_policy=RemovalPolicy.RETAIN
    )
    role = iam.Role(
        scope, "WorkflowRole", assumed_by=iam.ServicePrincipal("states.amazonaws.com"), description=f"Workflow {name}"
    )
    policy = iam.ManagedPolicy(
        role,
        "Policy",
        roles=[role],
        description=f"Workflow {name}",
        statements=[
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn]),
            iam.PolicyStatement(actions=_DELIVERY, resources=["*"]),
            iam.PolicyStatement(actions=_TRACES, resources=["*"]),
        ],
    )
    acknowledge(policy, {"AwsSolutions-IAM5[Resource::*]": _NO_RESOURCE})
    workflow = stepfunctions.StateMachine(
        scope,
        "Workflow",
        state_machine_name=name,
        state_machine_type=stepfunctions.StateMachineType.STANDARD,
        definition_body=stepfunctions.DefinitionBody.from_string(
            stack.to_json_string(definition(function.function_arn, stack.partition))
        ),
        role=role.without_policy_updates(),
        tracing_enabled=True,
        # Without what states are given: one of them is given the token of the task that waits for the approval.
        logs=stepfunctions.LogOptions(destination=log_group, level=stepfunctions.LogLevel.ALL, include_execution_data=False),
    )
    made, first = workflow.node.default_child, policy.node.default_child
    assert isinstance(made, CfnResource)
    assert isinstance(first, CfnResource)
    # Step Functions tries the role as it makes the workflow. The CDK would add the role, on which it depends by naming it.
    made.add_override("DependsOn", [first.logical_id])
    return workflow


_NO_RESOURCE = "delivering logs and traces has no resource-level permissions"
