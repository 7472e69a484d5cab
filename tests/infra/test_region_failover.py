"""`RegionFailover`: what it defines, and what it leaves to the run time."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cdk_intersystems.region_failover.definition import APPROVAL_ASKED_EVERY_SECONDS, definition
from region_promotion import core
from region_promotion.records import KINDS
from tests.infra.region_failover_app import HOME, region_failover, stack_of, template
from tests.infra.templates import by_id, only, resources


@pytest.fixture(scope="module")
def made() -> Mapping[str, Any]:
    return template()


def _functions(made: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["FunctionName"].rsplit("-", 1)[1]: each for each in resources(made, "Lambda::Function")}


class TestTable:
    def test_has_the_name_that_the_other_region_s_hosts_know(self, made: Mapping[str, Any]) -> None:
        assert only(made, "DynamoDB::Table")["TableName"] == "trakcare-TRAK-region-state"

    def test_outlives_its_stack_and_can_be_set_back(self, made: Mapping[str, Any]) -> None:
        table = only(made, "DynamoDB::Table")
        assert table["DeletionProtectionEnabled"] is True
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"]["SSEType"] == "KMS"
        ((logical_id, _),) = by_id(made, "DynamoDB::Table")
        assert made["Resources"][logical_id]["DeletionPolicy"] == "Retain"


class TestApi:
    def test_admits_signed_requests_alone(self, made: Mapping[str, Any]) -> None:
        routes = resources(made, "ApiGatewayV2::Route")
        assert {each["RouteKey"]: each["AuthorizationType"] for each in routes} == dict.fromkeys(
            [
                *("POST /moves", "GET /moves/current", "POST /moves/{id}/approval", "POST /moves/{id}/cancellation"),
                *("POST /moves/{id}/resumption", "GET /readiness", "POST /readiness"),
            ],
            "AWS_IAM",
        )

    def test_the_function_has_the_same_routes(self, made: Mapping[str, Any]) -> None:
        from region_promotion import api

        assert {each["RouteKey"] for each in resources(made, "ApiGatewayV2::Route")} == set(api._ROUTES)

    def test_logs_who_asked(self, made: Mapping[str, Any]) -> None:
        stage = only(made, "ApiGatewayV2::Stage")
        assert json.loads(stage["AccessLogSettings"]["Format"])["caller"] == "$context.identity.userArn"
        assert stage["DefaultRouteSettings"] == {"ThrottlingBurstLimit": 20, "ThrottlingRateLimit": 5}

    def test_is_found_by_its_parameter(self, made: Mapping[str, Any]) -> None:
        parameters = {each["Name"]: json.dumps(each["Value"]) for each in resources(made, "SSM::Parameter")}
        assert set(parameters) == {f"/cdk-intersystems/trakcare/TRAK/{name}" for name in ("region-api", "region-state")}
        assert ".execute-api." in parameters["/cdk-intersystems/trakcare/TRAK/region-api"]


class TestFunctions:
    def test_take_the_callers_from_the_configuration(self, made: Mapping[str, Any]) -> None:
        from region_promotion.settings import read

        for function in _functions(made).values():
            settings = read(json.loads(_flat(function["Environment"]["Variables"]["REGION_PROMOTION"])), "eu-west-1")
            assert settings.approvers == ("123456789012/Leads",)
            assert settings.requesters == ("123456789012/Operators", "123456789012/Leads")
            assert settings.fallback_types == ("r6i.8xlarge",)
            assert settings.approval_seconds == 1800
            assert settings.state_machine.endswith(":stateMachine:trakcare-TRAK-region")

    def test_end_before_the_next_move_may_act(self, made: Mapping[str, Any]) -> None:
        """What a run has begun takes effect within it, or within the half minute that a command waits for its host."""
        assert _functions(made)["steps"]["Timeout"] + 30 < core.SETTLE_SECONDS
        assert _functions(made)["requests"]["Timeout"] < 30

    def test_are_two_with_a_role_each(self, made: Mapping[str, Any]) -> None:
        functions = _functions(made)
        assert functions["steps"]["Handler"] == "region_promotion.handler.handler"
        assert functions["requests"]["Handler"] == "region_promotion.api.handler"
        assert functions["steps"]["Role"] != functions["requests"]["Role"]

    def test_the_dr_region_needs_nothing_of_a_home_on_premises(self) -> None:
        assert HOME not in json.dumps(template("on_premises"))


def _flat(value: Any) -> str:
    """A string of the template, with anything in place of what only AWS knows."""
    if isinstance(value, str):
        return value
    return "".join(part if isinstance(part, str) else "aws" for part in value["Fn::Join"][1])


class TestWorkflow:
    def test_logs_everything_but_what_states_are_given(self, made: Mapping[str, Any]) -> None:
        workflow = only(made, "StepFunctions::StateMachine")
        assert workflow["StateMachineName"] == "trakcare-TRAK-region"
        assert workflow["StateMachineType"] == "STANDARD"
        assert workflow["LoggingConfiguration"]["Level"] == "ALL"
        # The token that wakes the workflow is among it.
        assert workflow["LoggingConfiguration"]["IncludeExecutionData"] is False
        assert workflow["TracingConfiguration"] == {"Enabled": True}

    def test_is_what_was_defined(self, made: Mapping[str, Any]) -> None:
        """The CDK leaves out of the JSON what is null, and would change the meaning."""
        states = json.loads(_flat(only(made, "StepFunctions::StateMachine")["DefinitionString"]))["States"]
        assert states.keys() == definition("f", "aws")["States"].keys()
        assert "null" not in json.dumps(definition("f", "aws"))
        for name, state in definition("f", "aws")["States"].items():
            assert state.keys() == states[name].keys()

    def test_has_every_step_of_every_kind_in_its_order(self) -> None:
        """By the walk of each kind: what the core says has to come before, comes before."""
        for kind in KINDS:
            order = list(_walk(definition("f", "aws"), kind))
            wanted = [step for step in core.stages_of(kind) if step != "approval"]
            assert [step for step in order if step in wanted and step != "approval"] == sorted(wanted, key=order.index)
            assert set(wanted) <= set(order)
            assert set(order) - set(core.stages_of(kind)) <= {"lower"}

    def test_every_state_can_be_reached_and_leads_on(self) -> None:
        for scope in _scopes(definition("f", "aws")):
            named = {scope["StartAt"]} | {target for state in scope["States"].values() for target in _targets(state)}
            assert named == set(scope["States"]) or named - set(scope["States"]) == set()
            assert set(scope["States"]) == named

    def test_refusals_are_never_retried_and_everything_else_is(self) -> None:
        for scope in _scopes(definition("f", "aws")):
            for name, state in scope["States"].items():
                if state["Type"] == "Task":
                    assert "MoveRefusedError" in state["Retry"][0]["ErrorEquals"], name
                    assert state["Retry"][0]["MaxAttempts"] == 0
                    assert state["Retry"][-1]["ErrorEquals"] == ["States.ALL"]

    def test_asks_for_the_approval_again_in_case_the_answer_was_lost(self) -> None:
        approval = definition("f", "aws")["States"]["approval"]
        assert approval["TimeoutSeconds"] == APPROVAL_ASKED_EVERY_SECONDS
        assert {"ErrorEquals": ["States.Timeout"], "ResultPath": "$.last", "Next": "approval"} in approval["Catch"]


def _walk(scope: dict[str, Any], kind: str) -> Iterator[str]:
    name = scope["StartAt"]
    while True:
        state = scope["States"][name]
        if state["Type"] == "Task":
            yield (state["Parameters"].get("Payload") or state["Parameters"])["step"]
        if state["Type"] == "Parallel":
            for branch in state["Branches"]:
                yield from _walk(branch, kind)
        if state["Type"] == "Succeed" or state.get("End"):
            return
        if state["Type"] == "Choice":
            (choice,) = state["Choices"]
            takes = choice["StringEquals"] == kind if "StringEquals" in choice else True
            name = choice["Next"] if takes else state["Default"]
        else:
            name = state["Next"]


def _scopes(scope: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield scope
    for state in scope["States"].values():
        for branch in state.get("Branches", ()):
            yield from _scopes(branch)


def _targets(state: dict[str, Any]) -> Iterator[str]:
    yield from (state[key] for key in ("Next", "Default") if key in state)
    yield from (each["Next"] for key in ("Choices", "Catch") for each in state.get(key, ()))


class TestAlarms:
    def test_name_their_runbooks(self, made: Mapping[str, Any]) -> None:
        said = {each["AlarmDescription"].rsplit("/", 1)[1]: each for each in resources(made, "CloudWatch::Alarm")}
        assert set(said) == {"move-stuck.md", "promotion-failed.md"}

    def test_a_move_that_takes_too_long_is_told_by_the_watch(self, made: Mapping[str, Any]) -> None:
        (stuck,) = (each for each in resources(made, "CloudWatch::Alarm") if each.get("MetricName") == "MoveSeconds")
        assert (stuck["Threshold"], stuck["Period"], stuck["EvaluationPeriods"]) == (1800, 60, 1)
        # A minute in which the watch doesn't run is no end of a move; that there is none it tells.
        assert (stuck["Statistic"], stuck["TreatMissingData"]) == ("Maximum", "ignore")
        assert {each["Name"]: each["Value"] for each in stuck["Dimensions"]} == {"deployment": "trakcare", "mirror_set": "TRAK"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"old_region": "eu-west-1"}, "another region"),
        ({"old_region": None}, "old_region needs the home region"),
        ({"home_role": "on_premises"}, "old_region needs the home region"),
        ({"home_role": "dr"}, "home_role needs primary or on_premises"),
    ],
)
def test_a_home_that_can_t_be(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        region_failover(stack_of(), **changes)
