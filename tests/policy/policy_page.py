"""docs/reference/policy.md: every acknowledgement with its reason, and every rule of IrisChecks. `python -m` writes it."""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cdk_intersystems.policy.rules import ALL_RULES
from tests.policy.constructs_alone import STACK
from tests.policy.variations import ACCOUNT, ALL, CONSTRUCTS_ALONE, REGION, configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.policy.policed import At, Policed

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "policy.md"
COMMAND = "python -m tests.policy.policy_page"

_ALONE = "Constructs alone"
_APP = "The whole reference app"

_HEAD = f"""# Policy

<!-- Written by `{COMMAND}` from the constructs themselves; a test holds that it is up to date. -->

Every synthesis of the reference app is held to `IrisChecks`, the rules below. `make synth`, `make lint` and CI hold it to
three packs of [cdk-nag](https://github.com/cdklabs/cdk-nag) too: AwsSolutions, HIPAA Security and NIST 800-53 R5
(`cdk synth -c policy=strict`). A library user switches both on by

```python
from aws_cdk import Validations
from cdk_intersystems import IrisChecks
from cdk_intersystems.policy.packs import acknowledge_advice, add_policy_packs

Validations.of(app).add_plugins(IrisChecks())
add_policy_packs(app)  # needs the extra `policy`: pip install "cdk-intersystems[policy]"
acknowledge_advice(app)  # the CDK's own validation advises against named zones and pinned images, which are meant
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

Everything the library's constructs acknowledge, in all that the tests try: {variations}.
"Not yet" says what is still to come. A number that only counts is a `*`.
"""


def page(policed: "Callable[[str], Policed]") -> str:
    """The page as it has to be."""
    by_construct: dict[tuple[str, str, str], set[str]] = {}
    for variation in ALL:
        kinds = _kinds(variation)
        for kind, construct, id, reason in _acknowledgements(policed(variation).acknowledged, kinds, _regions(variation)):
            by_construct.setdefault((kind, construct, reason), set()).add(id)
    acknowledged: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    said = {reason for kind, _, reason in by_construct if not kind.startswith(_ALONE)}
    for (kind, construct, reason), ids in sorted(by_construct.items()):
        # Of the constructs alone only what the reference app has no cause to say.
        if kind.startswith(_ALONE) and reason in said:
            continue
        acknowledged.setdefault((kind, reason, tuple(sorted(ids))), []).append(construct)
    rules = "".join(
        f"| {rule.id}{' (warning)' if rule.severity == 'warning' else ''} | {rule.title} | {rule.fix} |\n" for rule in ALL_RULES
    )
    head = _ACKNOWLEDGED_HEAD.format(variations="; ".join(ALL))
    return _HEAD + _RULES_HEAD + rules + "\n" + head + "".join(_sections(acknowledged))


def _sections(acknowledged: "Mapping[tuple[str, str, tuple[str, ...]], list[str]]") -> Iterator[str]:
    for kind in sorted({kind for kind, _, _ in acknowledged}):
        rows = sorted((constructs, ids, reason) for (of, reason, ids), constructs in acknowledged.items() if of == kind)
        yield f"\n### {kind}\n\n| Construct | Findings | What compensates |\n|---|---|---|\n"
        for constructs, ids, reason in rows:
            yield f"| {_listed(constructs)} | {_listed(ids)} | {reason} |\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _acknowledgements(
    acknowledged: "Mapping[At, str]", kinds: "Mapping[str, str]", regions: "Mapping[str, str]"
) -> Iterator[tuple[str, str, str, str]]:
    for at, reason in acknowledged.items():
        stack, _, construct = at.path.partition("/")
        construct = construct or "app"
        if member := re.match(r"Database/Library-(a|b|arbiter)/", construct):
            stack, construct = f"{stack}-{member[1]}", construct[member.end() :]
        counted = re.sub(r"(?<=[A-Za-z])\d+(?=/|$)", "*", construct)
        # Account and region as CloudFormation calls them, whether the deployment states them or not.
        own = regions.get("dr" if "-dr-" in stack else "primary", REGION)
        id = at.id.replace(ACCOUNT, "<AWS::AccountId>").replace(own, "<AWS::Region>")
        for other in regions.values():
            id = id.replace(other, "<the other region>")
        yield kinds[stack], counted, id, reason


def _kinds(variation: str) -> dict[str, str]:
    """What each stack of a variation is, in words."""
    if variation == CONSTRUCTS_ALONE:
        return {"": _APP, STACK: _ALONE, **{f"{STACK}-{member}": f"{_ALONE}: member" for member in ("a", "b", "arbiter")}}
    data = configuration(variation)
    kinds = {"": _APP}
    for role in ("primary", "dr"):
        prefix = f"{data['name']}-{role}"
        kinds |= {f"{prefix}-foundation": "Foundation", f"{prefix}-network": "Network", f"{prefix}-image": "Golden image"}
        for mirror_set in data["mirror_sets"]:
            name = f"{prefix}-{mirror_set['name'].lower()}"
            members = {f"{name}-{member}": "Failover member" for member in "ab"}
            kinds |= {name: "Mirror set", **members, f"{name}-arbiter": "Arbiter", f"{name}-region": "Region failover"}
        for key, kind in (("application_tiers", "Application tier"), ("web_tiers", "Web tier")):
            kinds |= {f"{prefix}-{tier['name']}": kind for tier in data.get(key, [])}
    return kinds


def _regions(variation: str) -> dict[str, str]:
    """The regions of a variation in AWS, by role."""
    if variation == CONSTRUCTS_ALONE:
        return {}
    regions = configuration(variation)["regions"]
    return {role: regions[role]["region"] for role in ("primary", "dr") if role in regions}


def main() -> None:
    from tests.policy.policed import police

    with TemporaryDirectory() as directory:
        PAGE.write_text(page(lambda variation: police(variation, Path(directory) / variation)))
    sys.stdout.write(f"wrote {PAGE}\n")


if __name__ == "__main__":
    main()
