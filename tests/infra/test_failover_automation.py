"""`FailoverAutomation`: the table, the queues, the router, and what wakes it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Environment, Stack, assertions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms

from cdk_intersystems.failover_automation.failover_automation import FailoverAutomation
from stacks.deployment_app import make_app
from tests.infra.failover_app import STRATEGIES, VIP, failover_templates, id_of, name_of
from tests.infra.mirror_app import ENDPOINTS, KIT_KEY, Templates, define
from tests.infra.templates import by_id, only, resources, tags


def _settings(template: Any) -> tuple[dict[str, Any], str]:
    """What the router is told, with every reference as `<its name>`; and the JSON itself."""
    value = only(template, "Lambda::Function")["Environment"]["Variables"]["ROUTER"]
    text = (
        value
        if isinstance(value, str)
        else "".join(p if isinstance(p, str) else f"<{name_of(p)}>" for p in value["Fn::Join"][1])
    )
    return json.loads(text), text


# What is kept.


def test_the_table_has_one_key_and_is_never_lost(trak: Any) -> None:
    ((_, table),) = ((k, r) for k, r in trak["Resources"].items() if r["Type"] == "AWS::DynamoDB::Table")
    properties = table["Properties"]
    assert properties["KeySchema"] == [{"AttributeName": "record", "KeyType": "HASH"}]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["DeletionProtectionEnabled"] is True
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_table_queues_and_log_are_encrypted_with_the_deployments_key(trak: Any) -> None:
    key = {"Fn::GetAtt": [id_of(trak, "KMS::Key", "Key"), "Arn"]}
    assert only(trak, "DynamoDB::Table")["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    assert [queue["KmsMasterKeyId"] for queue in resources(trak, "SQS::Queue")] == [key, key]
    assert {json.dumps(group["KmsKeyId"]) for group in resources(trak, "Logs::LogGroup")} == {json.dumps(key)}


def test_with_a_key_that_is_brought_it_is_that_one() -> None:
    app = make_app()
    outside = Stack(app, "outside", env=Environment(region="eu-west-2"))
    define(app, encryption_key=kms.Key.from_key_arn(outside, "Key", KIT_KEY))
    template = app.synth().get_stack_by_name("trak").template
    assert only(template, "DynamoDB::Table")["SSESpecification"]["KMSMasterKeyId"] == KIT_KEY
    assert [queue["KmsMasterKeyId"] for queue in resources(template, "SQS::Queue")] == [KIT_KEY] * 2


def test_messages_are_in_order_and_none_is_lost(trak: Any) -> None:
    queues = dict(by_id(trak, "SQS::Queue"))
    (parked,) = (logical_id for logical_id in queues if "Parked" in logical_id)
    (queue,) = (properties for logical_id, properties in queues.items() if logical_id != parked)
    assert [each["FifoQueue"] for each in queues.values()] == [True, True]
    assert queue["ContentBasedDeduplication"] is False
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": {"Fn::GetAtt": [parked, "Arn"]}, "maxReceiveCount": 10}
    # A message that is being worked on is nobody else's, and is there again soon after a run that ended with no answer.
    assert queue["VisibilityTimeout"] == only(trak, "Lambda::Function")["Timeout"] == 30
    assert queues[parked]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_queues_are_reached_by_tls_alone_and_by_nobody_through_their_own_policy(trak: Any) -> None:
    queues = {logical_id for logical_id, _ in by_id(trak, "SQS::Queue")}
    policies = resources(trak, "SQS::QueuePolicy")
    assert {name_of(queue) for policy in policies for queue in policy["Queues"]} == queues
    for policy in policies:
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", "sqs:*", {"AWS": "*"})
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# The router.


@pytest.mark.parametrize("strategies", STRATEGIES)
def test_it_is_told_what_it_moves_as_its_own_code_reads_it(
    made: Mapping[str, Templates], strategies: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mirror_router.settings import settings

    template = made[strategies]["trak"]
    told, text = _settings(template)
    monkeypatch.setenv("ROUTER", text)
    settings.cache_clear()
    read = settings()
    settings.cache_clear()

    assert (read.deployment, read.mirror_set) == ("one", "TRAK")
    assert told["members"] == {"a": "10.9.20.17", "b": "10.9.21.17"}
    assert told["table"] == f"<{id_of(template, 'DynamoDB::Table', 'RouteEpochs')}>"
    assert told["dead_letter_queue"] == f"<{id_of(template, 'SQS::Queue', 'Parked')}>"
    assert (told["status_port"], told["status_path"]) == (2189, "/csp/bin/mirror_status.cxw")
    with_vip, moved = "route_vip" in strategies, "listener" in strategies
    assert told["route_vip"] == ({"vip": VIP, "vpc": "vpc-1", "route_tables": []} if with_vip else {})
    listeners = {f"<{logical_id}>" for logical_id, _ in by_id(template, "ElasticLoadBalancingV2::Listener")}
    assert set(told["listeners"]) == (listeners if moved else set())
    for groups in told["listeners"].values():
        assert sorted(groups) == ["a", "b"]
        for member, group in groups.items():
            assert f"Targets{member.upper()}" in group


def test_it_is_told_the_tables_of_a_vpc_that_exists() -> None:
    told, _ = _settings(failover_templates("route_vip", route_tables=["rtb-1", "rtb-2"])["trak"])
    assert told["route_vip"]["route_tables"] == ["rtb-1", "rtb-2"]


def test_it_runs_the_packages_own_code_in_the_members_network(trak: Any) -> None:
    function = only(trak, "Lambda::Function")
    assert function["Handler"] == "mirror_router.handler.handler"
    assert function["Runtime"] == "python3.14"
    assert function["VpcConfig"]["SubnetIds"] == [f"subnet-data{n}" for n in range(3)]
    (layer,) = function["Layers"]
    assert "AWSLambdaPowertoolsPythonV3" in layer
    assert function["TracingConfig"] == {"Mode": "Active"}
    # It would be a dimension of every metric, and no alarm would see one.
    assert "POWERTOOLS_SERVICE_NAME" not in function["Environment"]["Variables"]


def test_it_is_made_when_its_role_may_do_everything(trak: Any) -> None:
    """And not merely once there is a role, or its first runs would fail."""
    function = trak["Resources"][id_of(trak, "Lambda::Function", "Failover")]
    assert function["DependsOn"] == [id_of(trak, "IAM::ManagedPolicy", "FailoverRole")]


def test_the_code_is_the_package_alone() -> None:
    app = make_app()
    define(app)
    assembly = app.synth()
    (folder,) = Path(assembly.directory).glob("asset.*/mirror_router")
    assert {path.name for path in folder.parent.iterdir()} == {"mirror_router"}
    assert {path.suffix for path in folder.iterdir()} == {".py"}
    assert (folder / "handler.py").is_file()


def test_few_runs_at_once_so_that_nothing_else_of_the_account_is_starved_and_it_isnt_either(trak: Any) -> None:
    assert only(trak, "Lambda::Function")["ReservedConcurrentExecutions"] == 3


def test_its_log_is_kept_as_long_as_it_was_said(trak: Any) -> None:
    name = only(trak, "Lambda::Function")["LoggingConfig"]["LogGroup"]["Ref"]
    group = trak["Resources"][name]
    assert group["Properties"]["RetentionInDays"] == 365
    assert group["DeletionPolicy"] == "Retain"


@pytest.mark.parametrize("strategies", STRATEGIES)
def test_nobody_connects_to_it_and_it_reaches_the_members_status_alone(made: Mapping[str, Templates], strategies: str) -> None:
    template = made[strategies]["trak"]
    (group,) = only(template, "Lambda::Function")["VpcConfig"]["SecurityGroupIds"]
    properties = template["Resources"][group["Fn::GetAtt"][0]]["Properties"]
    assert "SecurityGroupIngress" not in properties
    assert [rule["CidrIp"] for rule in properties.get("SecurityGroupEgress", [])] in ([], ["255.255.255.255/32"])
    members = id_of(template, "EC2::SecurityGroup", "NetworkMembers")
    out = [rule for rule in resources(template, "EC2::SecurityGroupEgress") if rule["GroupId"] == group]
    assert [(rule["DestinationSecurityGroupId"]["Fn::GetAtt"][0], rule["FromPort"], rule["ToPort"]) for rule in out] == [
        (members, 2189, 2189)
    ]
    assert [rule for rule in resources(template, "EC2::SecurityGroupIngress") if rule["GroupId"] == group] == []


@pytest.mark.parametrize(("with_endpoints", "internet"), [(True, False), (True, True), (False, True)])
def test_it_reaches_aws_by_the_endpoints_or_else_by_the_internet(with_endpoints: bool, internet: bool) -> None:
    app = make_app()
    outside = Stack(app, "outside", env=Environment(region="eu-west-2"))
    endpoints = ec2.SecurityGroup.from_security_group_id(outside, "Endpoints", ENDPOINTS) if with_endpoints else None
    define(app, service_endpoints=endpoints, internet=internet)
    template = app.synth().get_stack_by_name("trak").template
    (group,) = only(template, "Lambda::Function")["VpcConfig"]["SecurityGroupIds"]
    to_endpoints = [
        rule["FromPort"]
        for rule in resources(template, "EC2::SecurityGroupEgress")
        if rule["GroupId"] == group and rule.get("DestinationSecurityGroupId") == ENDPOINTS
    ]
    own = template["Resources"][group["Fn::GetAtt"][0]]["Properties"].get("SecurityGroupEgress", [])
    anywhere = [rule["FromPort"] for rule in own if rule["CidrIp"] == "0.0.0.0/0"]
    assert (to_endpoints, anywhere) == (([443], []) if with_endpoints else ([], [443]))


# What wakes it.


def test_messages_wake_it_and_those_that_failed_come_again(trak: Any) -> None:
    mapping = only(trak, "Lambda::EventSourceMapping")
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": [id_of(trak, "SQS::Queue", "FailoverMessages"), "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # A claim is never kept waiting for others.
    assert "MaximumBatchingWindowInSeconds" not in mapping
    assert mapping.get("Enabled", True) is True


def test_it_looks_each_minute_and_when_a_stack_of_the_deployment_was_changed(trak: Any) -> None:
    function = {"Fn::GetAtt": [id_of(trak, "Lambda::Function", "Failover"), "Arn"]}
    rules = dict(by_id(trak, "Events::Rule"))
    (minute,) = (rule for rule in rules.values() if "ScheduleExpression" in rule)
    (updates,) = (rule for rule in rules.values() if "EventPattern" in rule)
    assert minute["ScheduleExpression"] == "rate(1 minute)"
    assert updates["EventPattern"]["source"] == ["aws.cloudformation"]
    assert updates["EventPattern"]["detail-type"] == ["CloudFormation Stack Status Change"]
    detail = updates["EventPattern"]["detail"]
    assert detail["status-details"] == {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]}
    # The deployment's stacks, and this one, whose name in this test isn't of the deployment's form.
    ends = [json.dumps(each["prefix"]) for each in detail["stack-id"]]
    assert len(ends) == 2
    assert ":stack/one-" in ends[0]
    assert ":stack/trak/" in ends[1]
    for rule in rules.values():
        assert rule["State"] == "ENABLED"
        assert [target["Arn"] for target in rule["Targets"]] == [function]
    # EventBridge may invoke it, for these rules and no others.
    permissions = resources(trak, "Lambda::Permission")
    assert {each["SourceArn"]["Fn::GetAtt"][0] for each in permissions} == set(rules)
    assert {each["Principal"] for each in permissions} == {"events.amazonaws.com"}


def test_an_event_that_nobody_answered_is_not_kept(trak: Any) -> None:
    """The next minute's asks for the same."""
    asynchronous = only(trak, "Lambda::EventInvokeConfig")
    assert (asynchronous["MaximumRetryAttempts"], asynchronous["MaximumEventAgeInSeconds"]) == (0, 60)


# Deploying leaves alone what the router writes.


@pytest.mark.parametrize("strategies", STRATEGIES)
def test_no_template_has_a_route_of_the_vip(made: Mapping[str, Templates], strategies: str) -> None:
    for template in made[strategies].values():
        assert resources(template, "EC2::Route") == []


@pytest.mark.parametrize("strategies", STRATEGIES)
def test_members_take_packets_of_a_vip_and_of_nothing_else(made: Mapping[str, Templates], strategies: str) -> None:
    for host in ("a", "b", "arbiter"):
        instance = only(made[strategies][f"trak-{host}"], "EC2::Instance")
        is_led = "route_vip" in strategies and host != "arbiter"
        assert instance.get("SourceDestCheck", True) is not is_led


def test_what_leads_clients_is_found_by_tags(trak: Any) -> None:
    for kind in ("DynamoDB::Table", "SQS::Queue", "Lambda::Function"):
        for properties in resources(trak, kind):
            assert tags(properties)["cdk-intersystems:deployment"] == "one"
            assert tags(properties)["cdk-intersystems:mirror-set"] == "TRAK"


# On its own.


def _alone(region: str | None = "eu-west-2", **more: Any) -> Stack:
    stack = Stack(make_app(), "alone", env=Environment(region=region))
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["eu-west-2a"])
    FailoverAutomation(
        stack,
        "Failover",
        deployment="one",
        mirror_set="TRAK",
        vpc=vpc,
        subnets=[
            ec2.Subnet.from_subnet_attributes(stack, "Subnet", subnet_id="subnet-1", availability_zone="eu-west-2a"),
        ],
        member_addresses={"a": "10.0.0.17", "b": "10.0.1.17"},
        member_security_group=ec2.SecurityGroup(stack, "Members", vpc=vpc, allow_all_outbound=False),
        encryption_key=kms.Key(stack, "Key"),
        **more,
    )
    return stack


def test_it_needs_a_region_or_a_layer() -> None:
    with pytest.raises(ValueError, match="concrete region, or powertools_layer"):
        _alone(region=None)
    layer = "arn:aws:lambda:eu-west-2:111122223333:layer:Powertools:7"
    for region in (None, "eu-west-2"):
        template = assertions.Template.from_stack(_alone(region=region, powertools_layer=layer)).to_json()
        assert only(template, "Lambda::Function")["Layers"] == [layer]
