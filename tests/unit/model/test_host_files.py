"""What the bundle has for each host: the host's own reader takes it, and it says what the deployment says."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host.description import Description, build, read_description
from cdk_intersystems.bootstrap.host.settings import CallOutPlaces, Settings
from cdk_intersystems.model import layout
from cdk_intersystems.model.host_description import MirrorFacts
from cdk_intersystems.model.host_files import HostFiles, application_files, mirror_files, web_files
from cdk_intersystems.model.host_memory import host_memory
from cdk_intersystems.model.host_settings import CallOut, SecretArns, host_settings
from cdk_intersystems.model.memory import SharedMemory
from cdk_intersystems.model.memory_choices import MemoryChoice
from cdk_intersystems.model.platform import Platform, S3Object
from cdk_intersystems.model.storage import MemberVolumes, VolumeSpec

KIT = S3Object(uri="s3://kits/iris.tar.gz", sha256="1" * 64)
AGENT = S3Object(uri="s3://kits/deep/agent.tar.gz", sha256="2" * 64)
ARCHIVE = S3Object(uri="s3://kits/packages.tar", sha256="3" * 64)
PLATFORM = Platform(operating_system="ubuntu2404", architecture="arm64", packages=ARCHIVE, kit=KIT, arbiter_kit=AGENT)
MIRROR = MirrorFacts(
    deployment="trakcare",
    name="TRAK",
    number=1,
    addresses={"a": "10.0.1.17", "b": "10.0.2.17", "arbiter": "10.0.3.17"},
    databases=("DATA", "MORE"),
    ecp_clients=True,
    service_ports=(1972, 6661),
)
MEMORY = SharedMemory(globals_mb=8192, routines_mb=512, gmheap_kb=307_200, jrnbufs_mb=64, max_servers=8, max_server_conn=12)
VOLUMES = MemberVolumes(data=VolumeSpec(type="gp3", size_gib=100, iops=3000, throughput_mibps=125, count=3))


def every_host(platform: Platform = PLATFORM, mirror: MirrorFacts = MIRROR) -> dict[str, Mapping[str, str]]:
    """The files of a host of each role, and of a web server that works with the mirror itself."""
    groups: dict[str, HostFiles] = {
        "mirror": mirror_files(platform, mirror, volumes=VOLUMES, memory=MEMORY),
        "app": application_files(platform, mirror, "app", memory=MEMORY, local_storage=True),
        "web": web_files(platform, mirror, "web", application_tier="app", paths=["/csp"], gateway_parameters={}),
        "direct": web_files(
            platform, mirror, "direct", application_tier="", paths=["/a/b"], gateway_parameters={"MAX_CACHE_SIZE": "1"}
        ),
    }
    return {f"{group}/{host}": files for group, hosts in groups.items() for host, files in hosts.items()}


def described(files: Mapping[str, str], folder: Path) -> Description:
    path = folder / "host.json"
    path.write_text(files["host.json"], encoding="utf-8")
    return read_description(path)


@pytest.mark.parametrize("host", every_host())
@pytest.mark.parametrize("mirror", [MIRROR, dataclasses.replace(MIRROR, private_ca_arn="arn:aws:acm-pca:x", ecp_clients=False)])
@pytest.mark.parametrize("platform", [PLATFORM, Platform(operating_system="rhel9", architecture="x86_64")])
def test_a_host_reads_what_is_written_for_it(host: str, mirror: MirrorFacts, platform: Platform, tmp_path: Path) -> None:
    files = every_host(platform, mirror)[host]
    read = described(files, tmp_path)

    assert json.loads(files["host.json"]) == dataclasses.asdict(read)
    assert read.role == {"a": "member", "b": "member", "arbiter": "arbiter"}.get(
        read.host, "application" if host.startswith("app") else "web"
    )
    assert (read.deployment, read.operating_system) == ("trakcare", platform.operating_system)


def test_a_member_is_told_of_itself_and_of_the_mirror(tmp_path: Path) -> None:
    read = described(every_host()["mirror/b"], tmp_path)

    assert (read.name, read.member_type, read.group, read.host) == ("TRAKB", "failover", "TRAK", "b")
    assert read.hosts == {"TRAKA": "10.0.1.17", "TRAKB": "10.0.2.17", "trak-arbiter": "10.0.3.17"}
    assert read.mirror.members == {"TRAKA": "10.0.1.17", "TRAKB": "10.0.2.17"}
    assert (read.mirror.arbiter, read.mirror.databases) == ("10.0.3.17", ["DATA", "MORE"])
    assert read.mirror.created_parameter == "/cdk-intersystems/trakcare/TRAK/created"
    assert read.mirror.authority_parameter == "/cdk-intersystems/trakcare/TRAK/authority"
    assert (read.service_ports, read.huge_pages) == ([1972, 6661], MEMORY.huge_pages)
    assert {volume.role: (volume.tag, volume.count, volume.mount_point) for volume in read.volumes} == {
        "installation": ("installation", 1, layout.MOUNT_POINTS["installation"]),
        "data": ("data", 3, layout.MOUNT_POINTS["data"]),
        "wij": ("wij", 1, layout.MOUNT_POINTS["wij"]),
        "journal": ("journal", 1, layout.MOUNT_POINTS["journal"]),
        "alternate_journal": ("alternate-journal", 1, layout.MOUNT_POINTS["alternate_journal"]),
    }
    assert read.kit is not None
    assert (read.kit.bucket, read.kit.key, read.kit.sha256) == ("kits", "iris.tar.gz", "1" * 64)
    assert (read.packages_from, read.packages and read.packages.key) == ("archive", "packages.tar")


def test_each_host_has_a_name_of_its_own_in_its_certificate_and_the_primary_knows_it(tmp_path: Path) -> None:
    hosts = every_host()
    subjects = {host: read.tls.subject for host in hosts if (read := described(hosts[host], tmp_path)).tls}

    assert subjects == {
        "mirror/a": "/O=trakcare/OU=TRAK/CN=TRAKA",
        "mirror/b": "/O=trakcare/OU=TRAK/CN=TRAKB",
        "app/server": "/O=trakcare/OU=TRAK/CN=ecp-client",
        "web/server": "/O=trakcare/OU=web/CN=web.trakcare.internal",
        "direct/server": "/O=trakcare/OU=direct/CN=direct.trakcare.internal",
    }
    mirror = described(hosts["mirror/a"], tmp_path).mirror
    assert mirror.member_subjects == {"TRAKA": "CN=TRAKA,OU=TRAK,O=trakcare", "TRAKB": "CN=TRAKB,OU=TRAK,O=trakcare"}
    assert mirror.ecp_subjects == ["CN=ecp-client,OU=TRAK,O=trakcare"]


def test_the_arbiter_has_the_agents_kit_and_nothing_of_a_members(tmp_path: Path) -> None:
    files = every_host()["mirror/arbiter"]
    read = described(files, tmp_path)

    assert set(files) == {"host.json"}
    assert read.kit is not None
    assert read.kit.key == "deep/agent.tar.gz"
    assert (read.volumes, read.huge_pages, read.tls, read.service_ports) == ([], 0, None, [])


def test_servers_of_tiers_know_what_is_behind_them(tmp_path: Path) -> None:
    hosts = every_host()
    app, web, direct = (described(hosts[f"{tier}/server"], tmp_path) for tier in ("app", "web", "direct"))

    assert (app.local_storage, app.lifecycle_hook, app.huge_pages) == (True, "leave", MEMORY.huge_pages)
    assert (web.lifecycle_hook, web.huge_pages) == ("", 0)
    assert web.web is not None
    assert direct.web is not None
    assert (web.web.application_tier, web.web.paths) == ("app", ["/csp"])
    assert (direct.web.application_tier, direct.web.gateway_parameters) == ("", {"MAX_CACHE_SIZE": "1"})


def test_a_member_can_create_the_mirror_and_join_it() -> None:
    files = every_host()["mirror/b"]

    assert "Member=primary,Primary=localhost" in files["create.cpf"]
    assert "Member=backup,Primary=10.0.1.17" in files["join.cpf"]
    assert "16661" in files["gate.nft"]


def test_the_same_deployment_gives_the_same_text() -> None:
    assert every_host() == every_host()


def test_a_host_reads_the_parameter_that_is_written_for_it() -> None:
    value = host_settings(
        bucket="assets",
        key=f"{'4' * 64}.tar",
        sha256="4" * 64,
        region="eu-west-2",
        secrets=SecretArns(gateway="arn:aws:secretsmanager:x"),
        log_group="logs",
    )
    read = build(Settings, json.loads(json.dumps(value)), "the parameter")

    assert dataclasses.asdict(read) == value
    assert (read.secrets.gateway, read.secrets.password) == ("arn:aws:secretsmanager:x", "")


def test_a_mirror_s_hosts_are_told_where_to_take_route_epochs() -> None:
    value = host_settings(
        bucket="assets",
        key="k",
        sha256="4" * 64,
        region="eu-west-2",
        secrets=SecretArns(),
        log_group="logs",
        call_out=CallOut(table="epochs", queue="https://sqs.eu-west-2.amazonaws.com/1/router.fifo"),
    )
    read = build(Settings, json.loads(json.dumps(value)), "the parameter")

    assert read.call_out == CallOutPlaces("epochs", "https://sqs.eu-west-2.amazonaws.com/1/router.fifo")


def test_only_failover_members_take_route_epochs() -> None:
    described = {host: json.loads(files["host.json"])["call_out"] for host, files in every_host().items()}
    of_members = {host: found for host, found in described.items() if found}

    assert of_members == {
        f"mirror/{which}": {"mirror_set": "TRAK", "member": which, "takeover_wait_seconds": 1} for which in ("a", "b")
    }


def test_the_gate_of_a_member_admits_the_overlay_address_if_there_is_one() -> None:
    with_it = mirror_files(PLATFORM, dataclasses.replace(MIRROR, vip="10.255.0.1"), volumes=VOLUMES, memory=MEMORY)

    assert "ip daddr { 10.255.0.1 }" in with_it["a"]["gate.nft"]
    assert "ip daddr" not in every_host()["mirror/a"]["gate.nft"]


@pytest.mark.parametrize("seconds", [-1, 6])
def test_a_wait_that_holds_up_takeovers_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match="give 0 to 5"):
        dataclasses.replace(MIRROR, takeover_wait_seconds=seconds)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"deployment": "a/b"}, "letters, digits and . - _"),
        ({"service_ports": ()}, "give at least one"),
        ({"databases": ()}, "has no database"),
        ({"addresses": {"a": "x", "b": "10.0.2.17", "arbiter": "10.0.3.17"}}, "'x'"),
    ],
)
def test_the_impossible_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        mirror_files(PLATFORM, dataclasses.replace(MIRROR, **change), volumes=VOLUMES, memory=MEMORY)


def test_memory_comes_from_what_is_known_of_the_type_or_from_what_is_stated() -> None:
    known = host_memory(
        "member", "r7i.4xlarge", whose="TRAK", architecture="x86_64", memory_mib=None, vcpus=None, max_server_conn=12
    )
    stated = host_memory(
        "member", "r99i.4xlarge", whose="TRAK", architecture="x86_64", memory_mib=131_072, vcpus=16, max_server_conn=12
    )
    less = host_memory("member", "r7i.4xlarge", whose="TRAK", architecture="x86_64", memory_mib=65_536, vcpus=None)

    assert known == stated
    assert less.globals_mb < known.globals_mb


def test_a_member_whose_type_changes_has_the_memory_of_both() -> None:
    larger = MemoryChoice(memory_mib=131072, memory=dataclasses.replace(MEMORY, globals_mb=MEMORY.globals_mb * 2))
    choices = [larger, MemoryChoice(memory_mib=65536, memory=MEMORY)]
    files = mirror_files(PLATFORM, MIRROR, volumes=VOLUMES, memory=MEMORY, choices=choices)
    for member in ("a", "b"):
        assert [each["memory_mib"] for each in json.loads(files[member]["memory.json"])] == [65536, 131072]
    assert "memory.json" not in files["arbiter"]
    assert "memory.json" not in mirror_files(PLATFORM, MIRROR, volumes=VOLUMES, memory=MEMORY)["a"]
