"""AwsSolutions, HIPAA Security and NIST 800-53 R5 find nothing that isn't acknowledged, and nothing is acknowledged in vain."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.policy.variations import ALL, configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import App

    from tests.policy.policed import Policed

    Get = Callable[[str], Policed]

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("variation", ALL)
def test_every_finding_is_acknowledged(policed: "Get", variation: str) -> None:
    this = policed(variation)
    assert sorted(f"{each.id} at {each.path}" for each in this.findings if this.answer(each) is None) == []


@pytest.mark.parametrize("variation", ALL)
def test_acknowledgements_stand_on_the_exact_construct(policed: "Get", variation: str) -> None:
    """On a resource, or the L2 construct whose only own resource it is; further up, one would cover what comes later."""
    this = policed(variation)
    too_wide = {
        f"{each.id} at {found.path}"
        for each in this.findings
        if (found := this.answer(each))
        # An Auto Scaling group's own resource is called ASG, any other's Resource.
        and each.path not in {found.path, f"{found.path}/Resource", f"{found.path}/ASG"}
    }
    assert sorted(too_wide) == []


def test_no_acknowledgement_is_dead(policed: "Get") -> None:
    """One that matches a finding in no variation is a mistake, or no longer needed."""
    used: set[tuple[str, str]] = set()
    stated: set[tuple[str, str]] = set()
    for variation in ALL:
        this = policed(variation)
        # Those of the CDK's own validation, which is off here, are held by `make lint`.
        stated |= {(each.path, each.id) for each in this.acknowledged if "::" not in each.id.partition("[")[0]}
        used |= {(found.path, found.id) for each in this.findings if (found := this.answer(each))}
    assert sorted(f"{id} at {path}" for path, id in stated - used) == []


def test_make_lint_knows_what_is_acknowledged_of_the_cdk_s_validation(policed: "Get") -> None:
    """It looks whether those are dead, which takes the validation itself."""
    from tests.lint_templates import VALIDATION_ACKNOWLEDGED

    ids = {each.id for variation in ALL for each in policed(variation).acknowledged}
    assert {id for id in ids if id.startswith("CloudFormation-Validate::")} == {
        f"CloudFormation-Validate::{rule}" for rule in VALIDATION_ACKNOWLEDGED
    }


def test_reasons_say_what_compensates(policed: "Get") -> None:
    reasons = {reason for variation in ALL for reason in policed(variation).acknowledged.values()}
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
    sources = [*ROOT.glob("constructs/cdk_intersystems/**/*.py"), *ROOT.glob("stacks/*.py"), ROOT / "app.py"]
    others = [
        str(path.relative_to(ROOT))
        for path in sources
        if "Acknowledgment(" in path.read_text() and path.name not in {"acknowledge.py", "iris_checks.py"}
    ]
    assert others == []


def test_the_page_lists_every_acknowledgement(policed: "Get") -> None:
    """So that a new one, or another reason, shows in review."""
    from tests.policy.policy_page import COMMAND, PAGE, page

    assert PAGE.read_text() == page(policed), f"{PAGE.name} is not up to date: write it by {COMMAND}"


class TestABadStack:
    """The packs are really on: each finds exactly what is wrong with a stack that was written in a hurry."""

    def test_aws_solutions(self) -> None:
        from cdk_nag import AwsSolutionsChecks

        from tests.policy.bad_stack import bad_app
        from tests.policy.policed import counts

        assert counts(bad_app(), AwsSolutionsChecks) == {
            "AwsSolutions-EC23": 1,
            "AwsSolutions-EC26": 2,
            "AwsSolutions-EC28": 1,
            "AwsSolutions-EC29": 1,
            "AwsSolutions-ELB2": 1,
            "AwsSolutions-IAM5[Action::s3:*]": 1,
            "AwsSolutions-IAM5[Resource::*]": 1,
            "AwsSolutions-S1": 1,
            "AwsSolutions-S10": 1,
            "AwsSolutions-SMG4": 1,
            "AwsSolutions-SNS3": 1,
            "AwsSolutions-VPC7": 1,
        }

    def test_hipaa_and_nist(self) -> None:
        from cdk_nag import HIPAASecurityChecks, NIST80053R5Checks

        from tests.policy.bad_stack import bad_app
        from tests.policy.policed import counts

        in_both = {
            "CloudWatchLogGroupEncrypted": 1,
            "CloudWatchLogGroupRetentionPeriod": 1,
            "EC2EBSInBackupPlan": 1,
            "EC2IMDSv2Enabled": 1,
            "EC2InstanceNoPublicIp": 1,
            "EC2InstancesInVPC": 1,
            "EC2RestrictedSSH": 1,
            "ELBDeletionProtectionEnabled": 1,
            "ELBLoggingEnabled": 1,
            "ELBv2ACMCertificateRequired": 1,
            "IAMNoInlinePolicy": 1,
            "IAMPolicyNoStatementsWithFullAccess": 1,
            "S3BucketLoggingEnabled": 1,
            "S3BucketPublicReadProhibited": 1,
            "S3BucketPublicWriteProhibited": 1,
            "S3BucketReplicationEnabled": 1,
            "S3BucketSSLRequestsOnly": 1,
            "S3BucketVersioningEnabled": 1,
            "S3DefaultEncryptionKMS": 1,
            "SNSEncryptedKMS": 1,
            "SecretsManagerRotationEnabled": 1,
            "SecretsManagerUsingKMSKey": 1,
            "VPCDefaultSecurityGroupClosed": 1,
            "VPCFlowLogsEnabled": 1,
            "VPCNoUnrestrictedRouteToIGW": 2,
            "VPCSubnetAutoAssignPublicIpDisabled": 2,
        }
        only_hipaa = {"EC2InstanceDetailedMonitoringEnabled": 1}
        hipaa = counts(bad_app(), HIPAASecurityChecks)
        nist = counts(bad_app(), NIST80053R5Checks)
        assert {id.removeprefix("HIPAA.Security-"): count for id, count in hipaa.items()} == {**in_both, **only_hipaa}
        assert {id.removeprefix("NIST.800.53.R5-"): count for id, count in nist.items()} == in_both

    def test_the_helper_switches_all_three_on(self) -> None:
        from cdk_intersystems.policy.packs import add_policy_packs
        from tests.policy.bad_stack import bad_app

        app = bad_app()
        add_policy_packs(app)
        with pytest.raises(RuntimeError) as error:
            app.synth()
        for id in ("AwsSolutions-EC23", "HIPAA.Security-EC2RestrictedSSH", "NIST.800.53.R5-EC2RestrictedSSH"):
            assert id in str(error.value)


def test_the_reference_app_is_held_to_the_packs_when_asked(tmp_path: Path) -> None:
    """With `-c policy=strict`: a finding then fails the synthesis. Without, cdk-nag isn't even loaded."""
    from aws_cdk import Stack
    from aws_cdk import aws_sns as sns

    from cdk_intersystems.configuration import deployment_of
    from stacks.deployment_app import define_deployment, make_app

    def synthesize(context: dict[str, object]) -> None:
        app = make_app(context, outdir=str(tmp_path))
        define_deployment(app, deployment_of(configuration("minimal")))
        network = app.node.find_child("minimal-primary-network")
        assert isinstance(network, Stack)
        sns.CfnTopic(network, "Plain")
        app.synth()

    synthesize({})
    with pytest.raises(RuntimeError, match="SNSEncryptedKMS"):
        synthesize({"policy": "strict"})


def test_an_ordinary_synthesis_does_not_load_cdk_nag() -> None:
    program = (
        "import sys; sys.path[:0] = ['constructs', '.']\n"
        "import stacks.deployment_app, cdk_intersystems.policy.packs, cdk_intersystems.policy.iris_checks\n"
        "sys.exit('cdk_nag' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
