"""The alarms on the failover automation: each is on a metric that somebody writes, and has a runbook."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_sns as sns

from stacks.deployment_app import make_app
from tests.infra.failover_app import STRATEGIES, failover_templates, id_of
from tests.infra.mirror_app import TOPIC, Templates, define, templates_of
from tests.infra.templates import by_id, resources

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"


_OF_THE_ROUTER = {
    "NoPrimary": "no-primary",
    "SeveralPrimaries": "several-primaries",
    "RoutedMemberNotPrimary": "routed-member-not-primary",
    "RoutesRepaired": "routes-repaired",
    "RoutingFailed": "routing-failed",
    "EpochJump": "epoch-jump",
}


def _alarms(template: Any) -> dict[str, dict[str, Any]]:
    """By the part of their ids that is their own."""
    return {logical_id.partition("FailoverAlarms")[2][:-8]: each for logical_id, each in by_id(template, "CloudWatch::Alarm")}


@pytest.mark.parametrize("strategies", STRATEGIES)
def test_each_alarm_names_a_runbook_that_is_there(made: Mapping[str, Templates], strategies: str) -> None:
    alarms = _alarms(made[strategies]["trak"])
    expected = {*_OF_THE_ROUTER, "RouterSilent", "RouterErrors", "CallOutA", "CallOutB", "DeadLetters"}
    assert set(alarms) == expected | ({"LoadBalancerFailsOpen"} if strategies != "route_vip" else set())
    for alarm in alarms.values():
        description = alarm["AlarmDescription"]
        assert description.startswith("one/TRAK: ")
        assert (RUNBOOKS / Path(description.rpartition("Runbook: docs/runbooks/")[2])).is_file(), description


def test_the_routers_own_metrics_are_read_where_it_writes_them(trak: Any) -> None:
    """Dimension for dimension: an alarm on a metric that nobody writes is silent for ever."""
    written = "".join(path.read_text() for path in (ROOT / "lambda" / "mirror_router").glob("*.py"))
    alarms = _alarms(trak)
    for metric, runbook in _OF_THE_ROUTER.items():
        alarm = alarms[metric]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("cdk-intersystems", metric)
        assert {each["Name"]: each["Value"] for each in alarm["Dimensions"]} == {"deployment": "one", "mirror_set": "TRAK"}
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
        assert alarm["TreatMissingData"] == "notBreaching"
        assert f"docs/runbooks/{runbook}.md" in alarm["AlarmDescription"]
        assert f'"{metric}"' in written
    for member in "ab":
        dimensions = alarms[f"CallOut{member.upper()}"]["Dimensions"]
        assert {each["Name"]: each["Value"] for each in dimensions} == {
            "deployment": "one",
            "mirror_set": "TRAK",
            "member": member,
        }


def test_silence_is_an_alarm(trak: Any) -> None:
    alarms = _alarms(trak)
    for name in ("RouterSilent", "CallOutA", "CallOutB", "LoadBalancerFailsOpen"):
        assert alarms[name]["TreatMissingData"] == "breaching", name
        assert (alarms[name]["Threshold"], alarms[name]["ComparisonOperator"]) == (1, "LessThanThreshold"), name
    for name in ("RouterSilent", "CallOutA", "CallOutB"):
        assert alarms[name]["EvaluationPeriods"] == 5, name


def test_dead_letters_are_those_of_the_queue_that_they_are_parked_in(trak: Any) -> None:
    alarm = _alarms(trak)["DeadLetters"]
    parked = {"Fn::GetAtt": [id_of(trak, "SQS::Queue", "Parked"), "QueueName"]}
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": parked}]
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"


@pytest.mark.parametrize(("strategies", "groups"), [("polling", 1), ("route_vip+polling", 1), ("listener", 2)])
def test_failing_open_is_seen_by_the_groups_of_one_service(made: Mapping[str, Templates], strategies: str, groups: int) -> None:
    template = made[strategies]["trak"]
    alarm = _alarms(template)["LoadBalancerFailsOpen"]
    metrics = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each] or [alarm]
    assert len(metrics) == groups
    for metric in metrics:
        named = {each["Name"]: json.dumps(each["Value"]) for each in metric["Dimensions"]}
        assert metric["MetricName"] == "HealthyHostCount"
        assert "SuperserverTargets" in named["TargetGroup"]
        assert "LoadBalancer" in named["LoadBalancer"]


def test_without_platform_nobody_is_expected_to_call() -> None:
    template = templates_of()["trak"]
    assert not [name for name in _alarms(template) if name.startswith("CallOut")]


def test_who_is_taken_out_is_not_expected_to_call() -> None:
    alarms = _alarms(failover_templates("polling", absent_member="b")["trak"])
    assert [name for name in alarms if name.startswith("CallOut")] == ["CallOutA"]


def test_every_alarm_tells_the_topic_of_its_begin_and_end() -> None:
    app = make_app()
    outside = Stack(app, "outside", env=Environment(region="eu-west-2"))
    define(app, alarm_topic=sns.Topic.from_topic_arn(outside, "Alarms", TOPIC))
    alarms = resources(app.synth().get_stack_by_name("trak").template, "CloudWatch::Alarm")
    assert len(alarms) >= 9
    for alarm in alarms:
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]
