"""What is asked of IRIS about who may join, and what is told it; IRIS's answers are given."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.bootstrap.host import iris, network
from cdk_intersystems.bootstrap.host.steps import authorize as step
from tests.bootstrap.step_host import StepHost, Store, refusal

PRIMARY = iris.Instance(Path("/"), "running", Path("/"), "Failover", "Primary")
ECP = "CN=ecp-client,OU=TRAK,O=lab"


class Member(StepHost):
    """Member a, with an instance that answers calls.

    Attributes:
        calls: What was called.
        pending: Lines that it answers.
    """

    def __init__(self, *pending: str, clients: tuple[str, ...] = (), done: str = "cdk:done") -> None:
        plain = StepHost(Store()).description.mirror
        super().__init__(Store(), mirror={**vars(plain), "ecp_subjects": [ECP]})
        self.calls: list[str] = []
        self.pending = list(pending)
        self._clients, self._done = clients, done

    def run(self, command: Any, **options: Any) -> Any:
        what = command[-1]
        self.calls.append(what)
        lines = {
            "Pending": [*self.pending, "cdk:end"],
            "Clients": [*(f"cdk:client {name}" for name in self._clients), "cdk:end"],
        }.get(what.partition("^")[0], [self._done])
        self.answers[" ".join(command)] = lambda: "\n".join(["Node: a, Instance: IRIS", "", *lines, ""])
        return super().run(command, **options)

    @property
    def authorized(self) -> list[str]:
        return [call for call in self.calls if call.startswith("Authorize")]


@pytest.fixture(autouse=True)
def primary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(iris, "look", lambda _name: PRIMARY)
    monkeypatch.setattr(network, "connected_to_superserver", set)
    monkeypatch.setattr(step, "_LOOKED", tmp_path / "looked")


def test_who_waits_and_is_ours_is_authorized_by_the_name_as_iris_shows_it() -> None:
    host = Member("cdk:member CN=TRAKB, OU=TRAK, O=lab", "cdk:client O=lab,OU=TRAK,CN=ecp-client")

    assert step.authorize(host) == 2
    assert host.calls == [
        'Pending^%ZcdkHost("TRAK")',
        'AuthorizeMember^%ZcdkHost("CN=TRAKB, OU=TRAK, O=lab")',
        'AuthorizeClient^%ZcdkHost("O=lab,OU=TRAK,CN=ecp-client")',
    ]


@pytest.mark.parametrize(
    "waits",
    [
        "member CN=TRAKC, OU=TRAK, O=lab",
        "member CN=TRAKB, OU=TRAK, O=lab, C=GB",
        "member CN=evil, CN=TRAKB, OU=TRAK, O=lab",
        r"member CN=TRAKB\, OU=TRAK\, O=lab",
        'member CN=TRAKB, OU=TRAK, O=lab") do Evil^Evil("',
        # Each kind has names of its own: a server's is none of a member, and a member's none of a server.
        "member CN=ecp-client, OU=TRAK, O=lab",
        "client CN=TRAKB, OU=TRAK, O=lab",
        "other CN=TRAKB, OU=TRAK, O=lab",
        "member ",
    ],
)
def test_nobody_else_is_authorized_and_the_log_says_who_waited(waits: str) -> None:
    host = Member(f"cdk:{waits}")

    assert step.authorize(host) == 0
    assert host.authorized == []
    assert any(line.startswith("warning: not authorized, as it is no name of this deployment: ") for line in host.said)


def test_what_somebody_gave_as_a_name_does_not_spoil_the_log() -> None:
    host = Member("cdk:member CN=\x1b[2Jx" + "y" * 500)
    step.authorize(host)
    (line,) = [line for line in host.said if line.startswith("warning")]

    assert line.isprintable()
    assert len(line) < 300


@pytest.mark.parametrize(
    "instance",
    [
        None,
        iris.Instance(Path("/"), "down", Path("/"), "Failover", "Down"),
        iris.Instance(Path("/"), "running", Path("/"), "Failover", "Backup"),
        iris.Instance(Path("/"), "running", Path("/"), "Failover", "In Trouble"),
        iris.Instance(Path("/"), "running", Path("/"), "", ""),
    ],
)
def test_only_a_primary_is_asked(instance: iris.Instance | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iris, "look", lambda _name: instance)
    host = Member("cdk:member CN=TRAKB, OU=TRAK, O=lab")

    assert step.authorize(host) == 0
    assert host.calls == []


def test_iris_is_left_in_peace_while_the_other_member_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Member()
    monkeypatch.setattr(network, "connected_to_superserver", lambda: {"10.20.2.10", "10.20.9.9"})
    for _ in range(5):
        step.authorize(host)
    assert len(host.calls) == 1
    # All the same it is looked after a while, since a connection may be for something else.
    os.utime(step._LOOKED, (0, 0))
    step.authorize(host)
    assert len(host.calls) == 2
    # And at once when the other member is gone.
    monkeypatch.setattr(network, "connected_to_superserver", lambda: {"10.20.9.9"})
    step.authorize(host)
    assert len(host.calls) == 3


def test_servers_are_authorized_once_and_beforehand() -> None:
    host = Member()
    step.authorize_clients(host)
    assert host.authorized == ['AuthorizeClient^%ZcdkHost("CN=ecp-client, OU=TRAK, O=lab")']

    for known in ("CN=ecp-client, OU=TRAK, O=lab", "O=lab,OU=TRAK,CN=ecp-client"):
        host = Member(clients=("CN=another", known))
        step.authorize_clients(host)
        assert host.authorized == []


def test_an_answer_that_is_none_is_told() -> None:
    host = Member("cdk:error SYS.Mirror:PendingNewMembers ERROR #5001: not now")
    assert "can't tell who waits for being authorized (SYS.Mirror:PendingNewMembers ERROR #5001: not now)" in refusal(
        lambda: step.authorize(host)
    )
    host.pending = ["<METHOD DOES NOT EXIST>"]
    host.answers.clear()
    plain = Member.run

    def silent(self: Member, command: Any, **options: Any) -> Any:
        done = plain(self, command, **options)
        return type(done)(0, done.output.replace("cdk:end\n", ""), "")

    host.run = silent.__get__(host)  # type: ignore[method-assign]
    assert "(the answer has no end)" in refusal(lambda: step.authorize(host))


def test_a_refusal_of_iris_is_told() -> None:
    host = Member("cdk:member CN=TRAKB, OU=TRAK, O=lab", done="cdk:error ERROR #2080: no")

    assert "IRIS did not authorize CN=TRAKB, OU=TRAK, O=lab: error ERROR #2080: no" in refusal(lambda: step.authorize(host))


def test_who_has_a_connection_to_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        monkeypatch.undo()
        monkeypatch.setattr(network, "SUPERSERVER_PORT", server.getsockname()[1])
        assert network.connected_to_superserver() == {"127.0.0.1"}
        accepted.close()
    assert network.connected_to_superserver() == set()
