"""The steps of a member that install its gate and its responder."""

import json
import os
from collections.abc import Iterator

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for hosts of the lab", allow_module_level=True)

from cdk_intersystems.model.gate import gate_ruleset
from cdk_intersystems.model.ports import MIRROR_STATUS_PATH, MIRROR_STATUS_PORT
from tests.bootstrap.gate_member import PORT, GateMember, gate_member

OPEN, CLOSED = 0, 3
UNIT = "/etc/systemd/system/iris-gate.service"


@pytest.fixture(scope="module")
def member() -> Iterator[GateMember]:
    with gate_member() as built:
        yield built


def prepare(member: GateMember) -> list[str]:
    """Prepares once more; returns the commands that ran and the files that were written."""
    lines = member.host.run("cdk-host", "prepare").output.splitlines()
    return [line for line in lines if line.startswith(("+ ", "wrote "))]


def mirror_status(member: GateMember) -> str:
    with member.connect(MIRROR_STATUS_PORT) as connection:
        connection.sendall(f"GET {MIRROR_STATUS_PATH} HTTP/1.1\r\nHost: member\r\n\r\n".encode())
        return connection.makefile().readline().strip()


def role(member: GateMember) -> tuple[int, dict[str, str]]:
    answer = member.host.run("cdk-host", "role", "--json", check=False)
    return answer.status, json.loads(answer.output)


def test_the_first_start_leaves_both_running_and_a_second_run_changes_nothing(member: GateMember) -> None:
    member.shows("Backup")
    for unit in ("iris-gate.service", "mirror-status.socket"):
        assert member.host.unit_state(unit) == "active"
        assert member.host.run("systemctl", "is-enabled", unit).output == "enabled\n"
    assert mirror_status(member) == "HTTP/1.1 503 Service Unavailable"
    before = member.host.files().calm()
    member.lab.aws.forget_calls()
    assert prepare(member) == [
        "+ systemctl show --property=NeedDaemonReload,UnitFileState,ActiveState iris-gate.service",
        "+ systemctl show --property=NeedDaemonReload,UnitFileState,ActiveState mirror-status.socket mirror-status.service",
    ]
    assert before.changes_to(member.host.files().calm()) == []
    assert member.lab.aws.calls() == []


def test_the_role_is_told_with_what_it_rests_on(member: GateMember) -> None:
    member.shows("Backup")
    member.wait_until_gate(CLOSED)
    status, told = role(member)
    assert (status, told["instance"], told["role"], told["gate"]) == (1, "IRIS", "not primary", "closed")
    assert "mirror status 'Backup'" in told["why"]
    member.open()
    assert (role(member)[0], role(member)[1]["role"], role(member)[1]["gate"]) == (0, "primary", "open")
    member.shows("Primary", health="hung")
    assert role(member)[0] == 2
    assert member.host.run("cdk-host", "role", check=False).output.startswith("unknown (instance IRIS is running, ")


def test_both_start_with_the_host_and_the_gate_closed(member: GateMember) -> None:
    member.shows("Backup")
    member.host.reboot()
    assert (member.gate(), member.admits()) == (CLOSED, False)
    assert mirror_status(member) == "HTTP/1.1 503 Service Unavailable"
    member.host.run("systemctl", "start", "superserver.service")
    member.open()
    assert member.admits()
    assert mirror_status(member) == "HTTP/1.1 200 OK"


def test_what_somebody_broke_is_put_right(member: GateMember) -> None:
    member.host.run("systemctl", "disable", "--now", "iris-gate.service", "mirror-status.socket")
    member.host.run("sh", "-c", f"echo 'ExecStart=/bin/false' >> {UNIT}; rm /etc/cdk-intersystems/gate.nft")
    assert member.host.run("cdk-host", "prepare").status == 0
    assert member.host.path("/etc/cdk-intersystems/gate.nft").read_text() == gate_ruleset([PORT])
    member.open()
    assert mirror_status(member) == "HTTP/1.1 200 OK"
    assert len(prepare(member)) == 2


def test_another_unit_restarts_an_open_gate_never_and_a_closed_one_at_once(member: GateMember) -> None:
    started = lambda: member.host.run("systemctl", "show", "--property=MainPID", "iris-gate.service").output  # noqa: E731
    member.open()
    before = started()
    with member.host.path(UNIT).open("a") as unit:
        unit.write("# another version\n")
    prepare(member)
    assert (started(), member.gate()) == (before, OPEN)
    member.shows("Backup")
    member.wait_until_gate(CLOSED)
    with member.host.path(UNIT).open("a") as unit:
        unit.write("# another version\n")
    prepare(member)
    assert started() != before


def test_another_version_of_the_responder_takes_over_by_itself(member: GateMember) -> None:
    shown = lambda: member.host.run("systemctl", "show", "--property=MainPID", "mirror-status.service").output  # noqa: E731
    assert mirror_status(member).startswith("HTTP/1.1 ")
    before = shown()
    switch = "cd /opt/cdk-intersystems; cp -r current/ bundles/another; ln -s bundles/another new; mv -T new current"
    member.host.run("sh", "-ec", switch)
    member.host.wait_until("the responder to end", lambda: shown() != before, 10)
    assert mirror_status(member).startswith("HTTP/1.1 ")
    assert "the program was replaced" in member.said("mirror-status.service")


def test_wrong_rules_stop_with_one_line_and_the_former_ones_stay(member: GateMember) -> None:
    member.open()
    config = member.host.path("/opt/cdk-intersystems/config/gate.nft")
    right = config.read_text()
    config.write_text("table inet iris_gate { nonsense }\n")
    try:
        answer = member.host.run("cdk-host", "prepare", check=False)
        assert answer.status == 1
        said = [line for line in answer.output.splitlines() if "failed" in line]
        assert len(said) == 1
        assert said[0].startswith("cdk-host: prepare failed: gate: nft --check --file - ended with 1: ")
        assert (member.gate(), member.admits()) == (OPEN, True)
    finally:
        config.write_text(right)
    # Only looks, and passes on what was said.
    assert [
        line
        for line in prepare(member)
        if not line.startswith(("+ systemctl show", "+ systemctl start --no-block cdk-host-serve"))
    ] == []


# Its region's endpoint leads to it, and nobody changes its host when it is promoted.
def test_a_disaster_recovery_member_has_a_responder_and_a_closed_gate(member: GateMember) -> None:
    description = member.lab.description("member", member_type="dr", host="dr", name="TRAKC")
    files = {"gate.nft": gate_ruleset([PORT])}
    other = member.lab.host(name="dr", address="10.20.1.30", description=description, files=files)
    other.boot()
    member.lab.wait_for_signal(other)
    assert other.unit_state("mirror-status.socket") == "active"
    assert other.unit_state("iris-gate.service") == "active"
    assert "table inet iris_gate" in other.run("nft", "list", "ruleset").output
    assert other.run("iris-gate", "status", check=False).status != 0
