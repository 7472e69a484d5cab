"""`cdk-intersystems doctor` as a whole, in an account that has nothing."""

import json
from pathlib import Path

import pytest
import yaml
from moto import mock_aws
from typer.testing import CliRunner, Result

from cdk_intersystems.command.application import application
from tests.unit.configuration.regions import two_regions

CHECKS = {
    "cdk command line",
    "feature flags",
    "account",
    "roles",
    "zone",
    "bootstrap",
    "network",
    "images",
    "instance types",
    "quotas",
    "kits",
    "secrets",
    "certificates",
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    (tmp_path / "trakcare.yaml").write_text(yaml.safe_dump(two_regions()))
    return tmp_path


def doctor(config: Path, *options: str) -> Result:
    arguments = ["doctor", "trakcare", "--config-dir", str(config), "--app-dir", str(config), *options]
    return CliRunner().invoke(application, arguments, env={"COLUMNS": "200"})


def test_an_account_that_has_nothing_is_not_ready(config: Path) -> None:
    with mock_aws():
        result = doctor(config, "--json")
        text = doctor(config)

    assert (result.exit_code, text.exit_code) == (4, 4), result.output
    document = json.loads(result.stdout)
    found = {(each["region"], each["check"], each["result"]) for each in document["findings"]}
    assert document["ready"] is False
    assert {check for _, check, _ in found} >= CHECKS
    for region in ("eu-west-1", "eu-west-2"):
        for check in ("bootstrap", "images", "secrets", "certificates", "kits"):
            assert (region, check, "failed") in found
        assert (region, "network", "ok") in found
    assert ("", "roles", "failed") in found
    assert "trakcare can NOT be deployed as things are" in text.stdout
    assert "npx cdk bootstrap" in text.stdout


def test_what_is_well_is_told_when_asked_for(config: Path) -> None:
    with mock_aws():
        short, long = doctor(config), doctor(config, "--all")

    assert "the availability zones are there" not in short.stdout
    assert "the availability zones are there" in long.stdout


def test_one_service_that_does_not_answer_keeps_nothing_else_from_being_looked_at(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import EndpointConnectionError

    from cdk_intersystems.command.doctor import region_checks

    def away(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://ec2")

    monkeypatch.setattr(region_checks, "images", away)
    with mock_aws():
        document = json.loads(doctor(config, "--json").stdout)

    assert {each["result"] for each in document["findings"] if each["check"] == "images"} == {"unknown"}
    assert {each["check"] for each in document["findings"]} >= CHECKS


def test_a_configuration_that_cannot_be_used_is_told_before_anything_is_looked_at(config: Path) -> None:
    (config / "trakcare.yaml").write_text("name: trakcare\n")

    result = doctor(config, "--json")

    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"] == "configuration"
