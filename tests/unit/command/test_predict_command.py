"""`cdk-intersystems predict`: what it prints, as JSON and as tables, and its exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cdk_intersystems.command.application import application
from cdk_intersystems.prediction.faults import FAULT_NAMES
from cdk_intersystems.prediction.world import BASELINES, STRATEGIES

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(application, ["predict", "--config-dir", str(CONFIG), *arguments])


def test_json_has_every_fault_and_strategy() -> None:
    result = _run("minimal", "--json", "--runs", "3")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["schema"], document["deployment"], document["runs"]) == (1, "minimal", 3)
    assert document["verified_on_aws"] is False
    (mirror_set,) = document["mirror_sets"]
    assert (mirror_set["name"], mirror_set["strategies"], mirror_set["route_tables"]) == ("IRIS", ["polling"], 15)
    assert [fault["fault"] for fault in mirror_set["faults"]] == list(FAULT_NAMES)
    for fault in mirror_set["faults"]:
        assert [each["strategy"] for each in fault["expected"]] == [*STRATEGIES, *BASELINES]
        for each in fault["expected"]:
            assert each["baseline"] == (each["strategy"] in BASELINES)
            assert set(each["outage_s"]) == {"p5", "p50", "p95", "longest"}
            if each["outage_s"]["longest"]:
                assert sum(each["stages"].values()) == pytest.approx(1, abs=0.05)


def test_the_same_seed_prints_the_same() -> None:
    arguments = ("minimal", "--json", "--runs", "3", "--fault", "host-lost")
    one, same, other = _run(*arguments), _run(*arguments), _run(*arguments, "--seed", "1")
    assert one.stdout == same.stdout != other.stdout


def test_without_propagation_it_is_shorter() -> None:
    def median(*options: str) -> float:
        document = json.loads(_run("minimal", "--json", "--runs", "20", "--fault", "iris-killed", *options).stdout)
        return float(document["mirror_sets"][0]["faults"][0]["expected"][1]["outage_s"]["p50"])

    assert median("--no-propagation") < median()


def test_the_table_names_what_is_configured_and_says_what_it_is() -> None:
    result = _run("minimal", "--runs", "2", "--fault", "host-lost", "--fault", "arbiter-and-backup-lost")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "* polling" in text
    assert "* route_vip" not in text
    assert "not verified on AWS" in text
    assert "host-lost: the primary's host is lost" in text
    assert "- - - - -" in text, "nobody comes back without a person"
    assert "…" not in result.stdout, "it fits"


def test_a_configuration_that_cannot_be_used_is_told_in_its_own_words() -> None:
    result = _run("minmal")
    assert result.exit_code == 2
    assert "did you mean minimal?" in result.stderr


def test_an_unknown_fault_or_option_is_told(tmp_path: Path) -> None:
    result = _run("minimal", "--fault", "meteor")
    assert result.exit_code == 2
    assert "host-lost" in result.stderr
    assert _run("minimal", "--runs", "0").exit_code == 2
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: wrong\nmirror_set: []\n")
    result = _run(str(wrong))
    assert result.exit_code == 2
    assert "mirror_set" in result.stderr


def test_help_tells_options_and_exit_codes() -> None:
    result = CliRunner().invoke(application, ["predict", "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for text in ("--fault", "--runs", "--seed", "--json", "--no-propagation", "host-lost", "Exit code"):
        assert text in result.stdout


def test_without_its_extra_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.modules['typer'] = None\n"
        "from cdk_intersystems.command.main import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(ROOT / "constructs")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'cdk-intersystems[command]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_loads_neither_the_cdk_nor_boto3() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\nimport cdk_intersystems.command.application\n"
        "print(sorted({'aws_cdk', 'jsii', 'boto3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(ROOT / "constructs")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
