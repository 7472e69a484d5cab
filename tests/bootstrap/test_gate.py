"""The gate on a member, with real packets: it takes clients of the endpoint while a lease runs, and never otherwise."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdk_intersystems.model.gate import gate_ruleset
from tests.bootstrap.gate_lab import CLIENT_ADDRESS, HIDING, MEMBERS, OVERLAY, PRESERVING, ROUTER_AT_A, Lab, request

ROOT = Path(__file__).parent.parent.parent
GATE = ROOT / "constructs" / "cdk_intersystems" / "bootstrap" / "gate" / "iris-gate"

if os.geteuid() != 0:
    pytest.skip("needs root, for network namespaces", allow_module_level=True)

THROUGH_THE_ENDPOINT = {"client's address kept": PRESERVING, "client's address hidden": HIDING, "overlay address": OVERLAY}

OPEN, CLOSED, NOT_LOADED = 0, 3, 4


@pytest.fixture(scope="module")
def built() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    lab.remove()


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "gate.nft"
    path.write_text(gate_ruleset([1972, 5000], [OVERLAY]))
    return path


@pytest.fixture
def lab(built: Lab, rules: Path) -> Lab:
    """The hosts, with fresh rules on both members and the overlay address routed to a."""
    for member in MEMBERS:
        built.on(member, "nft", "flush", "ruleset")
        built.on(member, GATE, "load", rules)
    built.route_overlay_to("a")
    for server in built.servers.values():
        server.ended.clear()
    return built


def open_gate(lab: Lab, member: str = "a", seconds: int = 30) -> None:
    lab.on(member, GATE, "open", str(seconds), "true")


def status(lab: Lab, member: str = "a") -> int:
    return lab.on(member, GATE, "status", check=False).returncode


def within(seconds: float, done: Callable[[], bool]) -> float:
    """Waits until it is done; returns how long that took."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - began


def is_over(connection: socket.socket) -> bool:
    """Whether the client has been told that the connection is over, without sending anything."""
    connection.setblocking(False)
    try:
        while connection.recv(100):
            pass
        return True
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    finally:
        connection.settimeout(5)


@pytest.mark.parametrize("address", THROUGH_THE_ENDPOINT.values(), ids=THROUGH_THE_ENDPOINT)
def test_a_client_of_the_endpoint_is_refused_at_once_until_the_gate_is_open(lab: Lab, address: str) -> None:
    assert [status(lab), lab.ask(address), lab.ask(address, 5000)] == [CLOSED, "refused", "refused"]
    open_gate(lab)
    seen = ROUTER_AT_A if address == HIDING else CLIENT_ADDRESS
    assert [status(lab), lab.ask(address), lab.ask(address, 5000)] == [OPEN, f"a {seen}", f"a {seen}"]
    lab.on("a", GATE, "close")
    assert [status(lab), lab.ask(address), lab.ask(address, 5000)] == [CLOSED, "refused", "refused"]
    open_gate(lab)
    assert lab.ask(address) == f"a {seen}"


def test_mirror_ecp_and_the_health_check_pass_whether_it_is_open_or_not(lab: Lab) -> None:
    with lab.connect(MEMBERS["a"], host="b") as from_partner:
        for change in (["close"], ["open", "30", "true"], ["close"]):
            lab.on("a", GATE, *change)
            assert request(from_partner) == f"a {MEMBERS['b']}"
            assert lab.ask(MEMBERS["a"], host="b") == f"a {MEMBERS['b']}"
            assert lab.ask(PRESERVING, 2189) == f"a {CLIENT_ADDRESS}"


def test_connections_a_member_opens_from_a_target_port_pass_while_it_is_closed(lab: Lab) -> None:
    with lab.inside("a"):
        outgoing = socket.create_connection((MEMBERS["b"], 1972), timeout=5, source_address=(MEMBERS["a"], 15000))
    with outgoing:
        assert request(outgoing) == f"b {MEMBERS['a']}"


def test_the_overlay_address_follows_its_route_also_when_both_members_take_it(lab: Lab) -> None:
    open_gate(lab, "a")
    open_gate(lab, "b")
    with lab.connect(OVERLAY) as connection:
        assert request(connection) == f"a {CLIENT_ADDRESS}"
        lab.route_overlay_to("b")
        assert lab.ask(OVERLAY) == f"b {CLIENT_ADDRESS}"
        with pytest.raises(ConnectionResetError):
            request(connection)


def test_without_the_rules_no_client_of_the_endpoint_gets_through(lab: Lab) -> None:
    open_gate(lab)
    lab.on("a", "nft", "flush", "ruleset")
    assert [status(lab), lab.ask(PRESERVING)] == [NOT_LOADED, "refused"]
    with pytest.raises(OSError, match=r"timed out|unreachable"), lab.inside("client"):
        socket.create_connection((OVERLAY, 1972), timeout=1)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped for a while"])
def test_the_lease_runs_out_when_nobody_renews_it(lab: Lab, sent: signal.Signals) -> None:
    renewing = f"while :; do {GATE} open 3 true; echo $?; sleep 1; done"
    command = lab.command("a", "bash", "-c", renewing)
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as renewer:
        assert renewer.stdout
        try:
            for _ in range(5):
                assert renewer.stdout.readline() == b"0\n"
            assert status(lab) == OPEN
            # Not while it asks: an answer that is less than a lease old may be followed, though the lease before has ended.
            assert renewer.stdout.readline() == b"0\n"
            os.killpg(renewer.pid, sent)
            assert within(4, lambda: lab.ask(PRESERVING) == "refused") <= 3.2
            if sent == signal.SIGSTOP:
                # As on a host that was frozen: the other member may be primary, and nobody here knows yet.
                os.killpg(renewer.pid, signal.SIGCONT)
                time.sleep(2)
                assert [status(lab), lab.ask(PRESERVING)] == [CLOSED, "refused"]
        finally:
            os.killpg(renewer.pid, signal.SIGKILL)


@pytest.mark.parametrize("first", ["kernel's clock", "wall clock"])
def test_a_lease_ends_with_the_first_of_two_clocks(lab: Lab, first: str) -> None:
    open_gate(lab, seconds=2)
    # A frozen host goes on with the kernel's clock where it stopped, and a wall clock can be set back: the other one holds.
    changed = {
        "wall clock": "flush set inet iris_gate lease\nadd element inet iris_gate lease { tcp timeout 60s }",
        "kernel's clock": "flush chain inet iris_gate window\nadd rule inet iris_gate window meta l4proto @lease accept",
    }
    lab.on("a", "nft", "-f", "-", stdin=changed[first])
    assert lab.ask(PRESERVING) == f"a {CLIENT_ADDRESS}"
    time.sleep(2.2)
    assert [lab.ask(PRESERVING), lab.ask(OVERLAY), status(lab)] == ["refused", "refused", CLOSED]


def test_the_window_of_a_lease_begins_before_the_role_is_asked_for(lab: Lab) -> None:
    began = int(time.time())
    lab.on("a", GATE, "open", "30", "sleep", "2")
    window = lab.on("a", "env", "TZ=UTC", "nft", "list", "chain", "inet", "iris_gate", "window").stdout
    first, last = re.findall(r'time "([^"]*)"-"([^"]*)"', window)[0]
    shown = [int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) - began for text in (first, last)]
    assert shown in ([0, 30], [1, 31])


def test_an_answer_that_comes_late_opens_nothing(lab: Lab, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    command = lab.command("a", GATE, "open", "2", "sh", "-c", f"touch {asked}; sleep 0.5")
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE) as opener:
        within(5, asked.exists)
        os.killpg(opener.pid, signal.SIGSTOP)
        time.sleep(2.5)
        os.killpg(opener.pid, signal.SIGCONT)
        opener.communicate(timeout=10)
    assert [opener.returncode, status(lab), lab.ask(PRESERVING)] == [CLOSED, CLOSED, "refused"]


def test_closing_voids_an_answer_that_is_on_its_way(lab: Lab) -> None:
    assert lab.on("a", GATE, "open", "30", GATE, "close", check=False).returncode == CLOSED
    assert [status(lab), lab.ask(PRESERVING)] == [CLOSED, "refused"]


def test_not_primary_closes_at_once_and_unknown_lets_the_lease_run(lab: Lab) -> None:
    open_gate(lab)
    assert lab.on("a", GATE, "open", "30", "sh", "-c", "exit 7", check=False).returncode == CLOSED
    assert lab.on("a", GATE, "open", "2", "sleep", "9", check=False).returncode == CLOSED
    assert status(lab) == OPEN
    assert lab.on("a", GATE, "open", "30", "false", check=False).returncode == CLOSED
    assert status(lab) == CLOSED


@pytest.mark.parametrize("then", [["open", "30", "true"], ["close"]], ids=["renewed", "closed"])
def test_after_a_lease_ran_out_the_gate_stays_closed_for_a_while_and_nothing_goes_on(lab: Lab, then: list[str]) -> None:
    open_gate(lab, seconds=2)
    with lab.connect(PRESERVING) as connection:
        request(connection)
        within(4, lambda: status(lab) == CLOSED)
        lab.on("a", GATE, *then, check=False)
        within(1, lambda: is_over(connection))
    assert lab.on("a", GATE, "open", "30", "true", check=False).returncode == CLOSED
    assert [status(lab), lab.ask(PRESERVING)] == [CLOSED, "refused"]
    held = lab.on("a", "nft", "list", "set", "inet", "iris_gate", "quarantine").stdout
    assert re.search(r"timeout 10s expires [5-9]s", held)
    lab.on("a", "nft", "flush", "set", "inet", "iris_gate", "quarantine")
    open_gate(lab)
    assert lab.ask(PRESERVING) == f"a {CLIENT_ADDRESS}"


@pytest.mark.parametrize("address", THROUGH_THE_ENDPOINT.values(), ids=THROUGH_THE_ENDPOINT)
@pytest.mark.parametrize("line", ["who", "later", "never"])
def test_closing_tells_both_ends_of_a_connection_at_once(lab: Lab, address: str, line: str) -> None:
    open_gate(lab)
    with lab.connect(MEMBERS["a"], host="b") as from_partner, lab.connect(address) as connection:
        request(from_partner)
        connection.sendall(line.encode())
        if line == "who":
            connection.recv(100)
        else:
            time.sleep(0.1)
        lab.on("a", GATE, "close")
        within(0.5, lambda: is_over(connection))
        # A server that works on a request notices when it answers.
        within(2 if line == "later" else 0.5, lambda: bool(lab.servers["a", 1972].ended))
        assert lab.servers["a", 1972].ended[0][0] != "closed by the client"
        assert request(from_partner) == f"a {MEMBERS['b']}"


@pytest.mark.parametrize("address", THROUGH_THE_ENDPOINT.values(), ids=THROUGH_THE_ENDPOINT)
def test_when_the_lease_runs_out_both_ends_are_told_as_soon_as_one_sends(lab: Lab, address: str) -> None:
    ended = lab.servers["a", 1972].ended
    open_gate(lab)
    with lab.connect(address) as sends, lab.connect(address) as is_sent_to, lab.connect(address) as waits:
        request(sends)
        is_sent_to.sendall(b"stream")
        waits.sendall(b"later")
        is_sent_to.recv(100)
        lab.on("a", "nft", "flush", "set", "inet", "iris_gate", "lease")
        with pytest.raises(ConnectionResetError):
            request(sends, "too late")
        within(0.5, lambda: is_over(is_sent_to))
        within(1, lambda: len(ended) == 1)
        with pytest.raises(ConnectionResetError):
            waits.recv(100)
        within(1, lambda: len(ended) == 2)
    assert {how for how, _ in ended} <= {"ConnectionResetError", "BrokenPipeError"}
    assert b"too late" not in lab.servers["a", 1972].received


def test_renewals_and_loading_again_disturb_no_connection(lab: Lab, rules: Path) -> None:
    open_gate(lab)
    done = threading.Event()
    answers: list[str] = []

    def keep_asking() -> None:
        while not done.is_set():
            answers.append(lab.ask(PRESERVING))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    with lab.connect(OVERLAY) as connection:
        for _ in range(20):
            open_gate(lab)
            lab.on("a", GATE, "load", rules)
            assert request(connection) == f"a {CLIENT_ADDRESS}"
    done.set()
    asking.join(10)
    assert len(answers) > 20
    assert set(answers) == {f"a {CLIENT_ADDRESS}"}


# What firewalld and ufw come down to here: a table of their own at the usual priority, which knows the service ports only.
_ADMITS_THE_SERVICE = """
table inet other {
  chain input { type filter hook input priority filter + 10; policy drop;
    ct state established,related accept
    tcp dport { 22, 1972, 2188, 2189, 5000 } accept
  }
}
"""


def test_another_firewall_neither_opens_the_gate_nor_stands_in_its_way(lab: Lab) -> None:
    lab.on("a", "nft", "-f", "-", stdin=_ADMITS_THE_SERVICE)
    assert [lab.ask(address) for address in (PRESERVING, OVERLAY)] == ["refused", "refused"]
    open_gate(lab)
    assert [lab.ask(address) for address in (PRESERVING, OVERLAY)] == [f"a {CLIENT_ADDRESS}"] * 2
    lab.on("a", "nft", "delete", "table", "inet", "other")
    assert lab.ask(PRESERVING) == f"a {CLIENT_ADDRESS}"
