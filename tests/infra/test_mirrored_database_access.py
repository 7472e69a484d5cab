"""`MirroredDatabase`: who may do what, and who may connect to whom; what the members share."""

from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from stacks.deployment_app import make_app
from tests.infra.mirror_app import (
    ENDPOINTS,
    KIT_KEY,
    Templates,
    define,
    full_templates,
    templates_of,
)
from tests.infra.templates import by_id, only, resources


@pytest.fixture(scope="module")
def default() -> Templates:
    return templates_of()


@pytest.fixture(scope="module")
def full() -> Templates:
    return full_templates()


# Permissions.


def _statements(template: Any) -> list[dict[str, Any]]:
    policy = only(template, "IAM::ManagedPolicy")
    return list(policy["PolicyDocument"]["Statement"])


def _actions(statement: Mapping[str, Any]) -> set[str]:
    action = statement["Action"]
    return {action} if isinstance(action, str) else set(action)


def test_a_member_may_attach_its_own_volumes_to_itself_alone(full: Templates) -> None:
    statements = [s for s in _statements(full["trak-b"]) if _actions(s) == {"ec2:AttachVolume"}]
    to_itself, volumes = sorted(statements, key=lambda s: "Condition" not in s)
    assert to_itself["Condition"]["StringEquals"] == {
        "aws:ResourceTag/cdk-intersystems:deployment": "one",
        "aws:ResourceTag/cdk-intersystems:mirror-set": "TRAK",
        "aws:ResourceTag/cdk-intersystems:member": "b",
    }
    own = {logical_id for logical_id, _ in by_id(full["trak-b"], "EC2::Volume")}
    assert {arn["Fn::Join"][1][-1]["Ref"] for arn in volumes["Resource"]} == own
    assert not any("ec2:DetachVolume" in _actions(s) for s in _statements(full["trak-b"]))


def test_a_member_may_let_ec2_decrypt_its_volumes_and_give_no_other_grant(full: Templates) -> None:
    (grant,) = (s for s in _statements(full["trak-a"]) if "kms:CreateGrant" in _actions(s))
    assert grant["Condition"] == {
        "Bool": {"kms:GrantIsForAWSResource": "true"},
        "StringEquals": {
            "kms:ViaService": "ec2.eu-west-2.amazonaws.com",
            "kms:GrantConstraintType": "EncryptionContextSubset",
        },
    }


def test_the_arbiter_may_touch_no_volume_secret_or_kit(full: Templates) -> None:
    services = {action.partition(":")[0] for s in _statements(full["trak-arbiter"]) for action in _actions(s)}
    assert services == {"ssm", "ssmmessages", "cloudwatch", "logs"}


def test_a_member_may_read_its_secrets_and_no_object(full: Templates) -> None:
    statements = _statements(full["trak-a"])
    (secrets,) = (s for s in statements if "secretsmanager:GetSecretValue" in _actions(s))
    assert len(secrets["Resource"]) == 2
    assert "iris/key" in str(secrets)
    (decrypt,) = (s for s in statements if "kms:Decrypt" in _actions(s))
    assert decrypt["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-2.amazonaws.com"}}
    assert not any("s3:GetObject" in _actions(s) for s in statements)


def test_roles_can_be_brought() -> None:
    app = make_app()
    outside = Stack(app, "outside", env=Environment(region="eu-west-2"))
    define(
        app,
        member_role=iam.Role.from_role_name(outside, "Members", "members", mutable=False),
        arbiter_role=iam.Role.from_role_name(outside, "Arbiter", "arbiter", mutable=False),
    )
    templates = {stack.stack_name: stack.template for stack in app.synth().stacks}
    for member, name in (("a", "members"), ("b", "members"), ("arbiter", "arbiter")):
        template = templates[f"trak-{member}"]
        assert only(template, "IAM::InstanceProfile")["Roles"] == [name]
        assert resources(template, "IAM::Role") == resources(template, "IAM::ManagedPolicy") == []


# What members share.


def _rules(template: Any, group: str) -> set[tuple[str, int, int]]:
    """The rules of a group that let another group in, as protocol and ports."""
    (logical_id,) = (i for i, p in by_id(template, "EC2::SecurityGroup") if p["GroupDescription"] == group)
    return {
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"])
        for rule in resources(template, "EC2::SecurityGroupIngress")
        if rule["GroupId"] == {"Fn::GetAtt": [logical_id, "GroupId"]}
    }


def test_members_talk_to_each_other_and_to_the_arbiter(default: Templates) -> None:
    members = _rules(default["trak"], "Failover members of mirror TRAK")
    assert members == {("tcp", 1972, 1972), ("tcp", 2188, 2188), ("icmp", 8, -1), ("tcp", 11972, 11972), ("tcp", 2189, 2189)}
    assert _rules(default["trak"], "Arbiter of mirror TRAK") == {("tcp", 2188, 2188)}


def test_without_endpoints_or_internet_hosts_reach_nothing_else(default: Templates) -> None:
    assert not any(
        rule["CidrIp"] != "255.255.255.255/32"
        for group in resources(default["trak"], "EC2::SecurityGroup")
        for rule in group.get("SecurityGroupEgress", [])
    )
    assert 443 not in {rule["FromPort"] for rule in resources(default["trak"], "EC2::SecurityGroupEgress")}


def test_with_them_hosts_reach_https(full: Templates) -> None:
    to_endpoints = [r for r in resources(full["trak"], "EC2::SecurityGroupIngress") if r["GroupId"] == ENDPOINTS]
    # Members, arbiter and router.
    assert [(rule["FromPort"], rule["ToPort"]) for rule in to_endpoints] == [(443, 443)] * 3
    anywhere = [
        (rule["CidrIp"], rule["FromPort"])
        for group in resources(full["trak"], "EC2::SecurityGroup")
        for rule in group.get("SecurityGroupEgress", [])
        if rule["CidrIp"] == "0.0.0.0/0"
    ]
    assert anywhere == [("0.0.0.0/0", 443)] * 2


def test_the_endpoint_stands_where_it_was_told(default: Templates, full: Templates) -> None:
    assert only(default["trak"], "ElasticLoadBalancingV2::LoadBalancer")["Subnets"] == [f"subnet-data{n}" for n in range(3)]
    assert only(full["trak"], "ElasticLoadBalancingV2::LoadBalancer")["Subnets"] == [f"subnet-application{n}" for n in range(3)]


def test_a_key_is_made_unless_one_is_brought(default: Templates, full: Templates) -> None:
    key = only(default["trak"], "KMS::Key")
    assert key["EnableKeyRotation"] is True
    assert resources(full["trak"], "KMS::Key") == []
    assert [group["KmsKeyId"] for group in resources(full["trak"], "Logs::LogGroup")] == [KIT_KEY] * 2


def test_logs_and_password_outlive_the_stack(default: Templates, full: Templates) -> None:
    for kind in ("AWS::Logs::LogGroup", "AWS::SecretsManager::Secret"):
        found = [r for r in default["trak"]["Resources"].values() if r["Type"] == kind]
        assert found
        assert {kept["DeletionPolicy"] for kept in found} == {"Retain"}
    for template, days in ((default["trak"], 365), (full["trak"], 30)):
        # The hosts' and the router's.
        assert [group["RetentionInDays"] for group in resources(template, "Logs::LogGroup")] == [days] * 2


def test_the_default_port_of_its_connections_is_the_superservers() -> None:
    app = make_app()
    database = define(app)
    database.connections.allow_default_port_from(ec2.Peer.ipv4("192.168.0.0/16"))
    template = app.synth().get_stack_by_name("trak").template
    (group,) = (g for g in resources(template, "EC2::SecurityGroup") if "Failover" in g["GroupDescription"])
    assert [(rule["CidrIp"], rule["FromPort"]) for rule in group["SecurityGroupIngress"]] == [("192.168.0.0/16", 1972)]
