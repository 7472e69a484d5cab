"""`cdk-intersystems doctor`: what it says of this computer, and of AWS when nobody answers."""

import json
from pathlib import Path

from cdk_intersystems.command.doctor.finding import FAILED, OK, UNKNOWN, WARNING
from cdk_intersystems.command.doctor.tool_checks import command_line, feature_flags, qualifier

ROOT = Path(__file__).parents[3]
FLAGS = "lib/init-templates/.recommended-feature-flags.json"


def app(tmp_path: Path, *, installed: str | None = "2.1.0", recommended: dict[str, object] | None = None) -> Path:
    tmp_path.mkdir(parents=True, exist_ok=True)
    (tmp_path / "package.json").write_text(json.dumps({"devDependencies": {"aws-cdk": "2.1.0"}}))
    (tmp_path / "cdk.json").write_text(
        json.dumps({"context": {"@aws-cdk/a": True, "@aws-cdk/core:bootstrapQualifier": "mine"}})
    )
    cli = tmp_path / "node_modules/aws-cdk"
    (cli / FLAGS).parent.mkdir(parents=True)
    if installed:
        (cli / "package.json").write_text(json.dumps({"version": installed}))
    if recommended is not None:
        (cli / FLAGS).write_text(json.dumps(recommended))
    return tmp_path


def test_the_command_line_is_the_one_that_is_pinned(tmp_path: Path) -> None:
    (found,) = command_line(app(tmp_path))
    assert (found.result, found.says) == (OK, "aws-cdk 2.1.0")


def test_another_command_line_or_none_is_told(tmp_path: Path) -> None:
    (other,) = command_line(app(tmp_path / "a", installed="3.0.0"))
    (none,) = command_line(app(tmp_path / "b", installed=None))
    (nowhere,) = command_line(tmp_path)

    assert (other.result, none.result, nowhere.result) == (FAILED, FAILED, UNKNOWN)
    assert "3.0.0, and package.json pins 2.1.0: npm ci" in other.says


def test_flags_that_are_recommended_and_not_stated_are_told(tmp_path: Path) -> None:
    (well,) = feature_flags(app(tmp_path / "a", recommended={"@aws-cdk/a": False}))
    (lacking,) = feature_flags(app(tmp_path / "b", recommended={"@aws-cdk/a": True, "@aws-cdk/b": True}))
    (unknown,) = feature_flags(app(tmp_path / "c"))
    (nowhere,) = feature_flags(tmp_path)

    assert (well.result, lacking.result, unknown.result, nowhere.result) == (OK, WARNING, UNKNOWN, UNKNOWN)
    assert "@aws-cdk/b" in lacking.says
    assert "@aws-cdk/a" not in lacking.says


def test_the_qualifier_is_the_apps(tmp_path: Path) -> None:
    assert qualifier(app(tmp_path)) == "mine"
    assert qualifier(ROOT) == "hnb659fds"


def test_this_repository_states_every_flag() -> None:
    (found,) = feature_flags(ROOT)
    assert found.result in (OK, UNKNOWN), "unknown: the command line is not installed"
