"""Hosts that set themselves up: what their roles let them do."""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_intersystems import bootstrap
from tests.infra.bootstrap_app import HOSTS, PRIVATE_CA, BootstrapApp, everything, parameter
from tests.infra.templates import by_id, only, resources

#: Source: IAM User Guide, "IAM and AWS STS quotas": characters of a managed policy, white space not counted.
_LONGEST_POLICY = 6144


@pytest.fixture(scope="module")
def templates() -> Mapping[str, Any]:
    return everything().templates()


def _allowed(template: Any) -> dict[str, set[str]]:
    """What the hosts of a template may do: action -> resources, references by name."""
    allowed: dict[str, set[str]] = {}
    for statement in only(template, "IAM::ManagedPolicy")["PolicyDocument"]["Statement"]:
        if statement["Effect"] == "Allow":
            named = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            for action in [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]:
                allowed.setdefault(action, set()).update(
                    each if isinstance(each, str) else json.dumps(each, sort_keys=True) for each in named
                )
    return allowed


_ARN = "arn:aws:ssm:eu-west-2:111122223333:parameter/cdk-intersystems/one"
_EVERY_HOST = {
    *("cloudwatch:PutMetricData", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
    *("ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel"),
    *("ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"),
    *("ssm:GetParameter", "s3:GetObject", "cloudformation:SignalResource", "kms:Decrypt"),
}
_SECRETS = {"secretsmanager:GetSecretValue"}


def test_no_role_may_do_more_than_its_hosts_have_to(templates: Mapping[str, Any]) -> None:
    allowed = {host: set(_allowed(templates[stack])) for host, stack in HOSTS.items()}
    member = {
        *("ec2:DescribeVolumes", "ec2:AttachVolume", "kms:CreateGrant", "kms:GenerateDataKey"),
        *("secretsmanager:PutSecretValue", "ssm:PutParameter"),
        *("dynamodb:GetItem", "dynamodb:UpdateItem", "sqs:SendMessage"),
    }
    leaving = {
        *("autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"),
        "autoscaling:DescribeAutoScalingInstances",
    }
    assert allowed["a"] == allowed["b"] == _EVERY_HOST | _SECRETS | member
    # Its kit has no key of its own.
    assert allowed["arbiter"] == _EVERY_HOST - {"kms:Decrypt"}
    assert allowed["app"] == _EVERY_HOST | _SECRETS | leaving
    assert allowed["web"] == _EVERY_HOST | _SECRETS | {"ec2:DescribeInstances"}


def test_roles_allow_what_the_hosts_code_asks_for_and_nothing_else(templates: Mapping[str, Any]) -> None:
    private = everything(certificate_authority=PRIVATE_CA).templates()
    allowed = {action for each in (templates, private) for stack in HOSTS.values() for action in _allowed(each[stack])}
    # Session Manager and the keys of what is read; and for a CloudWatch agent of one's own, which the hosts' code doesn't need.
    for_others = {
        *(action for action in _EVERY_HOST if action.startswith("ssmmessages:")),
        *("ssm:UpdateInstanceInformation", "cloudwatch:PutMetricData", "logs:DescribeLogStreams"),
        *("kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"),
    }
    assert allowed - for_others == _asked_for()


def _asked_for() -> set[str]:
    """The actions that the hosts' code names: each module of `bootstrap/host/aws` those of its service, and the call-out."""
    services = {"private_ca": "acm-pca", "secrets": "secretsmanager"}
    # What first_boot.py asks for itself.
    found = {"s3:GetObject", "cloudformation:SignalResource"}
    for path in (Path(bootstrap.__file__).parent / "host/aws").glob("*.py"):
        service = services.get(path.stem, path.stem)
        if service in _SESSION.get_available_services():
            operations = _SESSION.get_service_model(service).operation_names
            texts = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
            found |= {f"{service}:{name}" for name in operations if name in texts}
    return found | _asked_for_by_the_call_out()


def _asked_for_by_the_call_out() -> set[str]:
    """`aws.call("<service>", f"{<protocol>}.<operation>", ...)`, wherever it stands in `bootstrap/call_out`."""
    found: set[str] = set()
    for path in (Path(bootstrap.__file__).parent / "call_out").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    args=[ast.Constant(value=str(service)), ast.JoinedStr(values=[_, ast.Constant(value=str(end))]), *_]
                ):
                    found.add(f"{service}:{end.removeprefix('.')}")
    return found


_SESSION = botocore.session.get_session()


def test_hosts_fetch_their_own_bundle_and_software_and_nothing_else(templates: Mapping[str, Any]) -> None:
    bucket = "arn:aws:s3:::cdk-hnb659fds-assets-111122223333-eu-west-2"
    software = {"arn:aws:s3:::packages/rhel9.tar", "arn:aws:s3:::kits/iris.tar.gz"}
    for host, stack in HOSTS.items():
        of = stack if host in ("app", "web") else "trak"
        bundle = f"{bucket}/{parameter(templates[of])[1]['bundle']['key']}"
        kit = {"arn:aws:s3:::packages/rhel9.tar", "arn:aws:s3:::kits/agent.tar.gz"} if host == "arbiter" else software
        assert _allowed(templates[stack])["s3:GetObject"] == {bundle} | kit


def test_hosts_read_the_parameters_they_need(templates: Mapping[str, Any]) -> None:
    read = {host: _allowed(templates[stack])["ssm:GetParameter"] for host, stack in HOSTS.items()}
    mirror = f"{_ARN}/TRAK"
    assert read["a"] == read["b"] == {f"{mirror}/bootstrap", f"{mirror}/created", f"{mirror}/authority"}
    assert read["arbiter"] == {f"{mirror}/bootstrap"}
    assert read["app"] == {f"{_ARN}/app/bootstrap", f"{mirror}/authority"}
    assert read["web"] == {f"{_ARN}/web/bootstrap", f"{mirror}/authority"}


def test_a_member_writes_two_parameters_once_and_deletes_none(templates: Mapping[str, Any]) -> None:
    allowed = _allowed(templates["trak-a"])
    written = {f"{_ARN}/TRAK/created", f"{_ARN}/TRAK/authority"}
    assert allowed["ssm:PutParameter"] == written
    assert not [action for action in allowed if "Delete" in action]
    denied = [
        statement
        for statement in only(templates["trak-a"], "IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
    ]
    assert [(each["Action"], set(each["Resource"]), each["Condition"]) for each in denied] == [
        ("ssm:PutParameter", written, {"StringEquals": {"ssm:Overwrite": "true"}})
    ]


def test_hosts_signal_for_their_own_stack_alone(templates: Mapping[str, Any]) -> None:
    for stack in HOSTS.values():
        assert _allowed(templates[stack])["cloudformation:SignalResource"] == {'{"Ref": "AWS::StackId"}'}


def test_only_members_fill_the_secret_of_the_authority(templates: Mapping[str, Any]) -> None:
    (filled,) = _allowed(templates["trak-a"])["secretsmanager:PutSecretValue"]
    assert "DatabaseAuthority" in filled
    assert filled in _allowed(templates["app"])["secretsmanager:GetSecretValue"]
    (of_web,) = _allowed(templates["web"])["secretsmanager:GetSecretValue"]
    assert "GatewayPassword" in of_web


def test_an_application_server_says_when_it_has_left_for_its_own_group_alone(templates: Mapping[str, Any]) -> None:
    hook = only(templates["app"], "AutoScaling::LifecycleHook")
    assert {key: value for key, value in hook.items() if key != "AutoScalingGroupName"} == {
        "LifecycleHookName": "leave",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "HeartbeatTimeout": 900,
        "DefaultResult": "CONTINUE",
    }
    (statement,) = (
        each
        for each in only(templates["app"], "IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
        if "autoscaling:CompleteLifecycleAction" in each["Action"]
    )
    assert statement["Condition"]["StringEquals"] == {
        "aws:ResourceTag/cdk-intersystems:deployment": "one",
        "aws:ResourceTag/cdk-intersystems:tier": "app",
    }
    # The load balancer has drained a web server before it goes.
    assert resources(templates["web"], "AutoScaling::LifecycleHook") == []


def test_with_a_private_ca_hosts_ask_that_and_there_is_no_secret() -> None:
    made = everything(certificate_authority=PRIVATE_CA)
    templates = made.templates()
    assert not [i for i, _ in by_id(templates["trak"], "SecretsManager::Secret") if "Authority" in i]
    asks = {
        f"acm-pca:{action}"
        for action in (
            "DescribeCertificateAuthority",
            "GetCertificate",
            "GetCertificateAuthorityCertificate",
            "IssueCertificate",
        )
    }
    for host, stack in HOSTS.items():
        allowed = _allowed(templates[stack])
        expected = asks if host in ("a", "b", "app") else set()
        assert {action for action in allowed if action.startswith("acm-pca:")} == expected, host
        assert all(allowed[action] == {PRIVATE_CA} for action in expected)
        assert "secretsmanager:PutSecretValue" not in allowed
    assert parameter(templates["trak"])[1]["secrets"]["authority"] == ""


def test_an_authority_of_ones_own_is_read_and_may_still_be_empty() -> None:
    made = BootstrapApp()
    own = secretsmanager.Secret.from_secret_complete_arn(
        made.stack("outside"), "Own", "arn:aws:secretsmanager:eu-west-2:111122223333:secret:authority-abcdef"
    )
    templates = BootstrapApp(certificate_authority=own).templates()
    assert parameter(templates["trak"])[1]["secrets"]["authority"] == own.secret_arn
    allowed = _allowed(templates["trak-a"])
    assert own.secret_arn in allowed["secretsmanager:GetSecretValue"]
    assert allowed["secretsmanager:PutSecretValue"] == {own.secret_arn}


def test_policies_are_within_iams_limit(templates: Mapping[str, Any]) -> None:
    """Counted with references as long as what they stand for: ARNs of about 110 characters."""
    for stack in HOSTS.values():
        document = only(templates[stack], "IAM::ManagedPolicy")["PolicyDocument"]
        assert len(json.dumps(_resolved(document), separators=(",", ":"))) < _LONGEST_POLICY, stack


def _resolved(value: Any) -> Any:
    if isinstance(value, dict):
        if "Fn::Join" in value:
            return "".join(part if isinstance(part, str) else "x" * 21 for part in value["Fn::Join"][1])
        if len(value) == 1 and next(iter(value)) in ("Ref", "Fn::ImportValue", "Fn::GetAtt"):
            return "x" * 110
        return {key: _resolved(each) for key, each in value.items()}
    return [_resolved(each) for each in value] if isinstance(value, list) else value
