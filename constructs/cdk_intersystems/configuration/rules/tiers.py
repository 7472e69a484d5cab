"""Application and web tiers: what they work with exists, and their sizes make sense."""

from collections.abc import Iterator
from difflib import get_close_matches

from ..deployment import Deployment
from ..problems import Path, Problem


def tier_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks the tiers."""
    sets = [mirror_set.name for mirror_set in deployment.mirror_sets]
    applications = [tier.name for tier in deployment.application_tiers]
    for index, tier in enumerate(deployment.application_tiers):
        path: Path = ("application_tiers", index)
        yield from _sizes(path, tier.min, tier.max)
        yield from _known(path, "mirror_set", tier.mirror_set, sets, "mirror set")
    for index, web in enumerate(deployment.web_tiers):
        path = ("web_tiers", index)
        yield from _sizes(path, web.min, web.max)
        if web.scheme == "internal" and not web.client_cidrs:
            message = "missing; an internal web tier needs the ranges its clients connect from, for example [192.168.0.0/16]"
            yield Problem(path=(*path, "client_cidrs"), message=message, reads=((*path, "scheme"),))
        both: tuple[Path, ...] = ((*path, "application_tier"), (*path, "mirror_set"))
        if web.application_tier is not None and web.mirror_set is not None:
            message = "either application_tier or mirror_set, not both"
            yield Problem(path=(*path, "mirror_set"), message=message, reads=both)
        elif web.application_tier is not None:
            yield from _known(path, "application_tier", web.application_tier, applications, "application tier")
        elif web.mirror_set is not None:
            yield from _known(path, "mirror_set", web.mirror_set, sets, "mirror set")
        else:
            message = "missing; needs application_tier or mirror_set, what its servers work with"
            yield Problem(path=(*path, "application_tier"), message=message, reads=both)
    yield from _roles(deployment)
    yield from _amis(deployment, sets)


def _sizes(path: Path, least: int, most: int) -> Iterator[Problem]:
    if least > most:
        message = f"must not be less than min, which is {least}"
        yield Problem(path=(*path, "max"), message=message, reads=((*path, "min"),))


def _known(path: Path, key: str, name: str, names: list[str], what: str) -> Iterator[Problem]:
    if name in names:
        return
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    there = f"there are: {', '.join(names)}" if names else "there is none"
    yield Problem(path=(*path, key), message=f"no {what} of this name; {hint}{there}", reads=((f"{what.replace(' ', '_')}s",),))


def _amis(deployment: Deployment, sets: list[str]) -> Iterator[Problem]:
    names = [
        *sets,
        *(tier.name for tier in deployment.application_tiers),
        *(tier.name for tier in deployment.web_tiers),
    ]
    for role in deployment.regions.roles():
        for name in deployment.regions.of(role).amis:
            if name not in names:
                yield Problem(
                    path=("regions", role, "amis", name),
                    message=f"no mirror set or tier of this name; there are: {', '.join(names)}",
                    reads=(("mirror_sets",), ("application_tiers",), ("web_tiers",)),
                )


def _roles(deployment: Deployment) -> Iterator[Problem]:
    tiers = [tier.name for tier in deployment.application_tiers] + [tier.name for tier in deployment.web_tiers]
    named = [(role, name) for role in deployment.regions.roles() for name in deployment.regions.of(role).roles.tiers]
    for role, name in named:
        if name not in tiers:
            there = f"there are: {', '.join(tiers)}" if tiers else "there is none"
            yield Problem(
                path=("regions", role, "roles", "tiers", name),
                message=f"no tier of this name; {there}",
                reads=(("application_tiers",), ("web_tiers",)),
            )
