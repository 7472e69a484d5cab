"""The platform: where packages come from, and what issues certificates."""

from collections.abc import Iterator

from cdk_intersystems.model.platform import packages_problem

from ..deployment import Deployment
from ..problems import Path, Problem

_PACKAGES: Path = ("platform", "packages")
_ARCHIVE: Path = ("platform", "packages_archive")
_AUTHORITY: Path = ("platform", "certificate_authority")
_INTERNET: Path = ("regions", "primary", "internet")


def platform_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks the platform."""
    platform = deployment.platform
    internet = deployment.regions.primary.internet
    if platform.packages == "archive" and platform.packages_archive is None:
        message = "missing; packages come from the archive, so say where it is: uri and sha256"
        yield Problem(path=_ARCHIVE, message=message, reads=(_PACKAGES,))
    elif platform.packages != "archive" and platform.packages_archive is not None:
        message = "there is an archive of packages, which nobody would use: state archive, or leave packages_archive out"
        yield Problem(path=_PACKAGES, message=message, reads=(_ARCHIVE,))
    elif (message := packages_problem(platform.packages, internet=internet) or "") != "":
        yield Problem(path=_PACKAGES, message=message, reads=(_ARCHIVE, _INTERNET))
    yield from _authority(deployment)


def _authority(deployment: Deployment) -> Iterator[Problem]:
    authority = deployment.platform.certificate_authority
    if authority is None:
        return
    secret: Path = (*_AUTHORITY, "secret")
    private_ca: Path = (*_AUTHORITY, "private_ca")
    if authority.secret is not None and authority.private_ca is not None:
        message = "either secret or private_ca, not both"
        yield Problem(path=private_ca, message=message, reads=(secret,))
    elif authority.secret is None and authority.private_ca is None:
        message = "missing; needs secret or private_ca, or leave certificate_authority out for a new secret in each mirror set"
        yield Problem(path=secret, message=message, reads=(private_ca,))
    if authority.secret_key is not None and authority.secret is None:
        message = "there is no secret that it could be the key of: state that too, or leave this out"
        yield Problem(path=(*_AUTHORITY, "secret_key"), message=message, reads=(secret,))
