"""The platform: where packages come from, and what issues certificates."""

from collections.abc import Iterator

from cdk_intersystems.model.platform import packages_problem

from ..deployment import Deployment
from ..platform import CertificateAuthority, S3ObjectConfig
from ..problems import Path, Problem, path_text

_PACKAGES: Path = ("platform", "packages")
_ARCHIVE: Path = ("platform", "packages_archive")
_AUTHORITY: Path = ("platform", "certificate_authority")
_DR: Path = ("regions", "dr", "platform")

#: What hosts fetch; in the DR region never from a bucket of the primary region.
_FETCHED = ("kit", "arbiter_kit", "packages_archive")


def platform_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks the platform."""
    platform = deployment.platform
    if platform.packages == "archive" and platform.packages_archive is None:
        message = "missing; packages come from the archive, so say where it is: uri and sha256"
        yield Problem(path=_ARCHIVE, message=message, reads=(_PACKAGES,))
    elif platform.packages != "archive" and platform.packages_archive is not None:
        message = "there is an archive of packages, which nobody would use: state archive, or leave packages_archive out"
        yield Problem(path=_PACKAGES, message=message, reads=(_ARCHIVE,))
    else:
        yield from _reached(deployment)
    if platform.certificate_authority is not None:
        yield from _authority(_AUTHORITY, platform.certificate_authority)
    yield from _dr_platform(deployment)


def _reached(deployment: Deployment) -> Iterator[Problem]:
    for role in deployment.regions.roles():
        internet: Path = ("regions", role, "internet")
        message = packages_problem(deployment.platform_of(role).packages, internet=deployment.regions.of(role).internet)
        if message is not None:
            yield Problem(path=_PACKAGES, message=message, reads=(_ARCHIVE, internet))
            return


def _dr_platform(deployment: Deployment) -> Iterator[Problem]:
    dr, platform = deployment.regions.dr, deployment.platform
    if dr is None:
        return
    if dr.platform.packages_archive is not None and platform.packages_archive is None:
        message = "platform has no archive of packages that this would be another of: state that too, or leave this out"
        yield Problem(path=(*_DR, "packages_archive"), message=message, reads=(_ARCHIVE,))
    if dr.platform.certificate_authority is not None:
        yield from _authority((*_DR, "certificate_authority"), dr.platform.certificate_authority)
    if deployment.platform_of("dr").certificate_authority is None:
        message = (
            "missing; members of both places trust each other's certificates, so the authority is brought: a secret that "
            "stands in both regions, or private_ca"
        )
        yield Problem(path=_AUTHORITY, message=message, reads=((*_DR, "certificate_authority"),))
    if deployment.regions.primary is not None:
        yield from _fetched_elsewhere(deployment, deployment.regions.primary.region)


def _fetched_elsewhere(deployment: Deployment, primary: str) -> Iterator[Problem]:
    """A host of the DR region sets itself up while the primary region is lost."""
    dr, known = deployment.regions.dr, _buckets(deployment, primary)
    for name in _FETCHED:
        fetched: S3ObjectConfig | None = getattr(deployment.platform_of("dr"), name)
        if fetched is None:
            continue
        own = getattr(dr.platform if dr is not None else None, name, None) is not None
        said, path = _said(fetched), (*_DR, name)
        lies_in, by = known.get(_bucket(fetched), (said, path))
        if own and said not in ("", lies_in):
            message = f"{_bucket(fetched)} lies in {lies_in} by {path_text(by)}, and a bucket lies in one region"
            yield Problem(path=(*path, "region"), message=message, got=said, reads=(by, (*path, "key_arn")))
        elif (said or lies_in) == primary:
            message = (
                f"{'' if own else 'missing; what platform has '}lies in the primary region {primary}, and a host could not be "
                "set up while that is lost: name a copy in a bucket elsewhere"
            )
            reads: tuple[Path, ...] = (("platform", name), ("regions", "primary", "region"))
            yield Problem(path=path, message=message, got=fetched.uri if own else None, reads=reads)


def _buckets(deployment: Deployment, primary: str) -> dict[str, tuple[str, Path]]:
    """The region of each bucket that `platform` names, and the object that says so."""
    known: dict[str, tuple[str, Path]] = {}
    for name in _FETCHED:
        fetched: S3ObjectConfig | None = getattr(deployment.platform, name)
        if fetched is not None and _said(fetched):
            known.setdefault(_bucket(fetched), (_said(fetched), ("platform", name)))
    for name in _FETCHED:
        # Where nothing says it, it is that of the hosts it was written for.
        if (fetched := getattr(deployment.platform, name)) is not None:
            known.setdefault(_bucket(fetched), (primary, ("platform", name)))
    return known


def _said(fetched: S3ObjectConfig) -> str:
    return str(fetched.model().description()["region"])


def _bucket(fetched: S3ObjectConfig) -> str:
    return fetched.uri.removeprefix("s3://").partition("/")[0]


def _authority(path: Path, authority: CertificateAuthority) -> Iterator[Problem]:
    secret: Path = (*path, "secret")
    private_ca: Path = (*path, "private_ca")
    if authority.secret is not None and authority.private_ca is not None:
        message = "either secret or private_ca, not both"
        yield Problem(path=private_ca, message=message, reads=(secret,))
    elif authority.secret is None and authority.private_ca is None:
        message = "missing; needs secret or private_ca, or leave certificate_authority out for a new secret in each mirror set"
        yield Problem(path=secret, message=message, reads=(private_ca,))
    if authority.secret_key is not None and authority.secret is None:
        message = "there is no secret that it could be the key of: state that too, or leave this out"
        yield Problem(path=(*path, "secret_key"), message=message, reads=(secret,))
