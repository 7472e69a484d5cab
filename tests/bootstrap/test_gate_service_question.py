"""The question of the gate: whether the instance is primary, answered by what runs."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.gate.role import NOT_PRIMARY, PRIMARY, UNKNOWN, Role, ask

Question = Callable[..., Role]


@pytest.fixture
def superserver() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def question(tmp_path: Path, superserver: socket.socket) -> Question:
    """Asks about an instance that says of itself what it is given; all else as of a primary."""
    command = tmp_path / "iris"
    line = "IRIS^/irissys/sys^2025.1^{status}^iris.cpf^{port}^0^53773^{health}^IRIS^{kind}^{mirror}^/irissys/sys^{port}"
    running = {"status": "running, since Sun Nov 22 10:00:00 2026", "health": "ok", "kind": "Failover", "mirror": "Primary"}
    running["port"] = str(superserver.getsockname()[1])

    def asked(says: str = "", **fields: str) -> Role:
        command.write_text(f"#!/bin/sh\n{says or 'echo ' + repr(line.format(**{**running, **fields}))}\n")
        command.chmod(0o755)
        return ask(str(command), "IRIS")

    return asked


@pytest.fixture
def answering(superserver: socket.socket) -> Iterator[None]:
    """Somebody takes the connections of the superserver."""
    taken: list[socket.socket] = []

    def take() -> None:
        while True:
            try:
                taken.append(superserver.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=take)
    thread.start()
    yield
    superserver.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in taken:
        connection.close()


@pytest.mark.usefixtures("answering")
def test_a_failover_member_that_runs_as_primary_and_takes_connections_is_primary(question: Question) -> None:
    assert question().status == PRIMARY
    assert question(health="alert").status == PRIMARY


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize(
    "fields",
    [
        {"mirror": "Backup"},
        {"mirror": "Transition"},
        {"mirror": "Down"},
        {"mirror": ""},
        {"mirror": "some word of a later version"},
        {"kind": "Disaster Recovery"},
        {"kind": "", "mirror": ""},
        {"status": "down, last used Sun Nov 22 10:00:00 2026"},
        {"status": "sign-on inhibited"},
        {"status": ""},
    ],
    ids=str,
)
def test_whatever_is_known_not_to_be_primary_is_not(question: Question, fields: dict[str, str]) -> None:
    assert question(**fields).status == NOT_PRIMARY


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize(
    "fields",
    [{"mirror": "In Trouble"}, {"mirror": "Primary - Trouble"}, {"health": "hung"}, {"health": "HUNG"}],
    ids=str,
)
def test_of_a_primary_that_is_in_trouble_or_hung_nobody_can_tell(question: Question, fields: dict[str, str]) -> None:
    assert question(**fields).status == UNKNOWN


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize(
    "says",
    ["exit 1", "echo nonsense", "sleep 9", "echo", "kill -9 $$", "printf 'IRIS^a^b\\nIRIS^a^b\\n'"],
)
def test_nobody_can_tell_if_iris_says_nothing_that_can_be_read(question: Question, says: str) -> None:
    assert question(says).status == UNKNOWN


def test_an_instance_whose_processes_stand_still_is_no_primary_whatever_its_memory_says(question: Question) -> None:
    # The kernel goes on taking connections for it, as many as its queue holds.
    for _ in range(3):
        answer = question()
        assert (answer.status, "no process took a connection" in answer.why) == (UNKNOWN, True)


def test_an_instance_that_is_gone_is_no_primary_whatever_its_memory_says(
    question: Question, superserver: socket.socket
) -> None:
    superserver.close()
    assert question().status == UNKNOWN


@pytest.mark.parametrize("port", ["", "0", "70000", "x"])
def test_without_a_port_nobody_can_tell(question: Question, port: str) -> None:
    assert question(port=port).status == UNKNOWN


def test_a_server_that_hangs_up_or_greets_has_taken_the_connection(question: Question, superserver: socket.socket) -> None:
    def take(*, greet: bool) -> None:
        with superserver.accept()[0] as taken:
            if greet:
                taken.sendall(b"hello")

    for greet in (False, True):
        server = threading.Thread(target=take, kwargs={"greet": greet})
        server.start()
        assert question().status == PRIMARY
        server.join()


def test_a_reset_is_no_answer(question: Question, superserver: socket.socket) -> None:
    # As when the instance is killed: the kernel resets what nobody has taken.
    threading.Timer(0.1, superserver.close).start()
    assert question().status == UNKNOWN
