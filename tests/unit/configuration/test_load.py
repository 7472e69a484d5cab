"""Reading a deployment by name or file, and what YAML itself can get wrong."""

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cdk_intersystems.configuration import (
    ConfigurationError,
    Problem,
    deployment_names,
    deployment_of,
    load_deployment,
    parse_deployment,
)

CONFIG = Path(__file__).parents[3] / "config"
MINIMAL = (CONFIG / "minimal.yaml").read_text(encoding="utf-8")


def message(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse_deployment(text, "bad.yaml")
    return str(caught.value)


@pytest.mark.parametrize("name", deployment_names(CONFIG))
def test_every_deployment_of_the_repository_is_right(name: str) -> None:
    assert load_deployment(name, CONFIG).name == name


def test_a_deployment_is_found_by_name_and_by_file() -> None:
    by_name = load_deployment("trakcare", CONFIG)

    assert by_name == load_deployment(CONFIG / "trakcare.yaml", CONFIG)
    assert by_name == load_deployment(str(CONFIG / "trakcare.yaml"), Path("nowhere"))
    assert by_name == deployment_of(yaml.safe_load((CONFIG / "trakcare.yaml").read_text(encoding="utf-8")))


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_deployment("trakare", CONFIG)

    assert "got 'trakare'" in str(caught.value)
    assert "did you mean trakcare?" in str(caught.value)
    assert f"there are: {', '.join(deployment_names(CONFIG))}" in str(caught.value)


def test_an_unknown_name_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is none"):
        load_deployment("trakcare", tmp_path)


def test_a_deployment_asked_for_by_name_says_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "copy.yaml").write_text(MINIMAL)
    (tmp_path / "worse.yaml").write_text(MINIMAL.replace("/22", "/30"))

    with pytest.raises(ConfigurationError) as caught:
        load_deployment("copy", tmp_path)
    with pytest.raises(ConfigurationError) as worse:
        load_deployment("worse", tmp_path)

    line = MINIMAL.splitlines().index("name: minimal") + 1
    told = "its file is called copy, and two files of one name would deploy over each other: give both one name"
    assert str(caught.value) == f"{tmp_path}/copy.yaml:{line}: name: got 'minimal'; {told}"
    assert [problem.path[-1] for problem in worse.value.problems] == ["name", "cidr"]
    assert load_deployment(tmp_path / "copy.yaml").name == "minimal"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.yaml: cannot be read: no such file"):
        load_deployment(tmp_path / "missing.yaml", CONFIG)


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("name: café".encode("latin-1"))

    with pytest.raises(ConfigurationError, match="is not UTF-8 text: byte 9 is 0xe9"):
        load_deployment(path, CONFIG)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: [a\nb: 1\n", "bad.yaml:2: column 2: is no YAML"),
        ("name: a\n\tb: 1\n", "bad.yaml:2: column 1: is no YAML"),
        ('name: "a\n', "bad.yaml:2: column 1: is no YAML"),
        ("name: a\n  b: 1\n", "bad.yaml:2: column 4: is no YAML"),
        ("name: *a\n", "bad.yaml:1: column 7: is no YAML"),
        ("name: a\n---\nname: b\n", "bad.yaml:2: column 1: is no YAML"),
    ],
)
def test_yaml_that_does_not_parse_is_told_with_line_and_column(text: str, place: str) -> None:
    assert message(text).startswith(place)


def test_a_character_that_yaml_forbids_is_told() -> None:
    assert "bad.yaml: is no YAML: " in message("name: a\x00b\n")


@pytest.mark.parametrize(
    ("text", "got"), [("", "nothing"), ("# nothing\n", "nothing"), ("- a\n", "a list of 1"), ("a\n", "'a'")]
)
def test_a_file_that_is_no_mapping_is_told(text: str, got: str) -> None:
    assert message(text) == f"bad.yaml: got {got}; a deployment is a mapping (key: value)"


def test_a_key_that_is_there_twice_is_told_with_both_lines() -> None:
    doubled = MINIMAL.replace("    ami: ", "    ami: ami-00000000000000000\n    ami: ")
    first = doubled.splitlines().index("    ami: ami-00000000000000000") + 1

    assert message(doubled) == f"bad.yaml:{first + 1}: regions.primary.ami: is there twice, first in line {first}"


def test_problems_stand_in_the_order_of_the_file_with_their_lines() -> None:
    doubled = "    availability_zones: [eu-west-2a, eu-west-2b, eu-west-2b]"  # a rule between keys, which are checked last
    changes = {"name: IRIS": "name: iris", "name: minimal": "name: Minimal", "/22": "/30", "eu-west-2c": "eu-west-2b"}
    broken = MINIMAL
    for right, wrong in changes.items():
        broken = broken.replace(right, wrong)
    lines = broken.splitlines()
    wanted = [lines.index(line) + 1 for line in ("name: Minimal", doubled, "    cidr: 10.30.0.0/30", "  - name: iris")]

    assert [line.split(": ")[0] for line in message(broken).splitlines()] == [f"bad.yaml:{number}" for number in wanted]


def test_a_missing_key_has_the_line_of_its_section() -> None:
    broken = "\n".join(line for line in MINIMAL.splitlines() if "ami:" not in line)

    assert message(broken).startswith(f"bad.yaml:{broken.splitlines().index('  primary:') + 1}: regions.primary.ami: missing")


@pytest.mark.parametrize(
    ("written", "quoted"),
    [("111122223333", "111122223333"), ("012345670123", "012345670123"), ("1_2", "1_2"), ("true", "true")],
)
def test_an_account_number_without_quotes_is_shown_as_it_was_written(written: str, quoted: str) -> None:
    told = message(MINIMAL.replace("name: minimal", f"name: minimal\naccount: {written}"))

    assert f"account: got the {'word' if written == 'true' else 'number'} {written}" in told
    assert f'put it in quotes, "{quoted}"' in told


def test_anchors_and_merge_keys_are_read() -> None:
    zones = "[eu-west-2a, eu-west-2b, eu-west-2c]"
    text = MINIMAL.replace("name: minimal", "name: &n minimal").replace(zones, f"&zones {zones}")
    volumes = "\n    volumes:\n      journal: &j {size_gib: 300}\n      alternate_journal: {<<: *j, iops: 4000}\n"

    deployment = parse_deployment(text.replace("    databases: [APPDATA]", f"    databases: [APPDATA]{volumes}"))

    alternate = deployment.mirror_sets[0].volumes.alternate_journal
    assert (alternate.size_gib, alternate.iops) == (300, 4000)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: &a [*a]\n", "name[0]: an anchor that holds itself cannot be read"),
        ("name: {<<: 3}\n", "name: << needs a mapping to take over"),
        ("name: !!python/name:os.system\n", "name: the tag tag:yaml.org,2002:python/name:os.system is not allowed"),
        ("name: !secret x\n", "name: the tag !secret is not allowed"),
        ("[a]: b\n", "a key must be a word"),
    ],
)
def test_what_yaml_can_do_and_a_configuration_cannot(text: str, told: str) -> None:
    assert told in message(text)


def test_a_deployment_never_changes() -> None:
    deployment = load_deployment("minimal", CONFIG)

    with pytest.raises(ValidationError):
        deployment.name = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        deployment.mirror_sets[0].volumes.data.iops = 1  # type: ignore[misc]


TRAKCARE = yaml.safe_load((CONFIG / "trakcare.yaml").read_text(encoding="utf-8"))
WORDS = st.sampled_from(
    ["", "x", "TRAK", "app", "r7i.large", "10.0.0.0/8", "0.0.0.0/0", "arn:aws:kms:::", "io2", "spot", "eu-west-2a"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.sampled_from(["name", "min", "data"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def paths(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every path into a configuration."""
    for part, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*path, part)
        yield from paths(value, (*path, part))


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(list(paths(TRAKCARE))), ANYTHING), min_size=1, max_size=3))
def test_whatever_stands_at_a_key_gives_a_deployment_or_a_configuration_error(
    changes: list[tuple[tuple[str | int, ...], object]],
) -> None:
    data = copy.deepcopy(TRAKCARE)
    for path, value in changes:
        parent = data
        for part in path[:-1]:
            try:
                parent = parent[part]
            except (KeyError, IndexError, TypeError):
                break
            if not isinstance(parent, dict | list):
                break
        else:
            with suppress(IndexError, TypeError):
                parent[path[-1]] = value
    problems: tuple[Problem, ...] = ()
    deployment = None
    try:
        deployment = deployment_of(data)
    except ConfigurationError as error:
        problems = error.problems
    assert all(problem.message for problem in problems)
    assert bool(problems) == (deployment is None)
    if deployment is not None:
        assert deployment_of(json.loads(deployment.model_dump_json(exclude_defaults=True))) == deployment
