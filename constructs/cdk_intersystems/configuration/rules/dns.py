"""DNS: the full names that clients know the deployment by are not longer than a name can be."""

from collections.abc import Iterator

from ..deployment import Deployment
from ..dns import LONGEST_NAME
from ..problems import Path, Problem

_NAME: Path = ("dns", "name")
_ZONE: Path = ("dns", "zone")


def dns_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks the longest of the full names; the others are too long only if it is."""
    if deployment.dns is None:
        return
    labels: list[tuple[str, Path]] = [
        (mirror_set.name.lower(), ("mirror_sets", index, "name")) for index, mirror_set in enumerate(deployment.mirror_sets)
    ]
    labels += [(tier.name, ("web_tiers", index, "name")) for index, tier in enumerate(deployment.web_tiers)]
    label, path = max(labels, key=lambda each: len(each[0]))
    characters = len(f"{label}.{deployment.dns.name}.{deployment.dns.zone}")
    if characters > LONGEST_NAME:
        message = f"the name of {label} in the zone would have {characters} characters, and at most {LONGEST_NAME} are allowed"
        yield Problem(path=_NAME, message=message, reads=(_ZONE, path))
