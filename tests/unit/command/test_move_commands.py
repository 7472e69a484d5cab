"""The commands that move a mirror between regions: what they ask the API for, what they tell, and their exit codes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cdk_intersystems.command import confirm as confirm_module
from cdk_intersystems.command import follow, region_api
from cdk_intersystems.command.application import application
from cdk_intersystems.command.confirm import confirm
from cdk_intersystems.command.errors import CommandError
from tests.unit.command.fake_region import HASH, HOST, KEY, PLAN, REGION, SECRET, FakeRegion, current, instances, move, serving
from tests.unit.configuration.regions import hybrid, two_regions

ID = "m-20260131t120000-0123abcd"
ACCEPTED = {"POST /moves": (202, {"id": ID, "plan_hash": HASH, "epoch": 5, "expires_at": "2026-01-31T12:30:00Z"})}
APPROVED = {f"POST /moves/{ID}/approval": (200, {})}
LOSS = "I accept the loss of records that TRAK has not copied"
PROMOTE = ("promote", "--reason", "the region is lost", "--yes", "request promotion of TRAK to eu-west-1")
MAKE = "make TRAKC in eu-west-1 (dr) the primary of TRAK"
STEPS = {"fence": {"started_at": "2026-01-31T12:00:00Z", "done_at": "2026-01-31T12:00:05Z", "tries": 1, "error": ""}}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_CONFIG_FILE": "/nonexistent",
        "NO_PROXY": "127.0.0.1",
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setattr(follow, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(region_api, "_PAUSE_SECONDS", 0.0)
    (tmp_path / "trakcare.yaml").write_text(yaml.safe_dump(two_regions()))


@pytest.fixture
def region() -> Iterator[FakeRegion]:
    with serving(FakeRegion()) as served:
        yield served


def run(region: FakeRegion, tmp_path: Path, command: str, *arguments: str, source: str = "trakcare") -> Result:
    options = ["--config-dir", str(tmp_path), "--endpoint-url", region.address]
    return CliRunner().invoke(application, [command, source, *arguments, *options])


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
    assert "no former member's agent answers" in result.stdout
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


def test_what_only_reads_is_asked_again_and_what_changes_something_is_not(region: FakeRegion, tmp_path: Path) -> None:
    region.instances = {"eu-west-2": instances(), "eu-west-1": instances()}
    region.currents = [(503, {"error": "unavailable", "message": "later"}), (502, "<html>"), current("completed")]
    assert run(region, tmp_path, "status").exit_code == 0

    region.answers["POST /moves"] = (503, {"error": "unavailable", "message": "look at GET /moves/current, then ask again"})
    result = run(region, tmp_path, *PROMOTE)
    assert (result.exit_code, len(region.posts())) == (1, 1)
    assert "then ask again" in result.stderr


def test_while_it_is_followed_the_api_may_be_away_for_a_while(region: FakeRegion, tmp_path: Path) -> None:
    region.answers |= ACCEPTED
    region.currents = [current("requested"), *[(503, {})] * 9, current("checked")]

    assert run(region, tmp_path, *PROMOTE).exit_code == 5


def test_whoever_may_not_is_told_what_he_needs(region: FakeRegion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")

    result = run(region, tmp_path, "status")

    assert result.exit_code == 3
    assert "assume a role of regions.dr.promotion" in result.stderr


def test_without_credentials_it_says_so(region: FakeRegion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")

    result = run(region, tmp_path, "status")

    assert result.exit_code == 1
    assert "there are no AWS credentials" in result.stderr


def test_a_region_that_is_not_deployed_is_told(region: FakeRegion, tmp_path: Path) -> None:
    region.url = None

    result = run(region, tmp_path, "status")

    assert result.exit_code == 1
    assert "deploy the stack trakcare-dr-trak-region" in result.stderr


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        f"http://{HOST}",
        f"https://{HOST}.example.org",
        f"https://{HOST}:8443",
        "https://abcd1234.execute-api.eu-west-2.amazonaws.com",
        f"https://user@{HOST}",
    ],
)
def test_nothing_is_signed_for_an_address_that_is_no_api_of_the_region(region: FakeRegion, tmp_path: Path, url: str) -> None:
    region.url = url

    result = run(region, tmp_path, "status")

    assert (result.exit_code, region.asked) == (1, [])
    assert "which is no API of that region" in result.stderr


def test_an_api_that_nobody_answers_for_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(FakeRegion()) as region:
        address = region.address
        monkeypatch.setattr(
            region_api.RegionApi, "_connection", lambda self, host: region_api.HTTPConnection("127.0.0.1", 1, timeout=1)
        )
        result = CliRunner().invoke(
            application, ["status", "trakcare", "--config-dir", str(tmp_path), "--endpoint-url", address]
        )
    assert result.exit_code == 1
    assert "was not reached" in result.stderr


def test_status_tells_who_serves_the_members_and_the_move(region: FakeRegion, tmp_path: Path) -> None:
    region.instances = {
        "eu-west-2": instances(("a", "running", "r7i.4xlarge"), ("arbiter", "running", "t3.small")),
        "eu-west-1": instances(
            ("a", "running", "r7i.2xlarge"), ("b", "stopped", "r7i.2xlarge"), ("arbiter", "running", "t3.small")
        ),
    }
    region.currents = [current("checked", steps=STEPS)]

    result = run(region, tmp_path, "status")
    document = json.loads(run(region, tmp_path, "status", "--json").stdout)

    assert result.exit_code == 0
    assert "TRAK of trakcare: eu-west-2 (primary) serves, epoch 4 since 2026-01-31 10:00:00 UTC" in result.stdout
    assert "It waits for an approval until 12:30:00 UTC: cdk-intersystems approve trakcare" in result.stdout
    assert document["region"] == REGION
    assert document["move"] == json.loads(json.dumps(move("checked", steps=STEPS)))
    assert {each["name"]: each["state"] for each in document["members"] if each["role"] == "primary"} == {
        "TRAKA": "running",
        "TRAKB": "absent",
        "arbiter": "running",
    }
    assert {each["name"]: (each["state"], each["instance_type"]) for each in document["members"] if each["role"] == "dr"} == {
        "TRAKC": ("running", "r7i.2xlarge"),
        "TRAKD": ("stopped", "r7i.2xlarge"),
        "arbiter": ("running", "t3.small"),
    }


def test_status_needs_no_answer_of_a_region_that_is_lost(region: FakeRegion, tmp_path: Path) -> None:
    region.instances = {"eu-west-1": instances(("a", "running", "r7i.2xlarge"))}

    document = json.loads(run(region, tmp_path, "status", "--json").stdout)

    assert {each["name"]: each["state"] for each in document["members"] if each["role"] == "primary"} == dict.fromkeys(
        ("TRAKA", "TRAKB", "arbiter"), "unknown"
    )


def test_a_latch_that_is_behind_is_told(region: FakeRegion, tmp_path: Path) -> None:
    region.currents = [(200, {"region": REGION | {"serving": "dr", "epoch": 5}, "move": None})]

    result = run(region, tmp_path, "status")

    assert "eu-west-1 (dr) serves, epoch 5" in result.stdout
    assert "the latch is not moved yet" in result.stdout


CHECKS = {"lag": {"result": "ok", "says": "2 s behind"}, "quotas": {"result": "failed", "says": "have it raised"}}


@pytest.mark.parametrize(("ready", "code", "verdict"), [(True, 0, "is ready"), (False, 4, "is NOT ready")])
def test_readiness_is_told_with_an_exit_code(region: FakeRegion, tmp_path: Path, ready: bool, code: int, verdict: str) -> None:
    report = {"ready": ready, "at": "2026-01-31T12:00:00Z", "checks": CHECKS}
    region.answers |= {"GET /readiness": (200, report), "POST /readiness": (202, {"requested_at": "2026-01-31T12:00:00Z"})}

    result = run(region, tmp_path, "readiness")
    as_json = run(region, tmp_path, "readiness", "--now", "--json")

    assert (result.exit_code, as_json.exit_code) == (code, code)
    assert f"TRAK in eu-west-1 {verdict}, looked at 2026-01-31 12:00:00 UTC" in result.stdout
    assert "have it raised" in result.stdout
    assert json.loads(as_json.stdout) == report
    assert [what for what, _ in region.asked] == ["GET /readiness", "POST /readiness", "GET /readiness"]


def test_looking_now_waits_for_a_report_that_is_younger(
    region: FakeRegion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    region.answers["POST /readiness"] = (202, {"requested_at": "2026-01-31T12:00:00Z"})
    region.answers["GET /readiness"] = (404, {"error": "not_found", "message": "never"})
    looks: list[float] = []

    def later(seconds: float) -> None:
        looks.append(seconds)
        at = "2026-01-31T11:59:00Z" if len(looks) < 3 else "2026-01-31T12:00:40Z"
        region.answers["GET /readiness"] = (200, {"ready": len(looks) >= 3, "at": at, "checks": {}})

    real = region_api.RegionApi.__init__
    monkeypatch.setattr(region_api.RegionApi, "__init__", lambda self, target: real(self, target, sleep=later))

    result = run(region, tmp_path, "readiness", "--now")

    assert (result.exit_code, len(looks)) == (0, 3)
    monkeypatch.setattr(region_api, "_LOOKS", 2)
    looks.clear()
    region.answers["GET /readiness"] = (200, {"ready": True, "at": "2026-01-31T11:00:00Z", "checks": {}})
    assert "no new report" in run(region, tmp_path, "readiness", "--now").stderr


def test_a_region_that_nobody_looked_at_is_not_ready(region: FakeRegion, tmp_path: Path) -> None:
    region.answers["GET /readiness"] = (404, {"error": "not_found", "message": "never"})

    result = run(region, tmp_path, "readiness")

    assert result.exit_code == 4
    assert "give --now" in result.stderr


def test_a_deployment_without_a_dr_region_has_nothing_to_move(region: FakeRegion, tmp_path: Path) -> None:
    minimal = Path(__file__).parents[3] / "config/minimal.yaml"

    result = run(region, tmp_path, "status", source=str(minimal))

    assert (result.exit_code, region.asked) == (2, [])
    assert "minimal has no DR region" in result.stderr


def test_of_several_mirror_sets_one_is_named(region: FakeRegion, tmp_path: Path) -> None:
    data = two_regions()
    data["mirror_sets"][0]["number"] = 1
    data["mirror_sets"].append({"name": "LAB", "number": 2, "databases": ["LAB"], "instance_type": "r7i.4xlarge"})
    for tier in data["application_tiers"]:
        tier["mirror_set"] = "TRAK"
    (tmp_path / "trakcare.yaml").write_text(yaml.safe_dump(data))
    region.answers |= ACCEPTED

    unnamed, wrong = run(region, tmp_path, "status"), run(region, tmp_path, "status", "--mirror-set", "LOB")
    named = run(region, tmp_path, *PROMOTE, "--mirror-set", "TRAK")

    assert (unnamed.exit_code, wrong.exit_code, named.exit_code) == (2, 2, 5)
    assert "--mirror-set TRAK | LAB" in unnamed.stderr
    assert "there are: TRAK, LAB" in wrong.stderr
    assert "cdk-intersystems approve trakcare --mirror-set TRAK" in named.stdout


def test_fail_back_of_members_on_premises_leads_to_the_premises(region: FakeRegion, tmp_path: Path) -> None:
    (tmp_path / "hybrid.yaml").write_text(yaml.safe_dump(hybrid()))

    result = run(region, tmp_path, "failback", "--reason", "x", source="hybrid")

    assert "request failback of TRAK to the premises" in result.stderr


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
