"""The policy packs an app can be held to, and what the CDK's own validation advises against that is meant here."""

from aws_cdk import App, Stage, Validations

from cdk_intersystems.policy.acknowledge import acknowledge


def add_policy_packs(scope: App | Stage) -> None:
    """Hold an app to cdk-nag's AwsSolutions, HIPAA Security and NIST 800-53 R5 packs: a finding fails its synthesis.

    The constructs of this library acknowledge what they can't meet, on the exact resource and with the reason;
    docs/reference/policy.md lists it all. Needs the extra `policy` of the distribution, which brings cdk-nag.

    Args:
        scope: The app or stage.
    """
    # Only where it is wanted: cdk-nag is an extra, and loading it costs every synthesis some tenths of a second.
    from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks

    Validations.of(scope).add_plugins(AwsSolutionsChecks(scope), HIPAASecurityChecks(scope), NIST80053R5Checks(scope))


def acknowledge_advice(scope: App | Stage) -> None:
    """Acknowledge, for a whole app, what the CDK's CloudFormation Validate advises against and this library is built on.

    It is advice on style and not about any one resource, so it is answered once: zones are named and images are pinned in
    every template, and so each resource with one would need the same words.

    Args:
        scope: The app or stage.
    """
    acknowledge(scope, {"CloudFormation-Validate::W3010": _NAMED_ZONES, "CloudFormation-Validate::W9010": _PINNED_IMAGES})


_NAMED_ZONES = (
    "zones are named in the configuration on purpose: a member and its volumes never change their zone, and synthesis gives "
    "the same templates everywhere, with no lookup"
)
_PINNED_IMAGES = (
    "images are pinned by their id on purpose: one that is looked up at deployment replaces hosts when a newer one appears "
    "(IRIS-3 holds it)"
)
