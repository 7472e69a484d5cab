"""What is published about the configuration: the page, the JSON Schema and the command."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.__main__ import main
from cdk_intersystems.configuration.reference import json_schema, page, schema_text
from cdk_intersystems.configuration.schema_walk import section_example, section_of
from cdk_intersystems.configuration.section import Section

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"
REFERENCE = ROOT / "docs/reference"


def sections(root: type[Section]) -> set[type[Section]]:
    """A section and every section in it."""
    found = {root}
    for field in root.model_fields.values():
        if (inner := section_of(field.annotation)) is not None:
            found |= sections(inner)
    return found


def test_the_page_is_what_the_code_says() -> None:
    example = (CONFIG / "trakcare.yaml").read_text(encoding="utf-8")

    assert (REFERENCE / "configuration.md").read_text(encoding="utf-8") == page(example)


def test_the_schema_is_what_the_code_says() -> None:
    assert (REFERENCE / "configuration.schema.json").read_text(encoding="utf-8") == schema_text()


def test_every_key_is_on_the_page_with_its_meaning() -> None:
    text = page("")

    for section in sections(Deployment):
        for name, field in section.model_fields.items():
            assert field.description, (section, name)
            assert f"| `{name}` | " in text, (section, name)
            assert " ".join(field.description.split()) in text, (section, name)


def check(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> None:
    """Checks a value as far as an editor does: keys, required keys, and the parts in them."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    for option in schema.get("anyOf", []):
        if option.get("type") != "null" and value is not None:
            check(value, option, root)
    if isinstance(value, dict) and "properties" in schema:
        assert set(value) <= set(schema["properties"])
        assert set(schema.get("required", [])) <= set(value)
        for name, inner in value.items():
            check(inner, schema["properties"][name], root)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for inner in value:
            check(inner, schema["items"], root)


@pytest.mark.parametrize("name", ["trakcare", "minimal"])
def test_an_editor_that_follows_the_schema_accepts_our_deployments(name: str) -> None:
    data, schema = yaml.safe_load((CONFIG / f"{name}.yaml").read_text(encoding="utf-8")), json_schema()

    check(data, schema, schema)
    broken = copy.deepcopy(data)
    del broken["mirror_sets"][0]["databases"]
    with pytest.raises(AssertionError):
        check(broken, schema, schema)


def test_the_examples_of_the_keys_make_a_deployment_but_for_its_network() -> None:
    example = section_example(Deployment)
    example["regions"]["primary"]["cidr"] = "10.20.0.0/16"

    assert Deployment.model_validate(example).name == example["name"]


def test_check_says_ok_and_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config-dir", str(CONFIG), "check"]) == 0
    assert "trakcare: ok\n" in capsys.readouterr().out


def test_check_tells_problems_on_stderr_and_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text("name: Bad\n")

    assert main(["--config-dir", str(tmp_path), "check", "bad"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{tmp_path}/bad.yaml:1: name: got 'Bad'; the name of a deployment has" in err
    assert "Traceback" not in err


def test_check_without_any_deployment_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config-dir", str(tmp_path), "check"]) == 2
    assert "there is no deployment" in capsys.readouterr().err


def test_check_as_json_has_deployments_and_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text("name: Bad\n")
    (tmp_path / "minimal.yaml").write_text((CONFIG / "minimal.yaml").read_text(encoding="utf-8"))

    assert main(["--config-dir", str(tmp_path), "check", "--json"]) == 2
    bad, good = json.loads(capsys.readouterr().out)
    assert (bad["valid"], good["valid"]) == (False, True)
    assert bad["problems"][0] | {"message": ""} == {
        "file": f"{tmp_path}/bad.yaml",
        "line": 1,
        "key": "name",
        "got": "'Bad'",
        "message": "",
    }
    assert good["deployment"]["mirror_sets"][0]["arbiter"] == {"instance_type": "t4g.small"}


@pytest.mark.parametrize(("command", "file"), [("docs", "configuration.md"), ("schema", "configuration.schema.json")])
def test_the_command_prints_what_is_published(command: str, file: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cdk_intersystems.configuration", command],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "constructs")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == (REFERENCE / file).read_text(encoding="utf-8")


def test_the_packages_of_a_deployments_hosts_are_printed_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def packages(*arguments: str) -> list[str]:
        assert main(["--config-dir", str(CONFIG), "packages", *arguments]) == 0
        return capsys.readouterr().out.splitlines()

    every = packages("trakcare")
    assert every == sorted(set(every))
    assert {"amazon-ssm-agent", "xfsprogs", "httpd"} <= set(every)
    assert set(packages("trakcare", "--role", "arbiter")) < set(every)
    # minimal has neither web servers nor RHEL.
    assert not {"apache2", "httpd", "amazon-ssm-agent"} & set(packages("minimal"))
    assert "apache2" in packages("minimal", "--role", "web")


def test_the_packages_of_no_deployment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config-dir", str(CONFIG), "packages", "nowhere"]) == 2
    assert "no deployment of this name" in capsys.readouterr().err
