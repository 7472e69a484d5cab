"""`RollApproval`: the gate in front of a member's restart or replacement."""

from collections.abc import Callable
from typing import Any

import jsii
import pytest
from aws_cdk import App, Aspects, CfnParameter, Environment, Fn, IAspect, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import IConstruct

from cdk_intersystems.mirrored_database.roll_approval import RollApproval, code_of

Tweak = Callable[[ec2.CfnInstance, list[ec2.CfnVolume]], None]


def _template(tweak: Tweak | None = None, *, member: str = "trakcare/TRAK/a", volumes: int = 1, absent: bool = False) -> Any:
    app = App()
    stack = Stack(app, "trak-a", env=Environment(region="eu-west-2"))
    instance = ec2.CfnInstance(
        stack,
        "Instance",
        image_id="ami-0123456789abcdef0",
        instance_type="r7i.large",
        private_ip_address="10.0.0.1",
        subnet_id="subnet-0123456789abcdef0",
        security_group_ids=["sg-0123456789abcdef0"],
        monitoring=True,
    )
    own = [
        ec2.CfnVolume(stack, f"Volume{number}", availability_zone="eu-west-2a", size=10, volume_type="gp3", encrypted=True)
        for number in range(volumes)
    ]
    RollApproval(stack, "RollApproval", member=member, instance=None if absent else instance, volumes=own)
    if tweak:
        tweak(instance, own)
    return app.synth().get_stack_by_name("trak-a").template


def _code(template: Any) -> str:
    code: str = template["Parameters"]["RollApproval"]["Default"]
    return code


@pytest.fixture(scope="module")
def template() -> Any:
    return _template()


def test_the_default_of_the_parameter_is_the_code(template: Any) -> None:
    assert template["Parameters"]["RollApproval"]["Type"] == "String"
    assert len(_code(template)) == 12


def test_the_rule_compares_the_parameter_with_the_code(template: Any) -> None:
    (assertion,) = template["Rules"]["RollApprovalRule"]["Assertions"]
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "RollApproval"}, _code(template)]}


def test_the_refusal_names_the_member_and_the_command(template: Any) -> None:
    (assertion,) = template["Rules"]["RollApprovalRule"]["Assertions"]
    sentence = assertion["AssertDescription"]
    assert "trakcare/TRAK/a" in sentence
    assert f"cdk deploy trak-a --exclusively --parameters trak-a:RollApproval={_code(template)}" in sentence


def test_the_code_is_the_same_at_every_synthesis(template: Any) -> None:
    assert _code(_template()) == _code(template)


def _instance(attribute: str, value: Any) -> Tweak:
    return lambda instance, volumes: setattr(instance, attribute, value)


def _volume(attribute: str, value: Any) -> Tweak:
    return lambda instance, volumes: setattr(volumes[0], attribute, value)


@pytest.mark.parametrize(
    "tweak",
    [
        _instance("image_id", "ami-0fedcba9876543210"),
        _instance("instance_type", "r7i.xlarge"),
        _instance("user_data", Fn.base64("#!/bin/bash")),
        _instance("ebs_optimized", True),
        _instance("tenancy", "dedicated"),
        _instance("host_id", "h-0123456789abcdef0"),
        _instance("subnet_id", "subnet-0fedcba9876543210"),
        _instance("private_ip_address", "10.0.0.2"),
        _instance("availability_zone", "eu-west-2b"),
        _instance("key_name", "key"),
        _instance("placement_group_name", "group"),
        _volume("availability_zone", "eu-west-2b"),
        _volume("kms_key_id", "key"),
        _volume("snapshot_id", "snap-0123456789abcdef0"),
        _volume("encrypted", False),
        lambda instance, volumes: instance.override_logical_id("Other"),
        lambda instance, volumes: volumes[0].override_logical_id("Other"),
    ],
)
def test_what_restarts_or_replaces_changes_the_code(template: Any, tweak: Tweak) -> None:
    assert _code(_template(tweak)) != _code(template)


@pytest.mark.parametrize(
    "tweak",
    [
        _instance("monitoring", False),
        _instance("disable_api_termination", True),
        _instance("iam_instance_profile", "profile"),
        _instance("security_group_ids", ["sg-0fedcba9876543210"]),
        _instance("source_dest_check", False),
        _instance("instance_initiated_shutdown_behavior", "stop"),
        _instance("metadata_options", ec2.CfnInstance.MetadataOptionsProperty(http_tokens="required")),
        lambda instance, volumes: instance.tags.set_tag("owner", "two"),
        _volume("size", 20),
        _volume("iops", 4000),
        _volume("throughput", 250),
        _volume("volume_type", "io2"),
        lambda instance, volumes: volumes[0].tags.set_tag("owner", "two"),
    ],
)
def test_what_changes_in_place_leaves_the_code(template: Any, tweak: Tweak) -> None:
    changed = _template(tweak)
    assert changed["Resources"] != template["Resources"]
    assert _code(changed) == _code(template)


def test_two_members_alike_have_different_codes(template: Any) -> None:
    assert _code(_template(member="trakcare/TRAK/b")) != _code(template)


def test_which_volumes_there_are_is_part_of_the_code(template: Any) -> None:
    assert len({_code(_template(volumes=number)) for number in range(4)}) == 4


def test_an_absent_instance_is_part_of_the_code(template: Any) -> None:
    assert _code(_template(absent=True)) != _code(template)


@jsii.implements(IAspect)
class _Enlarge:
    def visit(self, node: IConstruct) -> None:
        if isinstance(node, ec2.CfnInstance):
            node.instance_type = "r7i.metal-24xl"


def test_what_an_aspect_changes_counts(template: Any) -> None:
    changed = _template(lambda instance, volumes: Aspects.of(Stack.of(instance)).add(_Enlarge()))
    assert changed["Resources"]["Instance"]["Properties"]["InstanceType"] == "r7i.metal-24xl"
    assert _code(changed) != _code(template)


def test_what_changes_after_someone_looked_counts(template: Any) -> None:
    def look_and_change(instance: ec2.CfnInstance, volumes: list[ec2.CfnVolume]) -> None:
        stack = Stack.of(instance)
        parameter = stack.node.find_child("RollApproval").node.find_child("Parameter")
        assert isinstance(parameter, CfnParameter)
        assert stack.resolve(parameter.default) == _code(template)
        instance.instance_type = "r7i.xlarge"

    changed = _template(look_and_change)
    assert _code(changed) == code_of("trakcare/TRAK/a", changed["Resources"]) != _code(template)


def test_the_code_can_be_computed_from_the_template(template: Any) -> None:
    assert code_of("trakcare/TRAK/a", template["Resources"]) == _code(template)


@pytest.mark.parametrize("name", ["trakcare", "minimal"])
def test_the_codes_of_our_deployments_are_those_of_their_templates(name: str, templates: Any) -> None:
    """An override that the gate can't see would make them differ."""
    codes: set[str] = set()
    roles: set[str] = set()
    for stack, template in templates(name).items():
        if "RollApproval" in template.get("Parameters", {}):
            deployment, role, mirror, member = stack.split("-")
            assert code_of(f"{deployment}/{mirror.upper()}/{member}", template["Resources"]) == _code(template)
            codes.add(_code(template))
            roles.add(role)
    assert roles == ({"primary", "dr"} if name == "trakcare" else {"primary"})
    assert len(codes) == 3 * len(roles), "members of two regions have the same names, and codes of their own all the same"
