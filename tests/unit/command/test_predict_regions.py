"""`cdk-intersystems predict --dr`: what it prints, and what it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cdk_intersystems.command.application import application
from cdk_intersystems.prediction.two_regions import LATCH_KINDS

CONFIG = Path(__file__).parents[3] / "config"


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(application, ["predict", "--config-dir", str(CONFIG), *arguments])


def test_json_has_every_latch_of_every_case_and_the_deployment_s_own() -> None:
    result = _run("trakcare", "--dr", "--json", "--runs", "3")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["verified_on_aws"] is False
    assert document["configured_latch"] in LATCH_KINDS
    cases = {case["case"]: case for case in document["cases"]}
    assert {"warm", "warm, TTL 60 s", "elastic", "configured: TRAK"} == set(cases)
    assert [cases[name]["resize"] for name in ("warm", "elastic")] == [False, True]
    for case in cases.values():
        assert [each["latch"] for each in case["latches"]] == list(LATCH_KINDS)
        for each in case["latches"]:
            figures = [each["rto_s"][name] for name in ("p5", "p50", "p95", "longest")]
            assert figures == sorted(figures)
            assert each["target_met"] is (each["rto_s"]["p50"] <= each["target_p50_s"])
            assert sum(each["stages"].values()) == pytest.approx(1, abs=0.05)


def test_the_table_says_what_it_is() -> None:
    result = _run("trakcare", "--dr", "--runs", "2")
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    assert "Simulated: not verified on AWS." in text
    for kind in LATCH_KINDS:
        assert kind in text
    assert text.count("* ") >= 4


def test_a_deployment_without_a_dr_region_is_told_so() -> None:
    result = _run("minimal", "--dr")
    assert result.exit_code == 2
    assert "regions.dr" in result.stderr


@pytest.mark.parametrize("more", [("--fault", "host-lost"), ("--no-propagation",)])
def test_options_that_mean_nothing_here_are_refused(more: tuple[str, ...]) -> None:
    result = _run("trakcare", "--dr", *more)
    assert result.exit_code == 2
    assert "--dr" in result.stderr
