"""CloudFormation in the embedded AWS: the features the deployments rest on, each as AWS documents it."""

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import record
from local.server import EmbeddedAws

from .conftest import IMAGE, REGION, Network

pytestmark = pytest.mark.embedded

Template = dict[str, Any]
DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class Stacks:
    """Creates and updates stacks the way the CDK CLI does: by change set."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def apply(self, name: str, template: Template, kind: str = "CREATE", **parameters: Any) -> str:
        """Create or update a stack and return its status."""
        given = [
            {"ParameterKey": key, **({"UsePreviousValue": True} if value is ... else {"ParameterValue": value})}
            for key, value in parameters.items()
        ]
        change = f"change-{secrets.token_hex(4)}"
        self.client.create_change_set(
            StackName=name,
            ChangeSetName=change,
            ChangeSetType=kind,
            TemplateBody=json.dumps(template),
            Parameters=given,
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        self.client.execute_change_set(StackName=name, ChangeSetName=change)
        waiter = "stack_create_complete" if kind == "CREATE" else "stack_update_complete"
        try:
            self.client.get_waiter(waiter).wait(StackName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500})
        except Exception:
            assert self.status(name) not in DONE
        return self.status(name)

    def status(self, name: str) -> str:
        return str(self.client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])

    def reason(self, name: str, logical_id: str) -> str:
        """Why a resource failed."""
        events = self.client.describe_stack_events(StackName=name)["StackEvents"]
        failed = [e for e in events if e["LogicalResourceId"] == logical_id and e["ResourceStatus"].endswith("_FAILED")]
        return str(failed[0]["ResourceStatusReason"])

    def physical(self, name: str, logical_id: str) -> str:
        answer = self.client.describe_stack_resource(StackName=name, LogicalResourceId=logical_id)
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])

    def outputs(self, name: str) -> dict[str, str]:
        outputs = self.client.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
        return {entry["OutputKey"]: entry["OutputValue"] for entry in outputs}


@pytest.fixture(scope="session")
def stacks(cloudformation: Any) -> Stacks:
    return Stacks(cloudformation)


def volume(**properties: Any) -> Template:
    given = {"AvailabilityZone": f"{REGION}a", "Size": 10, "VolumeType": "gp3", **properties}
    return {"Type": "AWS::EC2::Volume", "Properties": given}


def instance(network: Network, **properties: Any) -> Template:
    given = {"ImageId": IMAGE, "InstanceType": "r7i.large", "SubnetId": network.subnet_a, **properties}
    return {"Type": "AWS::EC2::Instance", "Properties": given}


APPROVAL: Template = {
    "Parameters": {"Approval": {"Type": "String", "Default": "none"}},
    "Rules": {
        "Approved": {
            "Assertions": [
                {
                    "Assert": {"Fn::Contains": [["yes", "of course"], {"Ref": "Approval"}]},
                    "AssertDescription": "member a is not approved for this change",
                }
            ]
        }
    },
}


# "Rules section": an assertion that is false stops the create or update before any resource is touched, and its
# description is the reason.
def test_a_false_assertion_refuses_before_any_resource(ec2: Any, stacks: Stacks, stack_name: str, aws: EmbeddedAws) -> None:
    marked = volume(Tags=[{"Key": "rule", "Value": stack_name}])
    template = {**APPROVAL, "Resources": {"Data": marked}}
    with pytest.raises(ClientError, match="member a is not approved for this change"):
        stacks.apply(stack_name, template)
    assert volumes(ec2, stack_name) == []
    assert stacks.apply(stack_name, template, Approval="yes") == "CREATE_COMPLETE"
    larger = {**APPROVAL, "Resources": {"Data": volume(Size=20, Tags=marked["Properties"]["Tags"])}}
    with pytest.raises(ClientError, match="member a is not approved for this change"):
        stacks.apply(stack_name, larger, "UPDATE", Approval="no")
    assert [entry["Size"] for entry in volumes(ec2, stack_name)] == [10]
    assert stacks.apply(stack_name, larger, "UPDATE", Approval="of course") == "UPDATE_COMPLETE"
    assert [entry["Size"] for entry in volumes(ec2, stack_name)] == [20]


def volumes(ec2: Any, mark: str) -> list[dict[str, Any]]:
    filters = [{"Name": "tag:rule", "Values": [mark]}]
    found: list[dict[str, Any]] = ec2.describe_volumes(Filters=filters)["Volumes"]
    return found


@pytest.mark.parametrize(
    ("assertion", "passes"),
    [
        ({"Fn::Equals": [{"Ref": "P"}, "x"]}, True),
        ({"Fn::Equals": [{"Ref": "P"}, "y"]}, False),
        ({"Fn::Not": [{"Fn::Equals": [{"Ref": "P"}, "y"]}]}, True),
        ({"Fn::And": [{"Fn::Equals": [{"Ref": "P"}, "x"]}, {"Fn::Equals": [{"Ref": "P"}, "y"]}]}, False),
        ({"Fn::Or": [{"Fn::Equals": [{"Ref": "P"}, "x"]}, {"Fn::Equals": [{"Ref": "P"}, "y"]}]}, True),
        ({"Fn::Contains": [["a", "x"], {"Ref": "P"}]}, True),
        ({"Fn::Contains": [["a", "b"], {"Ref": "P"}]}, False),
    ],
)
def test_the_functions_of_a_rule(stacks: Stacks, stack_name: str, assertion: Template, passes: bool) -> None:
    template = {
        "Parameters": {"P": {"Type": "String"}},
        "Rules": {"R": {"Assertions": [{"Assert": assertion, "AssertDescription": "the rule said no"}]}},
        "Resources": {"Data": volume()},
    }
    if passes:
        assert stacks.apply(stack_name, template, P="x") == "CREATE_COMPLETE"
    else:
        with pytest.raises(ClientError, match="the rule said no"):
            stacks.apply(stack_name, template, P="x")


# "Rules section", RuleCondition: without it holding, the assertions are not looked at.
def test_a_rule_applies_under_its_condition_only(stacks: Stacks, stack_name: str) -> None:
    rule = {"RuleCondition": {"Fn::Equals": [{"Ref": "P"}, "z"]}, "Assertions": [{"Assert": {"Fn::Equals": ["1", "2"]}}]}
    template = {"Parameters": {"P": {"Type": "String"}}, "Rules": {"R": rule}, "Resources": {"Data": volume()}}
    assert stacks.apply(stack_name, template, P="x") == "CREATE_COMPLETE"


# CreateChangeSet, Parameters: UsePreviousValue.
def test_a_parameter_keeps_its_previous_value(stacks: Stacks, stack_name: str) -> None:
    def template(size: int) -> Template:
        return {
            "Parameters": {"Name": {"Type": "String"}},
            "Resources": {"Data": volume(Size=size)},
            "Outputs": {"Name": {"Value": {"Ref": "Name"}}},
        }

    stacks.apply(stack_name, template(10), Name="first")
    assert stacks.apply(stack_name, template(11), "UPDATE", Name=...) == "UPDATE_COMPLETE"
    assert stacks.outputs(stack_name) == {"Name": "first"}


# "Conditions section": a resource whose condition is false is not created, and Fn::If chooses.
def test_conditions_choose_resources_and_values(stacks: Stacks, stack_name: str, ec2: Any) -> None:
    template = {
        "Parameters": {"Large": {"Type": "String"}},
        "Conditions": {"IsLarge": {"Fn::Equals": [{"Ref": "Large"}, "yes"]}},
        "Resources": {
            "Data": volume(Size={"Fn::If": ["IsLarge", 100, 10]}),
            "More": {**volume(), "Condition": "IsLarge"},
        },
    }
    stacks.apply(stack_name, template, Large="no")
    listed = stacks.client.list_stack_resources(StackName=stack_name)["StackResourceSummaries"]
    assert [entry["LogicalResourceId"] for entry in listed] == ["Data"]
    assert ec2.describe_volumes(VolumeIds=[stacks.physical(stack_name, "Data")])["Volumes"][0]["Size"] == 10


# "Outputs section", Export; DeleteStack of a stack whose export is imported is refused.
def test_an_export_is_imported_and_protects_its_stack(stacks: Stacks, stack_name: str) -> None:
    export = {"Value": {"Ref": "Data"}, "Export": {"Name": f"{stack_name}-data"}}
    stacks.apply(stack_name, {"Resources": {"Data": volume()}, "Outputs": {"Data": export}})
    importer = f"{stack_name}-importer"
    imported = {"Resources": {"More": volume()}, "Outputs": {"Seen": {"Value": {"Fn::ImportValue": f"{stack_name}-data"}}}}
    assert stacks.apply(importer, imported) == "CREATE_COMPLETE"
    assert stacks.outputs(importer)["Seen"] == stacks.physical(stack_name, "Data")
    with pytest.raises(ClientError, match="is imported by"):
        stacks.client.delete_stack(StackName=stack_name)


# "Protect CloudFormation stacks from being deleted": DeleteStack is refused until the protection is lifted.
def test_termination_protection_refuses_deletion(stacks: Stacks, stack_name: str) -> None:
    stacks.apply(stack_name, {"Resources": {"Data": volume()}})
    stacks.client.update_termination_protection(StackName=stack_name, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection"):
        stacks.client.delete_stack(StackName=stack_name)
    assert stacks.status(stack_name) == "CREATE_COMPLETE"
    stacks.client.update_termination_protection(StackName=stack_name, EnableTerminationProtection=False)
    delete(stacks, stack_name)


def delete(stacks: Stacks, name: str) -> None:
    stack_id = stacks.client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    stacks.client.delete_stack(StackName=name)
    waiter = stacks.client.get_waiter("stack_delete_complete")
    waiter.wait(StackName=stack_id, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500})


# "DeletionPolicy attribute": Retain keeps the resource when its stack goes; the default deletes it.
def test_a_retained_volume_outlives_its_stack(stacks: Stacks, stack_name: str, ec2: Any) -> None:
    kept = {**volume(), "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    stacks.apply(stack_name, {"Resources": {"Kept": kept, "Gone": volume()}})
    ids = {name: stacks.physical(stack_name, name) for name in ("Kept", "Gone")}
    delete(stacks, stack_name)
    left = {entry["VolumeId"] for entry in ec2.describe_volumes()["Volumes"]}
    assert ids["Kept"] in left
    assert ids["Gone"] not in left


# AWS::EC2::Volume: what cannot be modified is refused, the volume stays ("Updates are not supported").
def test_a_volume_is_never_replaced_by_an_update(stacks: Stacks, stack_name: str) -> None:
    stacks.apply(stack_name, {"Resources": {"Data": volume()}})
    before = stacks.physical(stack_name, "Data")
    elsewhere = {"Resources": {"Data": volume(AvailabilityZone=f"{REGION}b")}}
    assert stacks.apply(stack_name, elsewhere, "UPDATE") == "UPDATE_ROLLBACK_COMPLETE"
    assert "not supported" in stacks.reason(stack_name, "Data")
    assert stacks.physical(stack_name, "Data") == before


# AWS::EC2::Instance: UserData and InstanceType, "Some interruptions": the same instance, stopped and started.
def test_a_changed_type_restarts_the_instance_in_place(stacks: Stacks, stack_name: str, network: Network, ec2: Any) -> None:
    stacks.apply(stack_name, {"Resources": {"Member": instance(network)}})
    before = stacks.physical(stack_name, "Member")
    larger = {"Resources": {"Member": instance(network, InstanceType="r7i.xlarge", UserData="IyEvYmluL3No")}}
    assert stacks.apply(stack_name, larger, "UPDATE") == "UPDATE_COMPLETE"
    assert stacks.physical(stack_name, "Member") == before
    described = ec2.describe_instances(InstanceIds=[before])["Reservations"][0]["Instances"][0]
    assert (described["InstanceType"], described["State"]["Name"]) == ("r7i.xlarge", "running")


# AWS::EC2::Instance, ImageId: "Replacement". With a fixed address the new instance cannot start beside the old one:
# the update fails and the old one stays, which is what a fixed address is there for.
def test_replacing_a_member_with_a_fixed_address_fails_loudly(
    stacks: Stacks, stack_name: str, network: Network, ec2: Any
) -> None:
    stacks.apply(stack_name, {"Resources": {"Member": instance(network, PrivateIpAddress="10.1.1.10")}})
    before = stacks.physical(stack_name, "Member")
    other = instance(network, PrivateIpAddress="10.1.1.10", ImageId="ami-0fedcba9876543210")
    assert stacks.apply(stack_name, {"Resources": {"Member": other}}, "UPDATE") == "UPDATE_ROLLBACK_COMPLETE"
    assert "Address 10.1.1.10 is in use" in stacks.reason(stack_name, "Member")
    state = ec2.describe_instances(InstanceIds=[before])["Reservations"][0]["Instances"][0]["State"]["Name"]
    assert state == "running"


# Without a fixed address the same change replaces the instance, and the old one is terminated afterwards.
def test_a_changed_image_replaces_the_instance(stacks: Stacks, stack_name: str, network: Network, ec2: Any) -> None:
    stacks.apply(stack_name, {"Resources": {"Member": instance(network)}})
    before = stacks.physical(stack_name, "Member")
    other = {"Resources": {"Member": instance(network, ImageId="ami-0fedcba9876543210")}}
    assert stacks.apply(stack_name, other, "UPDATE") == "UPDATE_COMPLETE"
    assert stacks.physical(stack_name, "Member") != before
    state = ec2.describe_instances(InstanceIds=[before])["Reservations"][0]["Instances"][0]["State"]["Name"]
    assert state == "terminated"


# A refusal of EC2's is the resource's reason, and what was created before it is rolled back.
def test_a_refused_resource_fails_the_stack_with_its_reason(
    stacks: Stacks, stack_name: str, network: Network, ec2: Any
) -> None:
    outside = {**instance(network, PrivateIpAddress="10.99.0.1"), "DependsOn": "Data"}
    marked = volume(Tags=[{"Key": "rule", "Value": stack_name}])
    template = {"Resources": {"Data": marked, "Member": outside}}
    assert stacks.apply(stack_name, template) == "ROLLBACK_COMPLETE"
    assert "does not fall within the subnet's address range" in stacks.reason(stack_name, "Member")
    assert volumes(ec2, stack_name) == []


# A type that nothing emulates does not stop a stack, and is told; Fn::GetAtt on it is marked.
def test_an_unknown_type_is_recorded_as_not_emulated(aws: EmbeddedAws, stacks: Stacks, stack_name: str) -> None:
    unknown = {"Type": "AWS::NetworkManager::GlobalNetwork", "Properties": {}}
    output = {"Value": {"Fn::GetAtt": ["Network", "Arn"]}}
    template = {"Resources": {"Network": unknown}, "Outputs": {"Arn": output}}
    assert stacks.apply(stack_name, template) == "CREATE_COMPLETE"
    assert stacks.outputs(stack_name)["Arn"] == "not-emulated-Network-Arn"
    assert record.read(aws).is_placeholder(stack_name, "Network")
    delete(stacks, stack_name)
    assert not record.read(aws).is_placeholder(stack_name, "Network")


# A type the emulator has no API for keeps its properties, and is told as stored.
def test_a_stored_type_is_recorded_as_stored(aws: EmbeddedAws, stacks: Stacks, stack_name: str) -> None:
    document = {"Type": "AWS::SSM::Document", "Properties": {"Content": {"schemaVersion": "0.3"}}}
    stacks.apply(stack_name, {"Resources": {"Document": document}})
    stored = record.read(aws).stored
    assert stored[REGION, stacks.physical(stack_name, "Document")]["Content"] == {"schemaVersion": "0.3"}


# A property that a handler does nothing with is told.
def test_an_ignored_property_is_recorded(aws: EmbeddedAws, stacks: Stacks, stack_name: str, network: Network) -> None:
    stacks.apply(stack_name, {"Resources": {"Member": instance(network, CreditSpecification={"CPUCredits": "unlimited"})}})
    assert record.read(aws).ignored(stack_name, "Member") == {"CreditSpecification"}


# Fn::GetAtt: the attributes of the types deployments refer to.
@pytest.fixture
def attribute(stacks: Stacks, stack_name: str) -> Callable[..., str]:
    def get(resource: Template, name: str) -> str:
        output = {"Value": {"Fn::GetAtt": ["It", name]}}
        status = stacks.apply(stack_name, {"Resources": {"It": resource}, "Outputs": {"It": output}})
        assert status == "CREATE_COMPLETE"
        return stacks.outputs(stack_name)["It"]

    return get


def test_a_vpcs_attributes(attribute: Callable[..., str]) -> None:
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.3.0.0/16"}}
    assert attribute(vpc, "CidrBlock") == "10.3.0.0/16"


def test_an_instances_attributes(attribute: Callable[..., str], network: Network) -> None:
    assert attribute(instance(network, PrivateIpAddress="10.1.1.20"), "PrivateIp") == "10.1.1.20"


def test_an_instances_zone(attribute: Callable[..., str], network: Network) -> None:
    assert attribute(instance(network, SubnetId=network.subnet_b), "AvailabilityZone") == f"{REGION}b"


# AWS::IAM::InstanceProfile: Ref is the name.
def test_the_reference_to_an_instance_profile_is_its_name(stacks: Stacks, stack_name: str, clients: Any) -> None:
    profile = {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": []}}
    stacks.apply(stack_name, {"Resources": {"Profile": profile}, "Outputs": {"It": {"Value": {"Ref": "Profile"}}}})
    name = stacks.outputs(stack_name)["It"]
    assert clients("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["InstanceProfileName"] == name
