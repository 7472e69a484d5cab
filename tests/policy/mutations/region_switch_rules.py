"""Ways to break what the rules about a Region switch plan hold."""

from collections.abc import Callable
from typing import Any

from tests.policy.mutations.region_failover_rules import REGION
from tests.policy.mutations.templates import Mutation, Mutations, Templates, first, set_property

_PLAN = "AWS::ARCRegionSwitch::Plan"
_TRIGGER = {
    "Action": "activate",
    "TargetRegion": "eu-west-1",
    "Conditions": [{"AssociatedAlarmName": "lost", "Condition": "red"}],
    "MinDelayMinutesBetweenExecutions": 60,
}


def _of_step(number: int, change: Callable[[dict[str, Any]], object]) -> Mutation:
    """Change a step of the workflow to the DR region."""

    def mutate(templates: Templates) -> None:
        change(first(templates, REGION, _PLAN)["Properties"]["Workflows"][0]["Steps"][number])

    return mutate


def _approved_in_the_plan(step: dict[str, Any]) -> None:
    approval = {"ApprovalRole": "arn:aws:iam::111122223333:role/anybody", "TimeoutMinutes": 60}
    step |= {"ExecutionBlockType": "ManualApproval", "ExecutionBlockConfiguration": {"ExecutionApprovalConfig": approval}}


def _at_once(step: dict[str, Any]) -> None:
    """What was a step becomes two that are done at the same time, one of which scales a group."""
    scaling = {"Name": "scale", "ExecutionBlockType": "EC2AutoScaling", "ExecutionBlockConfiguration": {}}
    inner = dict(step)
    step |= {"ExecutionBlockType": "Parallel", "ExecutionBlockConfiguration": {"ParallelConfig": {"Steps": [inner, scaling]}}}


def _past_the_record(templates: Templates) -> None:
    """A step of the plan is the function of the steps itself."""
    ids = [
        logical_id
        for logical_id, body in templates[REGION]["Resources"].items()
        if str(body["Properties"].get("FunctionName", "")).endswith("-region-steps")
    ]
    steps = first(templates, REGION, _PLAN)["Properties"]["Workflows"][1]["Steps"]
    configuration = steps[3]["ExecutionBlockConfiguration"]["CustomActionLambdaConfig"]
    configuration["Lambdas"] = [{"Arn": {"Fn::GetAtt": [ids[0], "Arn"]}}]


def _may(action: str, name: str) -> Mutation:
    def mutate(templates: Templates) -> None:
        document = first(templates, REGION, "AWS::IAM::ManagedPolicy", name)["Properties"]["PolicyDocument"]
        document["Statement"].append({"Effect": "Allow", "Action": action, "Resource": "arn:aws:any:::thing"})

    return mutate


MUTATIONS: Mutations = {
    "plan that an alarm starts": ({"IRIS-39"}, set_property(REGION, _PLAN, "Triggers", [_TRIGGER])),
    "plan with an approval of its own": ({"IRIS-39"}, _of_step(1, _approved_in_the_plan)),
    "plan that does something besides": ({"IRIS-39"}, _of_step(5, _at_once)),
    "plan with a function of another app": (
        {"IRIS-39"},
        _of_step(2, lambda step: step["ExecutionBlockConfiguration"]["CustomActionLambdaConfig"].update(Lambdas=[])),
    ),
    "plan past the record": ({"IRIS-39"}, _past_the_record),
    "function of the plan that may approve": ({"IRIS-39"}, _may("execute-api:*", "RegionSwitchWorker")),
    "function of the plan that may write": ({"IRIS-39"}, _may("dynamodb:PutItem", "RegionSwitchWorker")),
    "plan that may tell the workflow": ({"IRIS-39"}, _may("states:SendTaskSuccess", "RegionSwitchRole")),
}
