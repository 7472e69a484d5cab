"""The deployment's key: who may use it."""

from typing import Any

import pytest
from aws_cdk import Environment, Stack

from cdk_intersystems.encryption.encryption_key import define_encryption_key
from stacks.deployment_app import make_app
from tests.infra.templates import only


@pytest.fixture(scope="module")
def key() -> dict[str, Any]:
    app = make_app()
    stack = Stack(app, "key", env=Environment(account="111122223333", region="eu-west-2"))
    define_encryption_key(stack, "Key")
    return only(app.synth().get_stack_by_name("key").template, "KMS::Key")


def _statement(key: dict[str, Any], sid: str) -> dict[str, Any]:
    (statement,) = (each for each in key["KeyPolicy"]["Statement"] if each.get("Sid") == sid)
    return dict(statement)


def test_it_rotates(key: dict[str, Any]) -> None:
    assert key["EnableKeyRotation"] is True


@pytest.mark.parametrize("sid", ["AutoScalingUse", "AutoScalingGrants"])
def test_auto_scaling_s_role_is_let_in_itself_and_nobody_else_by_that_statement(key: dict[str, Any], sid: str) -> None:
    statement = _statement(key, sid)

    # Naming the account would leave it to the role's own policy, which nobody can change.
    assert statement["Principal"] == {"AWS": "*"}
    assert statement["Condition"]["StringEquals"] == {"kms:CallerAccount": "111122223333"}
    (role,) = statement["Condition"]["ArnLike"].values()
    assert "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling*" in str(role)
    assert "111122223333" in str(role)


def test_auto_scaling_gives_grants_to_aws_services_only(key: dict[str, Any]) -> None:
    statement = _statement(key, "AutoScalingGrants")

    assert statement["Action"] == "kms:CreateGrant"
    assert statement["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_services_use_it_for_this_account_and_region_only(key: dict[str, Any]) -> None:
    assert _statement(key, "CloudWatchLogs")["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-west-2:111122223333:log-group:*"}
    }
    assert _statement(key, "CloudWatchAlarms")["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}


def test_any_principal_is_always_narrowed_by_account(key: dict[str, Any]) -> None:
    for statement in key["KeyPolicy"]["Statement"]:
        if statement["Principal"] == {"AWS": "*"}:
            assert "kms:CallerAccount" in statement["Condition"]["StringEquals"]
