"""What the watch and the readiness check ask of AWS, and what their roles let them do: nothing more on either side."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import botocore.client
import pytest

from tests.infra.region_routing_app import LATCHES, region_template
from tests.infra.templates import by_id
from tests.lambda_.region_readiness_world import readiness_world
from tests.lambda_.region_watch_world import S3_OBJECT, watch_world

# What Lambda does in the role's name, what DynamoDB does with the key, and what tells a missing object from one that is hidden.
_PLATFORM = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments", "kms:Decrypt"),
    *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeSubnets"),
    *("ec2:DescribeNetworkInterfaces", "ec2:UnassignPrivateIpAddresses", "s3:ListBucket"),
}
# A call's name in IAM, where it has another one.
_NAMES = {
    "monitoring:PutMetricData": "cloudwatch:PutMetricData",
    # A transaction is granted by what is in it.
    "dynamodb:TransactWriteItems": "dynamodb:UpdateItem",
    "dynamodb:TransactGetItems": "dynamodb:GetItem",
}


@contextmanager
def _noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
    """The calls that are made meanwhile, by their names in IAM."""
    calls: list[tuple[str, Mapping[str, Any]]] = []
    call = botocore.client.BaseClient._make_api_call

    def made(self: Any, operation: str, request: Mapping[str, Any]) -> Any:
        name = f"{self.meta.service_model.endpoint_prefix}:{operation}"
        calls.append((_NAMES.get(name, name), request))
        return call(self, operation, request)

    with monkeypatch.context() as patch:
        patch.setattr(botocore.client.BaseClient, "_make_api_call", made)
        yield calls


def _allowed(template: Mapping[str, Any], part: str) -> set[str]:
    (policy,) = (each for name, each in by_id(template, "IAM::ManagedPolicy") if name.startswith(part))
    found: set[str] = set()
    for statement in policy["PolicyDocument"]["Statement"]:
        if statement["Effect"] == "Allow":
            found |= set(statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
    return found - _PLATFORM


@pytest.mark.parametrize("kind", ["metric", "s3_object"])
def test_the_watch(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with watch_world() as world:
        world.latch = S3_OBJECT if kind == "s3_object" else {"kind": "metric"}
        asked: set[str] = set()
        for state in ((0, "primary", 0), (1, "dr", 1), (2, "primary", 2)):
            world.state(*state)
            with _noted(monkeypatch) as calls:
                assert world.invoke()["delivered"]
            asked |= {name for name, _ in calls}
    # In a transaction, besides.
    assert _allowed(region_template(LATCHES[kind]), "Watch") == asked | {"dynamodb:ConditionCheckItem"}


def test_the_watch_reads_the_items_that_it_may_read_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with watch_world() as world, _noted(monkeypatch) as calls:
        world.invoke()
    read: set[str] = set()
    for name, request in calls:
        if name == "dynamodb:GetItem":
            gets = [each["Get"] for each in request.get("TransactItems", ())] or [request]
            read |= {each["Key"]["key"]["S"] for each in gets}
    (policy,) = (each for id, each in by_id(region_template(LATCHES["metric"]), "IAM::ManagedPolicy") if id.startswith("Watch"))
    (may,) = (each["Condition"] for each in policy["PolicyDocument"]["Statement"] if each["Action"] == "dynamodb:GetItem")
    assert set(may["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]) == read == {"TRAK", "TRAK#latch", "TRAK#current"}
    assert may["Null"] == {"dynamodb:LeadingKeys": "false"}


def test_the_readiness_check(monkeypatch: pytest.MonkeyPatch) -> None:
    with readiness_world() as world:
        asked: set[str] = {"ssm:SendCommand", "ssm:GetCommandInvocation", "servicequotas:GetServiceQuota"}
        for changes in ({}, {"full_type": "r5.2xlarge", "certificates": ["arn:aws:acm:eu-west-1:1:certificate/1"]}):
            world.changes = changes
            with _noted(monkeypatch) as calls:
                world.invoke()
            asked |= {name for name, _ in calls}
    assert _allowed(region_template(LATCHES["metric"]), "Readiness") == asked
