"""Regions: which there are, and what each needs of the others."""

from collections.abc import Iterator

from cdk_intersystems.model.regions import partition
from cdk_intersystems.model.topology import system_name

from ..deployment import Deployment
from ..plan import system_names
from ..problems import Path, Problem

_PRIMARY: Path = ("regions", "primary")
_DR: Path = ("regions", "dr")
_PREMISES: Path = ("regions", "on_premises")


def region_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks which regions there are."""
    regions = deployment.regions
    if regions.primary is not None and regions.on_premises is not None:
        message = "either primary or on_premises, not both: the failover members stand in one place"
        yield Problem(path=_PREMISES, message=message, reads=(_PRIMARY,))
    elif regions.primary is None and regions.on_premises is None:
        message = "missing; needs primary (the region that serves clients), or on_premises with dr"
        yield Problem(path=_PRIMARY, message=message, reads=(_PREMISES,))
    elif regions.on_premises is not None and regions.dr is None:
        message = "missing; members on premises need a region that takes over from them"
        yield Problem(path=_DR, message=message, reads=(_PREMISES,))
    if regions.primary is not None and regions.dr is not None:
        yield from _two_regions(regions.primary.region, regions.dr.region)
    if regions.dr is not None and deployment.dns is None:
        message = (
            "missing; clients follow from one region to the other by name: needs a mapping with zone, zone_id, name, the "
            "hosted zone that the failover records go into"
        )
        yield Problem(path=("dns",), message=message, reads=(_DR,))
    yield from _premises(deployment)


def _two_regions(primary: str, dr: str) -> Iterator[Problem]:
    path, reads = (*_DR, "region"), ((*_PRIMARY, "region"),)
    if primary == dr:
        yield Problem(path=path, message="is the primary region too, and would be lost with it: choose another", reads=reads)
    elif partition(primary) != partition(dr):
        message = (
            f"is in the partition {partition(dr)}, and {primary} in {partition(primary)}: accounts, keys and networks don't "
            f"reach from one to the other; choose a region of {partition(primary)}"
        )
        yield Problem(path=path, message=message, reads=reads)


def _premises(deployment: Deployment) -> Iterator[Problem]:
    premises = deployment.regions.on_premises
    if premises is None:
        return
    sets = {mirror_set.name: mirror_set for mirror_set in deployment.mirror_sets}
    base: Path = (*_PREMISES, "mirror_sets")
    for name in sets:
        if name not in premises.mirror_sets:
            message = f"missing; the failover members of mirror set {name} need members, each by its system name"
            yield Problem(path=(*base, name), message=message, reads=(("mirror_sets",),))
    for name, mirror in premises.mirror_sets.items():
        if name not in sets:
            message = f"no mirror set of this name; there are: {', '.join(sets)}"
            yield Problem(path=(*base, name), message=message, reads=(("mirror_sets",),))
            continue
        ours = set(system_names(deployment, "dr", sets[name]).values())
        ours.add(system_name(name, sets[name].number, "b", "dr"))
        for member in mirror.members:
            if member in ours:
                message = f"is the name of a member of the DR region; those are {', '.join(sorted(ours))}: rename this one"
                yield Problem(path=(*base, name, "members", member), message=message, got=repr(member))
        addresses = [*mirror.members.values(), *([mirror.arbiter] if mirror.arbiter else [])]
        if len(set(addresses)) != len(addresses):
            message = "two of its hosts have one address: each needs its own"
            yield Problem(path=(*base, name, "members"), message=message)
        for subject in mirror.subjects:
            if subject not in mirror.members:
                message = f"no member of this name; there are: {', '.join(mirror.members)}"
                yield Problem(path=(*base, name, "subjects", subject), message=message, reads=((*base, name, "members"),))
