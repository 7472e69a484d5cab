"""Golden images: where their packages come from."""

from collections.abc import Iterator

from cdk_intersystems.model.platform import packages_problem

from ..deployment import Deployment
from ..problems import Path, Problem

_ARCHIVE: Path = ("golden_image", "packages_archive")


def golden_image_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks that the images can be made."""
    if deployment.golden_image is None or not deployment.regions.roles():
        return
    platform = deployment.golden_image.platform(deployment.platform)
    message = packages_problem(platform.archive or platform.packages, internet=deployment.regions.serving().internet)
    if message is not None:
        yield Problem(path=_ARCHIVE, message=message, reads=(("regions", deployment.regions.first_role(), "internet"),))
