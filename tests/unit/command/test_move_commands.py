"""The commands that move a mirror between regions: what they ask the API for, what they tell, and their exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cdk_intersystems.command import confirm as confirm_module
from cdk_intersystems.command.application import application
from cdk_intersystems.command.confirm import confirm
from cdk_intersystems.command.errors import CommandError
from tests.unit.command.fake_region import HASH, PLAN, REGION, FakeRegion, current
from tests.unit.command.move_commands import ACCEPTED, APPROVED, ID, LOSS, MAKE, PROMOTE, STEPS, run

pytestmark = pytest.mark.usefixtures("alone")


def test_a_promotion_is_requested_and_waits_for_somebody_else(region: FakeRegion, tmp_path: Path) -> None:
    region.answers |= ACCEPTED
    region.currents = [current("requested"), current("checked")]

    result = run(region, tmp_path, *PROMOTE)

    assert result.exit_code == 5, result.output
    assert region.posts() == [("POST /moves", {"kind": "promotion", "reason": "the region is lost"})]
    assert "cdk-intersystems approve trakcare" in result.stdout
    assert "waits for the approval of somebody else until 12:30:00 UTC" in result.stdout
    assert "TRAKC becomes the primary in eu-west-1 (dr), at epoch 5; 2 s behind" in result.stdout
    assert "promotion of TRAK: checked" in result.stderr


def test_with_wait_it_is_followed_to_its_end(region: FakeRegion, tmp_path: Path) -> None:
    region.answers |= ACCEPTED
    running = {"resize": {"started_at": "2026-01-31T12:00:05Z", "done_at": None, "tries": 2, "error": "no capacity"}}
    report = {"rto_s": 95.4, "rpo_s": 2.0}
    region.currents = [
        current("checked"),
        current("committed", steps=STEPS | running),
        current("completed", steps=STEPS, report=report),
    ]

    result = run(region, tmp_path, *PROMOTE, "--wait")

    assert result.exit_code == 0, result.output
    assert "completed. RTO 95 s, RPO 2 s." in result.stdout
    assert "fence: done after 5 s" in result.stderr
    assert "resize: failed (no capacity); it is tried again" in result.stderr


@pytest.mark.parametrize(
    ("command", "kind", "sentence"),
    [
        ("switchover", "switchover", "request switchover of TRAK to eu-west-1"),
        ("failback", "failback", "request failback of TRAK to eu-west-2"),
    ],
)
def test_each_kind_has_a_sentence_of_its_own(
    region: FakeRegion, tmp_path: Path, command: str, kind: str, sentence: str
) -> None:
    region.answers |= ACCEPTED

    result = run(region, tmp_path, command, "--reason", "planned", "--yes", sentence)

    assert result.exit_code == 5, result.output
    assert region.posts() == [("POST /moves", {"kind": kind, "reason": "planned"})]


def test_the_loss_of_records_is_accepted_in_a_sentence_of_its_own(region: FakeRegion, tmp_path: Path) -> None:
    region.answers |= ACCEPTED
    region.currents = [current("checked", plan=PLAN | {"accept_data_loss": True, "partner": "none", "lag_seconds": None})]

    result = run(region, tmp_path, *PROMOTE, "--accept-data-loss", LOSS)

    assert region.posts()[0][1]["accept_data_loss"] == LOSS
    assert "the requester accepts that records which were not copied are lost" in result.stdout
    assert "not all former members' agents answer" in result.stdout
    assert "not known how far it is behind" in result.stdout


@pytest.mark.parametrize("sentence", [LOSS.lower(), f"{LOSS}.", "yes", ""])
def test_other_words_accept_no_loss_and_nothing_is_asked(region: FakeRegion, tmp_path: Path, sentence: str) -> None:
    result = run(region, tmp_path, *PROMOTE, "--accept-data-loss", sentence)

    assert (result.exit_code, region.asked) == (2, [])
    assert LOSS in result.stderr


@pytest.mark.parametrize("yes", [("--yes", "yes"), ("--yes", "request promotion of TRAK to eu-west-2"), ()])
def test_without_its_sentence_nothing_is_asked(region: FakeRegion, tmp_path: Path, yes: tuple[str, ...]) -> None:
    result = run(region, tmp_path, "promote", "--reason", "x", *yes)

    assert (result.exit_code, region.asked) == (2, [])
    assert "request promotion of TRAK to eu-west-1" in result.stderr


def test_a_reason_is_needed(region: FakeRegion, tmp_path: Path) -> None:
    result = run(region, tmp_path, "promote", "--yes", "x")

    assert (result.exit_code, region.asked) == (2, [])


def test_an_approval_is_of_the_plan_that_was_shown(region: FakeRegion, tmp_path: Path) -> None:
    region.answers |= APPROVED
    region.currents = [current("requested", plan_hash="b" * 64), current("checked"), current("approved"), current("completed")]

    result = run(region, tmp_path, "approve", "--yes", MAKE)

    assert result.exit_code == 0, result.output
    assert region.posts() == [(f"POST /moves/{ID}/approval", {"plan_hash": HASH, "epoch": 5})]
    assert "is completed" in result.stdout


def test_who_approves_the_loss_of_records_says_so(region: FakeRegion, tmp_path: Path) -> None:
    region.answers |= APPROVED
    region.currents = [current("checked", plan=PLAN | {"accept_data_loss": True})]

    result = run(region, tmp_path, "approve", "--yes", MAKE)

    assert (result.exit_code, region.posts()) == (2, [])
    assert f"{MAKE} and lose what it has not copied" in result.stderr


def test_an_approval_without_waiting_ends_at_once(region: FakeRegion, tmp_path: Path) -> None:
    region.answers |= APPROVED
    region.currents = [current("checked"), current("approved")]

    result = run(region, tmp_path, "approve", "--no-wait", "--yes", MAKE)

    assert result.exit_code == 0
    assert "is approved, and goes on" in result.stdout


@pytest.mark.parametrize("state", ["approved", "committed"])
def test_what_is_approved_is_not_approved_again(region: FakeRegion, tmp_path: Path, state: str) -> None:
    region.currents = [current(state)]

    result = run(region, tmp_path, "approve", "--yes", MAKE)

    assert (result.exit_code, region.posts()) == (3, [])
    assert f"is {state}, so there is nothing to approve" in result.stderr


def test_a_preflight_that_refuses_is_told_to_the_approver(region: FakeRegion, tmp_path: Path) -> None:
    region.currents = [current("requested"), current("refused", why="TRAKC is 400 s behind: accept the loss")]

    result = run(region, tmp_path, "approve", "--yes", MAKE)

    assert result.exit_code == 3
    assert "TRAKC is 400 s behind: accept the loss" in result.stderr


def test_what_the_api_refuses_is_told_in_its_own_words(region: FakeRegion, tmp_path: Path) -> None:
    region.answers[f"POST /moves/{ID}/approval"] = (
        403,
        {"error": "same_person", "message": "anne asked for it: have another approve"},
    )

    result = run(region, tmp_path, "approve", "--yes", MAKE)
    as_json = run(region, tmp_path, "approve", "--json", "--yes", MAKE)

    assert (result.exit_code, as_json.exit_code) == (3, 3)
    assert "anne asked for it: have another approve" in result.stderr
    assert json.loads(as_json.stdout) == {"error": "same_person", "message": "anne asked for it: have another approve"}


@pytest.mark.parametrize(
    ("command", "path", "yes"),
    [("cancel", "cancellation", ("--yes", "cancel promotion of TRAK")), ("resume", "resumption", ())],
)
def test_a_move_is_given_up_or_goes_on(
    region: FakeRegion, tmp_path: Path, command: str, path: str, yes: tuple[str, ...]
) -> None:
    region.answers[f"POST /moves/{ID}/{path}"] = (200, {})
    region.currents = [
        current("checked" if command == "cancel" else "committed"),
        current("cancelled" if command == "cancel" else "completed"),
    ]

    result = run(region, tmp_path, command, *yes)

    assert result.exit_code == 0, result.output
    assert region.posts() == [(f"POST /moves/{ID}/{path}", {})]


def test_a_move_that_was_given_up_and_is_not_undone_is_resumed(region: FakeRegion, tmp_path: Path) -> None:
    region.answers[f"POST /moves/{ID}/resumption"] = (200, {})
    region.currents = [current("cancelled", why="cancelled by anne")]
    assert run(region, tmp_path, "resume").exit_code == 0

    region.answers[f"POST /moves/{ID}/resumption"] = (410, {"error": "ended", "message": "there is nothing to be resumed"})
    result = run(region, tmp_path, "resume")
    assert (result.exit_code, "there is nothing to be resumed" in result.stderr) == (3, True)


def test_an_approver_may_accept_the_loss_of_a_promotion_that_goes_on(region: FakeRegion, tmp_path: Path) -> None:
    region.answers[f"POST /moves/{ID}/resumption"] = (200, {})
    region.currents = [current("committed"), current("completed")]

    other, exact = (
        run(region, tmp_path, "resume", "--accept-data-loss", "yes"),
        run(region, tmp_path, "resume", "--accept-data-loss", LOSS),
    )

    assert (other.exit_code, exact.exit_code) == (2, 0)
    assert region.posts() == [(f"POST /moves/{ID}/resumption", {"accept_data_loss": LOSS})]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        *((command, (200, {"region": REGION, "move": None})) for command in ("approve", "cancel", "resume")),
        *((command, current("completed")) for command in ("approve", "cancel")),
    ],
)
def test_without_a_move_under_way_there_is_nothing_to_decide(
    region: FakeRegion, tmp_path: Path, command: str, answer: Any
) -> None:
    region.currents = [answer]

    result = run(region, tmp_path, command)

    assert (result.exit_code, region.posts()) == (3, [])
    assert "no move of TRAK is under way" in result.stderr


@pytest.mark.parametrize("state", ["refused", "cancelled", "expired"])
def test_a_move_that_came_to_nothing_is_a_refusal(region: FakeRegion, tmp_path: Path, state: str) -> None:
    region.answers |= ACCEPTED
    region.currents = [current(state, why="because")]

    result = run(region, tmp_path, *PROMOTE, "--wait")

    assert result.exit_code == 3
    assert f"was {state}: because" in result.stdout


def test_another_move_in_its_place_ends_the_following(region: FakeRegion, tmp_path: Path) -> None:
    region.answers |= ACCEPTED
    region.currents = [current("checked", id="m-20260131t130000-99999999")]

    result = run(region, tmp_path, *PROMOTE)

    assert result.exit_code == 1
    assert "another move" in result.stderr


@pytest.mark.parametrize(("typed", "goes_on"), [("do it\n", True), ("do it \n", True), ("yes\n", False), ("", False)])
def test_a_sentence_is_typed_in_full(monkeypatch: pytest.MonkeyPatch, typed: str, goes_on: bool) -> None:
    def ask(prompt: str) -> str:
        if not typed:
            raise EOFError
        return typed.rstrip("\n")

    monkeypatch.setattr(confirm_module.sys, "stdin", type("Terminal", (), {"isatty": staticmethod(lambda: True)}))
    monkeypatch.setattr("builtins.input", ask)
    if goes_on:
        confirm("do it", ["what it does"], None)
        return
    with pytest.raises(CommandError, match="nothing was changed") as caught:
        confirm("do it", ["what it does"], None)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "command", ["doctor", "status", "readiness", "promote", "approve", "cancel", "resume", "switchover", "failback"]
)
def test_help_tells_the_exit_codes(command: str) -> None:
    result = CliRunner().invoke(application, [command, "--help"], env={"COLUMNS": "200"})

    assert result.exit_code == 0
    for words in ("0: done", "3: refused", "4: not ready", "5: it waits for an approval", "--json", "--endpoint-url"):
        assert words in result.stdout
