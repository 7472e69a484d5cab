"""docs/reference/policy.md: every acknowledgement with its reason, and every rule of IrisChecks. `python -m` writes it."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cdk_intersystems.policy.rules import ALL_RULES
from tests.policy.variations import ACCOUNT, REGION, VARIATIONS, configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.policy.policed import At, Policed

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "policy.md"
COMMAND = "python -m tests.policy.policy_page"

_HEAD = f"""# Policy

<!-- Written by `{COMMAND}` from the constructs themselves; a test holds that it is up to date. -->

Every synthesis of the reference app is held to `IrisChecks`, the rules below. `make synth`, `make lint` and CI hold it to
three packs of [cdk-nag](https://github.com/cdklabs/cdk-nag) too: AwsSolutions, HIPAA Security and NIST 800-53 R5
(`cdk synth -c policy=strict`). A library user switches both on by

```python
from aws_cdk import Validations
from cdk_intersystems import IrisChecks
from cdk_intersystems.policy.packs import add_policy_packs

Validations.of(app).add_plugins(IrisChecks())
add_policy_packs(app)  # needs the extra `policy`: pip install "cdk-intersystems[policy]"
```

A finding that stands is acknowledged on the exact construct, with what compensates for it:

```python
Validations.of(instance).acknowledge(Acknowledgment(id="IRIS-10", reason="..."))
```

"""

_RULES_HEAD = """## IrisChecks

What no general pack knows. An error fails the synthesis; a warning is reported, and fails it only with `--strict`.

| Rule | What holds | What to do about a finding |
|---|---|---|
"""

_ACKNOWLEDGED_HEAD = """## Acknowledged findings

Everything the library's constructs acknowledge, over all of the deployments the tests try ({variations}). "Not yet" says what
is still to come. A digit or letter that only counts is a `*`.

"""


def page(policed: "Callable[[str], Policed]") -> str:
    """The page as it has to be."""
    acknowledged: dict[tuple[str, str, str], set[str]] = {}
    for variation in VARIATIONS:
        kinds = _kinds(variation)
        for (kind, construct), id, reason in _acknowledgements(policed(variation).acknowledged, kinds):
            acknowledged.setdefault((kind, construct, reason), set()).add(id)
    rules = "".join(
        f"| {rule.id}{' (warning)' if rule.severity == 'warning' else ''} | {rule.title} | {rule.fix} |\n" for rule in ALL_RULES
    )
    head = _ACKNOWLEDGED_HEAD.format(variations=", ".join(VARIATIONS))
    return _HEAD + _RULES_HEAD + rules + "\n" + head + "".join(_sections(acknowledged))


def _sections(acknowledged: "Mapping[tuple[str, str, str], set[str]]") -> Iterator[str]:
    for kind in sorted({kind for kind, _, _ in acknowledged}):
        rows = sorted((construct, reason, ids) for (of, construct, reason), ids in acknowledged.items() if of == kind)
        yield f"### {kind}\n\n| Construct | Findings | What compensates |\n|---|---|---|\n"
        for construct, reason, ids in rows:
            yield f"| `{construct}` | {', '.join(f'`{id}`' for id in sorted(ids))} | {reason} |\n"
        yield "\n" if kind != max(kind for kind, _, _ in acknowledged) else ""


def _acknowledgements(
    acknowledged: "Mapping[At, str]", kinds: "Mapping[str, str]"
) -> Iterator[tuple[tuple[str, str], str, str]]:
    for at, reason in acknowledged.items():
        stack, _, construct = at.path.partition("/")
        counted = re.sub(r"(?<=[A-Za-z])\d+(?=/|$)", "*", construct)
        # Account and region as CloudFormation calls them, whether the deployment states them or not.
        id = at.id.replace(ACCOUNT, "<AWS::AccountId>").replace(REGION, "<AWS::Region>")
        yield (kinds[stack], counted), id, reason


def _kinds(variation: str) -> dict[str, str]:
    """What each stack of a variation is, in words."""
    data = configuration(variation)
    prefix = f"{data['name']}-primary"
    kinds = {f"{prefix}-foundation": "Foundation", f"{prefix}-network": "Network"}
    for mirror_set in data["mirror_sets"]:
        name = f"{prefix}-{mirror_set['name'].lower()}"
        members = {f"{name}-{member}": "Failover member" for member in "ab"}
        kinds |= {name: "Mirror set", **members, f"{name}-arbiter": "Arbiter"}
    for key, kind in (("application_tiers", "Application tier"), ("web_tiers", "Web tier")):
        kinds |= {f"{prefix}-{tier['name']}": kind for tier in data.get(key, [])}
    return kinds


def main() -> None:
    from tests.policy.policed import police

    with TemporaryDirectory() as directory:
        PAGE.write_text(page(lambda variation: police(variation, Path(directory) / variation)))
    sys.stdout.write(f"wrote {PAGE}\n")


if __name__ == "__main__":
    main()
