"""`platform`: which InterSystems product, on what it runs, and where the hosts' software comes from."""

import re
from typing import Annotated, Literal

from cdk_intersystems.model import platform as model
from cdk_intersystems.model.arns import shape_problem
from cdk_intersystems.model.instance_types import Architecture
from cdk_intersystems.model.platform import OperatingSystem, S3Object, sha256_problem, uri_problem

from .section import KeyArn, Section, Text, arn, checked, key, region_problem

Product = Literal["iris", "irishealth", "trakcare", "healthshare", "healthconnect"]


def _secret_problem(value: str) -> str | None:
    if value.startswith("arn:"):
        return shape_problem(value, "secret")
    # Source: Secrets Manager API Reference, CreateSecret, Name.
    if re.fullmatch(r"[A-Za-z0-9/_+=.@-]{1,512}", value):
        return None
    return "needs the name of a Secrets Manager secret (letters, digits and /_+=.@-) or its ARN"


SecretReference = Annotated[Text, checked(_secret_problem)]


class S3ObjectConfig(Section):
    """An object in S3 that hosts fetch."""

    uri: Annotated[Text, checked(uri_problem)] = key(
        "Its address in S3, `s3://<bucket>/<key>`, without spaces and `* ? [ $`. The bucket may be in another account.",
        example="s3://example-kits/IRISHealth-2025.3-lnxrh9x64.tar.gz",
    )
    sha256: Annotated[Text, checked(sha256_problem)] = key(
        "SHA-256 of its content, as `sha256sum` prints it. A host refuses any other content.",
        example="0123456789abcdef" * 4,
    )
    key_arn: KeyArn | None = key(
        "ARN of the KMS key it is encrypted with. It may be in another region or account, as the bucket may.",
        default=None,
        default_text="it needs no key of its own",
        example="arn:aws:kms:eu-west-2:111122223333:key/11111111-2222-3333-4444-555555555555",
    )
    region: Annotated[Text, checked(region_problem)] | None = key(
        "Region of the bucket.",
        default=None,
        default_text="that of the key; without one, the deployment's",
        example="eu-west-2",
    )

    def model(self) -> S3Object:
        """The object as the model has it."""
        return S3Object(uri=self.uri, sha256=self.sha256, key_arn=self.key_arn, region=self.region)


class CertificateAuthority(Section):
    """What issues the certificates of members and application servers, in every mirror set: one of the two."""

    secret: SecretReference | None = key(
        "Name or ARN of the Secrets Manager secret with a certificate authority of your own, in the deployment's region and "
        'account: JSON, `{"certificate": PEM, "private_key": PEM}`.',
        default=None,
        default_text="`private_ca` must be there",
        example="trakcare/authority",
    )
    secret_key: KeyArn | None = key(
        "ARN of the KMS key that `secret` is encrypted with; in the deployment's region and account.",
        default=None,
        default_text="AWS's own key for Secrets Manager",
        example="arn:aws:kms:eu-west-2:111122223333:key/11111111-2222-3333-4444-555555555555",
    )
    private_ca: Annotated[Text, arn("private-ca")] | None = key(
        "ARN of an AWS Private CA in the deployment's region and account.",
        default=None,
        default_text="`secret` must be there",
        example="arn:aws:acm-pca:eu-west-2:111122223333:certificate-authority/11111111-2222-3333-4444-555555555555",
    )


class Platform(Section):
    """What runs on the members and application servers."""

    product: Product = key("The InterSystems product.", example="iris")
    operating_system: OperatingSystem = key(
        "Operating system of the AMI. These are the ones IRIS supports that AWS offers; Amazon Linux is none of them "
        "(InterSystems Supported Platforms).",
        example="rhel9",
    )
    architecture: Architecture = key(
        "Processor architecture of the AMI and of every instance type.",
        example="x86_64",
    )
    capacity_platform: Literal["Linux/UNIX", "Red Hat Enterprise Linux"] = key(
        "How EC2 bills the AMI (`PlatformDetails` of DescribeImages), which a capacity reservation has to match. RHEL of your "
        "own subscription is billed as `Linux/UNIX`. It matters only with `purchase: capacity-reservation` and `tenancy: "
        "dedicated-host`.",
        default_text="`Red Hat Enterprise Linux` on RHEL, else `Linux/UNIX`",
        example="Linux/UNIX",
    )
    packages: Literal["repositories", "archive", "image"] = key(
        "Where packages beyond the AMI come from: the distribution's `repositories`, which need `internet: true`; the archive "
        "`packages_archive`; or nowhere, as they are in the `image`.",
        default_text="`archive` if there is `packages_archive`, else `repositories`",
        example="repositories",
    )
    packages_archive: S3ObjectConfig | None = key(
        "The archive of packages, with those that `python -m cdk_intersystems.configuration packages` lists.",
        default=None,
        default_text="none",
        example=None,
    )
    kit: S3ObjectConfig | None = key(
        "The installation kit of the product, which also has the Web Gateway.",
        default=None,
        default_text="the AMI has the product installed",
        example=None,
    )
    arbiter_kit: S3ObjectConfig | None = key(
        "The installation kit of the ISCAgent, for the arbiters.",
        default=None,
        default_text="the AMI has the ISCAgent installed",
        example=None,
    )
    certificate_authority: CertificateAuthority | None = key(
        "What issues the certificates of members and application servers.",
        default=None,
        default_text="for each mirror set a new secret, in which its first member makes an authority",
        example=None,
    )
    license_secret: SecretReference | None = key(
        "Name or ARN of the Secrets Manager secret that holds the licence key (`iris.key`), in the deployment's region and "
        "account.",
        default=None,
        default_text="the AMI has the licence key, or the product needs none",
        example="trakcare/iris-key",
    )
    license_secret_key: KeyArn | None = key(
        "ARN of the KMS key that `license_secret` is encrypted with; in the deployment's region and account.",
        default=None,
        default_text="AWS's own key for Secrets Manager",
        example="arn:aws:kms:eu-west-2:111122223333:key/11111111-2222-3333-4444-555555555555",
    )

    def model(self) -> model.Platform:
        """The platform as constructs take it."""
        return model.Platform(
            operating_system=self.operating_system,
            architecture=self.architecture,
            packages=self.packages_archive.model() if self.packages_archive else self._packages(),
            kit=self.kit.model() if self.kit else None,
            arbiter_kit=self.arbiter_kit.model() if self.arbiter_kit else None,
        )

    def _packages(self) -> Literal["repositories", "image"]:
        assert self.packages != "archive", "held by a rule"
        return self.packages
