"""`IrisChecks`: the rules no policy pack has, as a validation plugin of the CDK."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
)

from cdk_intersystems.policy.rules import ALL_RULES
from cdk_intersystems.policy.rules.assembly import Assembly
from cdk_intersystems.policy.rules.rule import Finding, Rule


@jsii.implements(IPolicyValidationPlugin)
class IrisChecks:
    """Holds what an IRIS mirror on AWS needs and no general pack knows, at every synthesis.

    It reads the synthesized templates alone, and knows members, volumes and tiers by the tags this library gives them. A
    finding is acknowledged as those of other plugins are, by its bare id, on the construct it is about:
    `Validations.of(instance).acknowledge(Acknowledgment(id="IRIS-5", reason="..."))`.

    Example:
        ```python
        Validations.of(app).add_plugins(IrisChecks())
        ```
    """

    @property
    def name(self) -> str:
        """The name in the validation report, and before `::` in an acknowledgement."""
        return "IrisChecks"

    @property
    def version(self) -> str | None:
        """None: the plugin is as new as the library."""
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        """The ids of all rules."""
        return [rule.id for rule in ALL_RULES]

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Check what the CDK has just synthesized; the CDK calls this.

        Args:
            context: Where the templates are.
        """
        violations: list[PolicyViolation] = []
        success = True
        # A stage has a cloud assembly of its own below the app's, and its stacks refer to no other's.
        for directory in sorted({Path(path).parent for path in context.template_paths}):
            for rule, finding in check(Assembly.from_directory(directory)):
                violations.append(_violation(rule, finding))
                success = success and rule.severity != "error"
        return PolicyValidationPluginReport(success=success, violations=violations)


def check(app: Assembly, rules: Sequence[Rule] = ALL_RULES) -> Iterator[tuple[Rule, Finding]]:
    """Apply rules to a synthesized app, without the CDK.

    Args:
        app: The app's templates.
        rules: The rules. Default: all.

    Returns:
        Each finding that was not acknowledged, with its rule.
    """
    for rule in rules:
        for finding in rule.check(app):
            if not finding.stack.acknowledges(finding.logical_id, rule.id):
                yield rule, finding


def _violation(rule: Rule, finding: Finding) -> PolicyViolation:
    about_stack = finding.logical_id is None
    return PolicyViolation(
        rule_name=rule.id,
        description=f"{finding.message} ({rule.title})",
        fix=rule.fix,
        severity=rule.severity,
        violating_resources=[
            PolicyViolatingResource(
                construct_path=finding.stack.path if about_stack else None,
                resource_logical_id=finding.logical_id,
                template_path=None if about_stack else finding.stack.template_path,
                locations=[finding.location],
            )
        ],
    )
