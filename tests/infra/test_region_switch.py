"""The Region switch plan: what it defines, who may what by it, and that there is none unless it is asked for."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cdk_intersystems.model.names import region_switch_plan_name
from cdk_intersystems.region_switch.workflows import STAGES
from region_promotion import region_switch
from region_promotion.core import COMMIT_WITHIN_SECONDS
from region_promotion.settings import read
from tests.infra.dr_region_app import region_templates
from tests.infra.region_failover_app import ACCOUNT, DR, HOME, region_failover, stack_of
from tests.infra.region_failover_app import template as without
from tests.infra.templates import by_id, only, resources
from tests.lambda_.iam_policy import Request, allows, listed, resolved


@pytest.fixture(scope="module")
def made() -> Mapping[str, Any]:
    stack = stack_of()
    region_failover(stack, region_switch=True, approval_minutes=45)
    return stack.node.root.synth().get_stack_by_name("region").template  # type: ignore[attr-defined, no-any-return]


@pytest.fixture(scope="module")
def plan(made: Mapping[str, Any]) -> dict[str, Any]:
    return only(made, "ARCRegionSwitch::Plan")


def _function(made: Mapping[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    (found,) = (each for each in by_id(made, "Lambda::Function") if each[1]["FunctionName"].endswith(name))
    return found


def _settings(made: Mapping[str, Any], name: str) -> dict[str, Any]:
    _, function = _function(made, name)
    stated = function["Environment"]["Variables"]["REGION_PROMOTION"]
    parts = [stated] if isinstance(stated, str) else stated["Fn::Join"][1]
    found: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "aws" for part in parts))
    return found


def _blocks(workflow: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [step["ExecutionBlockConfiguration"]["CustomActionLambdaConfig"] for step in workflow["Steps"]]


class TestPlan:
    def test_is_between_the_two_regions(self, plan: dict[str, Any]) -> None:
        assert (plan["Name"], plan["RecoveryApproach"]) == ("trakcare-TRAK", "activePassive")
        assert (plan["PrimaryRegion"], sorted(plan["Regions"])) == (HOME, sorted([HOME, DR]))
        led = {each["WorkflowTargetRegion"]: each["WorkflowTargetAction"] for each in plan["Workflows"]}
        assert led == {DR: "activate", HOME: "activate"}

    def test_no_alarm_starts_it(self, plan: dict[str, Any]) -> None:
        assert not {"Triggers", "AssociatedAlarms"} & set(plan)

    def test_every_step_is_the_one_function_in_the_dr_region(self, made: Mapping[str, Any], plan: dict[str, Any]) -> None:
        arn = {"Fn::GetAtt": [_function(made, "-region-switch")[0], "Arn"]}
        for workflow, where in zip(plan["Workflows"], ("activatingRegion", "deactivatingRegion"), strict=True):
            assert {step["ExecutionBlockType"] for step in workflow["Steps"]} == {"CustomActionLambda"}
            assert all(block["Lambdas"] == [{"Arn": arn}] for block in _blocks(workflow))
            assert {block["RegionToRun"] for block in _blocks(workflow)} == {where}

    def test_the_function_knows_every_step_by_its_name(self, plan: dict[str, Any]) -> None:
        for workflow, target in zip(plan["Workflows"], ("dr", "home"), strict=True):
            asked = [region_switch._asked({"StepName": step["Name"]}) for step in workflow["Steps"]]
            assert asked == [(stage, target) for stage in region_switch.STAGES]

    def test_a_step_is_tried_for_longer_than_it_may_take(self, plan: dict[str, Any]) -> None:
        for workflow in plan["Workflows"]:
            minutes = {stage.name: block["TimeoutMinutes"] for stage, block in zip(STAGES, _blocks(workflow), strict=True)}
            assert minutes["approval"] > 45
            assert minutes["commit"] * 60 > max(COMMIT_WITHIN_SECONDS.values())
            assert {block["RetryIntervalMinutes"] for block in _blocks(workflow)} == {1}

    @pytest.mark.parametrize(
        ("deployment", "mirror", "name"),
        [
            ("trakcare", "TRAK", "trakcare-TRAK"),
            ("a-hospital-in-london", "TRAKCARE4LONDON", "a-hospital-in-london-T-8c1f589d"),
            ("under_score", "T", "under-score-T-f16678ca"),
        ],
    )
    def test_its_name_is_one_that_aws_takes(self, deployment: str, mirror: str, name: str) -> None:
        assert region_switch_plan_name(deployment, mirror) == name
        assert len(name) <= 32

    def test_a_long_name_is_still_one_s_own(self) -> None:
        one, other = (region_switch_plan_name("a-hospital-in-london", f"TRAKCARE4LONDO{letter}") for letter in "NM")
        assert one != other


class TestFunction:
    def test_ends_after_the_run_that_it_waits_for(self, made: Mapping[str, Any]) -> None:
        _, steps = _function(made, "-region-steps")
        _, switch = _function(made, "-region-switch")
        assert switch["Handler"] == "region_promotion.region_switch.handler"
        assert switch["Timeout"] > region_switch._WORKS_SECONDS + steps["Timeout"]
        assert region_switch._ONCE.read_timeout > steps["Timeout"]  # type: ignore[attr-defined]

    def test_knows_what_it_needs(self, made: Mapping[str, Any]) -> None:
        switch = read(_settings(made, "-region-switch"), DR)
        assert (switch.plan, switch.steps) == ("trakcare-TRAK", "trakcare-TRAK-region-steps")
        assert _function(made, "-region-steps")[1]["FunctionName"] == switch.steps
        # By the ARN that is told, the API starts the plan and not the workflow.
        assert read(_settings(made, "-region-requests"), DR).plan_arn
        assert not read(_settings(made, "-region-steps"), DR).plan_arn


_TABLE = f"arn:aws:dynamodb:{DR}:{ACCOUNT}:table/trakcare-TRAK-region-state"
_PLAN = f"arn:aws:arc-region-switch::{ACCOUNT}:plan/trakcare-TRAK:a1b2c3"
_FUNCTION = f"arn:aws:lambda:{DR}:{ACCOUNT}:function:trakcare-TRAK-region"
_KEYS = {"dynamodb:LeadingKeys": ["TRAK#current"]}


def _statements(made: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The policy of a role, its references resolved."""
    names = {"AWS::Partition": "aws", "AWS::Region": DR, "AWS::AccountId": ACCOUNT}
    names |= {
        id: each["FunctionName"].join([f"arn:aws:lambda:{DR}:{ACCOUNT}:function:", ""])
        for id, each in by_id(made, "Lambda::Function")
    }
    for kind, arn in (("DynamoDB::Table", _TABLE), ("Logs::LogGroup", "arn:aws:logs:log"), ("ARCRegionSwitch::Plan", _PLAN)):
        names |= {id: arn for id, _ in by_id(made, kind)}
    names |= {id: f"arn:aws:iam::{ACCOUNT}:role/{id}" for id, _ in by_id(made, "IAM::Role")}
    (policy,) = (each for id, each in by_id(made, "IAM::ManagedPolicy") if name in id)
    found: list[dict[str, Any]] = resolved(policy["PolicyDocument"]["Statement"], names)
    return found


class TestGrants:
    GRANTED = (
        ("RegionSwitchWorker", "lambda:InvokeFunction", f"{_FUNCTION}-steps", {}),
        ("RegionSwitchWorker", "dynamodb:GetItem", _TABLE, _KEYS),
        ("RegionSwitchWorker", "arc-region-switch:CancelPlanExecution", _PLAN, {}),
        ("RegionSwitchRole", "lambda:InvokeFunction", f"{_FUNCTION}-switch", {}),
        ("RegionSwitchRole", "lambda:GetFunction", f"{_FUNCTION}-switch", {}),
        ("Requests", "arc-region-switch:StartPlanExecution", _PLAN, {}),
    )
    REFUSED = (
        ("RegionSwitchWorker", "dynamodb:PutItem", _TABLE, _KEYS),
        ("RegionSwitchWorker", "dynamodb:GetItem", _TABLE, {"dynamodb:LeadingKeys": ["LABS#current"]}),
        ("RegionSwitchWorker", "lambda:InvokeFunction", f"{_FUNCTION}-requests", {}),
        ("RegionSwitchWorker", "lambda:InvokeFunction", f"{_FUNCTION}-watch", {}),
        ("RegionSwitchWorker", "arc-region-switch:CancelPlanExecution", _PLAN.replace("TRAK", "LABS"), {}),
        ("RegionSwitchWorker", "arc-region-switch:StartPlanExecution", _PLAN, {}),
        ("RegionSwitchRole", "lambda:InvokeFunction", f"{_FUNCTION}-steps", {}),
        ("RegionSwitchRole", "lambda:InvokeFunction", f"{_FUNCTION}-requests", {}),
        ("RegionSwitchRole", "dynamodb:GetItem", _TABLE, _KEYS),
        ("Requests", "arc-region-switch:StartPlanExecution", _PLAN.replace("TRAK", "LABS"), {}),
        ("Requests", "arc-region-switch:ApprovePlanExecutionStep", _PLAN, {}),
    )

    @pytest.mark.parametrize(("role", "action", "resource", "context"), GRANTED)
    def test_what_is_granted(
        self, made: Mapping[str, Any], role: str, action: str, resource: str, context: dict[str, Any]
    ) -> None:
        assert allows(_statements(made, role), Request(action, resource, context))

    @pytest.mark.parametrize(("role", "action", "resource", "context"), REFUSED)
    def test_what_is_not(self, made: Mapping[str, Any], role: str, action: str, resource: str, context: dict[str, Any]) -> None:
        assert not allows(_statements(made, role), Request(action, resource, context))

    def test_nothing_else_is_granted(self, made: Mapping[str, Any]) -> None:
        def actions(role: str) -> set[str]:
            return {action for each in _statements(made, role) for action in listed(each["Action"])}

        log = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}
        named = {action for role, action, *_ in self.GRANTED if role == "RegionSwitchWorker"}
        assert actions("RegionSwitchWorker") == {*log, "kms:Decrypt", *named}
        assert actions("RegionSwitchRole") == {"lambda:InvokeFunction", "lambda:GetFunction", "iam:SimulatePrincipalPolicy"}

    def test_region_switch_alone_takes_the_plan_s_role(self, made: Mapping[str, Any], plan: dict[str, Any]) -> None:
        role = made["Resources"][plan["ExecutionRole"]["Fn::GetAtt"][0]]["Properties"]
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "arc-region-switch.amazonaws.com"}


class TestWhere:
    def test_there_is_none_unless_it_is_asked_for(self) -> None:
        assert "witch" not in json.dumps(without())
        assert "plan" not in _settings(without(), "-region-requests")

    def test_a_dr_region_has_one_if_it_is_told_to(self) -> None:
        found = [
            each for made in region_templates(region_switch=True).values() for each in resources(made, "ARCRegionSwitch::Plan")
        ]
        assert len(found) == 1

    def test_none_with_a_home_on_premises(self) -> None:
        with pytest.raises(ValueError, match="between two regions"):
            region_failover(stack_of(), region_switch=True, home_role="on_premises", old_region=None)
