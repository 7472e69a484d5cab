"""The pages for operators say what the documents and the configuration are called."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.load import deployment_of
from tests.unit.configuration.regions import one_region

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/how-to"
RUNBOOKS = "".join((PAGES / f"{name}.md").read_text() for name in ("roll-a-configuration-change", "upgrade-the-image"))

# Not reached: Systems Manager refuses such a parameter.
_IMPOSSIBLE = {"RefusedNoSuchMember"}


def _exchanged(step: str) -> str:
    """The step's name for the other order of the members, whose letters stand before another capital one or at the end."""
    return re.sub("[AB](?=[A-Z]|$)", lambda found: {"A": "B", "B": "A"}[found[0]], step)


def _refusals(documents: dict[str, Any]) -> set[str]:
    steps = {step["name"] for document in documents.values() for step in document["mainSteps"]}
    return {name for name in steps if name.startswith("Refused")} - _IMPOSSIBLE


def test_every_refusal_is_explained(documents: dict[str, Any]) -> None:
    explained = set(re.findall(r"`(Refused\w+)`", RUNBOOKS))
    assert _refusals(documents) <= explained | {_exchanged(name) for name in explained}


def test_no_refusal_is_explained_that_there_is_not(documents: dict[str, Any]) -> None:
    assert set(re.findall(r"`(Refused\w+)`", RUNBOOKS)) <= _refusals(documents)


def test_the_commands_start_what_there_is(documents: dict[str, Any]) -> None:
    started = re.findall(r"--document-name (\S+)", RUNBOOKS)
    assert set(started) == {f"cdk-intersystems-trakcare-TRAK-{name}" for name in documents}


def test_parameters_are_called_so(documents: dict[str, Any]) -> None:
    for name in re.findall(r"`(PrimaryAfterwards|Needs)(?:=\w+)?`", RUNBOOKS):
        assert name in documents["roll"]["parameters"]
    assert set(re.findall(r'"(\w+)": \[', RUNBOOKS)) == set(documents["take-out"]["parameters"]) - {"Needs"}


@pytest.fixture
def example() -> Any:
    return one_region()


def test_the_golden_image_of_the_page_is_taken_and_pinned(example: Any) -> None:
    page = (PAGES / "golden-image.md").read_text()
    wanted, pinned = (
        yaml.safe_load(re.sub("<.*>", "a" * 64, text)) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    )
    assert isinstance(deployment_of(example | wanted), Deployment)
    for key in ("packages_archive", "kit", "arbiter_kit"):
        example["platform"].pop(key, None)
    example["platform"].update(pinned["platform"])
    example["regions"]["primary"].update(pinned["regions"]["primary"])
    assert deployment_of(example | wanted).platform.packages == "image"
