"""`RegionSwitchPlan`: moves that people have asked for and approved, done at the pace of a plan of AWS's Region switch."""

from typing import Any

from aws_cdk import CfnResource, Duration, Stack
from aws_cdk import aws_arcregionswitch as arcregionswitch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk_intersystems.model.names import region_switch_plan_name
from cdk_intersystems.region_failover.grants import Moved
from cdk_intersystems.region_routing.function import define_function
from cdk_intersystems.region_switch.workflows import Target, steps_to

# A run works for 45 seconds and then waits for the run of a step that it has begun, which takes up to a minute.
_TIMEOUT = Duration.seconds(120)
_ACTIVATE = "activate"


class RegionSwitchPlan(Construct):
    """Defines a Region switch plan of a mirror set, its role, and the function that is each of its steps.

    The plan orders and repeats, as the workflow of Step Functions does; the record of the move decides. So it can't begin a
    move, approve one, or pass over what a move needs, whatever is skipped or started in its console. It has no triggers.

    `RegionFailover` defines one if it is told to. Not verified on AWS.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        moved: Moved,
        steps: lambda_.IFunction,
        steps_name: str,
        approval_minutes: int,
        shared: dict[str, Any],
    ) -> None:
        """Define the plan.

        Args:
            scope: The construct this belongs to, in a stack of the DR region.
            id: Its id within the scope.
            moved: What is moved.
            steps: The function that runs the steps of a move.
            steps_name: Its name.
            approval_minutes: How long a move waits for its approval.
            shared: What the functions of the region failover have in common.

        Raises:
            ValueError: If the home is on premises: a plan is between two regions of AWS.
        """
        super().__init__(scope, id)
        if moved.old_region is None:
            raise ValueError("region_switch needs a home in another AWS region: a Region switch plan is between two regions")
        stack = Stack.of(self)
        self._name = region_switch_plan_name(moved.deployment, moved.mirror_set)
        # By its name: the plan's own ARN, which ends in letters that AWS chooses, needs the function's.
        plans = stack.format_arn(service="arc-region-switch", region="", resource="plan", resource_name=f"{self._name}:*")
        self._function, _ = define_function(
            Construct(self, "Worker"),
            name=f"{moved.state_machine}-switch",
            description=f"Steps of the Region switch plan of mirror {moved.mirror_set} of {moved.deployment}",
            statements=[
                moved.items(["GetItem"], "", "#current"),
                moved.use_table_key(),
                iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[steps.function_arn]),
                iam.PolicyStatement(actions=["arc-region-switch:CancelPlanExecution"], resources=[plans]),
            ],
            wildcards={"*": _NO_RESOURCE, plans: _SUFFIX},
            timeout=_TIMEOUT,
            entry="region_switch",
            **{**shared, "settings": {**shared["settings"], "plan": self._name, "steps": steps_name}},
        )
        self._plan = self._define_plan(moved, stack, approval_minutes)

    def _define_plan(self, moved: Moved, stack: Stack, approval_minutes: int) -> arcregionswitch.CfnPlan:
        home = str(moved.old_region)
        role = iam.Role(
            self,
            "Role",
            # Source: ARC Developer Guide, "Plan execution role trust policy".
            assumed_by=iam.ServicePrincipal("arc-region-switch.amazonaws.com"),
            description=f"Region switch plan {self._name}",
        )
        policy = iam.ManagedPolicy(
            role,
            "Policy",
            roles=[role],
            description=f"Region switch plan {self._name}",
            statements=[
                # Source: the same guide, "Custom action Lambda execution block sample policy".
                iam.PolicyStatement(
                    actions=["lambda:GetFunction", "lambda:InvokeFunction"], resources=[self._function.function_arn]
                ),
                # By this a plan is evaluated, every half hour; it may look at its own role alone. Source: AWS Managed Policy
                # Reference, AmazonApplicationRecoveryControllerRegionSwitchPlanExecutionPolicy.
                iam.PolicyStatement(actions=["iam:SimulatePrincipalPolicy"], resources=[role.role_arn]),
            ],
        )
        targets: tuple[tuple[Target, str], ...] = (("dr", stack.region), ("home", home))
        plan = arcregionswitch.CfnPlan(
            self,
            "Plan",
            name=self._name,
            description=f"Moves mirror {moved.mirror_set} of {moved.deployment}, if that was asked for and approved by its API",
            recovery_approach="activePassive",
            regions=[home, stack.region],
            primary_region=home,
            execution_role=role.role_arn,
            workflows=[
                arcregionswitch.CfnPlan.WorkflowProperty(
                    workflow_target_action=_ACTIVATE,
                    workflow_target_region=region,
                    workflow_description=f"Mirror {moved.mirror_set} to {region}",
                    steps=steps_to(target, self._function.function_arn, approval_minutes),
                )
                for target, region in targets
            ],
        )
        first = policy.node.default_child
        assert isinstance(first, CfnResource)
        # It is evaluated as soon as it is made.
        plan.add_override("DependsOn", [first.logical_id])
        return plan

    @property
    def plan_arn(self) -> str:
        """The plan's ARN."""
        return self._plan.attr_arn

    @property
    def plan_name(self) -> str:
        """The plan's name."""
        return self._name

    @property
    def function(self) -> lambda_.IFunction:
        """The function that is each of the plan's steps."""
        return self._function


_NO_RESOURCE = "writing traces has no resource-level permissions, and this function has no other right without one"
_SUFFIX = (
    "the end of the plan's ARN is chosen by AWS, and the plan needs the function first; the name is one plan's in the account, "
    "and what is allowed is to end an execution of it, which changes no move"
)
