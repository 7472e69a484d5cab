"""The two workflows of a Region switch plan: the same steps to the DR region and home again.

They know nothing but the order. A step is done when the move has come so far; until then its function fails, and Region switch
runs it again. There is no trigger: an alarm doesn't decide that a region is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from aws_cdk.aws_arcregionswitch import CfnPlan

Target = Literal["dr", "home"]

LAMBDA: Final = "CustomActionLambda"
"""The one kind of step that the plan has. Source: ARC Region switch API Reference, `Step`, executionBlockType."""

RETRY_MINUTES: Final = 1
"""How soon a step that isn't done is run again. Source: the same reference, `CustomActionLambdaConfiguration`: a number without
a bound; the console counts in whole minutes."""

_APPROVAL_SLACK_MINUTES: Final = 10


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the plan.

    Args:
        name: Its name, to which is added where the workflow leads.
        says: What is done when it is.
        minutes: How long Region switch tries until it pauses the plan. 0: as long as an approval may take.
    """

    name: str
    says: str
    minutes: int


STAGES: Final = (
    Stage("preflight", "The target, its journals and the former members have been looked at", 15),
    Stage("approval", "Somebody else than who asked has approved the move, by the API or the command", 0),
    # What a planned move prepares before may take an hour: `core.COMMIT_WITHIN_SECONDS` of the function.
    Stage("commit", "The move is past its point of no return, what has to be prepared before included", 75),
    Stage("take-over", "The other place is fenced as far as it is reached, and the target is the primary", 120),
    Stage("latch", "Route 53's checkers see that the target holds the traffic", 60),
    Stage("tiers", "The target's tiers have their full size", 60),
    Stage("health-check", "The target's own health check sees it", 60),
    Stage("second-member", "The target has a backup", 60),
    Stage("lower", "After a fail-back, the DR region has the size of one that waits", 60),
    Stage("report", "The move is reported, and over", 15),
)
"""The steps, in their order."""


def steps_to(target: Target, function: str, approval_minutes: int) -> list[CfnPlan.StepProperty]:
    """The steps of one workflow.

    The function stands in the DR region in both: there it needs nothing of a region that is lost. On the way home that is the
    region which is deactivated.

    Args:
        target: Where the workflow leads.
        function: ARN of the function.
        approval_minutes: How long a move waits for its approval.
    """
    return [
        CfnPlan.StepProperty(
            name=f"{stage.name}-to-{target}",
            description=stage.says,
            execution_block_type=LAMBDA,
            execution_block_configuration=CfnPlan.ExecutionBlockConfigurationProperty(
                custom_action_lambda_config=CfnPlan.CustomActionLambdaConfigurationProperty(
                    lambdas=[CfnPlan.LambdasProperty(arn=function)],
                    region_to_run="activatingRegion" if target == "dr" else "deactivatingRegion",
                    retry_interval_minutes=RETRY_MINUTES,
                    timeout_minutes=stage.minutes or approval_minutes + _APPROVAL_SLACK_MINUTES,
                )
            ),
        )
        for stage in STAGES
    ]
