"""What clients of the mirror_status responder can ask, and what they can't do to it."""

import contextlib
import socket
import time

import pytest

from cdk_intersystems.model.ports import MIRROR_STATUS_PATH
from tests.bootstrap.responder_process import ResponderProcess, received
from tests.bootstrap.test_mirror_status import SUCCESS

_DOCUMENTED = [
    MIRROR_STATUS_PATH,
    "/csp/bin/mirror_status.cxw",
    "/csp/user/mirror_status.cxw",
    "/csp/mirror_status.cxw",
    "/csp/healthshare/hscustom/mirror_status.cxw",
    "/csp/bin/mirror_status.cxw?from=load-balancer",
]
_OTHERS = [
    "/",
    "/mirror_status.cxw",
    "/csp/bin/",
    "/csp/bin/mirror_status.cxwx",
    "/csp/bin/mirror_status_cxw",
    "/csp/bin/xmirror_status.cxw",
    "/csp//mirror_status.cxw",
    "/other/csp/bin/mirror_status.cxw",
    "/csp/bin/Systems/Module.cxw",
    "*",
]


def test_the_documented_paths_and_no_others(responder: ResponderProcess) -> None:
    assert {path: responder.ask(path) for path in _DOCUMENTED} == dict.fromkeys(_DOCUMENTED, SUCCESS)
    not_found = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    assert {path: responder.ask(path) for path in _OTHERS} == dict.fromkeys(_OTHERS, not_found)


def test_other_methods_are_told_which_there_are(responder: ResponderProcess) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "get"):
        assert responder.ask(method=method) == (
            b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )


@pytest.mark.parametrize(
    "text",
    [
        "\r\n\r\n",
        f"GET {MIRROR_STATUS_PATH}\r\n\r\n",
        f"GET  {MIRROR_STATUS_PATH} HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01 TLS \r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(text: str, responder: ResponderProcess) -> None:
    assert responder.send(text).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert responder.ask() == SUCCESS


def test_a_request_may_come_in_pieces(responder: ResponderProcess) -> None:
    with responder.connect() as connection:
        for piece in (f"GET {MIRROR_STATUS_PATH} HT", "TP/1.1\r\nHost: x\r", "\n\r", "\n"):
            connection.sendall(piece.encode())
            time.sleep(0.05)
        assert received(connection) == SUCCESS


def test_a_request_larger_than_4096_bytes_is_refused(responder: ResponderProcess) -> None:
    start = f"GET {MIRROR_STATUS_PATH} HTTP/1.1\r\nX: "
    fits = start + "x" * (4096 - len(start) - 4) + "\r\n\r\n"
    assert responder.send(fits) == SUCCESS
    with responder.connect() as connection:
        # The last byte comes with the one too many.
        connection.sendall(fits[:4000].encode())
        time.sleep(0.05)
        connection.sendall(("x" + fits[4000:]).encode())
        assert received(connection).startswith(b"HTTP/1.1 431 ")


def test_a_flood_of_bytes_is_refused_and_the_refusal_arrives(responder: ResponderProcess) -> None:
    response = responder.send(f"POST {MIRROR_STATUS_PATH} HTTP/1.1\r\n\r\n" + "x" * 300_000)
    assert response.startswith(b"HTTP/1.1 405 ")
    assert responder.send("x" * 300_000).startswith(b"HTTP/1.1 431 ")


def test_a_client_that_says_nothing_is_gone_after_two_seconds(responder: ResponderProcess) -> None:
    started = time.monotonic()
    with responder.connect() as connection:
        assert received(connection).startswith(b"HTTP/1.1 408 ")
    assert 1.5 < time.monotonic() - started < 3


def test_a_client_that_goes_on_for_ever_is_gone_after_two_seconds(responder: ResponderProcess) -> None:
    started = time.monotonic()
    with responder.connect() as connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        while time.monotonic() - started < 5:
            connection.sendall(b"x")
            time.sleep(0.1)
    assert 1.5 < time.monotonic() - started < 3.5


def test_more_stalled_clients_than_it_keeps_delay_no_answer(responder: ResponderProcess) -> None:
    stalled = []
    for _ in range(600):
        connection = responder.connect()
        connection.sendall(b"GET /csp/")
        stalled.append(connection)
    for _ in range(20):
        started = time.monotonic()
        assert responder.ask() == SUCCESS
        assert time.monotonic() - started < 0.5
    for connection in stalled:
        connection.close()
    assert responder.ask() == SUCCESS


def test_many_clients_at_once_are_all_answered(responder: ResponderProcess) -> None:
    connections = [responder.connect() for _ in range(300)]
    request = f"GET {MIRROR_STATUS_PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    for connection in connections:
        connection.sendall(request)
    assert [received(connection) for connection in connections] == [SUCCESS] * 300
    for connection in connections:
        connection.close()


def test_clients_that_reset_their_connections_do_no_harm(responder: ResponderProcess) -> None:
    for number in range(100):
        connection = responder.connect()
        # Closing resets.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if number % 2:
            connection.sendall(f"GET {MIRROR_STATUS_PATH} HTTP/1.1\r\n\r\n".encode())
        connection.close()
    assert responder.ask() == SUCCESS
    assert responder.process.poll() is None
