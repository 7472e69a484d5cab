"""AwsSolutions, HIPAA Security and NIST 800-53 R5 find nothing that isn't acknowledged, and nothing is acknowledged in vain."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.policy.variations import VARIATIONS

if TYPE_CHECKING:
    from aws_cdk import App

    from tests.policy.policed import Policed

    Get = Callable[[str], Policed]


@pytest.mark.parametrize("variation", VARIATIONS)
def test_every_finding_is_acknowledged(policed: "Get", variation: str) -> None:
    this = policed(variation)
    assert sorted(f"{each.id} at {each.path}" for each in this.findings if this.answer(each) is None) == []


@pytest.mark.parametrize("variation", VARIATIONS)
def test_acknowledgements_stand_on_the_exact_construct(policed: "Get", variation: str) -> None:
    """A resource is the construct itself or its `Resource`; an acknowledgement further up would cover what comes later."""
    this = policed(variation)
    too_wide = {
        f"{each.id} at {found.path}"
        for each in this.findings
        if (found := this.answer(each)) and each.path not in {found.path, f"{found.path}/Resource"}
    }
    assert sorted(too_wide) == []


def test_no_acknowledgement_is_dead(policed: "Get") -> None:
    """One that matches a finding in no variation is a mistake, or no longer needed."""
    used: set[tuple[str, str]] = set()
    stated: set[tuple[str, str]] = set()
    for variation in VARIATIONS:
        this = policed(variation)
        stated |= {(each.path, each.id) for each in this.acknowledged}
        used |= {(found.path, found.id) for each in this.findings if (found := this.answer(each))}
    assert sorted(f"{id} at {path}" for path, id in stated - used) == []


def test_reasons_say_what_compensates(policed: "Get") -> None:
    reasons = {reason for variation in VARIATIONS for reason in policed(variation).acknowledged.values()}
    assert [reason for reason in reasons if len(reason.split()) < 8 or "false positive" in reason.lower()] == []


@pytest.mark.parametrize(("deployment", "fewest_resources", "fewest_findings"), [("trakcare", 150, 60), ("minimal", 90, 25)])
def test_the_packs_saw_the_whole_deployment(
    policed: "Get", deployment: str, fewest_resources: int, fewest_findings: int
) -> None:
    """A floor: an app that is defined by halves, or a pack that checks nothing, would be clean too."""
    this = policed(deployment)
    assert sum(1 for _ in this.assembly.resources()) >= fewest_resources
    assert len(this.findings) >= fewest_findings


@pytest.mark.parametrize("deployment", ["trakcare", "minimal"])
def test_the_cdk_understands_the_acknowledgements(deployment_app: "Callable[[str], App]", deployment: str) -> None:
    """The ids are as the packs write them, told to the CDK and not to a test."""
    from tests.policy.policed import violations

    assert violations(deployment_app(deployment)) == []


def test_nothing_acknowledges_but_the_helper() -> None:
    """What these tests hold is what goes through it."""
    from pathlib import Path

    root = Path(__file__).parents[2]
    sources = [*root.glob("constructs/cdk_intersystems/**/*.py"), *root.glob("stacks/*.py"), root / "app.py"]
    others = [
        str(path.relative_to(root))
        for path in sources
        if "Acknowledgment(" in path.read_text() and path.name not in {"acknowledge.py", "iris_checks.py"}
    ]
    assert others == []
