"""Resources that exist already: in the deployment's partition, and in its region and account where they must be."""

from collections.abc import Iterator

from cdk_intersystems.model.arns import place_problem
from cdk_intersystems.model.regions import partition

from ..deployment import Deployment
from ..platform import S3ObjectConfig
from ..problems import Path, Problem

_REGION: Path = ("regions", "primary", "region")
_ACCOUNT: Path = ("account",)


def resource_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks where each ARN of the deployment lies."""
    region = deployment.regions.primary.region
    for path, text in _near(deployment):
        if text is None or not text.startswith("arn:"):
            continue
        message = place_problem(text, partition=partition(region), region=region, account=deployment.account)
        if message is not None:
            yield Problem(path=path, message=message, reads=(_REGION, _ACCOUNT))
    platform = deployment.platform
    if platform.license_secret_key is not None and platform.license_secret is None:
        message = "there is no license_secret that it could be the key of: state that too, or leave this out"
        yield Problem(path=("platform", "license_secret_key"), message=message, reads=(("platform", "license_secret"),))
    if (layer := deployment.regions.primary.powertools_layer) is not None:
        # It may be another account's, as the public one is.
        message = place_problem(layer, partition=partition(region), region=region)
        if message is not None:
            yield Problem(path=("regions", "primary", "powertools_layer"), message=message, reads=(_REGION,))
    for path, fetched in _fetched(deployment):
        if fetched is not None and fetched.key_arn is not None:
            # It may lie in the bucket of another account or region, and its key with it.
            message = place_problem(fetched.key_arn, partition=partition(region))
            if message is not None:
                yield Problem(path=(*path, "key_arn"), message=message, reads=(_REGION,))


def _fetched(deployment: Deployment) -> Iterator[tuple[Path, S3ObjectConfig | None]]:
    """What hosts and images fetch from S3."""
    platform, image = deployment.platform, deployment.golden_image
    yield ("platform", "kit"), platform.kit
    yield ("platform", "arbiter_kit"), platform.arbiter_kit
    yield ("platform", "packages_archive"), platform.packages_archive
    if image is not None:
        yield ("golden_image", "kit"), image.kit
        yield ("golden_image", "packages_archive"), image.packages_archive


def _near(deployment: Deployment) -> Iterator[tuple[Path, str | None]]:
    """The ARNs that must be in the deployment's own region and account."""
    primary = deployment.regions.primary
    base: Path = ("regions", "primary")
    yield ("permissions_boundary",), deployment.permissions_boundary
    yield ("platform", "license_secret"), deployment.platform.license_secret
    yield ("platform", "license_secret_key"), deployment.platform.license_secret_key
    if (authority := deployment.platform.certificate_authority) is not None:
        for name in ("secret", "secret_key", "private_ca"):
            yield ("platform", "certificate_authority", name), getattr(authority, name)
    yield (*base, "encryption_key"), primary.encryption_key
    yield (*base, "alarm_topic"), primary.alarm_topic
    yield (*base, "roles", "member"), primary.roles.member
    yield (*base, "roles", "arbiter"), primary.roles.arbiter
    for name, role in primary.roles.tiers.items():
        yield (*base, "roles", "tiers", name), role
    for index, tier in enumerate(deployment.web_tiers):
        yield ("web_tiers", index, "certificate"), tier.certificate
