"""What the router and the members may do: each statement is about this mirror set alone."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.infra.failover_app import STRATEGIES, failover_templates, id_of
from tests.infra.mirror_app import Templates
from tests.infra.templates import by_id, resources

# What it may do.


def _statements(template: Any, name: str) -> list[dict[str, Any]]:
    (policy,) = (each for logical_id, each in by_id(template, "IAM::ManagedPolicy") if name in logical_id)
    return [
        {**each, "Action": each["Action"] if isinstance(each["Action"], list) else [each["Action"]]}
        for each in policy["PolicyDocument"]["Statement"]
    ]


def _allowed(template: Any, name: str) -> set[str]:
    return {action for each in _statements(template, name) if each["Effect"] == "Allow" for action in each["Action"]}


def _allowing(template: Any, name: str, action: str) -> dict[str, Any]:
    (found,) = (each for each in _statements(template, name) if action in each["Action"] and each["Effect"] == "Allow")
    return found


# What Lambda does in the name of the function, and what stands behind calls to encrypted things.
_PLATFORM = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
    *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"),
    *("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "kms:Decrypt", "kms:GenerateDataKey"),
}
_ALWAYS = {
    *("dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:UpdateItem"),
    *("sqs:SendMessage", "ec2:DescribeInstances"),
}
_ROUTES = {"ec2:DescribeRouteTables", "ec2:CreateRoute", "ec2:ReplaceRoute"}
_LISTENERS = {"elasticloadbalancing:DescribeListeners", "elasticloadbalancing:ModifyListener"}


@pytest.mark.parametrize("strategies", STRATEGIES)
def test_its_role_has_what_its_strategies_need_and_nothing_more(made: Mapping[str, Templates], strategies: str) -> None:
    routes = _ROUTES if "route_vip" in strategies else set()
    listeners = _LISTENERS if "listener" in strategies else set()
    assert _allowed(made[strategies]["trak"], "FailoverRole") - _PLATFORM == _ALWAYS | routes | listeners


def test_nothing_adds_to_its_role_unseen(trak: Any) -> None:
    role = id_of(trak, "IAM::Role", "FailoverRole")
    assert set(trak["Resources"][role]["Properties"]) <= {"AssumeRolePolicyDocument", "Description", "Tags"}
    assert resources(trak, "IAM::Policy") == []
    attached = [each for each in resources(trak, "IAM::ManagedPolicy") if {"Ref": role} in each.get("Roles", [])]
    assert len(attached) == 1


def test_it_makes_and_replaces_routes_of_the_deployments_tables_in_its_vpc(trak: Any) -> None:
    statement = _allowing(trak, "FailoverRole", "ec2:CreateRoute")
    assert statement["Action"] == ["ec2:CreateRoute", "ec2:ReplaceRoute"]
    assert json.dumps(statement["Resource"]).endswith(':route-table/*"]]}')
    assert statement["Condition"]["StringEquals"] == {"aws:ResourceTag/cdk-intersystems:deployment": "one"}
    assert json.dumps(statement["Condition"]["ArnEquals"]["ec2:Vpc"]).endswith(':vpc/vpc-1"]]}')


def test_of_a_vpc_that_exists_it_changes_the_tables_it_was_told() -> None:
    statement = _allowing(
        failover_templates("route_vip", route_tables=["rtb-1", "rtb-2"])["trak"], "FailoverRole", "ec2:CreateRoute"
    )
    assert "Condition" not in statement
    assert [json.dumps(each)[-len(':route-table/rtb-1"]]}') :] for each in statement["Resource"]] == [
        ':route-table/rtb-1"]]}',
        ':route-table/rtb-2"]]}',
    ]


def test_it_moves_the_endpoints_listeners_alone(trak: Any) -> None:
    statement = _allowing(trak, "FailoverRole", "elasticloadbalancing:ModifyListener")
    listeners = {logical_id for logical_id, _ in by_id(trak, "ElasticLoadBalancingV2::Listener")}
    assert {each["Ref"] for each in statement["Resource"]} == listeners
    assert len(listeners) == 2


def _records(statement: Mapping[str, Any]) -> list[str]:
    """The items that a statement is about, with the condition that doesn't hold where no key is named."""
    assert set(statement["Condition"]) == {"ForAllValues:StringEquals", "Null"}
    assert statement["Condition"]["Null"] == {"dynamodb:LeadingKeys": "false"}
    ((key, given),) = statement["Condition"]["ForAllValues:StringEquals"].items()
    assert key == "dynamodb:LeadingKeys"
    return given if isinstance(given, list) else [given]


def test_it_writes_the_routed_record_alone(trak: Any) -> None:
    table = {"Fn::GetAtt": [id_of(trak, "DynamoDB::Table", "RouteEpochs"), "Arn"]}
    for action, records in (
        ("dynamodb:BatchGetItem", ["TRAK", "TRAK#routed"]),
        ("dynamodb:ConditionCheckItem", ["TRAK"]),
        ("dynamodb:UpdateItem", ["TRAK#routed"]),
    ):
        statement = _allowing(trak, "FailoverRole", action)
        assert statement["Action"] == [action]
        assert (statement["Resource"], _records(statement)) == (table, records)


def test_it_takes_from_its_queue_and_parks_in_the_other(trak: Any) -> None:
    queue, parked = (id_of(trak, "SQS::Queue", name) for name in ("FailoverMessages", "Parked"))
    taking = _allowing(trak, "FailoverRole", "sqs:ReceiveMessage")
    assert taking["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}
    assert _allowing(trak, "FailoverRole", "sqs:SendMessage")["Resource"] == {"Fn::GetAtt": [parked, "Arn"]}


def test_lambda_makes_its_interfaces_and_its_code_may_not(trak: Any) -> None:
    """Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC"."""
    (denied,) = (each for each in _statements(trak, "FailoverRole") if each["Effect"] == "Deny")
    assert {action for action in denied["Action"] if "Interface" in action} >= {
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
    }
    assert denied["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}
    assert set(denied["Action"]) == {action for action in _PLATFORM if action.startswith("ec2:")}


def test_keys_are_used_through_their_services_alone(trak: Any) -> None:
    used = [each for each in _statements(trak, "FailoverRole") if any(action.startswith("kms:") for action in each["Action"])]
    assert {each["Condition"]["StringEquals"]["kms:ViaService"] for each in used} == {
        "dynamodb.eu-west-2.amazonaws.com",
        "sqs.eu-west-2.amazonaws.com",
    }


# What members may do.


def _of_tables_and_queues(template: Any) -> list[dict[str, Any]]:
    """The statements of a host's policy that are about DynamoDB and SQS."""
    (policy,) = resources(template, "IAM::ManagedPolicy")
    statements = [
        {**each, "Action": each["Action"] if isinstance(each["Action"], list) else [each["Action"]]}
        for each in policy["PolicyDocument"]["Statement"]
    ]
    return [each for each in statements if any(action.startswith(("dynamodb:", "sqs:")) for action in each["Action"])]


@pytest.mark.parametrize("strategies", STRATEGIES)
@pytest.mark.parametrize("member", ["a", "b"])
def test_a_member_reads_both_records_raises_the_claim_and_tells_the_router(
    made: Mapping[str, Templates], strategies: str, member: str
) -> None:
    reading, raising, telling = _of_tables_and_queues(made[strategies][f"trak-{member}"])
    assert (reading["Effect"], reading["Action"], _records(reading)) == ("Allow", ["dynamodb:GetItem"], ["TRAK", "TRAK#routed"])
    assert (raising["Effect"], raising["Action"], _records(raising)) == ("Allow", ["dynamodb:UpdateItem"], ["TRAK"])
    assert (telling["Effect"], telling["Action"]) == ("Allow", ["sqs:SendMessage"])
    template = made[strategies]["trak"]
    exported = {output["Export"]["Name"]: output["Value"] for output in template["Outputs"].values() if "Export" in output}
    for statement, name in ((reading, "RouteEpochs"), (raising, "RouteEpochs"), (telling, "FailoverMessages")):
        assert name in exported[statement["Resource"]["Fn::ImportValue"]]["Fn::GetAtt"][0]


def test_the_arbiter_may_do_nothing_of_the_kind(made: Mapping[str, Templates]) -> None:
    assert _of_tables_and_queues(made["route_vip"]["trak-arbiter"]) == []
