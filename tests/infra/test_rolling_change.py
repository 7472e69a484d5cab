"""`RollingChange`: the documents' resources, the role, and who may start them. What the documents do: tests/automation."""

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam

from cdk_intersystems.rolling_change.rolling_change import RollingChange
from tests.infra.templates import only, resources

NAMES = ["cdk-intersystems-one-TRAK-check", "cdk-intersystems-one-TRAK-roll", "cdk-intersystems-one-TRAK-take-out"]


def _app() -> tuple[App, RollingChange]:
    app = App()
    stack = Stack(app, "trak", env=Environment(account="111122223333", region="eu-west-2"))
    return app, RollingChange(stack, "Change", deployment="one", mirror_name="TRAK")


@pytest.fixture(scope="module")
def template() -> Any:
    app, _ = _app()
    return app.synth().get_stack_by_name("trak").template


def _statements(template: Any) -> list[Any]:
    found: list[Any] = only(template, "IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
    return found


def test_an_operator_types_the_names_of_documents(template: Any) -> None:
    assert sorted(each["Name"] for each in resources(template, "SSM::Document")) == NAMES


def test_another_version_of_a_document_takes_the_place_of_the_former(template: Any) -> None:
    """Replaced, it would have to have another name."""
    for each in resources(template, "SSM::Document"):
        assert (each["DocumentType"], each["UpdateMethod"]) == ("Automation", "NewVersion")


def test_only_systems_manager_assumes_the_role_for_executions_of_this_account(template: Any) -> None:
    (statement,) = only(template, "IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "ssm.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}
    assert str(statement["Condition"]["ArnLike"]).count(":automation-execution/*") == 1


def test_the_role_runs_commands_on_members_of_this_mirror_alone(template: Any) -> None:
    on_hosts = [each for each in _statements(template) if ":instance/*" in str(each["Resource"])]
    assert [each["Action"] for each in on_hosts] == ["ssm:SendCommand"]
    assert on_hosts[0]["Condition"] == {
        "StringEquals": {
            "ssm:resourceTag/cdk-intersystems:deployment": "one",
            "ssm:resourceTag/cdk-intersystems:mirror-set": "TRAK",
            "ssm:resourceTag/cdk-intersystems:runbook": "allowed",
        }
    }


def test_the_role_does_nothing_else_but_read(template: Any) -> None:
    actions = {
        action
        for each in _statements(template)
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert actions == {
        "ec2:DescribeInstances",
        "ssm:DescribeAutomationExecutions",
        "ssm:GetCommandInvocation",
        "ssm:ListCommandInvocations",
        "ssm:ListCommands",
        "ssm:SendCommand",
    }
    documents = [each for each in _statements(template) if "document/" in str(each["Resource"])]
    assert [str(each["Resource"]).count("document/AWS-RunShellScript") for each in documents] == [1]


def test_the_output_says_how_to_start(template: Any) -> None:
    (output,) = template["Outputs"].values()
    expected = "aws ssm start-automation-execution --region eu-west-2 --document-name cdk-intersystems-one-TRAK-roll"
    assert output["Value"] == expected


def test_whoever_may_start_may_pass_the_role_and_nothing_more() -> None:
    app, change = _app()
    operators = iam.Role(Stack.of(change), "Operators", assumed_by=iam.AccountRootPrincipal())
    change.grant_start(operators).assert_success()
    statements = only(app.synth().get_stack_by_name("trak").template, "IAM::Policy")["PolicyDocument"]["Statement"]
    granted = {str(each["Action"]): str(each["Resource"]) for each in statements}
    assert set(granted) == {
        "ssm:StartAutomationExecution",
        "['ssm:GetAutomationExecution', 'ssm:StopAutomationExecution']",
        "iam:PassRole",
    }
    assert all(f"automation-definition/{name}:*" in granted["ssm:StartAutomationExecution"] for name in NAMES)


def test_names_are_checked() -> None:
    stack = Stack(App(), "trak")
    with pytest.raises(ValueError, match=r"letters, digits"):
        RollingChange(stack, "Change", deployment="one two", mirror_name="TRAK")


def test_the_documents_names_are_told() -> None:
    _, change = _app()
    assert sorted(change.document_names.values()) == NAMES
    assert set(change.document_names) == {"roll", "take-out", "check"}
