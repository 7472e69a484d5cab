"""What the command refuses, or the API when the command asks it: it says so by its exit code, and nothing has changed."""

from typing import Any

import pytest
from botocore.credentials import Credentials

from .desk import DONE, REFUSED, WAITS, WRONG, Desk
from .region_moves import Moves
from .region_world import REGIONS

pytestmark = pytest.mark.embedded

HOME = REGIONS["primary"]
TO_DR = f"request promotion of TRAK to {REGIONS['dr']}"
ASKED = ("failback", "--reason", "a test", "--yes", f"request failback of TRAK to {HOME}")
# The API's function takes three requests at once.
_AT_ONCE = 2
SENTENCE = f"make TRAKA in {HOME} (primary) the primary of TRAK"


@pytest.fixture(scope="module")
def desk(moves: Moves, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(moves, tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def checked(moves: Moves, desk: Desk) -> dict[str, Any]:
    """A fail-back that was asked for with the command, and waits for its approval."""
    moves.begin(serving="dr")
    code, said = desk.type(moves.operator, *ASKED)
    assert (code, said["move"]["state"]) == (WAITS, "checked"), said
    return moves.current()


def _stands(moves: Moves) -> tuple[Any, ...]:
    move = moves.current()
    kinds = {name: (each.kind, each.status) for name, each in moves.mirror.members.items()}
    return moves.region(), move["id"], move["state"], move["approver"], move["plan_hash"], kinds, moves.tier()


# Who types it, what, the exit code, and the API's or the command's word for why.
_OF_A_CHECKED_MOVE: list[tuple[str, str, tuple[str, ...], int, str]] = [
    ("operator", "ada", ("approve", "--yes", SENTENCE), REFUSED, "not_allowed"),
    ("approver", "ada", ("approve", "--yes", SENTENCE), REFUSED, "same_person"),
    ("stranger", "mallory", ("approve", "--yes", SENTENCE), REFUSED, "not_allowed"),
    ("stranger", "mallory", ("status",), REFUSED, "not_allowed"),
    ("stranger", "mallory", ("readiness",), REFUSED, "not_allowed"),
    ("stranger", "mallory", ("cancel", "--yes", "cancel failback of TRAK"), REFUSED, "not_allowed"),
    ("approver", "grace", ("approve", "--yes", SENTENCE.replace("TRAKA", "TRAKB")), WRONG, "usage"),
    # Nobody is at the keyboard who could type the sentence.
    ("approver", "grace", ("approve",), WRONG, "usage"),
    ("operator", "ada", ("cancel", "--yes", "cancel promotion of TRAK"), WRONG, "usage"),
    ("operator", "ada", ASKED, REFUSED, "under_way"),
    ("operator", "ada", ("promote", "--reason", "x", "--yes", TO_DR), REFUSED, "under_way"),
    ("operator", "ada", ("resume", "--accept-data-loss", "yes"), WRONG, "usage"),
    ("operator", "ada", ("rehearse", "--yes", f"rehearse TRAK in {HOME}"), WRONG, "usage"),
    ("operator", "ada", ("status", "--mirror-set", "OTHER"), WRONG, "usage"),
]  # fmt: skip


def test_what_is_not_to_be_is_refused_and_changes_nothing(moves: Moves, desk: Desk, checked: dict[str, Any]) -> None:
    before = _stands(moves)
    # Some at once, for time.
    for first in range(0, len(_OF_A_CHECKED_MOVE), _AT_ONCE):
        running = [
            (desk.start(moves.person(role, person), *words, "--json"), code, word, (role, person, *words))
            for role, person, words, code, word in _OF_A_CHECKED_MOVE[first : first + _AT_ONCE]
        ]
        for process, code, word, what in running:
            printed, said = process.communicate(timeout=120)
            assert process.returncode == code, f"{what}: {process.returncode}: {printed}{said}"
            assert f'"error": "{word}"' in printed, f"{what}: {printed}{said}"
    assert _stands(moves) == before


def test_a_forged_signature_does_not_get_in(moves: Moves, desk: Desk, checked: dict[str, Any]) -> None:
    assert moves.approver.credentials is not None
    forged = Credentials(moves.approver.credentials.access_key, "guessed", moves.approver.credentials.token)
    before = _stands(moves)
    code, said = desk.type(moves.approver.but(credentials=forged), "approve", "--yes", SENTENCE)
    assert code == REFUSED, said
    assert "lets nobody of these credentials in" in said["message"]
    assert _stands(moves) == before


def test_an_approval_that_comes_too_late_is_refused(moves: Moves, desk: Desk, checked: dict[str, Any]) -> None:
    moves.age("expires_at", minutes=60)
    code, said = desk.type(moves.approver, "approve", "--yes", SENTENCE)
    assert (code, said["error"]) == (REFUSED, "expired"), said
    assert (moves.region()["epoch"], moves.mirror.primary()) == ("1", "TRAKC")


def test_what_is_given_up_is_over_and_can_be_asked_for_again(moves: Moves, desk: Desk) -> None:
    moves.begin(serving="dr")
    assert desk.type(moves.operator, *ASKED)[0] == WAITS
    before = moves.region()
    code, said = desk.type(moves.operator, "cancel", "--yes", "cancel failback of TRAK")
    assert (code, said["move"]["state"]) == (DONE, "cancelled"), said
    for words in (("approve",), ("cancel",)):
        code, said = desk.type(moves.approver, *words)
        assert (code, said["error"]) == (REFUSED, "no_move"), said
    assert (moves.region(), moves.mirror.primary()) == (before, "TRAKC")
    assert {command for _, command in moves.mirror.ran} == {"status"}
    code, said = desk.type(moves.operator, *ASKED)
    assert (code, said["move"]["state"]) == (WAITS, "checked"), said
