"""Who isn't allowed gets nothing moved: requests and approvals that are forged, replayed, late, or of the wrong person (I8)."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.credentials import Credentials

from .mirror_sets import until
from .region_moves import Moves
from .signed import Caller

pytestmark = pytest.mark.embedded

Pretend = Callable[[Moves], Caller]


def _without_signature(moves: Moves) -> Caller:
    return moves.approver.but(credentials=None)


def _with_anothers_key(moves: Moves) -> Caller:
    assert moves.approver.credentials is not None
    known = moves.approver.credentials
    return moves.approver.but(credentials=Credentials(known.access_key, "guessed", known.token))


@pytest.fixture(scope="module")
def checked(moves: Moves) -> dict[str, Any]:
    """A move that waits for its approval."""
    moves.begin()
    moves.lose_primary()
    moves.request("promotion", moves.SENTENCE)
    return moves.until_state("checked")


class Unchanged:
    """Nothing but the workflow's own waiting has changed meanwhile: neither who serves, nor the state, nor what members are."""

    def __init__(self, moves: Moves) -> None:
        self._moves = moves
        self._before = self._look()

    def _look(self) -> tuple[Any, ...]:
        move = self._moves.current()
        kinds = {name: (each.kind, each.status) for name, each in self._moves.mirror.members.items()}
        return self._moves.region(), move["state"], move["approver"], move["plan_hash"], kinds, self._moves.tier()

    def hold(self) -> None:
        assert self._look() == self._before


@pytest.mark.parametrize("pretend", [_without_signature, _with_anothers_key], ids=["unsigned", "another's key"])
def test_a_forged_approval_does_not_get_in(moves: Moves, checked: dict[str, Any], pretend: Pretend) -> None:
    same = Unchanged(moves)
    assert moves.approve(checked, pretend(moves)).status == 403
    same.hold()


@pytest.mark.parametrize(
    ("role", "person", "code"),
    [
        ("operator", "ada", "not_allowed"),
        ("operator", "grace", "not_allowed"),
        ("stranger", "grace", "not_allowed"),
        ("approver", "ada", "same_person"),
        ("approver", "ADA", "same_person"),
    ],
    ids=["who asked", "another operator", "a stranger", "who asked, in another role", "and in capitals"],
)
def test_an_approval_by_the_wrong_person_is_refused(
    moves: Moves, checked: dict[str, Any], role: str, person: str, code: str
) -> None:
    same = Unchanged(moves)
    answer = moves.approve(checked, moves.person(role, person))
    assert (answer.status, answer.body["error"]) == (403, code)
    same.hold()


# What a payload says of who sends it counts for nothing.
@pytest.mark.parametrize("name", ["approver", "requestContext", "userArn", "role"])
def test_a_payload_that_names_somebody_is_refused(moves: Moves, checked: dict[str, Any], name: str) -> None:
    same = Unchanged(moves)
    arn = f"arn:aws:sts::{moves.aws.account}:assumed-role/approver/grace"
    answer = moves.approve(checked, moves.operator, **{name: arn})
    assert answer.status in (400, 403)
    same.hold()


@pytest.mark.parametrize(
    ("other", "code"),
    [({"plan_hash": "0" * 64}, "plan_changed"), ({"epoch": 7}, "epoch"), ({"epoch": "1"}, "bad_request")],
    ids=["another plan", "another epoch", "no epoch"],
)
def test_an_approval_of_something_else_is_refused(
    moves: Moves, checked: dict[str, Any], other: dict[str, Any], code: str
) -> None:
    same = Unchanged(moves)
    assert moves.approve(checked, **other).body["error"] == code
    same.hold()


def test_an_approval_of_another_move_is_refused(moves: Moves, checked: dict[str, Any]) -> None:
    same = Unchanged(moves)
    answer = moves.approve({**checked, "id": "m-20260101t000000-00000000"})
    assert (answer.status, answer.body["error"]) == (404, "not_found")
    same.hold()


def test_a_second_request_is_refused_while_one_is_under_way(moves: Moves, checked: dict[str, Any]) -> None:
    same = Unchanged(moves)
    answer = moves.request("promotion", moves.SENTENCE)
    assert (answer.status, answer.body["error"]) == (409, "under_way")
    same.hold()


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "promotion", "reason": "x", "accept_data_loss": "yes"},
        {"kind": "promotion", "reason": "x", "accept_data_loss": True},
        {"kind": "demolition", "reason": "x"},
        {"kind": "promotion"},
        {"kind": "promotion", "reason": "x", "requester": "grace"},
    ],
    ids=["another sentence", "no sentence", "no such kind", "no reason", "more than that"],
)
def test_a_bad_request_is_refused(moves: Moves, checked: dict[str, Any], body: dict[str, Any]) -> None:
    same = Unchanged(moves)
    assert moves.operator.call("POST", "/moves", body).status == 400
    same.hold()


def test_a_stranger_can_neither_ask_nor_look(moves: Moves, checked: dict[str, Any]) -> None:
    stranger = moves.person("stranger", "mallory")
    assert moves.request("promotion", moves.SENTENCE, stranger).status == 403
    assert stranger.call("GET", "/moves/current").status == 403


# Its expiry is half an hour; the record is put back by one, as if that had passed.
def test_an_expired_move_is_not_approved(moves: Moves, checked: dict[str, Any]) -> None:
    moves.age("expires_at", minutes=60)
    answer = moves.approve(checked)
    assert (answer.status, answer.body["error"]) == (410, "expired")
    assert (moves.region().get("epoch", "0"), moves.mirror.primary()) == ("0", "")


def test_a_cancelled_move_is_not_approved(moves: Moves) -> None:
    moves.begin()
    moves.lose_primary()
    moves.request("promotion", moves.SENTENCE)
    checked = moves.until_state("checked")
    assert moves.operator.call("POST", f"/moves/{checked['id']}/cancellation").status == 200
    answer = moves.approve(checked)
    assert answer.status == 410
    until(lambda: moves.current()["state"] == "cancelled")
    assert moves.region().get("epoch", "0") == "0"
