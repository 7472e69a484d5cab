"""From a configuration to stacks: their names, what protects them, what they need of each other, and what app.py says."""

import copy
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.configuration import deployment_of
from cdk_intersystems.configuration.merge_files import merge_files_of
from stacks.deployment_app import define_deployment, make_app
from tests.unit.configuration.regions import one_region

ROOT = Path(__file__).parent.parent.parent
# Of one region; what two have to do with each other is in test_two_regions.py.
TRAKCARE = one_region()
STATEFUL = {"foundation", "network", "trak", "trak-a", "trak-b", "trak-arbiter"}
STATELESS = {"app", "print", "web", "clinical"}

# What CloudFormation or this library can't tag, of the types that appear.
_WITHOUT_TAGS = {
    "AWS::EC2::Route",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SubnetCidrReservation",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EC2::CapacityReservation",
    "AWS::AutoScaling::LifecycleHook",
    "AWS::EC2::Host",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Route53::RecordSet",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::WebACLAssociation",
    "AWS::Logs::ResourcePolicy",
}


def synthesized(change: Callable[[dict[str, Any]], None] = lambda data: None) -> dict[str, Any]:
    data = copy.deepcopy(TRAKCARE)
    change(data)
    app = make_app()
    define_deployment(app, deployment_of(data))
    return {stack.stack_name: stack for stack in app.synth().stacks}


@pytest.fixture(scope="module")
def trakcare() -> dict[str, Any]:
    return synthesized()


def test_stacks_are_named_by_deployment_region_role_and_what_they_hold(trakcare: dict[str, Any]) -> None:
    assert set(trakcare) == {f"trakcare-primary-{what}" for what in STATEFUL | STATELESS}
    # What a person types after `cdk deploy` is the stack's name.
    assert {stack.display_name for stack in trakcare.values()} == set(trakcare)


def test_stacks_that_hold_something_cannot_be_deleted_by_mistake(trakcare: dict[str, Any]) -> None:
    protected = {name.removeprefix("trakcare-primary-") for name, stack in trakcare.items() if stack.termination_protection}

    assert protected == STATEFUL


def test_without_termination_protection_nothing_stands_in_the_way_of_a_deletion() -> None:
    stacks = synthesized(lambda data: data["regions"]["primary"].update(termination_protection=False))

    assert not any(stack.termination_protection for stack in stacks.values())
    text = str([stack.template for stack in stacks.values()])
    assert "'DisableApiTermination': True" not in text
    assert "'deletion_protection.enabled', 'Value': 'true'" not in text
    assert "'Key': 'deletion_protection.enabled', 'Value': 'false'" in text


def test_stacks_are_deployed_after_those_whose_hosts_theirs_wait_for_and_no_others(trakcare: dict[str, Any]) -> None:
    needs = {
        name.removeprefix("trakcare-primary-"): {
            dependency.stack_name.removeprefix("trakcare-primary-")
            for dependency in stack.dependencies
            if hasattr(dependency, "stack_name")
        }
        for name, stack in trakcare.items()
    }

    shared = {"foundation", "network"}
    assert needs["foundation"] == set()
    assert needs["network"] <= {"foundation"}
    assert needs["trak"] <= shared
    assert needs["trak-arbiter"] <= shared | {"trak"}
    # Whichever member comes first creates the mirror: that waits for the arbiter, and not for the other member.
    for member in ("trak-a", "trak-b"):
        assert needs[member] - shared == {"trak", "trak-arbiter"}
    mirror = {"trak", "trak-arbiter", "trak-a", "trak-b"}
    for tier in ("app", "print"):
        assert needs[tier] - shared == mirror
    for tier in ("web", "clinical"):
        assert needs[tier] - shared == mirror | {"app"}


def test_everything_that_can_have_tags_has_the_deployments_and_the_users(trakcare: dict[str, Any]) -> None:
    untagged = []
    for stack in trakcare.values():
        for logical_id, resource in stack.template["Resources"].items():
            if resource["Type"] in _WITHOUT_TAGS:
                continue
            given = resource.get("Properties", {})
            own = given.get("Tags") or given.get("HostedZoneTags")
            tags = own or [tag for spec in given.get("TagSpecifications", []) for tag in spec.get("Tags", [])]
            if not {"cost-centre", "cdk-intersystems:deployment"} <= {
                tag if isinstance(tags, dict) else tag["Key"] for tag in tags
            }:
                untagged.append((stack.stack_name, logical_id, resource["Type"]))

    assert untagged == []


def test_every_role_has_the_permissions_boundary() -> None:
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    stacks = synthesized(lambda data: data.update(permissions_boundary=boundary))
    roles = [
        resource["Properties"].get("PermissionsBoundary")
        for stack in stacks.values()
        for resource in stack.template.get("Resources", {}).values()
        if resource["Type"] == "AWS::IAM::Role"
    ]

    assert len(roles) > 5
    assert set(roles) == {boundary}


def test_without_an_account_the_stacks_are_deployable_into_any_account_of_the_region() -> None:
    stacks = synthesized(lambda data: data.pop("account") and None)

    assert {stack.environment.account for stack in stacks.values()} == {"unknown-account"}
    assert {stack.environment.region for stack in stacks.values()} == {"eu-west-2"}
    # The zones are the configuration's and not looked up at deployment.
    assert "Fn::GetAZs" not in str([stack.template for stack in stacks.values()])


def test_names_in_the_zone_lead_to_the_load_balancers_and_to_the_vip(trakcare: dict[str, Any]) -> None:
    names = {
        resource["Properties"]["Name"]: name.removeprefix("trakcare-primary-")
        for name, stack in trakcare.items()
        for resource in stack.template.get("Resources", {}).values()
        # The network has a private zone of its own, in which DynamoDB's name leads to its endpoint.
        if resource["Type"] == "AWS::Route53::RecordSet"
        and resource["Properties"]["HostedZoneId"] == TRAKCARE["dns"]["zone_id"]
    }

    assert names == {
        "trak.trakcare.example.org.": "trak",
        "trak-vip.trakcare.example.org.": "trak",
        "web.trakcare.example.org.": "web",
        "clinical.trakcare.example.org.": "clinical",
    }


def test_what_the_configuration_brings_is_used_and_not_made_again() -> None:
    def bring(data: dict[str, Any]) -> None:
        data["regions"]["primary"] |= {
            "encryption_key": "arn:aws:kms:eu-west-2:111122223333:key/11111111-2222-3333-4444-555555555555",
            "alarm_topic": "arn:aws:sns:eu-west-2:111122223333:operations",
            "roles": {"member": "iris-member", "arbiter": "iris-arbiter", "tiers": {"app": "iris-app", "web": "iris-web"}},
            "access_log_bucket": "example-access-logs",
        }

    stacks = synthesized(bring)
    made = {
        (name.removeprefix("trakcare-primary-"), resource["Type"])
        for name, stack in stacks.items()
        for resource in stack.template.get("Resources", {}).values()
    }

    assert not [where for where, kind in made if kind in ("AWS::KMS::Key", "AWS::SNS::Topic", "AWS::S3::Bucket")]
    assert {where for where, kind in made if kind == "AWS::IAM::Role"} == {"network", "trak", "print", "clinical"}


def run_app(*context: str, outdir: Path) -> subprocess.CompletedProcess[str]:
    flags = ",".join(f'"{key}":"{value}"' for key, value in (pair.split("=") for pair in context))
    env = {**os.environ, "CDK_CONTEXT_JSON": "{" + flags + "}", "CDK_OUTDIR": str(outdir)}
    return subprocess.run(  # our own app
        [sys.executable, str(ROOT / "app.py")], env=env, capture_output=True, text=True, check=False, cwd=outdir.parent
    )


def bundled(stack: Any, file: str) -> str:
    """A file of the bundle that a stack publishes."""
    (path,) = (path for path in _assets(stack) if path.suffix == ".tar")
    with tarfile.open(path) as archive:
        packed = archive.extractfile(file)
        assert packed is not None
        return packed.read().decode()


def _assets(stack: Any) -> list[Path]:
    directory = Path(stack.assembly.directory)
    manifest = json.loads((directory / f"{stack.stack_name}.assets.json").read_text())
    return [directory / file["source"]["path"] for file in manifest["files"].values()]


def test_hosts_get_the_merge_files_that_the_command_prints(trakcare: dict[str, Any]) -> None:
    for file in merge_files_of(deployment_of(TRAKCARE)):
        stack, host = ("trak", file.host) if file.host in "ab" else (file.host, "server")
        name = file.name.removeprefix(f"{'trak-' if stack == 'trak' else ''}{file.host}-")
        assert bundled(trakcare[f"trakcare-primary-{stack}"], f"config/{host}/{name}.cpf") == file.text


def test_what_the_configuration_says_reaches_the_hosts() -> None:
    def change(data: dict[str, Any]) -> None:
        archive = {"uri": "s3://example-kits/packages.tar", "sha256": "5" * 64, "region": "eu-west-1"}
        data["platform"] |= {"packages_archive": archive}
        data["application_tiers"][0] |= {"instance_type": "m6id.4xlarge", "local_storage": True}
        data["web_tiers"][0] |= {"paths": ["/trakcare"], "gateway_parameters": {"MAX_CONNECTIONS": "500"}}

    stacks = synthesized(change)
    member, arbiter, app, web = (
        json.loads(bundled(stacks[f"trakcare-primary-{stack}"], f"config/{host}/host.json"))
        for stack, host in (("trak", "b"), ("trak", "arbiter"), ("app", "server"), ("web", "server"))
    )

    assert member["mirror"]["databases"] == TRAKCARE["mirror_sets"][0]["databases"]
    assert member["service_ports"] == [1972, 6661]
    assert member["kit"]["sha256"] == TRAKCARE["platform"]["kit"]["sha256"]
    assert arbiter["kit"]["key"] == "ISCAgent-2025.3-lnxrh9x64.tar.gz"
    assert {host["packages"]["sha256"] for host in (member, arbiter, app, web)} == {"5" * 64}
    assert {host["packages"]["region"] for host in (member, arbiter, app, web)} == {"eu-west-1"}
    assert {host["operating_system"] for host in (member, arbiter, app, web)} == {"rhel9"}
    assert app["local_storage"] is True
    assert (web["web"]["application_tier"], web["web"]["paths"]) == ("app", ["/trakcare"])
    assert web["web"]["gateway_parameters"] == {"MAX_CONNECTIONS": "500"}


def test_an_unknown_deployment_is_told_without_a_trace_and_nothing_is_written(tmp_path: Path) -> None:
    result = run_app("deployment=trakcar", outdir=tmp_path / "out")

    assert result.returncode == 2
    assert "trakcare" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("*.template.json"))


def test_without_a_deployment_the_app_says_how_to_name_one(tmp_path: Path) -> None:
    result = run_app(outdir=tmp_path / "out")

    assert result.returncode == 2
    assert result.stderr.strip() == "say which deployment: -c deployment=<name>; config/ has hybrid, minimal, trakcare"


def test_a_region_that_is_not_there_is_told_without_a_trace(tmp_path: Path) -> None:
    result = run_app("deployment=minimal", "regions=dr", outdir=tmp_path / "out")

    assert result.returncode == 2
    assert result.stderr.strip() == "-c regions=dr: minimal has no region dr, but primary"


def test_the_app_writes_the_same_assembly_wherever_it_is_run(tmp_path: Path) -> None:
    results = [run_app("deployment=minimal", outdir=tmp_path / where) for where in ("one", "other")]

    assert [result.returncode for result in results] == [0, 0], results[0].stderr
    templates = [
        {path.name: path.read_bytes() for path in (tmp_path / where).glob("*.template.json")} for where in ("one", "other")
    ]
    assert templates[0]
    assert templates[0] == templates[1]
