"""Names: unique, none that would be another's stack, and tags that AWS and this application leave to the user."""

import re
from collections.abc import Iterator

from cdk_intersystems.model.tags import PREFIX
from cdk_intersystems.model.topology import FAILOVER_MEMBERS, system_name

from ..deployment import Deployment
from ..plan import RESERVED_STACK_NAMES, stack_names
from ..problems import Path, Problem

# Source: Tagging AWS Resources User Guide, "Tag naming limits and requirements": 50 tags a resource, of which the
# application needs some for itself; 128 characters a key, 256 a value.
_MOST_TAGS = 40
# Every instance shows its tags as instance metadata, and EC2 refuses to launch one with any other key, or one that would be no
# path of the metadata service. Sources: EC2 User Guide, "Work with instance tags in instance metadata"; IAM API Reference, Tag,
# which has no comma.
_TAG_KEY = re.compile(r"[A-Za-z0-9+=._:@-]{1,128}")
_NO_METADATA_PATHS = (".", "..", "_index")
_TAG_CHARACTERS = re.compile(r"[\w\s.:/=+@-]*")
_RESERVED_TAG_PREFIXES = ("aws:", PREFIX)


def name_problems(deployment: Deployment) -> Iterator[Problem]:
    """Checks names, numbers and tags."""
    yield from _unique_names(deployment)
    yield from _unique_numbers(deployment)
    yield from _system_names(deployment)
    yield from _tags(deployment)


def _unique_names(deployment: Deployment) -> Iterator[Problem]:
    taken: dict[str, tuple[str, Path]] = dict.fromkeys(RESERVED_STACK_NAMES, ("the stack every deployment has", ()))
    role = "primary" if deployment.regions.dr is None else "dr"
    named: list[tuple[Path, str, list[str]]] = [
        (("mirror_sets", index, "name"), "mirror set", stack_names(mirror_set, role))
        for index, mirror_set in enumerate(deployment.mirror_sets)
    ]
    named += [
        (("application_tiers", index, "name"), "application tier", [tier.name])
        for index, tier in enumerate(deployment.application_tiers)
    ]
    named += [(("web_tiers", index, "name"), "web tier", [tier.name]) for index, tier in enumerate(deployment.web_tiers)]
    for path, what, stacks in named:
        for stack in stacks:
            if stack in taken:
                owner, other = taken[stack]
                message = f"its stack would be called {stack}, as {owner}: names of mirror sets and tiers must differ"
                yield Problem(path=path, message=message, reads=(other,) if other else ())
                break
        else:
            taken |= dict.fromkeys(stacks, (f"that of {what} {stacks[0]}", path))


def _unique_numbers(deployment: Deployment) -> Iterator[Problem]:
    first: dict[int, int] = {}
    for index, mirror_set in enumerate(deployment.mirror_sets):
        other = first.setdefault(mirror_set.number, index)
        if other != index:
            yield Problem(
                path=("mirror_sets", index, "number"),
                message=f"is already the number of {deployment.mirror_sets[other].name}: each mirror set needs its own",
                reads=(("mirror_sets", other, "number"),),
            )


def _system_names(deployment: Deployment) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, mirror_set in enumerate(deployment.mirror_sets):
        # The names of a set's members differ only by their letter: one of them tells for both.
        name = system_name(mirror_set.name, mirror_set.number, FAILOVER_MEMBERS[0])
        other = first.setdefault(name, index)
        if other != index and deployment.mirror_sets[other].name != mirror_set.name:
            yield Problem(
                path=("mirror_sets", index, "name"),
                message=f"its first member would be called {name}, as that of {deployment.mirror_sets[other].name}",
                reads=(("mirror_sets", other), ("mirror_sets", index, "number")),
            )


def _tags(deployment: Deployment) -> Iterator[Problem]:
    if len(deployment.tags) > _MOST_TAGS:
        yield Problem(path=("tags",), message=f"allows at most {_MOST_TAGS} tags", got=str(len(deployment.tags)))
    first: dict[str, str] = {}
    for tag, value in deployment.tags.items():
        path = ("tags", tag)
        if prefix := next((p for p in _RESERVED_TAG_PREFIXES if tag.lower().startswith(p)), None):
            owner = "AWS" if prefix == "aws:" else "this application"
            yield Problem(path=path, message=f"tags that begin with {prefix} are reserved for {owner}", got=repr(tag))
        elif not _TAG_KEY.fullmatch(tag) or tag in _NO_METADATA_PATHS:
            message = "the key of a tag has 1 to 128 of a-z, A-Z, 0-9 and . : = + @ - _, and is none of . and .. and _index"
            yield Problem(path=path, message=message, got=repr(tag))
        # Source: IAM User Guide, "Tags for IAM resources", case sensitivity.
        if (other := first.setdefault(tag.lower(), tag)) != tag:
            message = f"differs from {other} only by capitals, which IAM takes for the same tag"
            yield Problem(path=path, message=message, got=repr(tag), reads=(("tags", other),))
        if len(value) > 256 or not _TAG_CHARACTERS.fullmatch(value):
            message = "the value of a tag has up to 256 letters, digits, spaces and . : / = + @ - _"
            yield Problem(path=path, message=message)
