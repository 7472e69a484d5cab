"""config/trakcare.yaml, synthesized, on hosts that boot from nothing: what each becomes, and where no secret is left."""

import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces and block devices", allow_module_level=True)

from tests.bootstrap.call_out_lab import COMMAND, SERVICE, Automation
from tests.bootstrap.deployed import Deployed, deploy
from tests.bootstrap.lab.lab import LOG_GROUP, Lab, LabHost

SERVERS = {"app1": "10.20.96.40", "web1": "10.20.48.40"}
MEMBERS = ("a", "b")

Hosts = dict[str, LabHost]


class Processes(threading.Thread):
    """Looks at the command line of every process of some hosts, again and again."""

    def __init__(self, hosts: list[LabHost]) -> None:
        super().__init__(daemon=True)
        self._hosts = hosts
        self._ended = threading.Event()
        self.seen: set[bytes] = set()

    def run(self) -> None:
        while not self._ended.wait(0.05):
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
def booted(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> tuple[Deployed, Processes]:
    deployed = deploy(lab, tmp_path_factory.mktemp("deployment"), SERVERS)
    hosts = list(deployed.hosts.values())
    processes = Processes(hosts)
    # All at once, as a deployment of several stacks side by side does it.
    for host in hosts:
        host.power_on()
    processes.start()
    try:
        for host in hosts:
            lab.wait_for_signal(host, seconds=120)
    finally:
        processes.stop()
    return deployed, processes


@pytest.fixture(scope="module")
def hosts(booted: tuple[Deployed, Processes]) -> Hosts:
    return booted[0].hosts


@pytest.fixture(scope="module")
def automation(booted: tuple[Deployed, Processes]) -> Automation:
    return booted[0].automation


@pytest.fixture(scope="module")
def vip(booted: tuple[Deployed, Processes]) -> str:
    return booted[0].vip


def _is_primary(host: LabHost) -> bool:
    return host.run("cdk-host", "role", check=False).status == 0


def _primary(hosts: Hosts) -> LabHost:
    found = [hosts[name] for name in MEMBERS if _is_primary(hosts[name])]
    assert len(found) == 1, f"{len(found)} primaries"
    return found[0]


def _backup(hosts: Hosts) -> LabHost:
    primary = _primary(hosts)
    return next(hosts[name] for name in MEMBERS if hosts[name] is not primary)


def _name(host: LabHost) -> str:
    return host.run("hostname").output.strip()


def _mirror_status(host: LabHost) -> str:
    return host.run("iris", "qlist", "IRIS").output.split("^")[11]


def _get(host: LabHost, url: str) -> str:
    """The body and the status of what a host is answered."""
    return host.run("curl", "-sk", "--max-time", "5", "-w", " %{http_code}", url, check=False).output


def _reaches(client: LabHost, host: LabHost, port: int) -> bool:
    return _connects(client, host.address, port)


def _connects(client: LabHost, address: str, port: int) -> bool:
    code = f"import socket; socket.create_connection(({address!r}, {port}), 3)"
    return client.run("python3", "-c", code, check=False).status == 0


def test_every_host_tells_cloudformation_once_that_it_serves(lab: Lab, hosts: Hosts) -> None:
    told = sorted((each.stack, each.status) for each in lab.aws.signals)
    stacks = [f"trakcare-primary-{name}" for name in ("app", "trak-a", "trak-arbiter", "trak-b", "web")]
    assert told == [(stack, "SUCCESS") for stack in stacks]


def test_one_member_is_primary_and_the_other_its_backup(hosts: Hosts) -> None:
    assert (_mirror_status(_primary(hosts)), _mirror_status(_backup(hosts))) == ("Primary", "Backup")


def test_mirror_status_tells_who_is_primary(hosts: Hosts) -> None:
    answers = [
        _get(hosts["web1"], f"http://{each.address}:2189/csp/bin/mirror_status.cxw") for each in map(hosts.get, MEMBERS) if each
    ]
    assert sorted(answers) == ["FAILED 503", "SUCCESS 200"]


@pytest.mark.parametrize("port", [11972, 16661])
def test_only_the_primary_takes_clients_of_the_endpoint(hosts: Hosts, port: int) -> None:
    # Nobody listens at the HL7 port of this fake: what is refused there is refused by the instance.
    assert _reaches(hosts["web1"], _primary(hosts), port) is (port == 11972)
    assert not _reaches(hosts["web1"], _backup(hosts), port)


def test_the_virtual_ip_is_taken_by_the_primary_alone_whoever_it_is_routed_to(hosts: Hosts, vip: str) -> None:
    assert vip == "10.255.0.1"
    # As a route table of the VPC would have it: the lab's network has none.
    client, found = hosts["web1"], []
    for host in (_primary(hosts), _backup(hosts)):
        client.run("ip", "route", "replace", f"{vip}/32", "via", host.address)
        found.append([_connects(client, vip, port) for port in (1972, 2189)])
    client.run("ip", "route", "delete", f"{vip}/32")
    # Nothing but the ports of the endpoint is meant for it.
    assert found == [[True, False], [False, False]]


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_s_call_out_is_installed_enabled_and_told_what_its_stack_names(
    hosts: Hosts, automation: Automation, name: str
) -> None:
    host = hosts[name]
    told = json.loads(host.path("/etc/cdk-intersystems/call-out.json").read_text())
    assert told == {
        "table": automation.table,
        "queue": automation.queue,
        "mirror_set": "TRAK",
        "member": name,
        "name": f"TRAK{name.upper()}",
        "instance": "IRIS",
    }
    states = [host.run("systemctl", what, SERVICE, check=False).output.strip() for what in ("is-enabled", "is-active")]
    assert states == ["enabled", "active"]
    # It can read the table: the program, the role, and the way there.
    assert json.loads(host.run(COMMAND, "status", "--json").output)["mirror_set"] == "TRAK"
    # Loaded into IRIS: by whom ^ZMIRROR is, and how long a takeover waits (the default of `takeover_wait_seconds`).
    session = ("runuser", "-u", "irisowner", "--", "iris", "session", "IRIS", "-U%SYS")
    assert host.run(*session, "Whose^%ZcdkRoute").output == "cdk:zmirror host\n"
    shown = host.run(*session, stdin='write "wait:",^ZcdkRoute("wait"),!\nhalt\n').output
    assert "wait:1\n" in shown


@pytest.mark.parametrize("name", ["arbiter", "app1", "web1"])
def test_no_other_host_has_a_call_out(hosts: Hosts, name: str) -> None:
    paths = ("/etc/cdk-intersystems/call-out.json", COMMAND, f"/etc/systemd/system/{SERVICE}")
    assert [path for path in paths if hosts[name].path(path).exists()] == []


def test_the_way_of_each_member_to_the_router_is_tried(hosts: Hosts, automation: Automation) -> None:
    groups: set[str] = set()

    def came() -> bool:
        groups.update(message["group"] for message in automation.messages("canary"))
        return groups == {"canary-a", "canary-b"}

    # Each sends one when it begins, and then once a minute.
    hosts["a"].wait_until("the canaries", came, 90)


def test_both_take_mirror_aware_clients(hosts: Hosts) -> None:
    assert [_reaches(hosts["web1"], hosts[name], 1972) for name in MEMBERS] == [True, True]


def test_a_web_server_works_with_the_application_server(hosts: Hosts) -> None:
    assert hosts["app1"].address in hosts["web1"].path("/opt/webgateway/bin/CSP.ini").read_text()
    assert _get(hosts["a"], f"https://{hosts['web1'].address}/csp/page.csp").endswith(" 200")


def test_a_web_server_tells_that_the_primary_is_in_this_region(hosts: Hosts) -> None:
    assert _get(hosts["a"], f"https://{hosts['web1'].address}/status/region/mirror_status.cxw") == "SUCCESS 200"


@pytest.mark.parametrize("name", ["arbiter", "a", "b", "app1", "web1"])
def test_running_prepare_again_changes_nothing_and_asks_aws_for_nothing(lab: Lab, hosts: Hosts, name: str) -> None:
    host = hosts[name]
    before = host.files().calm()
    lab.aws.forget_calls()
    host.run("systemctl", "restart", "cdk-host.service")
    quiet = ("/irissys", "/var/lib/cdk-intersystems/unsent")
    assert host.files().calm().without(*quiet).changes_to(before.without(*quiet)) == []
    # Web servers look for application servers all the time, and members at the route epoch.
    others = ("DescribeInstances", "GetItem", "SendMessage")
    assert [call for call in lab.aws.calls() if call.host == host.name and call.action not in others] == []


def test_a_secret_is_in_no_file_of_anybody_else_s_no_log_and_no_process_list(
    lab: Lab, booted: tuple[Deployed, Processes], hosts: Hosts
) -> None:
    deployed, processes = booted
    secrets = {name: value.encode() for name, value in lab.all_secrets.items()}
    authority = lab.aws.client("secretsmanager").get_secret_value(SecretId=lab.secret_arns["authority"])["SecretString"]
    # A line of the key in PEM: the whole stands in JSON there, and would stand in lines elsewhere.
    secrets["authority"] = json.loads(authority)["private_key"].splitlines()[3].encode()
    logs = "\n".join(lab.aws.log_lines(LOG_GROUP))
    places = {"command lines": b"\0".join(processes.seen), "CloudWatch Logs": logs.encode(), "templates": deployed.written()}
    for name, host in hosts.items():
        places[f"journal of {name}"] = host.run("journalctl", "--no-pager", "--output=export").output.encode()
    found = {(secret, place) for place, text in places.items() for secret, value in secrets.items() if value in text}
    assert found == set()
    kept = {
        (name, re.sub(r"^/proc/\d+/root", "", str(path)), secret)
        for name, host in hosts.items()
        for path in _files(host)
        for secret, value in secrets.items()
        if value in path.read_bytes()
    }
    # What has to stand in a file, because a program reads it there, and by whom it can be read.
    allowed = {
        *((name, "/irissys/sys/mgr/iris.key", "license") for name in ("a", "b", "app1")),
        ("web1", "/etc/cdk-intersystems/web/csp-system-password", "gateway"),
    }
    assert kept == allowed
    for name, path, _ in allowed:
        assert hosts[name].path(path).stat().st_mode & 0o007 == 0, f"{path} of {name} is open to everybody"


def _files(host: LabHost) -> Iterator[Path]:
    """Every file that differs from this machine's, and all on volumes; not the journal, which is looked at by itself."""
    for path, entry in host.files().items():
        if entry.kind == "file" and not path.startswith("/var/log/journal"):
            yield host.path(path)


def test_the_first_primary_holds_a_route_epoch(hosts: Hosts, automation: Automation) -> None:
    primary = _primary(hosts)
    primary.wait_until("the epoch", lambda: automation.item().get("instance_id") == primary.instance_id, 30)


def test_when_the_primary_is_gone_the_endpoint_and_the_application_follow(hosts: Hosts, automation: Automation) -> None:
    old, new = _primary(hosts), _backup(hosts)
    epoch = automation.epoch()
    old.crash()
    new.wait_until("to be primary", lambda: _is_primary(new), 60)
    new.wait_until("its gate to open", lambda: _reaches(hosts["web1"], new, 11972), 20)
    assert _get(hosts["web1"], f"http://{new.address}:2189/csp/bin/mirror_status.cxw") == "SUCCESS 200"
    hosts["app1"].wait_until(
        "the region's status",
        lambda: _get(hosts["app1"], f"https://{hosts['web1'].address}/status/region/mirror_status.cxw") == "SUCCESS 200",
    )
    # It comes back by itself, as what it is now.
    old.boot()
    old.wait_until("to be backup", lambda: _mirror_status(old) == "Backup", 60)
    assert _primary(hosts) is new
    assert not _reaches(hosts["web1"], old, 11972)
    # It took the next route epoch while it became primary, and the old one, back again, took none.
    item = automation.item()
    assert (item["instance_id"], item["taken_by"]) == (new.instance_id, f"{_name(new)}/takeover")
    assert int(item["epoch"]) == epoch + 1
