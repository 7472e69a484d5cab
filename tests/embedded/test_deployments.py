"""The deployments of this repository go into the embedded AWS as they are."""

import json
import subprocess
import sys
from typing import Any

import pytest

from local.server import REPOSITORY

pytestmark = pytest.mark.embedded


def deploy(name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "local", "deploy", name, "--json"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def trakcare() -> dict[str, Any]:
    return deploy("trakcare")


def test_every_property_is_reported_as_asked_for(trakcare: dict[str, Any]) -> None:
    assert trakcare["comparison"]["different"] == []
    assert trakcare["comparison"]["counts"]["verified"] > 500


def test_no_type_of_it_is_a_placeholder(trakcare: dict[str, Any]) -> None:
    assert trakcare["not_emulated"] == []


def test_every_member_has_a_zone_of_its_own_and_no_public_address(trakcare: dict[str, Any]) -> None:
    members = trakcare["members"]
    assert [member["member"] for member in members] == ["a", "b", "arbiter"]
    assert len({member["zone"] for member in members}) == 3
    assert all(member["public_address"] is None for member in members)


def test_the_volumes_of_a_failover_member_wait_in_its_zone(trakcare: dict[str, Any]) -> None:
    for member in trakcare["members"][:2]:
        assert {volume["purpose"] for volume in member["volumes"]} >= {"installation", "data", "wij", "journal"}
        assert {volume["zone"] for volume in member["volumes"]} == {member["zone"]}
        assert all(volume["encrypted"] for volume in member["volumes"])


def test_the_endpoint_leads_to_both_failover_members(trakcare: dict[str, Any]) -> None:
    (endpoint,) = [entry for entry in trakcare["load_balancers"] if entry["type"] == "network"]
    failover = {known for member in trakcare["members"][:2] for known in (member["instance_id"], member["address"])}
    for listener in endpoint["listeners"]:
        (group,) = listener["target_groups"]
        assert len(group["targets"]) == 2
        assert {target.rpartition(":")[0] for target in group["targets"]} <= failover


def test_the_smallest_deployment_goes_in_as_well() -> None:
    assert deploy("minimal")["comparison"]["different"] == []
