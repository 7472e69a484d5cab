"""DNS: the full names that clients know the deployment by are not longer than a name can be, and differ."""

from collections.abc import Iterator

from ..deployment import Deployment
from ..dns import LONGEST_NAME
from ..plan import own_label, vip_label
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
    vips = {
        vip_label(mirror_set): ("mirror_sets", index, "name")
        for index, mirror_set in enumerate(deployment.mirror_sets)
        if mirror_set.endpoint.vip is not None
    }
    labels += vips.items()
    for index, tier in enumerate(deployment.web_tiers):
        if tier.name in vips:
            message = "is in the zone also the name of the virtual IP of a mirror set: choose another"
            yield Problem(path=("web_tiers", index, "name"), message=message, got=tier.name, reads=(vips[tier.name],))
    labels += [(tier.name, ("web_tiers", index, "name")) for index, tier in enumerate(deployment.web_tiers)]
    if deployment.regions.dr is not None:
        yield from _own_names(labels)
        labels = [(own_label(label, "primary"), path) for label, path in labels]
    label, path = max(labels, key=lambda each: len(each[0]))
    characters = len(f"{label}.{deployment.dns.name}.{deployment.dns.zone}")
    if characters > LONGEST_NAME:
        message = f"the name of {label} in the zone would have {characters} characters, and at most {LONGEST_NAME} are allowed"
        yield Problem(path=_NAME, message=message, reads=(_ZONE, path))


def _own_names(labels: list[tuple[str, Path]]) -> Iterator[Problem]:
    """Beside each name that moves between regions there is one for each region."""
    own = {own_label(label, role): path for label, path in labels for role in ("primary", "dr")}
    for label, path in labels:
        if label in own and own[label] != path:
            message = "is in the zone also what another is called in one region: choose another"
            yield Problem(path=path, message=message, got=label, reads=(own[label], ("regions", "dr")))
