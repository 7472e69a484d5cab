"""Checks of what the configuration brings: secrets, keys, certificates, topics, buckets, roles, the zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.plan import certificate_of
from cdk_intersystems.configuration.region import RegionBase

from .finding import Finding, failed, ok, unknown, warning

#: A certificate that has less left is no longer renewed by itself, as ACM begins 60 days before the end of one it issued.
#: Source: ACM User Guide, "Managed certificate renewal".
_RENEWED = timedelta(days=45)


def secrets(secretsmanager: Any, deployment: Deployment, role: str) -> Iterator[Finding]:
    """Whether the secrets are there. Their values are never read.

    Args:
        secretsmanager: A client of Secrets Manager.
        deployment: The deployment.
        role: The region's role.
    """
    platform = deployment.platform_of(role)
    authority = platform.certificate_authority
    wanted = {"license_secret": platform.license_secret, "certificate_authority": authority.secret if authority else None}
    for key, name in wanted.items():
        if name is None:
            continue
        try:
            found = secretsmanager.describe_secret(SecretId=name)
        except secretsmanager.exceptions.ResourceNotFoundException:
            hint = "replicate it from the primary region" if role == "dr" else "create it"
            yield failed(f"there is no secret {name} ({key}): {hint}")
            continue
        if found.get("DeletedDate"):
            yield failed(f"the secret {name} ({key}) is deleted on {found['DeletedDate']:%Y-%m-%d}: restore it")
        else:
            yield ok(f"{name} ({key})")


def private_ca(acm_pca: Any, deployment: Deployment, role: str) -> Iterator[Finding]:
    """Whether the AWS Private CA issues certificates.

    Args:
        acm_pca: A client of AWS Private CA.
        deployment: The deployment.
        role: The region's role.
    """
    authority = deployment.platform_of(role).certificate_authority
    if authority is None or authority.private_ca is None:
        return
    found = acm_pca.describe_certificate_authority(CertificateAuthorityArn=authority.private_ca)["CertificateAuthority"]
    if found["Status"] == "ACTIVE":
        yield ok("the private CA is active")
    else:
        yield failed(f"the private CA is {found['Status']}: activate it")


def certificates(acm: Any, deployment: Deployment, role: str, now: datetime | None = None) -> Iterator[Finding]:
    """Whether the web tiers' certificates are issued, long enough, for their names.

    Args:
        acm: A client of ACM.
        deployment: The deployment.
        role: The region's role.
        now: The time. Default: now.
    """
    at = now or datetime.now(UTC)
    for tier in deployment.web_tiers:
        arn = certificate_of(deployment, role, tier)
        try:
            found = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        except acm.exceptions.ResourceNotFoundException:
            yield failed(f"there is no certificate {arn} ({tier.name}): request or import it")
            continue
        dns = deployment.dns
        name = None if dns is None else f"{tier.name}.{dns.name}.{dns.zone}"
        yield _certificate(found, tier.name, name, at)


def _certificate(found: dict[str, Any], tier: str, name: str | None, at: datetime) -> Finding:
    if found["Status"] != "ISSUED":
        return failed(f"the certificate of {tier} is {found['Status']}: see ACM for what it waits for")
    names = {found.get("DomainName", ""), *found.get("SubjectAlternativeNames", [])}
    if name is not None and not names & {name, f"*.{name.partition('.')[2]}"}:
        return failed(f"the certificate of {tier} is for {', '.join(sorted(names))}, and not for {name}")
    ends: datetime | None = found.get("NotAfter")
    if ends is not None and ends - at < _RENEWED:
        return warning(f"the certificate of {tier} ends on {ends:%Y-%m-%d}: renew it")
    return ok(f"the certificate of {tier}" + (f", good until {ends:%Y-%m-%d}" if ends else ""))


def keys(kms: Any, deployment: Deployment, role: str) -> Iterator[Finding]:
    """Whether the KMS keys can be used.

    Args:
        kms: A client of KMS.
        deployment: The deployment.
        role: The region's role.
    """
    region, platform = deployment.regions.of(role), deployment.platform_of(role)
    authority = platform.certificate_authority
    wanted = {
        "encryption_key": region.encryption_key,
        "license_secret_key": platform.license_secret_key,
        "certificate_authority.secret_key": authority.secret_key if authority else None,
    }
    for name, arn in wanted.items():
        if arn is None:
            continue
        try:
            state = kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
        except kms.exceptions.NotFoundException:
            yield failed(f"there is no key {arn} ({name})")
            continue
        yield ok(f"the key of {name}") if state == "Enabled" else failed(f"the key of {name} is {state}: enable it")


def places(sns: Any, s3: Any, region: RegionBase) -> Iterator[Finding]:
    """Whether the alarm topic and the bucket of access logs are there.

    Args:
        sns: A client of SNS.
        s3: A client of S3.
        region: The region.
    """
    from botocore.exceptions import ClientError

    if region.alarm_topic is not None:
        try:
            sns.get_topic_attributes(TopicArn=region.alarm_topic)
        except sns.exceptions.NotFoundException:
            yield failed(f"there is no topic {region.alarm_topic}")
        else:
            yield ok("the alarm topic")
    if region.access_log_bucket is not None:
        try:
            s3.head_bucket(Bucket=region.access_log_bucket)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            bucket = f"the bucket {region.access_log_bucket}"
            yield failed(f"{bucket} is not there") if code == "404" else unknown(f"{bucket} may not be looked at ({code})")
        else:
            yield ok("the bucket of access logs")


def roles(iam: Any, deployment: Deployment) -> Iterator[Finding]:
    """Whether the roles that the configuration names are there, and the permissions boundary.

    Args:
        iam: A client of IAM.
        deployment: The deployment.
    """
    wanted: dict[str, str] = {}
    for role in deployment.regions.roles():
        settings = deployment.regions.of(role).roles
        named = {"member": settings.member, "arbiter": settings.arbiter, **settings.tiers}
        wanted |= {str(name): f"regions.{role}.roles.{key}" for key, name in named.items() if name}
    if (dr := deployment.regions.dr) is not None:
        wanted |= dict.fromkeys(dr.promotion.approvers, "promotion.approvers")
        wanted |= dict.fromkeys(dr.promotion.requesters, "promotion.requesters")
    for name, key in wanted.items():
        try:
            iam.get_role(RoleName=name.rpartition("/")[2])
        except iam.exceptions.NoSuchEntityException:
            yield failed(f"there is no role {name} ({key}): create it, or name another")
        else:
            yield ok(f"{name.rpartition('/')[2]} ({key})")
    if deployment.permissions_boundary is not None:
        try:
            iam.get_policy(PolicyArn=deployment.permissions_boundary)
        except iam.exceptions.NoSuchEntityException:
            yield failed(f"there is no policy {deployment.permissions_boundary} (permissions_boundary)")
        else:
            yield ok("the permissions boundary")


def zone(route53: Any, deployment: Deployment) -> Iterator[Finding]:
    """Whether the hosted zone is ours, and is the one that the configuration names.

    Args:
        route53: A client of Route 53.
        deployment: The deployment.
    """
    dns = deployment.dns
    if dns is None:
        return
    try:
        found = route53.get_hosted_zone(Id=dns.zone_id)
    except route53.exceptions.NoSuchHostedZone:
        yield failed(f"this account has no hosted zone {dns.zone_id}: create {dns.zone}, or name the zone that is ours")
        return
    name, private = found["HostedZone"]["Name"].rstrip("."), found["HostedZone"]["Config"].get("PrivateZone", False)
    if name != dns.zone:
        yield failed(f"{dns.zone_id} is the zone {name}, and not {dns.zone}")
    elif private != dns.private:
        yield failed(f"{dns.zone_id} is {'private' if private else 'public'}, dns.private says {str(dns.private).lower()}")
    else:
        yield ok(f"{dns.zone} is ours")
