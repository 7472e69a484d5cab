"""The documents as Systems Manager takes them, and what they may do."""

import json
from typing import Any

import pytest

from tests.automation.schema import problems


@pytest.mark.parametrize("name", ["roll", "take-out", "check"])
class TestEveryDocument:
    def test_is_well_formed(self, documents: dict[str, Any], name: str) -> None:
        assert problems(_with_a_role(documents[name])) == []

    def test_assumes_the_role_and_no_other(self, documents: dict[str, Any], name: str) -> None:
        assert documents[name]["assumeRole"] == {"Fn::GetAtt": [documents[name]["assumeRole"]["Fn::GetAtt"][0], "Arn"]}

    def test_calls_cdk_host_and_nothing_else(self, documents: dict[str, Any], name: str) -> None:
        for step in _steps(documents[name], "aws:runCommand"):
            (command,) = step["inputs"]["Parameters"]["commands"]
            assert command.startswith("/usr/local/bin/cdk-host ")
            assert not set(command.replace("{{ Needs }}", "")) & set("`$;|&<>()'\"\\\n{}")

    def test_puts_in_a_command_only_what_is_one_of_a_few_words(self, documents: dict[str, Any], name: str) -> None:
        allowed = documents[name]["parameters"]["Needs"]["allowedValues"]
        assert allowed == ["ready", "active"]

    def test_tries_again_only_what_changes_nothing(self, documents: dict[str, Any], name: str) -> None:
        for step in _steps(documents[name], "aws:runCommand"):
            (command,) = step["inputs"]["Parameters"]["commands"]
            assert step["maxAttempts"] == 1 or command.endswith(" member tell")

    def test_has_a_time_limit_inside_another_for_every_command(self, documents: dict[str, Any], name: str) -> None:
        for step in _steps(documents[name], "aws:runCommand"):
            inputs = step["inputs"]
            (limit,) = inputs["Parameters"]["executionTimeout"]
            assert int(limit) + inputs["TimeoutSeconds"] < step["timeoutSeconds"]
            (command,) = inputs["Parameters"]["commands"]
            if "--seconds" in command:
                assert int(command.split()[-1]) < int(limit)

    def test_calls_only_what_the_role_may(self, documents: dict[str, Any], name: str) -> None:
        calls = {
            f"{step['inputs']['Service']}:{step['inputs']['Api']}"
            for action in ("aws:executeAwsApi", "aws:assertAwsResourceProperty")
            for step in _steps(documents[name], action)
        }
        assert calls <= {"ec2:DescribeInstances", "ssm:DescribeAutomationExecutions"}

    def test_says_of_every_step_what_it_is_for(self, documents: dict[str, Any], name: str) -> None:
        assert [step["name"] for step in documents[name]["mainSteps"] if not step["description"].endswith(".")] == []


def test_operations_take_what_they_are_given(documents: dict[str, Any]) -> None:
    """As botocore's models say."""
    from botocore.session import get_session
    from botocore.validate import ParamValidator

    calls = {
        json.dumps({name: value for name, value in step["inputs"].items() if name not in ("PropertySelector", "DesiredValues")})
        for document in documents.values()
        for action in ("aws:executeAwsApi", "aws:assertAwsResourceProperty")
        for step in _steps(document, action)
    }
    models = {service: get_session().get_service_model(service) for service in ("ec2", "ssm")}
    for given in map(json.loads, calls):
        model = models[given.pop("Service")].operation_model(given.pop("Api"))
        assert ParamValidator().validate(given, model.input_shape).generate_report() == ""


def test_looking_changes_nothing(documents: dict[str, Any]) -> None:
    for step in _steps(documents["check"], "aws:runCommand"):
        (command,) = step["inputs"]["Parameters"]["commands"]
        assert command.split()[1:3] in (["member", "tell"], ["member", "await"])


def _steps(document: Any, action: str) -> list[Any]:
    return [step for step in document["mainSteps"] if step["action"] == action]


def _with_a_role(document: Any) -> Any:
    return {**json.loads(json.dumps(document)), "assumeRole": "arn:aws:iam::111122223333:role/runbooks"}
