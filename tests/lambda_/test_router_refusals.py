"""What can't be right: a reason in the log, a metric, nothing changed, and nothing lost."""

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lambda_.router_world import World, message
from tests.lambda_.test_router import lines_of, metrics_of

MESSAGES = {
    "nothing": ("", "not JSON"),
    "no JSON": ("{", "not JSON"),
    "deep": ("[" * 4000, "not JSON"),
    "a list": ([], "no message of a member"),
    "of another version": (message(1, schema=2), "no message of a member"),
    "of another kind": (message(1, kind="promote"), "no message of a member"),
    "of another mirror set": (message(1, mirror_set="OTHER"), "another mirror set"),
    "of another member": (message(1, member="c"), "a member that there is not"),
    "of no member": (message(1, member=["a"]), "a member that there is not"),
    "without an epoch": (message(0), "no epoch"),
    "with a word as epoch": (message(1, epoch="1"), "no epoch"),
    "with yes as epoch": (message(1, epoch=True), "no epoch"),
    "long": ("x" * 5000, "5000 characters"),
}


@pytest.mark.parametrize(("body", "why"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_that_is_none_is_parked(world: World, capsys: pytest.CaptureFixture[str], body: object, why: str) -> None:
    world.add_tables("application")
    world.claim(1, "a")
    assert world.send(body) == []
    ((kept, reason),) = world.parked_messages()
    assert why in reason
    assert kept == (body if isinstance(body, str) else json.dumps(body)) or (body == "" and kept == "(empty)")
    printed = capsys.readouterr().out
    assert metrics_of(printed)["MessagesParked"] == 1
    assert [line["why"] for line in lines_of(printed)] == [reason]
    assert world.leads() == [""]


def test_one_that_cannot_be_parked_stays(world: World) -> None:
    world.sqs.delete_queue(QueueUrl=world.parked)
    assert world.send("{") == ["0"]


def test_an_epoch_from_the_future_is_parked_and_routing_goes_by_the_table(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add_tables("application")
    world.claim(1, "a")
    assert world.send(message(9)) == []
    assert metrics_of(capsys.readouterr().out)["MessagesParked"] == 1
    assert (world.leads(), world.routed()) == (["a"], (1, "a"))
    ((_, reason),) = world.parked_messages()
    assert reason == "it tells of epoch 9, and the newest one is 1"


def test_a_missing_claim_changes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add_tables("application")
    world.invoke({"kind": "reconcile"})
    (line,) = lines_of(capsys.readouterr().out)
    assert line["why"] == "no member has taken an epoch yet"
    assert (world.leads(), world.routed()) == ([""], None)


def test_a_message_without_a_claim_in_the_table_is_parked(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Members write before they send: somebody has deleted the item, and the next takeover makes a new one."""
    world.add_tables("application")
    assert world.send(message(3)) == []
    assert (world.leads(), world.routed()) == ([""], None)
    ((_, reason),) = world.parked_messages()
    assert reason == "it tells of epoch 3, and the newest one is 0"
    assert metrics_of(capsys.readouterr().out)["MessagesParked"] == 1


def test_a_claim_that_was_deleted_leaves_routes_as_they_were(world: World) -> None:
    world.add_tables("application")
    world.claim(1, "a")
    world.send(message(1, "a"))
    world.dynamodb.delete_item(TableName="epochs", Key={"record": {"S": "TRAK"}})
    before = world.leads()
    try:
        world.invoke({"kind": "reconcile"})
    except Exception as error:
        assert "claim" in str(error)  # noqa: PT017 (either is right: it says so, or it does nothing)
    assert (world.leads(), before) == (["a"], ["a"])
    assert world.routed() == (1, "a")


SKEWED = {
    "an hour ahead": "2126-01-31T11:00:00.000Z",
    "years behind": "1999-01-31T10:00:00.000Z",
    "no time": "soon",
    "no time zone": "2026-01-31T10:00:00",
}


@pytest.mark.parametrize("taken_at", SKEWED.values(), ids=SKEWED)
def test_a_member_s_clock_decides_nothing(world: World, capsys: pytest.CaptureFixture[str], taken_at: str) -> None:
    """Epochs are counted, not timed: a wrong clock makes a metric wrong, and no stage takes less than no time."""
    world.add_tables("application")
    world.claim(1, "a", taken_at={"S": "2126-01-31T10:00:00.000Z"})
    world.send(message(1, "a"))
    capsys.readouterr()
    world.claim(2, "b", taken_at={"S": taken_at})
    assert world.send(message(2, "b", taken_at=taken_at)) == []
    assert (world.leads(), world.routed(), world.parked_messages()) == (["b"], (2, "b"), [])
    metrics = metrics_of(capsys.readouterr().out)
    assert metrics["RouteEpoch"] == 2
    assert all(value >= 0 for value in metrics.values())


DAMAGED = {
    "epoch is a word": {"epoch": {"S": "2"}},
    "epoch is nothing": {"epoch": {"N": "0"}},
    "epoch has a fraction": {"epoch": {"N": "1.5"}},
    "member there is not": {"member": {"S": "c"}},
    "no member": {"member": {"NULL": True}},
    "no instance": {"instance_id": {"S": "i-x"}},
    "somebody else's instance": {"instance_id": {"S": "i-0123456789abcdef0"}},
    "the other member's instance": {"member": {"S": "a"}},
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_claim_changes_nothing_and_the_message_stays(
    world: World, capsys: pytest.CaptureFixture[str], damage: dict[str, Any]
) -> None:
    world.add_tables("application")
    world.claim(1, "a")
    world.send(message(1, "a"))
    capsys.readouterr()
    world.claim(2, "b", **damage)
    assert world.send(message(2)) == ["0"]
    assert (world.leads(), world.routed()) == (["a"], (1, "a"))
    printed = capsys.readouterr().out
    assert metrics_of(printed)["RoutingFailed"] == 1
    assert [line["decision"] for line in lines_of(printed)] == ["failed"]


def test_a_claim_that_was_set_back_changes_nothing(world: World) -> None:
    world.add_tables("application")
    world.claim(5, "a")
    world.send(message(5, "a"))
    world.claim(4, "b")
    assert world.send(message(4)) == ["0"]
    assert (world.leads(), world.routed()) == (["a"], (5, "a"))


def test_of_a_group_no_later_message_is_done_before_an_earlier_one(world: World) -> None:
    world.claim(1, "a", epoch={"S": "?"})
    assert world.send(message(1, "a"), message(2), "{") == ["0", "1"]


FORBIDDEN = {
    "create_route": "ec2",
    "describe_route_tables": "ec2",
    "describe_instances": "ec2",
    "describe_listeners": "elbv2",
    "modify_listener": "elbv2",
    "batch_get_item": "dynamodb",
    "transact_write_items": "dynamodb",
}


@pytest.mark.parametrize(("action", "service"), FORBIDDEN.items())
def test_without_permission_nothing_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str, service: str
) -> None:
    from mirror_router import handler

    def refused(**_request: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, action)

    world.add_tables("application")
    world.add_listener(1972)
    world.claim(1, "b")
    monkeypatch.setattr(handler.client(service), action, refused)
    assert world.send(message(1, "b")) == ["0"]
    assert world.routed() is None
    printed = capsys.readouterr().out
    assert metrics_of(printed)["RoutingFailed"] == 1
    (line,) = [line for line in lines_of(printed) if line["decision"] == "failed"]
    assert "AccessDeniedException" in line["why"]
    with pytest.raises(Exception, match="AccessDeniedException"):
        world.invoke({"kind": "reconcile"})
    monkeypatch.undo()


def test_one_table_that_refuses_keeps_no_other_from_being_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from mirror_router import handler

    first, _ = world.add_tables("application", "web")
    world.claim(1, "a")
    create = handler.client("ec2").create_route

    def refused(**request: Any) -> Any:
        if request["RouteTableId"] == first:
            raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": ""}}, "CreateRoute")
        return create(**request)

    monkeypatch.setattr(handler.client("ec2"), "create_route", refused)
    assert world.send(message(1, "a")) == ["0"]
    assert world.leads() == ["", "a"]


def test_a_run_ends_before_the_function_s_time_does_and_the_next_goes_on(world: World) -> None:
    world.add_tables("application")
    world.claim(1, "a")
    assert world.send(message(1, "a"), seconds=1.0) == ["0"]
    assert world.calls == []
    assert world.send(message(1, "a")) == []
    assert world.leads() == ["a"]


@contextmanager
def responder(answer: bytes) -> Iterator[int]:
    """A member's responder that answers with these bytes, whatever is asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _ask(port: int) -> str:
    from mirror_router import mirror_status
    from mirror_router.settings import read

    given = {
        **{"deployment": "d", "mirror_set": "M", "table": "t", "dead_letter_queue": "q", "route_vip": None, "listeners": None},
        **{"members": {"a": "127.0.0.1"}, "status_port": port, "status_path": "/csp/bin/mirror_status.cxw"},
    }
    return mirror_status.ask(read(given), "a")


ANSWERS = {
    "success": (b"HTTP/1.0 200 OK\r\n\r\nSUCCESS", "primary"),
    "failed": (b"HTTP/1.0 503 Service Unavailable\r\n\r\nFAILED", "not primary"),
    "failed, and says 200": (b"HTTP/1.0 200 OK\r\n\r\nFAILED", "unknown"),
    "success, and says 503": (b"HTTP/1.0 503 Service Unavailable\r\n\r\nSUCCESS", "unknown"),
    "another page": (b"HTTP/1.0 200 OK\r\n\r\n<html>SUCCESS</html>", "unknown"),
    "endless": (b"HTTP/1.0 200 OK\r\n\r\n" + b"SUCCESS" * 10_000, "unknown"),
    "garbage": (b"\x00\xff\x00", "unknown"),
    "nothing": (b"", "unknown"),
}


@pytest.mark.parametrize(("answer", "means"), ANSWERS.values(), ids=ANSWERS)
def test_what_a_responder_says_is_taken_only_if_it_is_all_of_it_right(answer: bytes, means: str) -> None:
    with responder(answer) as port:
        assert _ask(port) == means


def test_a_responder_that_hangs_or_is_not_there_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        assert _ask(hangs.getsockname()[1]) == "unknown"
    assert _ask(hangs.fileno() if hangs.fileno() > 0 else 1) == "unknown"


def test_garbage_from_members_moves_nothing_and_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the real question, to responders that answer neither yes nor no."""
    from mirror_router import mirror_status

    ask = mirror_status.ask
    world.add_tables("application")
    world.claim(1, "a")
    world.send(message(1, "a"))
    capsys.readouterr()
    with responder(b"\x00\xff\x00") as port:
        monkeypatch.setattr(World, "environment", _asking(port))
        world.answers = _Asked(ask)  # type: ignore[assignment]
        answer = world.invoke({"kind": "reconcile"})
    assert (answer["members"], answer["written"], world.leads()) == ({"a": "unknown", "b": "unknown"}, [], ["a"])
    assert metrics_of(capsys.readouterr().out)["NoPrimary"] == 1


class _Asked:
    """Answers that are asked for."""

    def __init__(self, ask: Any) -> None:
        self._ask = ask

    def __getitem__(self, member: str) -> str:
        from mirror_router.settings import settings

        return str(self._ask(settings(), member))


def _asking(port: int) -> Any:
    environment = World.environment

    def changed(self: World, **how: Any) -> dict[str, str]:
        given = environment(self, **how)
        told = {**json.loads(given["ROUTER"]), "status_port": port, "members": {"a": "127.0.0.1", "b": "127.0.0.1"}}
        return {"ROUTER": json.dumps(told)}

    return changed
