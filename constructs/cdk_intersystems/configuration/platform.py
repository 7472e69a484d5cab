"""`platform`: which InterSystems product, on which operating system and processors."""

import re
from typing import Annotated, Literal

from cdk_intersystems.model.arns import shape_problem
from cdk_intersystems.model.instance_types import Architecture

from .section import KeyArn, Section, Text, checked, key, matching

Product = Literal["iris", "irishealth", "trakcare", "healthshare", "healthconnect"]
OperatingSystem = Literal["rhel9", "rhel10", "ubuntu2204", "ubuntu2404"]


def _secret_problem(value: str) -> str | None:
    if value.startswith("arn:"):
        return shape_problem(value, "secret")
    # Source: Secrets Manager API Reference, CreateSecret, Name.
    if re.fullmatch(r"[A-Za-z0-9/_+=.@-]{1,512}", value):
        return None
    return "needs the name of a Secrets Manager secret (letters, digits and /_+=.@-) or its ARN"


class Kit(Section):
    """The InterSystems installation kit, and where it lies."""

    uri: Annotated[
        Text,
        # It becomes the resource of an IAM policy, where these would stand for something else. Source: IAM User Guide,
        # "IAM JSON policy elements: Resource", wildcards and policy variables.
        matching(
            r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s*?\[$]+",
            "needs the address of one S3 object, s3://<bucket>/<key>, without spaces and * ? [ $",
        ),
    ] = key(
        "Address of the kit in S3, `s3://<bucket>/<key>`, without spaces and `* ? [ $`. The bucket may be in another account.",
        example="s3://example-kits/IRISHealth-2025.3-lnxrh9x64.tar.gz",
    )
    key_arn: KeyArn | None = key(
        "ARN of the KMS key the kit is encrypted with. It may be in another region or account, as the bucket may.",
        default=None,
        default_text="the kit needs no key of its own",
        example="arn:aws:kms:eu-west-2:111122223333:key/11111111-2222-3333-4444-555555555555",
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
    kit: Kit | None = key("The installation kit.", default=None, default_text="the AMI has the product installed", example=None)
    license_secret: Annotated[Text, checked(_secret_problem)] | None = key(
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
