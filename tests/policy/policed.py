"""A deployment with what the policy packs and IrisChecks find in it, and what its constructs acknowledge."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aws_cdk import App
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NagPack, NIST80053R5Checks
from constructs import IConstruct

from cdk_intersystems.configuration import deployment_of
from cdk_intersystems.policy import acknowledge as helper
from cdk_intersystems.policy.iris_checks import check
from cdk_intersystems.policy.rules.assembly import Assembly
from stacks.deployment_app import define_deployment, make_app
from tests.policy.constructs_alone import define_constructs_alone
from tests.policy.variations import CONSTRUCTS_ALONE, configuration

PACKS = (AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks)


@dataclass(frozen=True, order=True)
class At:
    """A finding's id, and the path of the construct it is about."""

    path: str
    id: str


@dataclass(frozen=True)
class Policed:
    """A variation: everything found in it as if nothing were acknowledged, and everything that is acknowledged."""

    findings: frozenset[At]
    acknowledged: dict[At, str]
    assembly: Assembly

    def answer(self, finding: At) -> At | None:
        """The acknowledgement of a finding, as the CDK looks for it: on the construct or around it."""
        path = finding.path
        while path:
            if (at := At(path, finding.id)) in self.acknowledged:
                return at
            path = path.rpartition("/")[0]
        return None


def police(variation: str, outdir: Path) -> Policed:
    """Define a variation with its acknowledgements written down instead of told to the CDK, and look for everything."""
    acknowledged: dict[At, str] = {}

    class Recorder:
        """Stands in for the CDK's `Validations` where the library acknowledges."""

        def __init__(self, construct: IConstruct) -> None:
            self._path = construct.node.path

        @classmethod
        def of(cls, construct: IConstruct) -> "Recorder":
            return cls(construct)

        def acknowledge(self, *acknowledgements: Any) -> None:
            for each in acknowledgements:
                acknowledged[At(self._path, each.id)] = each.reason

    app = make_app(outdir=str(outdir))
    with patch.object(helper, "Validations", Recorder):
        if variation == CONSTRUCTS_ALONE:
            define_constructs_alone(app)
        else:
            define_deployment(app, deployment_of(configuration(variation)))
    findings = {At(path, id) for id, path in _found(app)}
    # IrisChecks fails the synthesis when it finds something, after everything was written; what it found is told below.
    with suppress(RuntimeError):
        app.synth()
    assembly = Assembly.from_directory(outdir)
    findings |= {
        At(finding.stack.construct_paths.get(finding.logical_id or "", finding.stack.path), rule.id)
        for rule, finding in check(assembly)
    }
    return Policed(frozenset(findings), acknowledged, assembly)


def violations(app: App, packs: tuple[type[NagPack], ...] = PACKS) -> list[str]:
    """What the packs find in an app and nobody acknowledged: `id at path`, sorted."""
    return sorted(f"{id} at {path}" for id, path in _found(app, packs))


def counts(app: App, pack: type[NagPack]) -> dict[str, int]:
    """How many findings of each id a pack has in an app."""
    return dict(Counter(id for id, _ in _found(app, (pack,))))


def _found(app: App, packs: tuple[type[NagPack], ...] = PACKS) -> list[tuple[str, str]]:
    return [
        (violation.rule_name, resource.construct_path or "")
        for pack in packs
        for violation in pack(app).validate_scope(app).violations
        for resource in violation.violating_resources
    ]
