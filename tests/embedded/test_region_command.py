"""Two people move the mirror with the command, as they would at a desk: real processes, signed calls, exit codes."""

from pathlib import Path

import pytest

from .desk import DONE, REFUSED, WAITS, WRONG, Desk
from .region_moves import Moves
from .region_world import REGIONS

pytestmark = pytest.mark.embedded

TO_DR = f"TRAK to {REGIONS['dr']}"


@pytest.fixture
def desk(moves: Moves, tmp_path: Path) -> Desk:
    return Desk(moves, tmp_path)


def test_one_asks_another_approves_and_the_region_serves(moves: Moves, desk: Desk) -> None:
    moves.begin()
    moves.lose_primary()
    asked = ("promote", "--reason", "a test", "--yes", f"request promotion of {TO_DR}")

    code, said = desk.type(moves.operator, *asked[:-1], "yes")
    assert (code, moves.current()) == (WRONG, {}), said
    code, said = desk.type(moves.operator, *asked, "--accept-data-loss", moves.SENTENCE)
    assert code == WAITS, said

    sentence = f"make TRAKC in {REGIONS['dr']} (dr) the primary of TRAK and lose what it has not copied"
    code, said = desk.type(moves.operator, "approve", "--yes", sentence)
    assert (code, moves.current()["state"]) == (REFUSED, "checked"), said
    code, said = desk.type(moves.approver, "approve", "--yes", sentence)
    assert code == DONE, said
    assert said["move"]["report"]["rto_s"] >= 0

    code, said = desk.type(moves.operator, "status")
    assert code == DONE, said
    assert said["region"]["serving"] == "dr"
    assert {each["name"]: each["role"] for each in said["members"] if each["instance"]} == {
        "TRAKA": "primary",
        "TRAKB": "primary",
        "TRAKC": "dr",
        "TRAKD": "dr",
    }
    assert moves.region()["serving"] == "dr"
    assert moves.leads_to() == "dr"
    # The DR region serves: there is nothing to switch over, and nothing to rehearse on.
    code, said = desk.type(moves.operator, "switchover", "--reason", "again", "--yes", f"request switchover of {TO_DR}")
    assert (code, said["error"]) == (REFUSED, "wrong_way"), said
    code, said = desk.type(moves.operator, "rehearse", "--yes", f"rehearse TRAK in {REGIONS['dr']}")
    assert (code, said["error"]) == (REFUSED, "serving"), said


def test_a_switchover_whose_workflow_has_stopped_is_resumed(moves: Moves, desk: Desk) -> None:
    moves.begin()
    asked = ("switchover", "--reason", "maintenance", "--yes", f"request switchover of {TO_DR}")
    code, printed, _ = desk.read(moves.operator, *asked)
    assert code == WAITS
    assert "cdk-intersystems approve fixture" in printed
    assert "TRAKC becomes the primary in eu-west-1 (dr), at epoch 1; 0 s behind" in printed
    sentence = f"make TRAKC in {REGIONS['dr']} (dr) the primary of TRAK"
    code, said = desk.type(moves.approver, "approve", "--no-wait", "--yes", sentence)
    assert code == DONE, said
    moves.stop_workflow()

    code, printed, said = desk.read(moves.operator, "resume")

    assert (code, moves.mirror.primary(), moves.leads_to()) == (DONE, "TRAKC", "dr"), said
    assert "The switchover of TRAK is completed. RTO " in printed
    assert "RPO 0 s" in printed
    # Each step was on the screen.
    assert all(f"  {step}: done" in said for step in ("prepare", "hand_over", "await_primary", "latch"))
