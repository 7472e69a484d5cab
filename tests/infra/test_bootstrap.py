"""Hosts that set themselves up: what they run, what they are told, and who waits for them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Environment, Stack, Stage
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems import MirroredDatabase, S3Object
from cdk_intersystems.bootstrap.host.description import build
from cdk_intersystems.bootstrap.host.settings import Settings
from cdk_intersystems.host_bundle.bundle import first_boot
from stacks.deployment_app import make_app
from tests.infra.bootstrap_app import HOSTS, PLATFORM, BootstrapApp, configured, described, everything, hosts, parameter
from tests.infra.mirror_app import IMAGE, network
from tests.infra.templates import by_id, only, resources, tags

#: Source: EC2 User Guide, "Run commands when you launch an EC2 instance with user data input".
_MOST_USER_DATA = 16 * 1024
#: Source: Systems Manager User Guide, "Managing parameter tiers", standard.
_LONGEST_PARAMETER = 4096


@pytest.fixture(scope="module")
def made() -> BootstrapApp:
    return everything()


@pytest.fixture(scope="module")
def templates(made: BootstrapApp) -> Mapping[str, Any]:
    return made.templates()


# What they run.


def _user_data(template: Any) -> list[Any]:
    launched = [data["LaunchTemplateData"] for data in resources(template, "EC2::LaunchTemplate")]
    return [data.get("UserData") for data in (*resources(template, "EC2::Instance"), *launched)]


def test_every_host_has_the_same_user_data_to_the_byte(templates: Mapping[str, Any]) -> None:
    for stack in HOSTS.values():
        assert _user_data(templates[stack]) == [{"Fn::Base64": first_boot()}], stack


def test_ec2_takes_the_user_data() -> None:
    assert len(first_boot().encode()) < _MOST_USER_DATA


def test_without_a_platform_hosts_run_what_they_are_given() -> None:
    made = BootstrapApp(platform=None, databases=())
    made.application(made.stack("app"), platform=None, user_data=ec2.UserData.custom("#!/bin/sh\n"))
    templates = made.templates()
    assert _user_data(templates["app"]) == [{"Fn::Base64": "#!/bin/sh\n"}]
    for stack in ("trak", "trak-a", "trak-b", "trak-arbiter", "app"):
        assert resources(templates[stack], "SSM::Parameter") == []
        for _, host in hosts(templates[stack]):
            assert "CreationPolicy" not in host
            assert "cdk-intersystems:signal" not in tags(host["Properties"])
    assert resources(templates["app"], "AutoScaling::LifecycleHook") == []


# What they are told.


@pytest.mark.parametrize(("stack", "group"), [("trak", "TRAK"), ("app", "app"), ("web", "web")])
def test_a_parameter_names_the_bundle_and_hosts_can_read_it(
    made: BootstrapApp, templates: Mapping[str, Any], stack: str, group: str
) -> None:
    name, value = parameter(templates[stack])
    settings = build(Settings, value, name)
    packed = Path(made.app.outdir, f"asset.{settings.bundle.sha256}.tar").read_bytes()

    assert name == f"/cdk-intersystems/one/{group}/bootstrap"
    assert hashlib.sha256(packed).hexdigest() == settings.bundle.sha256
    assert settings.bundle.key == f"{settings.bundle.sha256}.tar"
    assert settings.bundle.bucket == "cdk-hnb659fds-assets-111122223333-eu-west-2"
    assert settings.bundle.region == "eu-west-2"
    assert "Logs" in settings.log_group
    assert len(json.dumps(value)) < _LONGEST_PARAMETER / 2


def test_the_bundle_is_published_with_the_stack(made: BootstrapApp, templates: Mapping[str, Any]) -> None:
    for stack in ("trak", "app", "web"):
        _, value = parameter(templates[stack])
        bundle = value["bundle"]
        published = json.loads(Path(made.app.outdir, f"{stack}.assets.json").read_text())["files"][bundle["sha256"]]
        assert published["source"] == {"path": f"asset.{bundle['sha256']}.tar", "packaging": "file"}
        (destination,) = published["destinations"].values()
        assert (destination["bucketName"], destination["objectKey"]) == (bundle["bucket"], bundle["key"])


def test_a_bundle_has_what_each_host_of_its_group_needs(made: BootstrapApp, templates: Mapping[str, Any]) -> None:
    found = {stack: configured(made, templates[stack]) for stack in ("trak", "app", "web")}
    member = {"create.cpf", "gate.nft", "host.json", "join.cpf"}
    assert found["trak"] == {"a": member, "b": member, "arbiter": {"host.json"}}
    assert found["app"] == {"server": {"host.json", "via-a.cpf", "via-b.cpf"}}
    assert found["web"] == {"server": {"host.json"}}


def test_a_web_server_is_told_of_one_secret_and_no_host_of_a_value(templates: Mapping[str, Any]) -> None:
    secrets = {stack: parameter(templates[stack])[1]["secrets"] for stack in ("trak", "app", "web")}
    assert {name for name, arn in secrets["web"].items() if arn} == {"gateway"}
    assert {name for name, arn in secrets["app"].items() if arn} == {"password", "gateway", "license", "authority"}
    assert secrets["app"]["license"] == secrets["trak"]["license"]
    assert all("<" in arn or arn.startswith("arn:") for each in secrets.values() for arn in each.values() if arn)


def test_the_secret_of_the_authority_is_empty_until_a_member_fills_it(templates: Mapping[str, Any]) -> None:
    (authority,) = (p for i, p in by_id(templates["trak"], "SecretsManager::Secret") if "Authority" in i)
    assert not {"SecretString", "GenerateSecretString"} & set(authority)
    assert authority["KmsKeyId"]


# Who waits for them.


def test_cloudformation_waits_for_each_host_and_they_know_which_resource_waits(templates: Mapping[str, Any]) -> None:
    counts = {}
    for stack in HOSTS.values():
        ((logical_id, host),) = hosts(templates[stack])
        signal = host["CreationPolicy"]["ResourceSignal"]
        assert signal["Timeout"] == "PT60M"
        counts[stack] = signal["Count"]
        assert tags(host["Properties"])["cdk-intersystems:signal"] == f"{stack}/{logical_id}"
    assert counts == {"trak-a": 1, "trak-b": 1, "trak-arbiter": 1, "app": 3, "web": 3}


def test_the_tag_reaches_the_servers_of_a_group(templates: Mapping[str, Any]) -> None:
    for stack in ("app", "web"):
        group = only(templates[stack], "AutoScaling::AutoScalingGroup")
        (signal,) = (tag for tag in group["Tags"] if tag["Key"] == "cdk-intersystems:signal")
        assert signal["PropagateAtLaunch"] is True


def test_the_load_balancer_asks_a_web_server_whether_it_takes_requests(templates: Mapping[str, Any]) -> None:
    targets = only(templates["web"], "ElasticLoadBalancingV2::TargetGroup")
    assert (targets["HealthCheckPath"], targets["Matcher"]) == ("/status/web-server", {"HttpCode": "200"})


def test_runbooks_may_work_on_members_and_on_no_other_host(templates: Mapping[str, Any]) -> None:
    marked = {
        stack: tags(host["Properties"]).get("cdk-intersystems:runbook")
        for stack in HOSTS.values()
        for _, host in hosts(templates[stack])
    }
    assert marked == {"trak-a": "allowed", "trak-b": "allowed", "trak-arbiter": None, "app": None, "web": None}


def test_members_wait_for_the_arbiter_and_tiers_for_the_mirror(made: BootstrapApp) -> None:
    needs = {
        stack.stack_name: {each.stack_name for each in stack.dependencies if hasattr(each, "stack_name")}
        for stack in made.app.synth().stacks
    }
    assert needs["trak-arbiter"] == {"trak"}
    assert needs["trak-a"] == needs["trak-b"] == {"trak", "trak-arbiter"}
    assert needs["app"] == {"trak", "trak-arbiter", "trak-a", "trak-b"}
    assert needs["web"] == {"trak", "trak-arbiter", "trak-a", "trak-b", "app"}


def test_what_servers_need_is_there_before_they_are(templates: Mapping[str, Any]) -> None:
    for stack in ("app", "web"):
        ((parameter_id, _),) = by_id(templates[stack], "SSM::Parameter")
        ((_, group),) = hosts(templates[stack])
        assert parameter_id in group["DependsOn"]
        ((policy_id, _),) = by_id(templates[stack], "IAM::ManagedPolicy")
        (launch,) = (r for r in templates[stack]["Resources"].values() if r["Type"] == "AWS::EC2::LaunchTemplate")
        assert policy_id in launch["DependsOn"]
        # Else the policy would wait for the group, and the group for servers that need it.
        assert "AutoScalingGroup" not in json.dumps(only(templates[stack], "IAM::ManagedPolicy"))


def test_a_new_bundle_is_a_new_launch_template_and_no_new_instance(templates: Mapping[str, Any]) -> None:
    changed = everything(databases=["DATA", "MORE"]).templates()
    for stack in ("app", "web"):
        (before, after) = (only(each[stack], "EC2::LaunchTemplate") for each in (templates, changed))
        version = parameter(changed[stack])[1]["bundle"]["sha256"]
        assert before != after
        (specification,) = (
            each for each in after["LaunchTemplateData"]["TagSpecifications"] if each["ResourceType"] == "instance"
        )
        assert tags(specification)["cdk-intersystems:bundle"] == version
    for stack in ("trak-a", "trak-b", "trak-arbiter"):
        assert parameter(templates["trak"])[1]["bundle"] != parameter(changed["trak"])[1]["bundle"]
        assert only(templates[stack], "EC2::Instance") == only(changed[stack], "EC2::Instance")
        assert templates[stack]["Parameters"] == changed[stack]["Parameters"], "nothing to approve"


def test_local_storage_is_told_to_servers_that_have_it() -> None:
    made = BootstrapApp()
    stack = made.stack("app")
    made.application(stack, local_storage=True, instance_type=ec2.InstanceType("m6id.4xlarge"))
    assert described(made, "app", "server")["local_storage"] is True


def test_a_bucket_may_be_in_another_region_and_its_key_says_which() -> None:
    told = described(everything(), "trak", "a")
    assert told["packages"] == {"bucket": "packages", "key": "rhel9.tar", "sha256": "3" * 64, "region": "eu-west-1"}
    assert told["kit"]["region"] == "eu-west-2"
    key = "arn:aws:kms:us-east-1:111122223333:key/kits"
    assert S3Object(uri="s3://kits/x", sha256="0" * 64, key_arn=key).description()["region"] == "us-east-1"
    assert S3Object(uri="s3://kits/x", sha256="0" * 64).description()["region"] == ""


def test_what_the_app_publishes_is_the_same_wherever_it_is_synthesized(templates: Mapping[str, Any]) -> None:
    again = everything().templates()
    for stack in ("trak", "app", "web"):
        assert parameter(again[stack]) == parameter(templates[stack])


def test_a_stage_finds_the_bundle_its_stack_publishes() -> None:
    """A stage writes its assembly below the app's, and assets stand in the app's."""
    stage = Stage(make_app(), "stage")
    stack = Stack(stage, "lab", env=Environment(region="eu-west-2"))
    existing = network(stack)
    MirroredDatabase(
        stack,
        "Database",
        deployment="two",
        mirror_name="LAB",
        vpc=existing.vpc,
        data_subnets=existing.subnets("data"),
        arbiter_subnets=existing.subnets("arbiter"),
        machine_image=ec2.MachineImage.generic_linux({"eu-west-2": IMAGE}),
        instance_type=ec2.InstanceType("r7i.4xlarge"),
        platform=PLATFORM,
        databases=["DATA"],
    )
    directory = Path(stage.synth().directory)
    sources = [
        file["source"]["path"]
        for manifest in directory.glob("*.assets.json")
        for file in json.loads(manifest.read_text())["files"].values()
    ]
    (published,) = (path for path in sources if path.endswith(".tar"))
    assert not Path(published).is_absolute()
    assert (directory / published).is_file()
