"""`GoldenImage`: the pipeline, the machine it makes an image of, and the component's document."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems.golden_image.golden_image import GoldenImage
from cdk_intersystems.model.platform import Platform, S3Object
from stacks.deployment_app import make_app
from tests.infra.mirror_app import ENDPOINTS, IMAGE, KIT_KEY, network
from tests.infra.templates import by_id, only, resources

KIT = S3Object(uri="s3://kits/iris.tar.gz", sha256="0" * 64, key_arn=KIT_KEY)
PACKAGES = S3Object(uri="s3://kits/packages.tar", sha256="1" * 64)


def _template(**more: Any) -> Any:
    app = make_app()
    stack = Stack(app, "image", env=Environment(account="111122223333", region="eu-west-2"))
    existing = network(stack)
    arguments: dict[str, Any] = {
        "deployment": "one",
        "kind": "iris",
        "platform": Platform(operating_system="rhel9", architecture="x86_64", packages=PACKAGES, kit=KIT),
        "base_image": IMAGE,
        "vpc": existing.vpc,
        "subnet": existing.subnets("application")[0],
        "instance_type": ec2.InstanceType("m7i.large"),
        "service_endpoints": ec2.SecurityGroup.from_security_group_id(stack, "Endpoints", ENDPOINTS),
    }
    GoldenImage(stack, "Image", **{**arguments, **more})
    return app.synth().get_stack_by_name("image").template


@pytest.fixture(scope="module")
def template() -> Any:
    return _template()


def _document(template: Any) -> Any:
    data = only(template, "ImageBuilder::Component")["Data"]
    return json.loads(data if isinstance(data, str) else "".join(part for part in data["Fn::Join"][1] if isinstance(part, str)))


def _scripts(template: Any) -> dict[str, str]:
    steps = [step for phase in _document(template)["phases"] for step in phase["steps"]]
    return {step["name"]: step["inputs"]["commands"][0] for step in steps if step["action"] == "ExecuteBash"}


class TestTheMachine:
    def test_is_private_and_has_imdsv2(self, template: Any) -> None:
        machine = only(template, "ImageBuilder::InfrastructureConfiguration")
        assert machine["InstanceMetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
        assert machine["SubnetId"] == "subnet-application0"
        assert "KeyPair" not in machine
        assert machine["TerminateInstanceOnFailure"] is True

    def test_takes_no_connections_and_opens_only_those_to_the_endpoints(self, template: Any) -> None:
        group = only(template, "EC2::SecurityGroup")
        assert "SecurityGroupIngress" not in group
        (out,) = resources(template, "EC2::SecurityGroupEgress")
        assert (out["DestinationSecurityGroupId"], out["FromPort"], out["ToPort"]) == (ENDPOINTS, 443, 443)

    def test_may_read_what_it_installs_and_no_secret(self, template: Any) -> None:
        statements = only(template, "IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
        read = "".join(str(each["Resource"]) for each in statements if each["Action"] == "s3:GetObject")
        assert all(each in read for each in ("kits/iris.tar.gz", "kits/packages.tar", "ec2imagebuilder-toe-eu-west-2-prod/*"))
        assert "secretsmanager" not in str(statements)
        assert [each["Resource"] for each in statements if each["Action"] == "kms:Decrypt"] == [KIT_KEY]


class TestTheImage:
    def test_is_encrypted_by_the_key_as_built_and_as_kept(self, template: Any) -> None:
        ((key, _),) = by_id(template, "KMS::Key")
        own = {"Fn::GetAtt": [key, "Arn"]}
        (volume,) = only(template, "ImageBuilder::ImageRecipe")["BlockDeviceMappings"]
        assert (volume["Ebs"]["Encrypted"], volume["Ebs"]["KmsKeyId"]) == (True, own)
        (kept,) = only(template, "ImageBuilder::DistributionConfiguration")["Distributions"]
        assert kept["AmiDistributionConfiguration"]["KmsKeyId"] == own
        assert "LaunchPermissionConfiguration" not in kept["AmiDistributionConfiguration"]

    def test_stays_in_this_region(self, template: Any) -> None:
        regions = [each["Region"] for each in only(template, "ImageBuilder::DistributionConfiguration")["Distributions"]]
        assert regions == ["eu-west-2"]

    def test_keeps_the_ssm_agent(self, template: Any) -> None:
        more = only(template, "ImageBuilder::ImageRecipe")["AdditionalInstanceConfiguration"]
        assert more["SystemsManagerAgent"] == {"UninstallAfterBuild": False}

    def test_is_tested_before_it_is_there(self, template: Any) -> None:
        assert only(template, "ImageBuilder::ImagePipeline")["ImageTestsConfiguration"]["ImageTestsEnabled"] is True
        assert [phase["name"] for phase in _document(template)["phases"]] == ["build", "validate", "test"]

    def test_is_made_when_somebody_says_so(self, template: Any) -> None:
        assert "Schedule" not in only(template, "ImageBuilder::ImagePipeline")
        (output,) = template["Outputs"].values()
        assert str(output["Value"]).count("aws imagebuilder start-image-pipeline-execution --image-pipeline-arn") == 1

    def test_nothing_deployed_refers_to_it(self, template: Any) -> None:
        assert "Export" not in str(template["Outputs"])
        assert resources(template, "SSM::Parameter") == []


class TestTheComponent:
    def test_another_bundle_is_another_component_and_recipe(self, template: Any) -> None:
        """Neither can be changed, and CloudFormation makes the new one before it removes the old one."""
        other = _template(platform=Platform(operating_system="rhel10", architecture="x86_64", packages=PACKAGES, kit=KIT))
        for kind in ("ImageBuilder::Component", "ImageBuilder::ImageRecipe"):
            assert only(template, kind)["Name"] != only(other, kind)["Name"]

    def test_another_base_image_is_another_recipe_of_the_same_component(self, template: Any) -> None:
        other = _template(base_image="ami-0fedcba9876543210")
        assert only(template, "ImageBuilder::ImageRecipe")["Name"] != only(other, "ImageBuilder::ImageRecipe")["Name"]
        assert only(template, "ImageBuilder::Component")["Name"] == only(other, "ImageBuilder::Component")["Name"]

    def test_the_bundle_is_checked_before_anything_of_it_runs(self, template: Any) -> None:
        lines = _scripts(template)["MakeImage"].splitlines()
        assert lines[0] == "set -eu"
        assert "sha256sum --check" in lines[1]

    def test_the_same_is_checked_on_the_machine_and_on_an_instance_of_the_image(self, template: Any) -> None:
        scripts = _scripts(template)
        assert scripts["CheckMachine"] == scripts["CheckImage"]
        assert "test -s /opt/cdk-intersystems/image/installation.tar" in scripts["CheckImage"]

    def test_without_a_kit_no_installation_is_expected(self) -> None:
        scripts = _scripts(_template(platform=Platform(operating_system="rhel9", architecture="x86_64", packages=PACKAGES)))
        assert "installation.tar" not in scripts["CheckImage"]

    @pytest.mark.parametrize("kind", ["iris", "web"])
    def test_its_scripts_are_good_shell(self, kind: str, tmp_path: Path) -> None:
        for name, script in _scripts(_template(kind=kind)).items():
            path = tmp_path / f"{name}.sh"
            path.write_text(f"#!/bin/bash\n{script}\n")
            checked = subprocess.run(["shellcheck", str(path)], capture_output=True, text=True, check=False)
            assert checked.stdout == ""


@pytest.mark.parametrize("kind", ["iris", "web"])
def test_a_host_reads_what_the_image_is_to_be(kind: Any, tmp_path: Path) -> None:
    from cdk_intersystems.bootstrap.host import roles
    from cdk_intersystems.bootstrap.host.description import read_description
    from cdk_intersystems.model.image import image_files

    platform = Platform(operating_system="ubuntu2404", architecture="arm64", packages=PACKAGES, kit=KIT)
    path = tmp_path / "host.json"
    path.write_text(image_files(platform, kind)["image"]["host.json"])
    described = read_description(path)
    assert "packages" in [step.__name__ for step in roles.IMAGE[described.role]]
    assert described.kit is not None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"base_image": "resolve:ssm:/aws/service/x"}, "base_image needs"),
        ({"platform": Platform(operating_system="rhel9", architecture="x86_64")}, "without a way to the Internet"),
        ({"deployment": "one two"}, "letters, digits"),
    ],
)
def test_what_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _template(**wrong)
