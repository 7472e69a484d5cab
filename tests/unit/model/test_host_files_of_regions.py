"""What the bundles have for the hosts of a mirror that spans regions, and that one region's bundles are as they were."""

import dataclasses
import json
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.host.description import read_description
from cdk_intersystems.model.host_description import MirrorFacts, Other, RegionStateAt
from cdk_intersystems.model.host_files import application_files, async_file, mirror_files, web_files
from tests.unit.model.cpf_parser import parse
from tests.unit.model.test_host_files import MEMORY, MIRROR, PLATFORM, VOLUMES, every_host

STATE = RegionStateAt(table="trakcare-TRAK-region-state", region="eu-west-1")
PRIMARY = dataclasses.replace(
    MIRROR,
    others={"TRAKC": Other(address="10.1.1.17", member_type="dr"), "TRAKD": Other(address="10.1.2.17", member_type="dr")},
    region_state=STATE,
    other_region="eu-west-1",
)
DR = dataclasses.replace(
    MIRROR,
    addresses={"a": "10.1.1.17", "b": "10.1.2.17", "arbiter": "10.1.3.17"},
    role="dr",
    others={"TRAKA": Other(address="10.0.1.17"), "TRAKB": Other(address="10.0.2.17")},
    other_arbiter="10.0.3.17",
    region_state=STATE,
    other_region="eu-west-2",
)


def files(mirror: MirrorFacts) -> dict[str, dict[str, str]]:
    made = mirror_files(PLATFORM, mirror, volumes=VOLUMES, memory=MEMORY)
    return {host: dict(each) for host, each in made.items()}


def test_a_mirror_of_one_region_has_nothing_but_empty_keys_more() -> None:
    for each in every_host().values():
        described = json.loads(each["host.json"])
        assert (described["region"], described["mirror"]["others"], described["mirror"]["other_authority_region"]) == (
            None,
            {},
            "",
        )
        assert [name for name in each if name.startswith("join-async")] == []


def test_members_of_the_dr_region_join_for_disaster_recovery_through_whoever_is_primary(tmp_path: Path) -> None:
    made = files(DR)["a"]
    (tmp_path / "host.json").write_text(made["host.json"])
    read = read_description(tmp_path / "host.json")

    assert (read.name, read.member_type, read.host) == ("TRAKC", "dr", "a")
    assert read.mirror.members == {"TRAKC": "10.1.1.17", "TRAKD": "10.1.2.17"}
    assert {name: other.address for name, other in read.mirror.others.items()} == {"TRAKA": "10.0.1.17", "TRAKB": "10.0.2.17"}
    assert read.mirror.others["TRAKB"].subject == "CN=TRAKB,OU=TRAK,O=trakcare"
    assert read.mirror.member_subjects["TRAKC"] == "CN=TRAKC,OU=TRAK,O=trakcare"
    assert (read.hosts["TRAKA"], read.hosts["TRAKD"]) == ("10.0.1.17", "10.1.2.17")
    assert read.region is not None
    assert dataclasses.asdict(read.region) == {
        "role": "dr",
        "own": "dr",
        "mirror_set": "TRAK",
        "table": "trakcare-TRAK-region-state",
        "table_region": "eu-west-1",
        "fenced_parameter": "/cdk-intersystems/trakcare/TRAK/fenced",
    }
    assert read.call_out is not None
    assert "gate.nft" in made
    # It never creates a mirror, and is no failover member before it is promoted.
    assert sorted(name for name in made if name.endswith(".cpf")) == [async_file(f"TRAK{each}") for each in "ABD"]
    for name, address in (("TRAKA", "10.0.1.17"), ("TRAKD", "10.1.2.17")):
        joining = parse(made[async_file(name)]).only("ConfigMirror")
        assert (joining["Member"], joining["SystemName"], joining["Primary"]) == ("drasync", "TRAKC", address)
        assert joining["ArbiterURL"] == "10.0.3.17:2188"


def test_members_of_the_home_region_can_come_back_while_the_other_one_holds_the_mirror() -> None:
    made = files(PRIMARY)["b"]

    assert sorted(name for name in made if name.endswith(".cpf")) == [
        "create.cpf",
        "join-async-TRAKC.cpf",
        "join-async-TRAKD.cpf",
        "join.cpf",
    ]
    # What is done in the home region is what is done without another one.
    alone = files(MIRROR)["b"]
    assert {name: made[name] for name in ("create.cpf", "join.cpf", "gate.nft")} == {
        name: alone[name] for name in ("create.cpf", "join.cpf", "gate.nft")
    }


def test_servers_of_the_dr_region_know_its_members_and_that_they_may_have_to_wait() -> None:
    app = application_files(PLATFORM, DR, "app", memory=MEMORY, local_storage=False)["server"]
    web = web_files(PLATFORM, DR, "web", application_tier="app", paths=["/csp"], gateway_parameters={})["server"]

    # By the letter that a member's name ends with.
    assert sorted(name for name in app if name.endswith(".cpf")) == ["via-c.cpf", "via-d.cpf"]
    assert "10.1.2.17" in app["via-d.cpf"]
    for each in (app, web):
        described = json.loads(each["host.json"])
        assert described["region"]["role"] == "dr"
        assert sorted(described["mirror"]["members"]) == ["TRAKC", "TRAKD"]


def test_on_premises_members_have_names_of_their_own(tmp_path: Path) -> None:
    hybrid = dataclasses.replace(
        DR, others={"OLD-1": Other(address="192.168.10.11", subject="CN=old1,O=Clinic")}, other_region=""
    )
    (tmp_path / "host.json").write_text(files(hybrid)["b"]["host.json"])
    read = read_description(tmp_path / "host.json")

    assert read.mirror.others["OLD-1"].subject == "CN=old1,O=Clinic"
    assert read.mirror.other_authority_region == ""
    assert sorted(name for name in files(hybrid)["b"] if name.endswith(".cpf")) == [async_file("OLD-1"), async_file("TRAKC")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"others": {}}, "join a mirror: give others"),
        ({"others": {"TRAKC": Other(address="10.0.1.17")}}, "TRAKC (10.0.1.17) of TRAK is in others, and in this region too"),
        ({"others": {"TRAKA": Other(address="10.1.3.17")}}, "TRAKA (10.1.3.17) of TRAK is in others, and in this region too"),
    ],
)
def test_members_that_nobody_could_tell_apart_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)")):
        dataclasses.replace(DR, **changes)  # type: ignore[arg-type]
