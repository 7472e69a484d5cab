"""AWS Private CA."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import TYPE_CHECKING, Any, Mapping

from ..errors import StepError
from .client import AwsError

if TYPE_CHECKING:
    from .client import Aws

#: Policy: an issued certificate is there within seconds; this is how long it is asked for.
_ISSUE_SECONDS = 60.0
_ASK_EVERY_SECONDS = 1.0


def issue(aws: Aws, ca_arn: str, csr: str, days: int) -> str:
    """Has a certificate issued by the template that is the default, EndEntityCertificate/V1: good as client and as server.

    Source: AWS Private CA User Guide, "AWS Private CA template definitions".

    Args:
        aws: AWS.
        ca_arn: ARN of the private CA.
        csr: The certificate signing request, in PEM.
        days: For how many days it is good.

    Returns:
        The certificate, followed by the chain of those that issued it, in PEM.

    Raises:
        AwsError: It is refused.
        StepError: It wasn't issued in time.
    """
    request = {
        "CertificateAuthorityArn": ca_arn,
        "Csr": base64.b64encode(csr.encode()).decode(),
        "SigningAlgorithm": _signing_algorithm(aws, ca_arn),
        "Validity": {"Type": "DAYS", "Value": days},
        # The same request, repeated because its answer got lost, is one certificate.
        "IdempotencyToken": hashlib.sha256(csr.encode()).hexdigest()[:36],
    }
    arn = aws.json("acm-pca", "IssueCertificate", request, ca_arn)["CertificateArn"]
    ends = time.monotonic() + _ISSUE_SECONDS
    while True:
        try:
            return _joined(
                aws.json("acm-pca", "GetCertificate", {"CertificateAuthorityArn": ca_arn, "CertificateArn": arn}, arn)
            )
        except AwsError as error:
            if error.code != "RequestInProgressException":
                raise
        if time.monotonic() > ends:
            raise StepError(f"acm-pca has not issued {arn} within {_ISSUE_SECONDS:.0f} s")
        time.sleep(_ASK_EVERY_SECONDS)


def certificate(aws: Aws, ca_arn: str) -> str:
    """The certificate of a private CA, followed by the chain of those above it, in PEM.

    Args:
        aws: AWS.
        ca_arn: ARN of the private CA.

    Raises:
        AwsError: It is refused.
    """
    return _joined(aws.json("acm-pca", "GetCertificateAuthorityCertificate", {"CertificateAuthorityArn": ca_arn}, ca_arn))


def _signing_algorithm(aws: Aws, ca_arn: str) -> str:
    """The one the CA was made with: another family than its key's is refused."""
    found = aws.json("acm-pca", "DescribeCertificateAuthority", {"CertificateAuthorityArn": ca_arn}, ca_arn)
    return str(found["CertificateAuthority"]["CertificateAuthorityConfiguration"]["SigningAlgorithm"])


def _joined(answer: Mapping[str, Any]) -> str:
    return "".join(answer.get(part, "").strip() + "\n" for part in ("Certificate", "CertificateChain") if answer.get(part))
