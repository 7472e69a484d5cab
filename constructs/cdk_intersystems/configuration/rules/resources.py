"""Resources that exist already: in the deployment's partition, and in the region and account where they must be."""

from collections.abc import Iterator

from cdk_intersystems.model.arns import place_problem
from cdk_intersystems.model.regions import partition

from ..deployment import Deployment
from ..platform import S3ObjectConfig
from ..problems import Path, Problem

_ACCOUNT: Path = ("account",)
_DR: Path = ("regions", "dr")


def resource_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks where each ARN of the deployment lies."""
    platform = deployment.platform
    if platform.license_secret_key is not None and platform.license_secret is None:
        message = "there is no license_secret that it could be the key of: state that too, or leave this out"
        yield Problem(path=("platform", "license_secret_key"), message=message, reads=(("platform", "license_secret"),))
    told: set[Path] = set()
    for role in deployment.regions.roles():
        for problem in _region_problems(deployment, role):
            # What both regions share may be wrong for both.
            if problem.path not in told:
                told.add(problem.path)
                yield problem


def _region_problems(deployment: Deployment, role: str) -> Iterator[Problem]:
    settings = deployment.regions.of(role)
    region, path_of_region = settings.region, ("regions", role, "region")
    for path, text in _near(deployment, role):
        if text is None or not text.startswith("arn:"):
            continue
        message = place_problem(text, partition=partition(region), region=region, account=deployment.account)
        if message is not None:
            yield _placed(deployment, role, path, message, (path_of_region, _ACCOUNT))
    if (layer := settings.powertools_layer) is not None:
        # It may be another account's, as the public one is.
        message = place_problem(layer, partition=partition(region), region=region)
        if message is not None:
            yield Problem(path=("regions", role, "powertools_layer"), message=message, reads=(path_of_region,))
    for path, fetched in _fetched(deployment, role):
        if fetched is not None and fetched.key_arn is not None:
            # It may lie in the bucket of another account or region, and its key with it.
            message = place_problem(fetched.key_arn, partition=partition(region))
            if message is not None:
                yield Problem(path=(*path, "key_arn"), message=message, reads=(path_of_region,))


def _placed(deployment: Deployment, role: str, path: Path, message: str, reads: tuple[Path, ...]) -> Problem:
    """A key of `platform` is right for the primary region: for the DR region another one is missing beside it."""
    shared = path[:1] == ("platform",) and role == "dr" and deployment.regions.primary is not None
    if not shared:
        return Problem(path=path, message=message, reads=reads)
    place = ".".join(str(part) for part in path)
    missing = f"missing; {place} stands in one region only: {message}; name what this region has instead"
    return Problem(path=(*_DR, *path), message=missing, reads=(*reads, path))


def _own(deployment: Deployment, role: str, *names: str) -> Path:
    """Where a key of the platform in a region stands."""
    dr = deployment.regions.dr
    own = role == "dr" and dr is not None and getattr(dr.platform, names[0]) is not None
    return (*_DR, "platform", *names) if own else ("platform", *names)


def _fetched(deployment: Deployment, role: str) -> Iterator[tuple[Path, S3ObjectConfig | None]]:
    """What hosts and images fetch from S3."""
    platform, image = deployment.platform_of(role), deployment.golden_image
    for name in ("kit", "arbiter_kit", "packages_archive"):
        yield _own(deployment, role, name), getattr(platform, name)
    if image is not None and role == deployment.regions.first_role():
        yield ("golden_image", "kit"), image.kit
        yield ("golden_image", "packages_archive"), image.packages_archive


def _near(deployment: Deployment, role: str) -> Iterator[tuple[Path, str | None]]:
    """The ARNs that must be in a region and in the deployment's account."""
    settings, platform = deployment.regions.of(role), deployment.platform_of(role)
    base: Path = ("regions", role)
    yield ("permissions_boundary",), deployment.permissions_boundary
    for name in ("license_secret", "license_secret_key"):
        yield _own(deployment, role, name), getattr(platform, name)
    if (authority := platform.certificate_authority) is not None:
        for name in ("secret", "secret_key", "private_ca"):
            yield _own(deployment, role, "certificate_authority", name), getattr(authority, name)
    yield (*base, "encryption_key"), settings.encryption_key
    yield (*base, "alarm_topic"), settings.alarm_topic
    yield (*base, "roles", "member"), settings.roles.member
    yield (*base, "roles", "arbiter"), settings.roles.arbiter
    for name, arn in settings.roles.tiers.items():
        yield (*base, "roles", "tiers", name), arn
    yield from _of_dr(deployment) if role == "dr" else ()
    if role == deployment.regions.first_role():
        dr = deployment.regions.dr
        for index, tier in enumerate(deployment.web_tiers):
            if role == "primary" or dr is None or tier.name not in dr.certificates:
                yield ("web_tiers", index, "certificate"), tier.certificate


def _of_dr(deployment: Deployment) -> Iterator[tuple[Path, str | None]]:
    dr = deployment.regions.dr
    if dr is None:
        return
    for name, arn in dr.certificates.items():
        yield (*_DR, "certificates", name), arn
    for name in ("primary", "dr"):
        yield (*_DR, "latch", name), getattr(dr.latch, name)
    for name in ("approvers", "requesters"):
        for index, role in enumerate(getattr(dr.promotion, name)):
            yield (*_DR, "promotion", name, index), role
