"""What the functions ask of AWS, and what their roles let them do, held against each other: nothing more on either side."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from region_promotion.core import SETTLE_SECONDS
from tests.infra.region_failover_app import template
from tests.infra.templates import by_id
from tests.lambda_.iam_policy import Request, allows, listed, resolved
from tests.lambda_.region_workflow import Workflow
from tests.lambda_.region_world import ACCOUNT, DR, FALLBACK, FULL, HOME, SETTINGS, TABLE, World, region_world

Statements = list[dict[str, Any]]
#: What Lambda does in the role's name, what DynamoDB does with the key for whoever calls it, and what EC2 asks as it starts an
#: instance whose volumes are encrypted.
_PLATFORM = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments", "kms:Decrypt"),
    "kms:CreateGrant",
}
_PARTS = {"ConditionCheck": "ConditionCheckItem", "Update": "UpdateItem", "Put": "PutItem", "Get": "GetItem"}
_WITHOUT_RESOURCE = {"DescribeInstances", "GetCommandInvocation", "DescribeAutoScalingGroups", "SendTaskSuccess"}
_SERVICE = {"sfn": "states", "stepfunctions": "states"}
_DOCUMENT = SETTINGS["document"]


@pytest.fixture
def world() -> Iterator[World]:
    with region_world() as made:
        yield made


def statements(role: str) -> Statements:
    """The policy of one of the two functions."""
    made = template()
    names = {"AWS::Partition": "aws", "AWS::Region": DR, "AWS::AccountId": ACCOUNT}
    for kind, arn in (("DynamoDB::Table", f"dynamodb:{DR}:{ACCOUNT}:table/{TABLE}"), ("Logs::LogGroup", "logs:log")):
        names |= {logical_id: f"arn:aws:{arn}" for logical_id, _ in by_id(made, kind)}
    (policy,) = (each for id, each in by_id(made, "IAM::ManagedPolicy") if role in id)
    found: Statements = resolved(policy["PolicyDocument"]["Statement"], names)
    return found


def _requests(world: World) -> list[Request]:
    return [request for call in world.calls for request in _request(*call)]


def _request(service: str, operation: str, given: Mapping[str, Any], region: str) -> list[Request]:
    action = f"{_SERVICE.get(service, service)}:{'InvokeFunction' if operation == 'Invoke' else operation}"
    if service == "dynamodb":
        return list(_items(operation, given))
    if operation in _WITHOUT_RESOURCE:
        return [Request(action, "*")]
    tags = {"cdk-intersystems:deployment": ["trakcare"], "cdk-intersystems:mirror-set": ["TRAK"]}
    if operation == "SendCommand":
        (instance,) = given["InstanceIds"]
        return [
            Request(action, f"arn:aws:ssm:{region}:{ACCOUNT}:document/{given['DocumentName']}"),
            Request(action, _instance(instance, region), {f"ssm:resourceTag/{key}": value for key, value in tags.items()}),
        ]
    context = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    if service == "ec2":
        instance = given.get("InstanceId") or given["InstanceIds"][0]
        if operation == "ModifyInstanceAttribute":
            assert set(given) == {"InstanceId", "InstanceType"}
            context["ec2:Attribute/InstanceType"] = [given["InstanceType"]["Value"]]
        return [Request(action, _instance(instance, region), context)]
    arns = {
        "PutParameter": f"arn:aws:ssm:{region}:{ACCOUNT}:parameter{given.get('Name', '')}",
        "Invoke": f"arn:aws:lambda:{region}:{ACCOUNT}:function:{given.get('FunctionName', '')}",
        "StartExecution": given.get("stateMachineArn", ""),
        "UpdateAutoScalingGroup": f"arn:aws:autoscaling:{region}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/app-1",
    }
    assert operation in arns, f"a call is new to this test: {operation}"
    tier = {"aws:ResourceTag/cdk-intersystems:deployment": ["trakcare"], "aws:ResourceTag/cdk-intersystems:tier": ["app"]}
    return [Request(action, arns[operation], tier if operation == "UpdateAutoScalingGroup" else {})]


def _instance(id: str, region: str) -> str:
    return f"arn:aws:ec2:{region}:{ACCOUNT}:instance/{id}"


def _items(operation: str, given: Mapping[str, Any]) -> Iterator[Request]:
    if operation.startswith("Transact"):
        for kind, part in (each for item in given["TransactItems"] for each in item.items()):
            yield _item(_PARTS[kind], part["TableName"], part.get("Key") or part["Item"])
    else:
        yield _item(operation, given["TableName"], given["Key"])


def _item(action: str, table: str, key: Mapping[str, Any]) -> Request:
    context = {"dynamodb:LeadingKeys": [key["key"]["S"]]}
    return Request(f"dynamodb:{action}", f"arn:aws:dynamodb:{DR}:{ACCOUNT}:table/{table}", context)


def _everything(world: World) -> tuple[list[Request], list[Request]]:
    """All that both functions do: there and back, a promotion, and a move that is taken back before and after its commit.

    The requests of the API, and those of the steps.
    """
    asked: list[Request] = []

    @contextmanager
    def by_the_api() -> Iterator[None]:
        done, world.calls = world.calls, []
        yield
        asked.extend(_requests(world))
        world.calls = done

    def approve() -> None:
        with by_the_api():
            world.approve()
            world.ask("POST /readiness")
            world.ask("GET /readiness")

    def cancel(step: str, when: str) -> None:
        if (step, when) == ("hand_over", "before"):
            with by_the_api():
                assert world.ask("POST /moves/{id}/cancellation")[0] == 200

    def request(kind: str) -> None:
        with by_the_api():
            assert world.request(kind)[0] == 202

    request("promotion")
    with by_the_api():
        assert world.ask("POST /moves/{id}/cancellation")[0] == 200
    request("switchover")
    assert Workflow(world, approve, cancel).run() == "given up"
    world.now += SETTLE_SECONDS
    for kind in ("switchover", "failback", "promotion"):
        request(kind)
        assert Workflow(world, approve).run() == "completed"
    # One that was woken when the answer is there already.
    world.step("approval", task_token="late")
    return asked, _requests(world)


def test_each_call_is_granted_and_each_grant_is_called(world: World) -> None:
    for role, requests in zip(("Requests", "Steps"), _everything(world), strict=True):
        policy = statements(role)
        assert [each for each in requests if not allows(policy, each)] == [], role
        granted = {action for each in policy for action in listed(each["Action"])}
        assert granted - _PLATFORM == {each.action for each in requests}, role
        assert not [action for action in granted if "*" in action]
        # Items are named by their keys, and each is asked for.
        for statement in policy:
            if patterns := statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys"):
                (action,) = listed(statement["Action"])
                asked = [each for each in requests if each.action == action]
                for pattern in listed(patterns):
                    only = {**statement, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": pattern}}}
                    assert any(allows([only], each) for each in asked), (role, action, pattern)


_OWN = {"aws:ResourceTag/cdk-intersystems:deployment": ["trakcare"], "aws:ResourceTag/cdk-intersystems:mirror-set": ["TRAK"]}
_HOST = _instance("i-0123456789abcdef0", DR)
_ROOT = "/cdk-intersystems/trakcare"
_SSM = {key.replace("aws:ResourceTag", "ssm:resourceTag"): value for key, value in _OWN.items()}
_GROUP = f"arn:aws:autoscaling:{DR}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/app-1"
_RECORDS = f"arn:aws:dynamodb:{DR}:{ACCOUNT}:table/{TABLE}"
_TIER = {"aws:ResourceTag/cdk-intersystems:deployment": ["trakcare"], "aws:ResourceTag/cdk-intersystems:tier": ["app"]}


def _leading(*keys: str) -> dict[str, list[str]]:
    return {"dynamodb:LeadingKeys": list(keys)}


NOT_GRANTED = {
    "stopping another mirror set's member": ("Steps", "ec2:StopInstances", _HOST, {**_OWN, f"{list(_OWN)[1]}": ["LABS"]}),
    "stopping an instance without tags": ("Steps", "ec2:StopInstances", _HOST, {}),
    "stopping a member of the other region": ("Steps", "ec2:StopInstances", _instance("i-1", HOME), _OWN),
    "terminating a member": ("Steps", "ec2:TerminateInstances", _HOST, _OWN),
    "changing a member's user data": ("Steps", "ec2:ModifyInstanceAttribute", _HOST, {**_OWN, "ec2:Attribute/UserData": ["x"]}),
    "a type that nobody has named": (
        "Steps", "ec2:ModifyInstanceAttribute", _HOST, {**_OWN, "ec2:Attribute/InstanceType": ["u-24tb1.112xlarge"]},
    ),
    "any shell on a member": ("Steps", "ssm:SendCommand", f"arn:aws:ssm:{DR}::document/AWS-RunShellScript", {}),
    "the document on another instance": ("Steps", "ssm:SendCommand", _HOST, {next(iter(_SSM)): ["trakcare"]}),
    "the document in a third region": ("Steps", "ssm:SendCommand", f"arn:aws:ssm:us-east-1:{ACCOUNT}:document/{_DOCUMENT}", {}),
    "another parameter": ("Steps", "ssm:PutParameter", f"arn:aws:ssm:{DR}:{ACCOUNT}:parameter{_ROOT}/TRAK/created", {}),
    "another tier": ("Steps", "autoscaling:UpdateAutoScalingGroup", _GROUP, {**_TIER, f"{list(_TIER)[1]}": ["other"]}),
    "a grant for somebody else": (
        "Steps", "kms:CreateGrant", f"arn:aws:kms:{DR}:{ACCOUNT}:key/1", {"kms:ViaService": [f"ec2.{DR}.amazonaws.com"]},
    ),
    "the latch's record": ("Steps", "dynamodb:PutItem", _RECORDS, _leading("TRAK#latch")),
    "the readiness": ("Steps", "dynamodb:PutItem", _RECORDS, _leading("TRAK#readiness")),
    "a record of another mirror set": ("Steps", "dynamodb:PutItem", _RECORDS, _leading("LABS")),
    "records in general": ("Steps", "dynamodb:PutItem", _RECORDS, {}),
    "deleting a record": ("Steps", "dynamodb:DeleteItem", _RECORDS, _leading("TRAK")),
    "the latch's record, by the API": ("Requests", "dynamodb:PutItem", _RECORDS, _leading("TRAK#latch")),
    "another mirror set's region, by the API": ("Requests", "dynamodb:PutItem", _RECORDS, _leading("LABS")),
    "a command, by the API": ("Requests", "ssm:SendCommand", _HOST, _SSM),
    "stopping, by the API": ("Requests", "ec2:StopInstances", _HOST, _OWN),
    "another workflow": ("Requests", "states:StartExecution", f"arn:aws:states:{DR}:{ACCOUNT}:stateMachine:other", {}),
    "starting the workflow, by a step": ("Steps", "states:StartExecution", SETTINGS["state_machine"], {}),
}  # fmt: skip


@pytest.mark.parametrize("what", NOT_GRANTED)
def test_nothing_else_is_granted(what: str) -> None:
    role, action, resource, context = NOT_GRANTED[what]
    assert not allows(statements(role), Request(action, resource, context))


def test_and_it_isn_t_for_want_of_the_right_names() -> None:
    """Our own are granted by the very statements that refuse the others."""
    for type_ in (FULL, FALLBACK):
        change = Request("ec2:ModifyInstanceAttribute", _HOST, {**_OWN, "ec2:Attribute/InstanceType": [type_]})
        assert allows(statements("Steps"), change)
    assert allows(statements("Steps"), Request("ec2:StopInstances", _HOST, _OWN))
    assert allows(statements("Steps"), Request("ssm:SendCommand", _HOST, _SSM))
    assert allows(statements("Steps"), Request("autoscaling:UpdateAutoScalingGroup", _GROUP, _TIER))
    assert allows(statements("Steps"), Request("dynamodb:PutItem", _RECORDS, _leading("TRAK")))
