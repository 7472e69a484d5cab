"""config/trakcare.yaml, synthesized, on hosts that boot from nothing: what each becomes, and that nobody's secrets are left anywhere."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces and block devices", allow_module_level=True)

from tests.bootstrap import fake_web_gateway
from tests.bootstrap.deployed import Deployed, synthesize, write_configuration
from tests.bootstrap.fake_iris.kit import make_agent_kit, make_kit
from tests.bootstrap.lab.host import on_all
from tests.bootstrap.lab.lab import Lab, LabHost

SERVERS = {"app1": "10.20.96.40", "web1": "10.20.48.40"}
MEMBERS = ("a", "b")


class Processes(threading.Thread):
    """Looks at the command line and environment of every process of some hosts, again and again."""

    def __init__(self, hosts: list[LabHost]) -> None:
        super().__init__(daemon=True)
        self._hosts = hosts
        self._ended = threading.Event()
        self.seen: set[bytes] = set()

    def run(self) -> None:
        while not self._ended.wait(0.02):
            for host in self._hosts:
                for pid in host.processes():
                    try:
                        self.seen.add(Path(f"/proc/{pid}/cmdline").read_bytes())
                    except OSError:
                        continue

    def stop(self) -> None:
        self._ended.set()
        self.join()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture(scope="module")
def booted(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployed, Processes]]:
    folder = tmp_path_factory.mktemp("deployment")
    kit = make_kit(folder, extra=fake_web_gateway.files())
    arbiter_kit = make_agent_kit(folder)
    for file in (kit, arbiter_kit):
        lab.artifact(file.name, file.read_bytes())
    lab.secrets["license"] = "mirroring " + lab.secrets["license"]
    lab.aws.client("secretsmanager").put_secret_value(SecretId=lab.secret_arns["license"], SecretString=lab.secrets["license"])
    write_configuration(folder, bucket=lab.bucket, kit=kit, arbiter_kit=arbiter_kit)
    deployed = Deployed(lab, synthesize(folder, folder / "cdk.out"), SERVERS)
    hosts = list(deployed.hosts.values())
    for host in hosts:
        settings = host.path("/etc/fake-iris/settings.json")
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"scale": 0.1}))
    processes = Processes(hosts)
    processes.start()
    # All at once, as a deployment of several stacks side by side does it.
    on_all(hosts, lambda host: None)
    for host in hosts:
        lab.wait_for_signal(host, seconds=120)
    yield deployed, processes
    processes.stop()


@pytest.fixture(scope="module")
def hosts(booted: tuple[Deployed, Processes]) -> dict[str, LabHost]:
    return booted[0].hosts


def _roles(hosts: dict[str, LabHost]) -> dict[str, str]:
    return {name: json.loads(hosts[name].run("cdk-host", "role", "--json", check=False).output)["role"] for name in MEMBERS}


def _primary(hosts: dict[str, LabHost]) -> str:
    return next(name for name, role in _roles(hosts).items() if role == "primary")


def _get(host: LabHost, url: str, *options: str) -> str:
    """The status and the body of what a host is answered."""
    return host.run("curl", "-sk", "--max-time", "5", "-w", " %{http_code}", *options, url, check=False).output


def test_every_host_tells_cloudformation_once_that_it_serves(lab: Lab, hosts: dict[str, LabHost]) -> None:
    told = sorted((each.stack, each.status) for each in lab.aws.signals)
    stacks = [*(f"trakcare-primary-trak-{name}" for name in ("a", "arbiter", "b")), "trakcare-primary-app", "trakcare-primary-web"]
    assert told == sorted((stack, "SUCCESS") for stack in stacks)


def test_one_member_is_primary_and_the_other_its_backup(hosts: dict[str, LabHost]) -> None:
    assert sorted(_roles(hosts).values()) == ["backup", "primary"]


def test_mirror_status_tells_the_roles_and_nothing_of_the_arbiter(hosts: dict[str, LabHost]) -> None:
    primary = _primary(hosts)
    answers = {name: _get(hosts["web1"], f"http://{hosts[name].address}:2189/csp/bin/mirror_status.cxw") for name in MEMBERS}
    assert answers == {name: "SUCCESS 200" if name == primary else "FAILED 503" for name in MEMBERS}


def test_only_the_primary_takes_clients_of_the_endpoint(hosts: dict[str, LabHost]) -> None:
    primary = _primary(hosts)
    reached = {name: hosts["web1"].run("nc", "-z", "-w", "2", hosts[name].address, "11972", check=False).status for name in MEMBERS}
    assert reached == {name: 0 if name == primary else 1 for name in MEMBERS}


def test_an_application_server_works_on_the_mirror(hosts: dict[str, LabHost]) -> None:
    shown = hosts["app1"].run("cdk-host", "status", "--json").output
    assert json.loads(shown)["served"] == json.loads(shown)["applied"]


def test_a_web_server_serves_pages_of_the_application_server_and_tells_the_region_s_status(hosts: dict[str, LabHost]) -> None:
    assert hosts["app1"].address in hosts["web1"].path("/opt/webgateway/bin/CSP.ini").read_text()
    assert _get(hosts["a"], f"https://{hosts['web1'].address}/region/mirror_status.cxw") == "SUCCESS 200"
