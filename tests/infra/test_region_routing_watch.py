"""The watch and the readiness check: what they are told, what they may do, and that each alarm is on what somebody writes."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.model.region_latch import LATCH_OBJECT, Latch
from tests.infra.region_routing_app import ACCOUNT, CONTROL, KEY, LATCHES, REGION, SECRET, TOPIC, region_app, region_template
from tests.infra.templates import by_id, only, resources

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
KINDS = list(LATCHES)

Statement = dict[str, Any]


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return {kind: region_template(latch) for kind, latch in LATCHES.items()}


def _statements(template: Any, part: str) -> list[Statement]:
    (policy,) = (each for name, each in by_id(template, "IAM::ManagedPolicy") if name.startswith(part))
    return [
        {**each, "Action": each["Action"] if isinstance(each["Action"], list) else [each["Action"]]}
        for each in policy["PolicyDocument"]["Statement"]
    ]


def _allowed(template: Any, part: str) -> set[str]:
    return {action for each in _statements(template, part) if each["Effect"] == "Allow" for action in each["Action"]}


def _of(template: Any, part: str, action: str) -> list[Statement]:
    return [each for each in _statements(template, part) if action in each["Action"] and each["Effect"] == "Allow"]


_PLATFORM = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments", "kms:Decrypt"),
    *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
    *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"),
}
_CARRIERS = {
    "metric": {"cloudwatch:PutMetricData"},
    "s3_object": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"},
    "routing_control": {
        "route53-recovery-cluster:GetRoutingControlState",
        "route53-recovery-cluster:UpdateRoutingControlState",
        "route53-recovery-cluster:UpdateRoutingControlStates",
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_watch_has_what_its_latch_needs_and_nothing_more(made: Mapping[str, Any], kind: str) -> None:
    records = {"dynamodb:GetItem", "dynamodb:ConditionCheckItem", "dynamodb:UpdateItem"}
    assert _allowed(made[kind], "Watch") - _PLATFORM == records | _CARRIERS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_watch_cannot_write_who_serves(made: Mapping[str, Any], kind: str) -> None:
    """I7: the state of the regions is written by promotions alone."""
    (writing,) = _of(made[kind], "Watch", "dynamodb:UpdateItem")
    assert writing["Condition"]["ForAllValues:StringEquals"] == {"dynamodb:LeadingKeys": ["TRAK#latch"]}
    assert writing["Condition"]["Null"] == {"dynamodb:LeadingKeys": "false"}
    assert not any(action.startswith("dynamodb:Put") for action in _allowed(made[kind], "Watch"))


def test_it_writes_the_latch_and_no_other_metrics_of_the_account(made: Mapping[str, Any]) -> None:
    (statement,) = _of(made["metric"], "Watch", "cloudwatch:PutMetricData")
    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "cdk-intersystems"}}


def test_it_overrides_no_safety_rule(made: Mapping[str, Any]) -> None:
    (denied,) = (
        each for each in _statements(made["routing_control"], "Watch") if each.get("Sid") == "NoSafetyRuleIsOverridden"
    )
    assert denied["Effect"] == "Deny"
    assert denied["Condition"] == {"Bool": {"route53-recovery-cluster:AllowSafetyRulesOverrides": "true"}}
    assert denied["Resource"] == [f"{CONTROL}/1", f"{CONTROL}/2"]


def test_one_object_of_one_bucket_is_public_and_nothing_else(made: Mapping[str, Any]) -> None:
    template = made["s3_object"]
    ((bucket, properties),) = by_id(template, "S3::Bucket")
    public = [
        each
        for each in only(template, "S3::BucketPolicy")["PolicyDocument"]["Statement"]
        if each["Effect"] == "Allow" and each["Principal"] in ("*", {"AWS": "*"})
    ]
    assert [each["Action"] for each in public] == ["s3:GetObject"]
    assert public[0]["Resource"] == {"Fn::Join": ["", [{"Fn::GetAtt": [bucket, "Arn"]}, f"/{LATCH_OBJECT}"]]}
    assert properties["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False,
    }
    denied = [each for each in only(template, "S3::BucketPolicy")["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [each["Condition"] for each in denied]


@pytest.mark.parametrize("kind", ["metric", "routing_control"])
def test_other_latches_have_no_bucket(made: Mapping[str, Any], kind: str) -> None:
    assert resources(made[kind], "S3::Bucket") == []


def test_nobody_but_the_watch_puts_the_object_there_or_takes_it_away(made: Mapping[str, Any]) -> None:
    template = made["s3_object"]
    statements = only(template, "S3::BucketPolicy")["PolicyDocument"]["Statement"]
    (denied,) = (each for each in statements if each.get("Sid") == "NobodyButTheWatch")
    (role,) = (name for name, _ in by_id(template, "IAM::Role") if name.startswith("Watch"))
    assert (denied["Effect"], denied["Principal"]) == ("Deny", {"AWS": "*"})
    assert {"s3:DeleteObject", "s3:PutObject"} <= set(denied["Action"])
    assert denied["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": {"Fn::GetAtt": [role, "Arn"]}}}


def test_one_bad_moment_of_s3_moves_nobody(made: Mapping[str, Any]) -> None:
    (config,) = (
        each["HealthCheckConfig"]
        for each in resources(made["s3_object"], "Route53::HealthCheck")
        if each["HealthCheckConfig"]["Type"] == "HTTPS"
    )
    assert (config["RequestInterval"], config["FailureThreshold"]) == (10, 3)


def test_a_latch_that_is_public_has_to_be_wanted() -> None:
    with pytest.raises(ValueError, match="public"):
        Latch(kind="s3_object")


def test_routing_controls_are_refused_where_nothing_leads_to_them() -> None:
    from cdk_intersystems.region_routing.region_watch import RegionWatch

    app, watch = region_app(Latch())
    del app
    with pytest.raises(ValueError, match="no VPC endpoint leads to"):
        RegionWatch(
            watch.node.scope,  # type: ignore[arg-type]
            "Other",
            deployment="one",
            mirror_set="OTHER",
            table=None,  # type: ignore[arg-type]
            latch=LATCHES["routing_control"],
            vpc=None,  # type: ignore[arg-type]
            subnets=[],
            member_addresses={},
            other_addresses={},
            member_security_group=None,  # type: ignore[arg-type]
            encryption_key=None,  # type: ignore[arg-type]
        )


def _settings(template: Any, part: str, variable: str) -> Mapping[str, Any]:
    """What a function is told, with references named by what they refer to."""
    (function,) = (each for name, each in by_id(template, "Lambda::Function") if name.startswith(part))
    value = function["Environment"]["Variables"][variable]
    text = (
        value
        if isinstance(value, str)
        else "".join(each if isinstance(each, str) else str(next(iter(each.values()))) for each in value["Fn::Join"][1])
    )
    told: Mapping[str, Any] = json.loads(text)
    return told


@pytest.mark.parametrize("kind", KINDS)
def test_the_watch_can_read_what_it_is_told(made: Mapping[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from region_watch.settings import settings

    settings.cache_clear()
    monkeypatch.setenv("WATCH", json.dumps(_settings(made[kind], "Watch", "WATCH")))
    told = settings()
    settings.cache_clear()
    assert (told.deployment, told.mirror_set, told.status_port) == ("one", "TRAK", 2189)
    assert told.members == {"a": "10.30.144.17", "b": "10.30.160.17"}
    assert told.others == {"TRAKA": "10.20.144.17", "TRAKB": "10.20.160.17"}
    assert told.latch["kind"] == kind
    if kind == "s3_object":
        assert told.latch["key"] == LATCH_OBJECT
    if kind == "routing_control":
        assert len(told.latch["endpoints"]) == 5


def test_the_readiness_check_can_read_what_it_is_told(made: Mapping[str, Any]) -> None:
    from region_readiness.settings import read

    told = read(_settings(made["metric"], "Readiness", "READINESS"))
    assert told.parameters == ("/cdk-intersystems/one/TRAK/bootstrap", "/cdk-intersystems/one/web/bootstrap")
    assert (told.old_region, told.full_type, told.fallback_types) == (
        "eu-west-2",
        "r7i.4xlarge",
        ("r7i.8xlarge", "r6i.4xlarge"),
    )
    assert told.instances == {"r7i.4xlarge": 2, "c7i.xlarge": 4}


def test_the_readiness_check_changes_nothing_but_its_report(made: Mapping[str, Any]) -> None:
    template = made["metric"]
    allowed = _allowed(template, "Readiness")
    changing = {action for action in allowed if not action.partition(":")[2].startswith(("Describe", "Get", "BatchGet"))}
    assert changing - _PLATFORM == {"dynamodb:PutItem", "ssm:SendCommand"}
    (writing,) = _of(template, "Readiness", "dynamodb:PutItem")
    assert writing["Condition"]["ForAllValues:StringEquals"] == {"dynamodb:LeadingKeys": ["TRAK#readiness"]}
    document, instances = _of(template, "Readiness", "ssm:SendCommand")
    assert document["Resource"].endswith(":document/cdk-intersystems-one-TRAK-region")
    assert instances["Condition"] == {
        "StringEquals": {
            "ssm:resourceTag/cdk-intersystems:deployment": "one",
            "ssm:resourceTag/cdk-intersystems:mirror-set": "TRAK",
        }
    }


def test_it_reads_the_parameters_of_both_regions(made: Mapping[str, Any]) -> None:
    (statement,) = _of(made["metric"], "Readiness", "ssm:GetParameter")
    assert ["eu-west-1" in json.dumps(each) for each in statement["Resource"]] == [True, True, False, False]
    assert ["eu-west-2" in json.dumps(each) for each in statement["Resource"]] == [False, False, True, True]


def test_the_readiness_check_may_look_at_a_secret_that_is_known_by_its_name(made: Mapping[str, Any]) -> None:
    # IAM compares with the whole ARN, at whose end AWS puts a hyphen and six letters of its own.
    (statement,) = _of(made["metric"], "Readiness", "secretsmanager:DescribeSecret")
    assert statement["Resource"] == [SECRET, f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:one/authority-??????"]


@pytest.mark.parametrize("part", ["Watch", "Readiness"])
def test_keys_are_used_through_their_services_alone(made: Mapping[str, Any], part: str) -> None:
    used = [each for each in _statements(made["metric"], part) if any(action.startswith("kms:") for action in each["Action"])]
    assert [(each["Resource"], each["Condition"]["StringEquals"]["kms:ViaService"]) for each in used] == [
        (KEY, "dynamodb.eu-west-1.amazonaws.com")
    ]


def test_the_watch_asks_members_and_nobody_else(made: Mapping[str, Any]) -> None:
    template = made["metric"]
    groups = dict(by_id(template, "EC2::SecurityGroup"))
    (watch,) = (each for name, each in groups.items() if name.startswith("Watch"))
    assert {(each["CidrIp"], each["FromPort"]) for each in watch["SecurityGroupEgress"] if each["FromPort"] == 2189} == {
        ("10.20.144.17/32", 2189),
        ("10.20.160.17/32", 2189),
    }
    assert not [each for each in watch["SecurityGroupEgress"] if each.get("CidrIp", "").endswith("/0")]
    ingress = [each for each in resources(template, "EC2::SecurityGroupIngress") if each["FromPort"] == 2189]
    assert len(ingress) == 1


def _alarms(template: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, alarm in by_id(template, "CloudWatch::Alarm"):
        yield name.rpartition("Alarms")[2][:-8], alarm


@pytest.mark.parametrize("kind", KINDS)
def test_each_alarm_names_a_runbook_that_is_there(made: Mapping[str, Any], kind: str) -> None:
    alarms = dict(_alarms(made[kind]))
    assert set(alarms) == {
        *("DrHoldsTraffic", "PrimaryRegionServes", "SplitRegions", "HeldByOtherRegion", "LatchRepaired", "LatchNotDelivered"),
        *("DrMembersDown", "HolderNotServing", "WatchSilent", "WatchErrors", "JournalLag", "NotReady"),
    }
    for alarm in alarms.values():
        assert alarm["AlarmDescription"].startswith("one/TRAK: ")
        assert (RUNBOOKS / alarm["AlarmDescription"].rpartition("Runbook: docs/runbooks/")[2]).is_file(), alarm


def test_every_alarm_but_route_53s_own_tells_the_topic(made: Mapping[str, Any]) -> None:
    silent = [name for name, alarm in _alarms(made["metric"]) if alarm.get("AlarmActions") != [TOPIC]]
    assert silent == ["PrimaryRegionServes"]


@pytest.mark.parametrize("name", ["WatchSilent", "NotReady"])
def test_silence_is_an_alarm(made: Mapping[str, Any], name: str) -> None:
    assert dict(_alarms(made["metric"]))[name]["TreatMissingData"] == "breaching"


def test_a_watch_that_does_not_see_moves_is_an_alarm(made: Mapping[str, Any]) -> None:
    """Else the alarm on a move that is stuck would be silent, and nobody know."""
    silent = dict(_alarms(made["metric"]))["WatchSilent"]
    assert (silent["MetricName"], silent["Statistic"], silent["Threshold"]) == ("MoveSeconds", "SampleCount", 1)
    assert (silent["Period"], silent["EvaluationPeriods"]) == (60, 5)


def test_metrics_are_read_where_they_are_written(made: Mapping[str, Any]) -> None:
    """Dimension for dimension: an alarm on a metric that nobody writes is silent for ever."""
    written = "".join(
        path.read_text()
        for package in ("region_watch", "region_readiness")
        for path in (ROOT / "lambda" / package).glob("*.py")
    )
    for name, alarm in _alarms(made["metric"]):
        if alarm["Namespace"] == "AWS/Lambda":
            continue
        assert alarm["Namespace"] == "cdk-intersystems"
        assert f'"{alarm["MetricName"]}"' in written, name
        assert {each["Name"]: each["Value"] for each in alarm["Dimensions"]} == {"deployment": "one", "mirror_set": "TRAK"}


def test_where_nobody_can_be_asked_nothing_is_told_of_the_other_region() -> None:
    template = region_template(Latch(), others={})
    assert {"PrimaryRegionServes", "SplitRegions"}.isdisjoint(dict(_alarms(template)))


def test_without_other_region_nothing_of_it_is_read() -> None:
    template = region_template(Latch(), readiness={"old_region": None})
    (statement,) = _of(template, "Readiness", "ssm:GetParameter")
    assert len(statement["Resource"]) == 2


@pytest.mark.parametrize(
    ("part", "rate"),
    [("WatchEachMinute", "rate(1 minute)"), ("ReadinessCheck", "rate(15 minutes)"), ("ReadinessLag", "rate(5 minutes)")],
)
def test_each_is_woken_by_schedule(made: Mapping[str, Any], part: str, rate: str) -> None:
    (rule,) = (each for name, each in by_id(made["metric"], "Events::Rule") if name.startswith(part))
    assert (rule["ScheduleExpression"], rule["State"]) == (rate, "ENABLED")


def test_functions_have_the_names_that_others_call_them_by(made: Mapping[str, Any]) -> None:
    names = {each["FunctionName"] for each in resources(made["metric"], "Lambda::Function")}
    assert names == {"one-TRAK-region-watch", "one-TRAK-region-readiness"}
