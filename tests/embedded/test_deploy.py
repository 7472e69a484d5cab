"""`python -m local deploy`: the real CDK CLI deploys an app, and what came of it is compared and shown."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local import cdk, inventory, table
from local.cdk import Stack
from local.clients import Clients
from local.server import REPOSITORY, EmbeddedAws
from local.verify import DIFFERENT, STORED, VERIFIED, Finding, verify

from .conftest import IMAGE, REGION, Network

pytestmark = pytest.mark.embedded

FIXTURE = f"{sys.executable} {Path(__file__).parent / 'fixture_app' / 'app.py'}"
Inventory = dict[str, Any]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local", "deploy", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=110, check=False)


@pytest.fixture(scope="module")
def deployed() -> subprocess.CompletedProcess[str]:
    return run("fixture", "--app", FIXTURE, "--json")


@pytest.fixture(scope="module")
def document(deployed: subprocess.CompletedProcess[str]) -> Inventory:
    assert deployed.returncode == 0, deployed.stderr
    found: Inventory = json.loads(deployed.stdout)
    return found


def test_progress_shows_while_it_works(deployed: subprocess.CompletedProcess[str]) -> None:
    steps = ["starting", "synthesizing", "bootstrapping", "deploying 3 stacks", "done: fixture-pair", "comparing"]
    assert [step for step in steps if step not in deployed.stderr] == []


# What the CDK CLI looks up in the embedded AWS (here: the zones) must not reach the next synthesis against real AWS.
def test_nothing_is_left_in_the_repository(deployed: subprocess.CompletedProcess[str]) -> None:
    assert deployed.returncode == 0
    assert not (REPOSITORY / "cdk.context.json").exists()


def test_every_stack_is_deployed(document: Inventory) -> None:
    names = [entry["name"] for entry in document["stacks"]]
    assert sorted(names) == ["fixture-network", "fixture-pair", "fixture-tier"]


def test_nothing_differs_from_what_was_asked_for(document: Inventory) -> None:
    assert document["comparison"]["different"] == []
    assert document["comparison"]["counts"]["verified"] > 200


def test_members_are_found_with_zone_address_and_volumes(document: Inventory) -> None:
    members = document["members"]
    assert [(m["mirror_set"], m["member"], m["zone"]) for m in members] == [
        ("PAIR", "a", "eu-west-2a"),
        ("PAIR", "b", "eu-west-2b"),
    ]
    assert all(member["public_address"] is None for member in members)
    attached, waiting = (member["volumes"][0] for member in members)
    assert (attached["purpose"], attached["size_gib"], attached["state"]) == ("data", 100, "in-use")
    assert waiting["state"] == "available"


# The reserved range holds the first addresses of the subnet; what AWS chooses by itself comes from behind it.
def test_no_address_was_taken_out_of_the_reserved_range(document: Inventory) -> None:
    address = document["members"][0]["address"]
    assert int(address.rpartition(".")[2]) >= 16


def test_a_tier_has_its_instances_in_every_zone(document: Inventory) -> None:
    (tier,) = document["tiers"]
    assert (tier["tier"], tier["min"], tier["max"]) == ("web", 3, 6)
    assert sorted(entry["zone"] for entry in tier["instances"]) == ["eu-west-2a", "eu-west-2b", "eu-west-2c"]


def test_load_balancers_lead_to_their_targets(document: Inventory) -> None:
    by_type = {entry["type"]: entry for entry in document["load_balancers"]}
    (endpoint,) = by_type["network"]["listeners"]
    (group,) = endpoint["target_groups"]
    assert endpoint["port"] == 1972
    assert sorted(group["targets"]) == sorted(f"{m['instance_id']}:11972" for m in document["members"])
    assert group["health_check"] == "HTTP traffic-port /csp/mirror_status.cxw"
    (front,) = by_type["application"]["listeners"]
    servers = [f"{entry['instance_id']}:8080" for entry in document["tiers"][0]["instances"]]
    assert sorted(front["target_groups"][0]["targets"]) == sorted(servers)


def test_the_security_group_matrix_names_both_sides(document: Inventory) -> None:
    pairs = {(entry["from"], entry["to"], entry["ports"]) for entry in document["security_groups"]}
    assert ("fixture-pair: Group", "fixture-pair: Group", "tcp 2188") in pairs
    assert ("0.0.0.0/0", "fixture-tier: FrontSecurityGroup", "tcp 80") in pairs
    assert ("fixture-tier: FrontSecurityGroup", "fixture-tier: ServersGroup", "tcp 8080") in pairs


def test_what_is_not_emulated_or_only_stored_is_told(document: Inventory) -> None:
    assert [entry["type"] for entry in document["not_emulated"]] == ["AWS::NetworkManager::GlobalNetwork"]
    assert "AWS::SSM::Document" in [entry["type"] for entry in document["stored"]]
    stored = document["comparison"]["stored_properties"]
    assert "MetadataOptions" in stored["AWS::EC2::Instance"]


def test_the_table_shows_all_of_it(document: Inventory, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    table.show(document, Console(width=200))
    shown = capsys.readouterr().out
    for text in (
        "eu-west-2b",
        "data: gp3 100 GiB, 4000 IOPS, not attached yet",
        "PAIR a :11972",
        "3 x web server :8080",
        "HTTP traffic-port /csp/mirror_status.cxw",
        "fixture-pair: Group",
        "AWS::NetworkManager::GlobalNetwork",
        "Nothing here was compared with real AWS",
    ):
        assert text in shown


def test_a_failed_deployment_gives_cloudformations_reason_and_no_trace() -> None:
    failed = run("broken", "--app", FIXTURE)
    assert failed.returncode == 1
    assert "fixture-pair: MemberA" in failed.stderr
    assert "Address 10.99.0.10 does not fall within the subnet's address range" in failed.stderr
    assert "(AWS::EC2::Instance) CREATE_FAILED" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert failed.stdout == ""


def test_an_unknown_deployment_is_refused_in_the_apps_words() -> None:
    refused = run("no-such-deployment")
    assert refused.returncode == 2
    assert "no-such-deployment" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_help_is_there() -> None:
    for arguments in (["--help"], ["deploy", "--help"], ["serve", "--help"]):
        command = [sys.executable, "-m", "local", *arguments]
        shown = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
        assert "embedded AWS" in shown.stdout


def test_reasons_are_the_failed_resources_not_what_was_cancelled() -> None:
    lines = [
        "s | 1/3 | 9:00:00 AM | CREATE_FAILED | AWS::EC2::Volume | Data (D1) Volume of 0GiB is too small",
        "s | 1/3 | 9:00:00 AM | CREATE_FAILED | AWS::EC2::Volume | More (M1) Resource creation cancelled",
        "s | 1/3 | 9:00:00 AM | ROLLBACK_COMPLETE | AWS::CloudFormation::Stack | s",
        "    at async something (cli.js:1:2)",
    ]
    assert cdk.reasons(lines) == "s: Data (D1) Volume of 0GiB is too small (AWS::EC2::Volume) CREATE_FAILED"


@pytest.fixture
def compared(aws: EmbeddedAws, clients: Clients, stack_name: str) -> Callable[..., dict[str, Finding]]:
    """Deploys a template, lets something be done to it, and compares."""

    def run(template: dict[str, Any], meddle: Callable[[dict[str, str]], Any]) -> dict[str, Finding]:
        cloudformation = clients("cloudformation")
        cloudformation.create_stack(StackName=stack_name, TemplateBody=json.dumps(template))
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=stack_name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500})
        resources = cloudformation.list_stack_resources(StackName=stack_name)["StackResourceSummaries"]
        meddle({entry["LogicalResourceId"]: entry["PhysicalResourceId"] for entry in resources})
        stack = Stack(name=stack_name, account=aws.account, region=REGION, template=template)
        return {f"{finding.logical_id}.{finding.property}": finding for finding in verify(aws, [stack])}

    return run


def member(network: Network) -> dict[str, Any]:
    properties = {
        "ImageId": IMAGE,
        "InstanceType": "r7i.large",
        "SubnetId": network.subnet_a,
        "DisableApiTermination": True,
        "SecurityGroupIds": [{"Fn::GetAtt": ["Group", "GroupId"]}],
        "MetadataOptions": {"HttpTokens": "required"},
    }
    group = {"GroupDescription": "a group", "VpcId": network.vpc}
    return {
        "Resources": {
            "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": group},
            "Member": {"Type": "AWS::EC2::Instance", "Properties": properties},
        }
    }


def test_what_the_api_reports_as_asked_for_is_verified(compared: Callable[..., dict[str, Finding]], network: Network) -> None:
    findings = compared(member(network), lambda ids: None)
    assert findings["Member.InstanceType"].status == VERIFIED
    assert findings["Member.SecurityGroupIds"].status == VERIFIED
    assert findings["Group.VpcId"].status == VERIFIED


# A property that only the adapter keeps is never called verified.
def test_what_only_the_adapter_keeps_is_stored(compared: Callable[..., dict[str, Finding]], network: Network) -> None:
    assert compared(member(network), lambda ids: None)["Member.MetadataOptions"].status == STORED


def test_a_property_that_is_not_as_asked_for_is_different(
    compared: Callable[..., dict[str, Finding]], network: Network, ec2: Any
) -> None:
    def meddle(ids: dict[str, str]) -> None:
        ec2.modify_instance_attribute(InstanceId=ids["Member"], DisableApiTermination={"Value": False})
        ec2.modify_instance_metadata_options(InstanceId=ids["Member"], HttpTokens="optional")

    findings = compared(member(network), meddle)
    assert findings["Member.DisableApiTermination"].status == DIFFERENT
    assert findings["Member.MetadataOptions"].status == DIFFERENT
    assert (findings["Member.DisableApiTermination"].desired, findings["Member.DisableApiTermination"].reported) == (
        True,
        False,
    )


def test_a_resource_that_is_gone_is_different(compared: Callable[..., dict[str, Finding]], ec2: Any) -> None:
    volume = {"AvailabilityZone": f"{REGION}a", "Size": 10}
    template = {"Resources": {"Data": {"Type": "AWS::EC2::Volume", "Properties": volume}}}
    findings = compared(template, lambda ids: ec2.delete_volume(VolumeId=ids["Data"]))
    assert findings["Data."].status == DIFFERENT


def test_a_difference_makes_the_command_fail_and_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    different = Finding(
        stack="s", logical_id="Data", type="AWS::EC2::Volume", property="Size", status=DIFFERENT, desired=2, reported=1
    )
    shown = inventory._comparison([different])
    parts = ("members", "tiers", "automations", "region_failovers", "failover_records")
    parts += ("load_balancers", "security_groups", "not_emulated", "assumed", "stacks")
    document: Inventory = {name: [] for name in parts}
    table.show({**document, "comparison": shown}, Console(width=200))
    text = capsys.readouterr().out
    assert "DIFFERENT from what was asked for" in text
    assert "1 different" in text
