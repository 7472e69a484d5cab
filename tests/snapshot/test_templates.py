"""What is deployed, as it was last approved: one template for each stack, and one digest for each deployment.

`pytest tests/snapshot --snapshot-update` approves a change. Review the digest; the templates say the rest.
"""

from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.snapshot.digest import digest
from tests.snapshot.files import Digest, Template

DEPLOYMENTS = ("trakcare", "minimal", "hybrid")


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_templates(deployment: str, templates: Any, snapshot: SnapshotAssertion) -> None:
    kept = snapshot.with_defaults(extension_class=Template)
    for stack, template in sorted(templates(deployment).items()):
        assert template == kept(name=stack)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_digest(deployment: str, templates: Any, snapshot: SnapshotAssertion) -> None:
    assert digest(deployment, templates(deployment)) == snapshot.with_defaults(extension_class=Digest)(name=deployment)


def test_no_snapshot_is_left_over(templates: Any) -> None:
    wanted = {f"{stack}.template.json" for deployment in DEPLOYMENTS for stack in templates(deployment)}
    kept = Path(__file__).parent / "__snapshots__" / Path(__file__).stem
    assert {path.name for path in kept.iterdir()} == wanted | {f"{deployment}.md" for deployment in DEPLOYMENTS}
