"""The policy packs an app can be held to."""

from aws_cdk import App, Stage, Validations


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
