"""The ECP connection of an application server: waited for, and if it isn't made one line says why."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cdk_intersystems.bootstrap.host import iris, network
from cdk_intersystems.bootstrap.host.errors import StepError
from cdk_intersystems.bootstrap.host.steps import ecp
from tests.bootstrap.step_host import StepHost, Store, refusal

CALL = "setpriv --reuid=irisowner --regid=irisowner --init-groups -- iris terminal IRIS -U %SYS"
CODE = Path(ecp.__file__).parents[2] / "objectscript" / "ZcdkHost.mac"


@pytest.fixture(autouse=True)
def reachable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """TRAKB is primary and takes connections; IRIS's log is empty."""
    monkeypatch.setattr(network, "primary_of", lambda _host: "TRAKB")
    monkeypatch.setattr(network, "takes_connections", lambda _address, _port: True)
    monkeypatch.setattr(iris, "MESSAGES", tmp_path / "messages.log")


@pytest.fixture
def connecting() -> Callable[..., StepHost]:
    """A server whose connection is in these states, one after the other, and stays in the last; a text: IRIS says that."""

    def make(*states: int | str) -> StepHost:
        texts = [each if isinstance(each, str) else f"cdk:state {each}\n" for each in states]
        host = StepHost(Store(), "application")
        host.answers[CALL] = lambda: texts.pop(0) if len(texts) > 1 else texts[0]
        return host

    return make


def test_it_waits_until_the_connection_is_normal(connecting: Callable[..., StepHost]) -> None:
    host = connecting(1, 2, 3, 1, 2, 5)
    ecp.ecp_is_connected(host)
    assert host.commands == [f'{CALL} Connection^%ZcdkHost("TRAK")'] * 6


def test_a_normal_connection_is_asked_for_once_and_nothing_is_said(connecting: Callable[..., StepHost]) -> None:
    host = connecting(5)
    ecp.ecp_is_connected(host)
    assert host.said == [f'+ {CALL} Connection^%ZcdkHost("TRAK")']


def test_an_iris_that_says_nothing_for_a_moment_is_asked_again(connecting: Callable[..., StepHost]) -> None:
    ecp.ecp_is_connected(connecting("", "<NETWORK>\n", 5))


def test_a_connection_that_is_not_made_names_what_may_be_missing(connecting: Callable[..., StepHost]) -> None:
    said = refusal(lambda: ecp.ecp_is_connected(connecting(2, 3)))
    assert said.startswith("the ECP connection to TRAK is failed after 900 s: ")
    for hint in ("TRAKB", "/O=lab/OU=TRAK/CN=ecp-client", "authorized", "TLS", "MaxServerConn"):
        assert hint in said


def test_what_iris_complained_of_is_told(connecting: Callable[..., StepHost]) -> None:
    host = connecting(3)
    answer = host.answers[CALL]

    def complaining() -> str:
        iris.MESSAGES.write_text("11/25/26-02:00:00:000 (123) 2 [Utility.Event] ECP: connection refused by the other side\n")
        return answer()

    host.answers[CALL] = complaining
    assert "ECP: connection refused by the other side" in refusal(lambda: ecp.ecp_is_connected(host))


def test_a_mirror_without_a_primary_is_told(connecting: Callable[..., StepHost], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "primary_of", lambda _host: None)
    said = refusal(lambda: ecp.ecp_is_connected(connecting(6)))
    assert said == (
        "the ECP connection to TRAK is in trouble after 900 s: none of 10.20.1.10, 10.20.2.10 says that it is the primary"
    )


def test_a_primary_that_cannot_be_reached_is_told(connecting: Callable[..., StepHost], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "takes_connections", lambda _address, _port: False)
    assert "the primary TRAKB takes no connection at 10.20.2.10, port 1972" in refusal(
        lambda: ecp.ecp_is_connected(connecting(2))
    )


@pytest.mark.parametrize(
    ("state", "said"), [(4, "disabled"), (-2, "knows no data server TRAK"), (-1, "knows no data server TRAK")]
)
def test_what_does_not_end_by_waiting_is_told_at_once(connecting: Callable[..., StepHost], state: int, said: str) -> None:
    host = connecting(state)
    assert said in refusal(lambda: ecp.ecp_is_connected(host))
    assert len(host.commands) == 1


def test_an_iris_that_never_answers_is_told(connecting: Callable[..., StepHost]) -> None:
    said = refusal(lambda: ecp.ecp_is_connected(connecting("<PROTECT>\n")))
    assert said == "IRIS does not tell the state of its ECP connection: <PROTECT>"


def test_an_iris_that_cannot_be_entered_is_told(connecting: Callable[..., StepHost]) -> None:
    host = connecting(5)

    def fail() -> str:
        raise StepError("iris terminal ended with 1: Access Denied")

    host.answers[CALL] = fail
    assert refusal(lambda: ecp.ecp_is_connected(host)) == "iris terminal ended with 1: Access Denied"


def test_what_iris_is_asked_to_do_stands_in_the_routine_that_the_host_loads() -> None:
    assert "\nConnection(server) public {\n" in CODE.read_text()
