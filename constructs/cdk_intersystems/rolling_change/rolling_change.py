"""`RollingChange`: the Automation documents of a mirror, and the role they work with."""

from collections.abc import Mapping

from aws_cdk import ArnFormat, Aws, CfnOutput, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from cdk_intersystems.model import tags
from cdk_intersystems.model.automation.check import CHECK, check_document
from cdk_intersystems.model.automation.members import SHELL
from cdk_intersystems.model.automation.roll import ROLL, TAKE_OUT, roll_document
from cdk_intersystems.model.automation.steps import RUNBOOK_TAG_VALUE, Mirror
from cdk_intersystems.model.automation.take_out import take_out_document
from cdk_intersystems.policy.acknowledge import acknowledge, wildcard_finding

_DOCUMENTS = {
    ROLL: ("Roll", roll_document),
    TAKE_OUT: ("TakeOut", take_out_document),
    CHECK: ("Check", check_document),
}


class RollingChange(Construct):
    """Defines the runbooks of a mirror: one that rolls a new configuration, one that takes a member out, one that only looks.

    The members are found by their tags when a runbook runs, so that nothing here refers to a member's stack. A runbook works
    on hosts that carry the tag `cdk-intersystems:runbook`, and its role can run commands on no other.

    Example:
        ```python
        change = RollingChange(stack, "Change", deployment="trakcare", mirror_name="TRAK")
        change.grant_start(operators)
        ```
    """

    def __init__(self, scope: Construct, id: str, *, deployment: str, mirror_name: str) -> None:
        """Define the runbooks.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            deployment: Name of the deployment.
            mirror_name: Name of the mirror. Together with the deployment's it is unique in an account and region, and part of
                the documents' names.

        Raises:
            ValueError: If a name can't be part of a document's.
        """
        super().__init__(scope, id)
        self._role = _define_role(self, deployment, mirror_name)
        mirror = Mirror(deployment, mirror_name, self._role.role_arn)
        self._documents: dict[str, str] = {}
        for what, (logical_id, content) in _DOCUMENTS.items():
            self._documents[what] = mirror.document_name(what)
            ssm.CfnDocument(
                self,
                logical_id,
                name=self._documents[what],
                document_type="Automation",
                document_format="JSON",
                content=content(mirror),
                # A document with a name can't be replaced by another one of that name.
                update_method="NewVersion",
            )
        stack = Stack.of(self)
        region = Aws.REGION if Token.is_unresolved(stack.region) else stack.region
        CfnOutput(
            self,
            "StartRoll",
            description=f"Applies the published configuration to the members of {mirror_name}, one at a time",
            value=f"aws ssm start-automation-execution --region {region} --document-name {self._documents[ROLL]}",
        )

    @property
    def role(self) -> iam.IRole:
        """The role the runbooks assume. Whoever starts one has to be allowed to pass it."""
        return self._role

    @property
    def document_names(self) -> Mapping[str, str]:
        """The names of the documents, by `roll`, `take-out` and `check`."""
        return dict(self._documents)

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to start the runbooks, to watch and to stop them, and to pass their role; not to approve.

        Args:
            grantee: Who may.
        """
        stack = Stack.of(self)
        definitions = [
            stack.format_arn(
                service="ssm",
                resource="automation-definition",
                resource_name=f"{name}:*",
                arn_format=ArnFormat.SLASH_RESOURCE_NAME,
            )
            for name in self._documents.values()
        ]
        executions = stack.format_arn(
            service="ssm", resource="automation-execution", resource_name="*", arn_format=ArnFormat.SLASH_RESOURCE_NAME
        )
        start = iam.Grant.add_to_principal(grantee=grantee, actions=["ssm:StartAutomationExecution"], resource_arns=definitions)
        watch = iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["ssm:GetAutomationExecution", "ssm:StopAutomationExecution"],
            resource_arns=[executions],
        )
        return start.combine(watch).combine(self._role.grant_pass_role(grantee.grant_principal))


def _define_role(scope: Construct, deployment: str, mirror_name: str) -> iam.Role:
    """Define the role of the runbooks: it runs commands on this mirror's members, and reads what became of them."""
    stack = Stack.of(scope)
    account = Aws.ACCOUNT_ID if Token.is_unresolved(stack.account) else stack.account
    instances = stack.format_arn(
        service="ec2", resource="instance", resource_name="*", arn_format=ArnFormat.SLASH_RESOURCE_NAME
    )
    role = iam.Role(
        scope,
        "Role",
        description=f"Runbooks of mirror {mirror_name} of {deployment}",
        # Source: Systems Manager User Guide, "Cross-service confused deputy prevention".
        assumed_by=iam.ServicePrincipal(
            "ssm.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": account},
                "ArnLike": {
                    "aws:SourceArn": stack.format_arn(
                        service="ssm",
                        resource="automation-execution",
                        resource_name="*",
                        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
                    )
                },
            },
        ),
    )
    policy = iam.ManagedPolicy(
        role,
        "Policy",
        roles=[role],
        description=f"Runbooks of mirror {mirror_name} of {deployment}",
        statements=[
            iam.PolicyStatement(
                sid="RunShell",
                actions=["ssm:SendCommand"],
                resources=[f"arn:{stack.partition}:ssm:{stack.region}::document/{SHELL}"],
            ),
            # By Systems Manager's own condition key: with a global one Run Command would want aws:ViaAWSService beside it.
            # Source: Systems Manager User Guide, "Setting up Run Command".
            iam.PolicyStatement(
                sid="OnMembersOfThisMirror",
                actions=["ssm:SendCommand"],
                resources=[instances],
                conditions={
                    "StringEquals": {
                        f"ssm:resourceTag/{tags.DEPLOYMENT}": deployment,
                        f"ssm:resourceTag/{tags.MIRROR_SET}": mirror_name,
                        f"ssm:resourceTag/{tags.RUNBOOK}": RUNBOOK_TAG_VALUE,
                    }
                },
            ),
            iam.PolicyStatement(
                sid="WhatBecameOfCommands",
                actions=["ssm:GetCommandInvocation", "ssm:ListCommandInvocations", "ssm:ListCommands"],
                resources=["*"],
            ),
            iam.PolicyStatement(
                sid="FindMembersAndOtherExecutions",
                actions=["ec2:DescribeInstances", "ssm:DescribeAutomationExecutions"],
                resources=["*"],
            ),
        ],
    )
    acknowledge(policy, {"AwsSolutions-IAM5[Resource::*]": _NO_RESOURCE, wildcard_finding(policy, instances): _BY_TAGS})
    return role


_NO_RESOURCE = (
    "these actions only read, and have no resource-level permissions, or take ids that exist only when a command was sent"
)
_BY_TAGS = (
    "a member's host is found when the runbook runs, since it may be replaced; the condition admits only hosts with the tags "
    "of this mirror and the tag that lets its runbooks run commands on them"
)
