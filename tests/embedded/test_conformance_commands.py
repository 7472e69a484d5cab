"""Run Command: who gets a command, with which parameters, and what its caller sees of it.

SendCommand and GetCommandInvocation (Systems Manager API Reference); "Understanding command statuses", "SSM document syntax"
(Systems Manager User Guide).
"""

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local import record
from local.clients import Clients
from local.server import EmbeddedAws

from .agents import Agent, tell
from .conftest import REGION
from .mirror_sets import until

pytestmark = pytest.mark.embedded

_DOCUMENT = {
    "schemaVersion": "2.2",
    "parameters": {
        "Command": {"type": "String", "allowedValues": ["status", "promote"]},
        "Arguments": {"type": "String", "default": "", "allowedPattern": "[A-Za-z0-9 ._-]*"},
    },
    "mainSteps": [
        {"action": "aws:runShellScript", "name": "run", "inputs": {"runCommand": ["program {{ Command }} {{ Arguments }}"]}}
    ],
}

Send = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def document(aws: EmbeddedAws) -> str:
    """A document, which stacks of two regions define under one name."""
    name = f"document-{secrets.token_hex(4)}"
    properties = {"Name": name, "DocumentType": "Command", "Content": _DOCUMENT}
    template = {"Resources": {"Document": {"Type": "AWS::SSM::Document", "Properties": properties}}}
    for region in (REGION, "eu-west-1"):
        cloudformation = Clients(aws, region)("cloudformation")
        cloudformation.create_stack(StackName=f"{name}-{region}", TemplateBody=json.dumps(template))
        until(
            lambda cloudformation=cloudformation, region=region: (
                cloudformation.describe_stacks(StackName=f"{name}-{region}")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
            )
        )
    return name


@pytest.fixture
def instance(launch: Callable[..., dict[str, Any]]) -> str:
    return str(launch()["InstanceId"])


@pytest.fixture
def agent(aws: EmbeddedAws, instance: str) -> Iterator[Agent]:
    found = Agent(aws.endpoint, REGION, instance, lambda script, given: (int("promote" in script), json.dumps(given)))
    yield found
    found.stop()


@pytest.fixture
def send(clients: Clients, document: str, instance: str) -> Send:
    def call(command: str = "status", **other: Any) -> dict[str, Any]:
        given = {"InstanceIds": [instance], "DocumentName": document, "Parameters": {"Command": [command]}, **other}
        found: dict[str, Any] = clients("ssm").send_command(**given)["Command"]
        return found

    return call


def ended(clients: Clients, command: dict[str, Any], instance: str) -> dict[str, Any]:
    """What came of a command, once something has."""

    def look() -> dict[str, Any] | None:
        found = clients("ssm").get_command_invocation(CommandId=command["CommandId"], InstanceId=instance)
        return found if found["Status"] not in ("Pending", "InProgress") else None

    found: dict[str, Any] = until(look)
    return found


def test_an_agent_runs_a_documents_script(clients: Clients, agent: Agent, send: Send, instance: str) -> None:
    found = ended(clients, send(), instance)
    assert (found["Status"], found["ResponseCode"], found["PluginName"]) == ("Success", 0, "run")
    assert json.loads(found["StandardOutputContent"]) == {"Command": ["status"], "Arguments": [""]}
    assert agent.ran == ["program status "]


def test_an_exit_code_other_than_0_is_a_failure(clients: Clients, agent: Agent, send: Send, instance: str) -> None:
    found = ended(clients, send("promote"), instance)
    assert (found["Status"], found["ResponseCode"]) == ("Failed", 1)


def test_a_command_waits_for_its_agent(clients: Clients, agent: Agent, send: Send, instance: str) -> None:
    agent.connected = False
    agent.stop()
    sent = send()
    found = clients("ssm").get_command_invocation(CommandId=sent["CommandId"], InstanceId=instance)
    assert (found["Status"], found["ResponseCode"]) == ("Pending", -1)


def test_hosts_are_found_by_their_tags(clients: Clients, agent: Agent, send: Send, instance: str) -> None:
    name = secrets.token_hex(4)
    clients("ec2").create_tags(Resources=[instance], Tags=[{"Key": "member", "Value": name}])
    sent = send(InstanceIds=[], Targets=[{"Key": "tag:member", "Values": [name]}])
    (found,) = until(lambda: clients("ssm").list_command_invocations(CommandId=sent["CommandId"])["CommandInvocations"])
    assert found["InstanceId"] == instance


def test_nobody_with_the_tags_is_no_error(clients: Clients, send: Send) -> None:
    sent = send(InstanceIds=[], Targets=[{"Key": "tag:member", "Values": [secrets.token_hex(4)]}])
    assert (sent["TargetCount"], sent["StatusDetails"]) == (0, "NoInstancesInTag")


@pytest.mark.parametrize(
    ("code", "other"),
    [
        ("InvalidDocument", {"DocumentName": "no-such-document"}),
        ("InvalidParameters", {"Parameters": {"Command": ["rm"]}}),
        ("InvalidParameters", {"Parameters": {"Command": ["status"], "Arguments": ["; rm -rf /"]}}),
        ("InvalidParameters", {"Parameters": {}}),
        ("InvalidParameters", {"Parameters": {"Command": ["status"], "Other": ["x"]}}),
    ],
    ids=["unknown document", "not allowed", "not of the pattern", "missing", "unknown parameter"],
)
def test_what_the_document_does_not_allow_is_refused(
    refused: Callable[..., str], agent: Agent, send: Send, code: str, other: dict[str, Any]
) -> None:
    refused(code, send, **other)
    assert agent.ran == []


def test_a_host_without_an_agent_is_refused(refused: Callable[..., str], send: Send, instance: str) -> None:
    assert instance in refused("InvalidInstanceId", send)


def test_a_stopped_host_is_refused(
    clients: Clients, refused: Callable[..., str], agent: Agent, send: Send, instance: str
) -> None:
    clients("ec2").stop_instances(InstanceIds=[instance])
    refused("InvalidInstanceId", send)


def test_a_host_of_another_region_is_refused(
    aws: EmbeddedAws, refused: Callable[..., str], agent: Agent, document: str, instance: str
) -> None:
    other = Clients(aws, "eu-west-1")("ssm").send_command
    given = {"DocumentName": document, "Parameters": {"Command": ["status"]}}
    refused("InvalidInstanceId", other, InstanceIds=[instance], **given)


def test_each_region_has_the_document(aws: EmbeddedAws, document: str) -> None:
    stored = record.read(aws).stored
    assert stored[REGION, document]["Content"] == stored["eu-west-1", document]["Content"] == _DOCUMENT


# How an instance's machine is turned off and on is nobody's to see on AWS; here it takes the time that its process takes.
def test_a_driven_instance_follows_its_machine(aws: EmbeddedAws, clients: Clients, instance: str) -> None:
    ec2, machine = clients("ec2"), {"region": REGION, "instance_id": instance}

    def state() -> str:
        found: str = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]
        return found

    tell(aws.endpoint, "machines", **machine)
    ec2.stop_instances(InstanceIds=[instance])
    seen = [state()]
    tell(aws.endpoint, "machines", **machine, state="stopped")
    ec2.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": "r7i.2xlarge"})
    ec2.start_instances(InstanceIds=[instance])
    seen.append(state())
    tell(aws.endpoint, "machines", **machine, state="running")
    assert [*seen, state()] == ["stopping", "pending", "running"]


def test_a_type_that_is_not_to_be_had_is_refused(
    aws: EmbeddedAws, clients: Clients, refused: Callable[..., str], instance: str
) -> None:
    ec2 = clients("ec2")
    ec2.stop_instances(InstanceIds=[instance])
    tell(aws.endpoint, "shortage", short=[{"where": REGION, "instance_type": "r7i.large"}])
    try:
        refused("InsufficientInstanceCapacity", ec2.start_instances, InstanceIds=[instance])
        # The other type is to be had.
        ec2.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": "r7i.xlarge"})
        ec2.start_instances(InstanceIds=[instance])
    finally:
        tell(aws.endpoint, "shortage", short=[])
