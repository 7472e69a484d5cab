"""The commands that look: who serves, which move is under way, and whether the other region could take over."""

import json
from pathlib import Path

import pytest

from cdk_intersystems.command import region_api
from tests.unit.command.fake_region import REGION, FakeRegion, current, instances, move
from tests.unit.command.move_commands import STEPS, run

pytestmark = pytest.mark.usefixtures("alone")


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
