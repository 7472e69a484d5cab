"""Golden images: where their packages come from."""

from collections.abc import Iterator

from cdk_intersystems.model.platform import packages_problem

from ..deployment import Deployment
from ..problems import Path, Problem

_ARCHIVE: Path = ("golden_image", "packages_archive")
_INTERNET: Path = ("regions", "primary", "internet")


def golden_image_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks that the images can be made."""
    if deployment.golden_image is None:
        return
    platform = deployment.golden_image.platform(deployment.platform)
    message = packages_problem(platform.archive or platform.packages, internet=deployment.regions.primary.internet)
    if message is not None:
        yield Problem(path=_ARCHIVE, message=message, reads=(_INTERNET,))
