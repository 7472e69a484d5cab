"""The deployments of this repository go into the embedded AWS as they are, and a takeover of them leads their clients."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from local import cdk, inventory
from local.automation import automations
from local.clients import Clients
from local.server import REPOSITORY, EmbeddedAws
from local.verify import verify

from .mirror_sets import now, until

pytestmark = pytest.mark.embedded

REGIONS = ("eu-west-2", "eu-west-1")


@pytest.fixture(scope="module")
def aws_of_trakcare() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(loopback_only=True) as running:
        yield running


@pytest.fixture(scope="module")
def trakcare(aws_of_trakcare: EmbeddedAws) -> dict[str, Any]:
    app = shlex.join([sys.executable, str(REPOSITORY / "app.py")])
    assembly = cdk.synthesize(aws_of_trakcare, app, {"deployment": "trakcare"})
    stacks = cdk.stacks(assembly, aws_of_trakcare.account)
    cdk.bootstrap(aws_of_trakcare, sorted({(stack.account, stack.region) for stack in stacks}), lambda line: None)
    cdk.deploy(aws_of_trakcare, assembly, lambda line: None)
    return inventory.collect(aws_of_trakcare, stacks, verify(aws_of_trakcare, stacks))


def test_every_property_is_reported_as_asked_for(trakcare: dict[str, Any]) -> None:
    assert trakcare["comparison"]["different"] == []
    assert trakcare["comparison"]["counts"]["verified"] > 1000


def test_no_type_of_it_is_a_placeholder(trakcare: dict[str, Any]) -> None:
    assert trakcare["not_emulated"] == []


def members_of(trakcare: dict[str, Any], region: str) -> list[dict[str, Any]]:
    return [member for member in trakcare["members"] if member["region"] == region]


@pytest.mark.parametrize("region", REGIONS)
def test_every_member_has_a_zone_of_its_own_and_no_public_address(trakcare: dict[str, Any], region: str) -> None:
    members = members_of(trakcare, region)
    assert [member["member"] for member in members] == ["a", "b", "arbiter"]
    assert len({member["zone"] for member in members}) == 3
    assert all(member["public_address"] is None for member in members)


@pytest.mark.parametrize("region", REGIONS)
def test_the_volumes_of_a_failover_member_wait_in_its_zone(trakcare: dict[str, Any], region: str) -> None:
    for member in members_of(trakcare, region)[:2]:
        assert {volume["purpose"] for volume in member["volumes"]} >= {"installation", "data", "wij", "journal"}
        assert {volume["zone"] for volume in member["volumes"]} == {member["zone"]}
        assert all(volume["encrypted"] for volume in member["volumes"])


@pytest.mark.parametrize("region", REGIONS)
def test_the_endpoint_leads_to_both_failover_members(trakcare: dict[str, Any], region: str) -> None:
    balancers = [entry for entry in trakcare["load_balancers"] if entry["region"] == region]
    (endpoint,) = [entry for entry in balancers if entry["type"] == "network"]
    failover = {known for member in members_of(trakcare, region)[:2] for known in (member["instance_id"], member["address"])}
    for listener in endpoint["listeners"]:
        (group,) = listener["target_groups"]
        assert len(group["targets"]) == 2
        assert {target.rpartition(":")[0] for target in group["targets"]} <= failover


def test_what_moves_the_mirror_between_the_regions_stands_in_the_second_one(trakcare: dict[str, Any]) -> None:
    (found,) = trakcare["region_failovers"]
    assert (found["region"], found["mirror_set"], found["region_record"]) == ("eu-west-1", "TRAK", None)
    records = [(entry["name"], entry["failover"]) for entry in trakcare["failover_records"]]
    assert ("trak.trakcare.example.org", "PRIMARY") in records
    assert ("trak.trakcare.example.org", "SECONDARY") in records


# As docs/how-to/embedded-aws.md has it.
def test_a_takeover_leads_the_vip_of_every_route_table(trakcare: dict[str, Any], aws_of_trakcare: EmbeddedAws) -> None:
    clients = Clients(aws_of_trakcare, "eu-west-2")
    (before,) = [entry for entry in trakcare["automations"] if entry["region"] == "eu-west-2"]
    assert set(before["vip_routes"].values()) == {None}
    (queue,) = before["queues"]
    for epoch, member in ((1, "a"), (2, "b")):
        found = members_of(trakcare, "eu-west-2")
        (instance,) = [entry["instance_id"] for entry in found if entry["member"] == member]
        clients("dynamodb").put_item(
            TableName=before["table"],
            Item={
                "record": {"S": "TRAK"},
                "epoch": {"N": str(epoch)},
                "member": {"S": member},
                "instance_id": {"S": instance},
                "taken_at": {"S": now()},
                "taken_by": {"S": "by hand"},
            },
        )
        body = {"schema": 1, "kind": "claim", "mirror_set": "TRAK", "member": member, "epoch": epoch, "taken_at": now()}
        clients("sqs").send_message(
            QueueUrl=clients("sqs").get_queue_url(QueueName=queue)["QueueUrl"],
            MessageBody=json.dumps(body),
            MessageGroupId="TRAK",
            MessageDeduplicationId=f"TRAK-{epoch}-1",
        )
        (after,) = until(
            lambda epoch=epoch: [found for found in automations(clients) if (found["routed"] or {}).get("epoch") == str(epoch)]
        )
        assert after["vip_routes"] == dict.fromkeys(before["vip_routes"], instance)


def test_the_smallest_deployment_goes_in_as_well_by_the_command() -> None:
    command = [sys.executable, "-m", "local", "deploy", "minimal", "--json"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["comparison"]["different"] == []
