"""The mirror_status responder on a host: what it answers, how soon, and what can't stop it."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdk_intersystems.model.ports import MIRROR_STATUS_PATH
from tests.bootstrap.fake_iris import FakeIris
from tests.bootstrap.responder_process import COMMAND, ResponderProcess, alive, children_of, received

# Byte for byte. Source: reference architecture, "ELB Polling Method".
SUCCESS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 7\r\n\r\nSUCCESS"
FAILED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 6\r\n\r\nFAILED"
UNSUPPORTED = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 6\r\n\r\nFAILED"
)

# A change is known within 0.25 s and the time of one `iris qlist`.
CHANGE_SECONDS = 1.0
# When `iris` says nothing any more, an answer lasts 1 s longer than the call that gave it.
SILENCE_SECONDS = 1.5


def test_the_three_documented_responses(iris: FakeIris, responder: ResponderProcess) -> None:
    assert responder.ask() == SUCCESS
    iris.become("Backup")
    responder.seconds_until(503, CHANGE_SECONDS)
    assert responder.ask() == FAILED
    iris.become("", member_type="")
    responder.seconds_until(500, CHANGE_SECONDS)
    assert responder.ask() == UNSUPPORTED


def test_head_is_the_same_without_the_body(iris: FakeIris, responder: ResponderProcess) -> None:
    assert responder.ask(method="HEAD") == SUCCESS.removesuffix(b"SUCCESS")
    iris.become("Backup")
    responder.seconds_until(503, CHANGE_SECONDS)
    assert responder.ask(method="HEAD") == FAILED.removesuffix(b"FAILED")


def test_a_change_is_seen_within_a_second(iris: FakeIris, responder: ResponderProcess) -> None:
    assert responder.status() == 200
    for other in ("Backup", "In Trouble"):
        iris.become(other)
        responder.seconds_until(503, CHANGE_SECONDS)
        iris.become("Primary")
        responder.seconds_until(200, CHANGE_SECONDS)


def test_a_stopped_instance_is_no_primary_nor_a_starting_one(iris: FakeIris, responder: ResponderProcess) -> None:
    assert responder.status() == 200
    subprocess.run([iris.command, "stop", "IRIS", "quietly"], check=True)
    responder.seconds_until(503, CHANGE_SECONDS)
    subprocess.run([iris.command, "start", "IRIS", "quietly"], check=True)
    time.sleep(CHANGE_SECONDS)
    assert responder.ask() == FAILED
    iris.become("Primary")
    responder.seconds_until(200, CHANGE_SECONDS)


_PRIMARY_LINE = "IRIS^/irissys/sys^2025.1^running, since x^iris.cpf^1972^0^53773^ok^IRIS^Failover^Primary^/irissys/sys^1972"
_FAULTS = [
    "hang",
    "hang-with-child",
    f"hang-after-output {_PRIMARY_LINE}",
    "slow 1.2",
    f"say-and-fail {_PRIMARY_LINE}",
    "say ",
    "say \x00\xff garbage",
    f"say {_PRIMARY_LINE}\n{_PRIMARY_LINE}",
    "flood",
]


def test_no_success_outlives_its_bound_whatever_iris_does(tmp_path: Path) -> None:
    # All at a time, each on a host of its own: it is nothing but waiting.
    with ThreadPoolExecutor(len(_FAULTS)) as threads:
        done = [threads.submit(_fail, fault, tmp_path / str(number)) for number, fault in enumerate(_FAULTS)]
        assert {fault: host.exception() for fault, host in zip(_FAULTS, done, strict=True)} == dict.fromkeys(_FAULTS)


def _fail(fault: str, folder: Path) -> None:
    iris = FakeIris(folder)
    iris.become("Primary")
    with ResponderProcess(iris, folder / "log") as responder:
        assert responder.ask() == SUCCESS
        iris.fault(fault)
        responder.seconds_until(503, SILENCE_SECONDS)
        # Nor does it come back for a moment.
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert responder.ask(timeout=1) == FAILED
            assert len(children_of(responder.process.pid)) <= 1
            time.sleep(0.05)
        iris.fault(None)
        responder.seconds_until(200, CHANGE_SECONDS + 1)
        assert bool(iris.children()) == (fault == "hang-with-child")
        assert [pid for pid in iris.children() if alive(pid)] == []


def test_an_iris_that_is_gone_is_no_primary(iris: FakeIris, responder: ResponderProcess) -> None:
    assert responder.status() == 200
    iris.command.rename(iris.command.with_name("away"))
    responder.seconds_until(503, SILENCE_SECONDS)
    iris.command.with_name("away").rename(iris.command)
    responder.seconds_until(200, CHANGE_SECONDS)


def test_a_killed_iris_leaves_nothing_behind(iris: FakeIris, responder: ResponderProcess) -> None:
    iris.fault("hang")
    # The processes of two calls at least.
    seen = set()
    until = time.monotonic() + 1.8
    while time.monotonic() < until:
        seen |= set(children_of(responder.process.pid))
        time.sleep(0.05)
    assert len(seen) >= 2
    iris.fault(None)
    responder.seconds_until(200, CHANGE_SECONDS + 1)
    assert [pid for pid in seen if Path(f"/proc/{pid}").exists()] == [], "ended and waited for"


@pytest.mark.parametrize(("fault", "seconds"), [("slow 0.45", 2.5), ("fail-once", 1.2), ("hang-once", 1.5)])
def test_slowness_and_one_failure_go_unnoticed(fault: str, seconds: float, iris: FakeIris, responder: ResponderProcess) -> None:
    # As on a busy host: two 503 in a row would end every client's connection.
    assert responder.ask() == SUCCESS
    iris.fault(fault)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert responder.ask() == SUCCESS
        time.sleep(0.01)


def test_a_frozen_responder_does_not_wake_with_an_old_success(iris: FakeIris, responder: ResponderProcess) -> None:
    assert responder.ask() == SUCCESS
    responder.process.send_signal(signal.SIGSTOP)
    try:
        iris.become("Backup")
        time.sleep(1.2)
        with responder.connect() as waiting:
            waiting.sendall(f"GET {MIRROR_STATUS_PATH} HTTP/1.1\r\n\r\n".encode())
            responder.process.send_signal(signal.SIGCONT)
            assert received(waiting) == FAILED
    finally:
        responder.process.send_signal(signal.SIGCONT)


def test_iris_is_asked_by_the_clock_and_not_by_the_requests(iris: FakeIris, responder: ResponderProcess) -> None:
    started = time.monotonic()
    assert {responder.status() for _ in range(500)} == {200}
    calls = iris.calls()
    assert set(calls) == {"qlist IRIS"}
    assert len(calls) <= (time.monotonic() - started + 1) / 0.25 + 2


def test_it_logs_changes_and_no_requests(iris: FakeIris, responder: ResponderProcess) -> None:
    for _ in range(50):
        responder.ask()
    # Time for two readings more, which say the same.
    time.sleep(0.6)
    iris.become("Backup")
    responder.seconds_until(503, CHANGE_SECONDS)
    first, second = responder.log.read_text().splitlines()
    assert first == "answering 200 OK: instance IRIS is running, member type 'Failover', mirror status 'Primary'"
    assert second.startswith("answering 503 Service Unavailable: ")


def test_the_first_request_waits_for_what_iris_says(iris: FakeIris, tmp_path: Path) -> None:
    iris.fault("slow 0.3")
    with ResponderProcess(iris, tmp_path / "log") as responder:
        assert responder.ask() == SUCCESS


def test_the_first_request_waits_no_longer_than_a_second(iris: FakeIris, tmp_path: Path) -> None:
    iris.fault("hang")
    with ResponderProcess(iris, tmp_path / "log") as responder:
        started = time.monotonic()
        assert responder.ask() == FAILED
        assert time.monotonic() - started < 2


def test_it_holds_less_than_20_mb(responder: ResponderProcess) -> None:
    for _ in range(1000):
        responder.ask()
    connections = [responder.connect() for _ in range(400)]
    assert responder.status() == 200
    for connection in connections:
        connection.close()
    assert responder.peak_bytes() < 20e6


def test_it_also_listens_on_a_port_of_its_own(iris: FakeIris) -> None:
    # As nobody else does, the port is free: it is the one of a socket that was just closed.
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([*COMMAND, "IRIS", "--iris", str(iris.command), "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 5
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                    connection.sendall(b"GET /csp/mirror_status.cxw HTTP/1.0\r\n\r\n")
                    assert received(connection) == SUCCESS
                    return
            except ConnectionRefusedError:
                assert time.monotonic() < until
                time.sleep(0.02)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "arguments", [[], ["IRIS"], ["I RIS", "--port", "0"], ["IRIS", "--port", "x"], ["IRIS", "--what", "0"]]
)
def test_it_says_what_it_wants(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=10)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.endswith("usage: mirror_status.py INSTANCE [--iris COMMAND] [--port PORT]")


def test_sockets_passed_to_another_process_are_not_taken(tmp_path: Path) -> None:
    environment = {**os.environ, "LISTEN_PID": "1", "LISTEN_FDS": "1"}
    done = subprocess.run([*COMMAND, "IRIS"], capture_output=True, text=True, check=False, timeout=10, env=environment)
    assert "no socket was passed" in done.stderr


def test_it_stays_within_what_the_oldest_python_of_the_hosts_knows() -> None:
    import ast

    # RHEL 9 comes with Python 3.9.
    tree = ast.parse(Path(COMMAND[-1]).read_text(), feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    taken_from = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "socket" in imported
    assert imported | taken_from <= sys.stdlib_module_names
