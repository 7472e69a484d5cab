"""How the commands reach a region's API, and whom they sign for; and which deployment and mirror set they mean."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cdk_intersystems.command import region_api
from cdk_intersystems.command.application import application
from tests.unit.command.fake_region import HOST, FakeRegion, current, instances, serving
from tests.unit.command.move_commands import ACCEPTED, PROMOTE, run
from tests.unit.configuration.regions import hybrid, two_regions

pytestmark = pytest.mark.usefixtures("alone")


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
