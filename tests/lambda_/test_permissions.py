"""What the router asks of AWS, and what its role lets it do, held against each other: nothing more on either side."""

from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms

from cdk_intersystems.failover_automation.failover_automation import FailoverAutomation
from stacks.deployment_app import make_app
from tests.infra.templates import by_id
from tests.lambda_.iam_policy import Request, allows, listed, resolved
from tests.lambda_.router_world import REGION, VIP, World, leading_to, message

ACCOUNT = "123456789012"
_ELB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
_LISTENER = f"{_ELB}:listener/net/placeholder/1/2"
_VPC, _TABLES = "vpc-0123456789abcdef0", ["rtb-0123456789abcdef0", "rtb-0123456789abcdef1"]
_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
# What Lambda does in the role's name, and what DynamoDB and SQS do with the key for whoever calls them.
_PLATFORM = {
    *("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "kms:Decrypt", "kms:GenerateDataKey"),
    *("logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeSubnets"),
    *("ec2:DescribeNetworkInterfaces", "ec2:UnassignPrivateIpAddresses"),
}
_WITHOUT_RESOURCE = {"ec2:DescribeInstances", "ec2:DescribeRouteTables", "elasticloadbalancing:DescribeListeners"}
_PREFIX = {"elbv2": "elasticloadbalancing"}

Statements = list[dict[str, Any]]


def _template(**more: Any) -> Mapping[str, Any]:
    """The automation of a deployment called trakcare with a mirror set called TRAK, as in the router's world."""
    app = make_app()
    stack = Stack(app, "trak", env=Environment(account=ACCOUNT, region=REGION))
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id=_VPC, availability_zones=[f"{REGION}a"])
    subnet = ec2.Subnet.from_subnet_attributes(stack, "Subnet", subnet_id="subnet-1", availability_zone=f"{REGION}a")
    FailoverAutomation(
        stack,
        "Failover",
        deployment="trakcare",
        mirror_set="TRAK",
        vpc=vpc,
        subnets=[subnet],
        member_addresses={"a": "10.20.1.4", "b": "10.20.2.4"},
        member_security_group=ec2.SecurityGroup(stack, "Members", vpc=vpc),
        encryption_key=kms.Key.from_key_arn(stack, "Key", _KEY),
        **more,
    )
    template: Mapping[str, Any] = app.synth().get_stack_by_name("trak").template
    return template


_LISTENERS = {_LISTENER: {"a": f"{_ELB}:targetgroup/a/1", "b": f"{_ELB}:targetgroup/b/1"}}
STRATEGIES: dict[str, dict[str, Any]] = {
    "polling": {},
    "route_vip": {"vip": VIP},
    "route_vip in these tables": {"vip": VIP, "route_tables": _TABLES},
    "listener": {"listeners": _LISTENERS},
    "both": {"vip": VIP, "listeners": _LISTENERS},
}


@pytest.fixture(scope="module")
def templates() -> dict[str, Mapping[str, Any]]:
    return {name: _template(**more) for name, more in STRATEGIES.items()}


def _statements(template: Mapping[str, Any], world: World) -> Statements:
    """The router's policy, with the names of its world in place of those of the template."""
    names = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
    for kind, arn in (("DynamoDB::Table", f"dynamodb:{REGION}:{ACCOUNT}:table/epochs"), ("Logs::LogGroup", "logs:log")):
        ((logical_id, _),) = by_id(template, kind)
        names[logical_id] = f"arn:aws:{arn}"
    for logical_id, _ in by_id(template, "SQS::Queue"):
        names[logical_id] = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{'parked' if 'Parked' in logical_id else 'messages'}.fifo"
    ((_, policy),) = by_id(template, "IAM::ManagedPolicy")
    return [_in_world(each, world) for each in resolved(policy["PolicyDocument"]["Statement"], names)]


def _in_world(value: Any, world: World) -> Any:
    if isinstance(value, dict):
        return {key: _in_world(each, world) for key, each in value.items()}
    if isinstance(value, list):
        return [_in_world(each, world) for each in value]
    made = {_VPC: world.vpc, _LISTENER: next(iter(world.listeners), ""), **dict(zip(_TABLES, world.tables, strict=False))}
    for placeholder, name in made.items():
        value = value.replace(placeholder, name)
    return value


def _requests(world: World) -> list[Request]:
    """The router's calls as IAM sees them. Source of the actions behind a transaction, and of the condition keys: Service
    Authorization Reference, DynamoDB, EC2 and Elastic Load Balancing.
    """
    return [request for service, operation, given in world.calls for request in _request(world, service, operation, given)]


def _request(world: World, service: str, operation: str, given: Mapping[str, Any]) -> list[Request]:
    action = f"{_PREFIX.get(service, service)}:{operation}"
    if service == "dynamodb":
        return _items(action, given)
    return [_call(world, service, action, given)]


def _items(action: str, given: Mapping[str, Any]) -> list[Request]:
    if action == "dynamodb:TransactWriteItems":
        parts = [part for item in given["TransactItems"] for part in item.items()]
        kinds = {"ConditionCheck": "ConditionCheckItem", "Update": "UpdateItem", "Put": "PutItem", "Delete": "DeleteItem"}
        return [_item(f"dynamodb:{kinds[kind]}", part["TableName"], [part["Key"]]) for kind, part in parts]
    if action == "dynamodb:BatchGetItem":
        return [_item(action, table, asked["Keys"]) for table, asked in given["RequestItems"].items()]
    return [_item(action, given["TableName"], [given["Key"]])]


def _call(world: World, service: str, action: str, given: Mapping[str, Any]) -> Request:
    if action in _WITHOUT_RESOURCE:
        return Request(action, "*")
    if action == "sqs:SendMessage":
        return Request(action, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{given['QueueUrl'].rsplit('/', 1)[1]}")
    if service == "elbv2":
        return Request(action, given["ListenerArn"])
    assert "RouteTableId" in given, f"a call is new to this test: {action}"
    (table,) = world.ec2.describe_route_tables(RouteTableIds=[given["RouteTableId"]])["RouteTables"]
    context = {f"aws:ResourceTag/{tag['Key']}": [tag["Value"]] for tag in table["Tags"]}
    context["ec2:Vpc"] = [f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/{table['VpcId']}"]
    return Request(action, f"arn:aws:ec2:{REGION}:{ACCOUNT}:route-table/{table['RouteTableId']}", context)


def _item(action: str, table: str, keys: list[Mapping[str, Any]]) -> Request:
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
    return Request(action, arn, {"dynamodb:LeadingKeys": [key["record"]["S"] for key in keys]})


def _do_everything(world: World, strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the router does with AWS: first route, failover, one that is overtaken, repair, parking, reconciling."""
    from mirror_router.epochs import Epochs

    vip = "vip" in STRATEGIES[strategy]
    if "listeners" in STRATEGIES[strategy]:
        world.add_listener(1972)
    if vip:
        world.add_tables("application", "data")
    how = {"vip": vip, "explicit": "route_tables" in STRATEGIES[strategy]}
    world.claim(1, "a")
    assert world.send(message(1, "a"), "no message", message(9), **how) == []
    world.claim(2, "b")
    confirm = Epochs.confirm

    def overtaken(self: Epochs, claim: Any) -> Any:
        if claim.epoch == 2:
            world.claim(3, "a")
        return confirm(self, claim)

    with monkeypatch.context() as patch:
        patch.setattr(Epochs, "confirm", overtaken)
        assert world.send(message(2), **how) == []
    for listener, groups in world.listeners.items():
        world.elbv2.modify_listener(ListenerArn=listener, DefaultActions=[leading_to("b", groups)])
    world.invoke({"kind": "reconcile"}, **how)
    assert world.routed() == (3, "a")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_call_is_granted_and_each_grant_is_called(
    templates: Mapping[str, Mapping[str, Any]], world: World, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    _do_everything(world, strategy, monkeypatch)
    statements = _statements(templates[strategy], world)
    requests = _requests(world)
    assert [each for each in requests if not allows(statements, each)] == []
    granted = {action for each in statements if each["Effect"] == "Allow" for action in listed(each["Action"])}
    assert granted - _PLATFORM == {each.action for each in requests}
    assert not [action for action in granted if "*" in action]
    # Items are named one by one, and each is asked for.
    for statement in statements:
        if keys := statement.get("Condition", {}).get("ForAllValues:StringEquals", {}).get("dynamodb:LeadingKeys"):
            (action,) = listed(statement["Action"])
            asked = {key for each in requests if each.action == action for key in each.context["dynamodb:LeadingKeys"]}
            assert asked == set(listed(keys)), action


_ARN = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
_RECORDS = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/epochs"
_DEPLOYMENT = "aws:ResourceTag/cdk-intersystems:deployment"


def _not_granted(vpc: str) -> dict[str, Request]:
    own = [f"{_ARN}:vpc/{vpc}"]
    table = f"{_ARN}:route-table/rtb-0fedcba9876543210"
    key = "dynamodb:LeadingKeys"
    return {
        "a route table of another deployment": Request("ec2:ReplaceRoute", table, {_DEPLOYMENT: ["other"], "ec2:Vpc": own}),
        "a route table without a tag": Request("ec2:CreateRoute", table, {"ec2:Vpc": own}),
        "a route table in another VPC": Request(
            "ec2:CreateRoute", table, {_DEPLOYMENT: ["trakcare"], "ec2:Vpc": [f"{_ARN}:vpc/vpc-0fedcba9876543210"]}
        ),
        "deleting a route": Request("ec2:DeleteRoute", table, {_DEPLOYMENT: ["trakcare"], "ec2:Vpc": own}),
        "another listener": Request("elasticloadbalancing:ModifyListener", f"{_ELB}:listener/net/other/1/2"),
        "a target group": Request("elasticloadbalancing:RegisterTargets", f"{_ELB}:targetgroup/a/1"),
        "writing the claim": Request("dynamodb:UpdateItem", _RECORDS, {key: ["TRAK"]}),
        "another mirror set's record": Request("dynamodb:UpdateItem", _RECORDS, {key: ["OTHER#routed"]}),
        "no record in particular": Request("dynamodb:UpdateItem", _RECORDS, {}),
        "deleting a record": Request("dynamodb:DeleteItem", _RECORDS, {key: ["TRAK#routed"]}),
        "waking itself": Request("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:messages.fifo"),
    }


@pytest.mark.parametrize("what", _not_granted(""))
def test_nothing_else_is_granted(templates: Mapping[str, Mapping[str, Any]], world: World, what: str) -> None:
    assert not allows(_statements(templates["both"], world), _not_granted(world.vpc)[what])


def test_and_it_isn_t_for_want_of_the_right_names(templates: Mapping[str, Mapping[str, Any]], world: World) -> None:
    """The deployment's own table in its own VPC is granted by the very statement that refuses the others."""
    context = {_DEPLOYMENT: ["trakcare"], "ec2:Vpc": [f"{_ARN}:vpc/{world.vpc}"]}
    own = Request("ec2:ReplaceRoute", f"{_ARN}:route-table/rtb-0fedcba9876543210", context)
    assert allows(_statements(templates["both"], world), own)
    assert not allows(_statements(templates["route_vip in these tables"], world), own)
