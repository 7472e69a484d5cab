"""The gate's service on a member, with real systemd, packets and freezes: open while it is primary, and never otherwise."""

import os
import time
from collections.abc import Iterator

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for hosts of the lab", allow_module_level=True)

from cdk_intersystems.model.gate import gate_ruleset
from tests.bootstrap.gate_member import GATE, PORT, GateMember, gate_member, is_served

OPEN, CLOSED, NOT_LOADED = 0, 3, 4
SERVICE = "iris-gate.service"


@pytest.fixture(scope="module")
def built() -> Iterator[GateMember]:
    with gate_member() as member:
        yield member


@pytest.fixture
def member(built: GateMember) -> GateMember:
    """The member, primary, with its gate open."""
    built.open()
    return built


def main_pid(member: GateMember) -> str:
    return member.host.run("systemctl", "show", "--property=MainPID", "--value", SERVICE).output.strip()


def replace(member: GateMember, rules: str) -> None:
    new = member.host.path("/etc/cdk-intersystems/gate.new")
    new.write_text(rules)
    new.replace(new.with_suffix(".nft"))


def test_a_member_starts_closed_and_opens_when_it_is_primary(built: GateMember) -> None:
    assert (built.gate(), built.admits()) == (CLOSED, False)
    assert built.host.unit_state(SERVICE) == "active"
    built.shows("Primary")
    built.wait_until_gate(OPEN)
    assert built.admits()


def test_when_it_is_not_primary_any_more_clients_are_told_and_others_are_not_touched(member: GateMember) -> None:
    with member.connect() as client, member.connect(PORT) as mirror_partner:
        assert is_served(client)
        member.shows("Backup")
        client.settimeout(10)
        with pytest.raises(ConnectionResetError):
            client.recv(100)
        assert is_served(mirror_partner)
    assert (member.gate(), member.admits()) == (CLOSED, False)


def test_the_gate_of_an_instance_that_is_down_closes(member: GateMember) -> None:
    member.shows("Primary", status="down, last used Sun Nov 22 10:00:00 2026")
    member.wait_until_gate(CLOSED)
    assert not member.admits()


def test_the_gate_of_an_instance_whose_processes_stand_still_closes_though_its_memory_says_primary(member: GateMember) -> None:
    member.host.run("systemctl", "kill", "--signal=STOP", "superserver.service")
    try:
        member.wait_until_gate(CLOSED)
        assert not member.admits()
    finally:
        member.host.run("systemctl", "kill", "--signal=CONT", "superserver.service")


def test_a_member_that_was_frozen_stays_closed_until_the_mirror_had_time_to_tell_it(member: GateMember) -> None:
    with member.connect() as client:
        assert is_served(client)
        member.host.freeze()
        try:
            # The other member becomes primary meanwhile. This one still shows what it showed.
            time.sleep(3.2)
            assert not member.admits()
        finally:
            member.host.thaw()
        client.settimeout(10)
        with pytest.raises(ConnectionResetError):
            client.recv(100)
    seen = [member.admits() for _ in range(12) if not time.sleep(0.1)]
    assert set(seen) == {False}
    assert "a lease ran out" in member.host.run(GATE, "status", check=False).output
    # Then it is told.
    member.shows("Down", status="down")
    member.host.run("nft", "flush", "set", "inet", "iris_gate", "quarantine")
    member.host.wait_until("the renewer to see it", lambda: "instance IRIS is down, " in member.said(SERVICE), 5)
    assert (member.gate(), member.admits()) == (CLOSED, False)


def test_a_renewer_that_is_killed_closes_the_gate_and_is_replaced(member: GateMember) -> None:
    before = main_pid(member)
    with member.connect() as client:
        assert is_served(client)
        member.host.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", SERVICE)
        client.settimeout(10)
        with pytest.raises(ConnectionResetError):
            client.recv(100)
    # What was closed by itself, and not by a lease that ran out, may open again at once.
    member.wait_until_gate(OPEN, 6)
    assert main_pid(member) not in (before, "0")


def test_a_renewer_that_stands_still_renews_nothing_and_is_replaced(member: GateMember) -> None:
    # As in the unit, only sooner.
    drop_in = member.host.path(f"/run/systemd/system/{SERVICE}.d")
    drop_in.mkdir(parents=True)
    (drop_in / "soon.conf").write_text("[Service]\nWatchdogSec=2\n")
    member.host.run("systemctl", "daemon-reload")
    member.host.run("systemctl", "restart", SERVICE)
    member.wait_until_gate(OPEN)
    stopped = main_pid(member)
    member.host.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", SERVICE)
    member.wait_until_gate(CLOSED, 4)
    member.host.wait_until("another renewer", lambda: main_pid(member) not in (stopped, "0"), 15)
    (drop_in / "soon.conf").unlink()
    member.host.run("systemctl", "daemon-reload")


def test_stopping_the_service_closes_the_gate(member: GateMember) -> None:
    member.host.run("systemctl", "stop", SERVICE)
    assert (member.gate(), member.admits()) == (CLOSED, False)
    member.host.run("systemctl", "start", SERVICE)
    member.wait_until_gate(OPEN)


def test_flushed_rules_are_loaded_again(member: GateMember) -> None:
    member.host.run("nft", "flush", "ruleset")
    assert not member.admits()
    member.wait_until_gate(OPEN, 6)
    assert member.admits()


def test_other_rules_are_loaded_and_the_lease_stays(member: GateMember) -> None:
    with member.connect() as client:
        assert is_served(client)
        replace(member, gate_ruleset([PORT, 5000]))
        member.host.wait_until("the new rules", lambda: "15000" in member.host.run("nft", "list", "ruleset").output, 5)
        assert is_served(client)
        replace(member, gate_ruleset([PORT]))
        assert member.gate() == OPEN


def test_rules_that_cannot_be_loaded_change_nothing(member: GateMember) -> None:
    replace(member, gate_ruleset([PORT]) + "nonsense\n")
    try:
        member.host.wait_until("a complaint", lambda: "can't be loaded: " in member.said(SERVICE), 5)
        lease = member.host.run(GATE, "status").output
        member.host.wait_until("the next lease", lambda: member.host.run(GATE, "status").output != lease, 5)
        assert member.admits()
        assert "Error: syntax error" in member.said(SERVICE)
    finally:
        replace(member, gate_ruleset([PORT]))


def test_another_version_of_the_renewer_takes_over_in_the_same_process_and_the_lease_stays(member: GateMember) -> None:
    pid = main_pid(member)
    with member.connect() as client:
        assert is_served(client)
        bundles = "/opt/cdk-intersystems/bundles"
        member.host.run(
            "sh", "-ec", f"cp -r /opt/cdk-intersystems/current/ {bundles}/another; ln -s bundles/another {bundles}/../new"
        )
        renewer = member.host.path(f"{bundles}/another/bootstrap/gate/renewer.py")
        renewer.write_text(renewer.read_text().replace('f"open: ', 'f"another version, open: '))
        member.host.run("mv", "-T", f"{bundles}/../new", "/opt/cdk-intersystems/current")
        member.host.wait_until("the new program", lambda: "another version" in member.said(SERVICE), 5)
        assert is_served(client)
    assert (main_pid(member), member.gate()) == (pid, OPEN)
