"""What the drill's observations mean, in seconds and in records. Pure, so that it has tests of its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Attempt = Mapping[str, Any]
"""What the client said of one write: `n`, `began`, `ended`, `to`, and `number` if it was acknowledged."""


def first_good(attempts: Sequence[Attempt], since: float) -> float | None:
    """When the first write after a moment was acknowledged, that began after it too."""
    return next((float(each["ended"]) for each in attempts if each["began"] > since and "number" in each), None)


def last_good(attempts: Sequence[Attempt], before: float) -> float | None:
    """When the last write before a moment was acknowledged."""
    found = [float(each["ended"]) for each in attempts if each["ended"] < before and "number" in each]
    return found[-1] if found else None


def lost(client: str, attempts: Sequence[Attempt], journal: Collection[str]) -> list[Attempt]:
    """The writes that were acknowledged and are not in the journal, oldest first."""
    return [each for each in attempts if "number" in each and f"{client}-{each['n']}" not in journal]


def recovery_point(missing: Sequence[Attempt], failed_at: float) -> float:
    """How many seconds before the failure the first record was acknowledged that is lost; 0 if none is."""
    return max(0.0, failed_at - min(float(each["ended"]) for each in missing)) if missing else 0.0


def served_by(attempts: Sequence[Attempt], address: str, since: float, until: float) -> list[Attempt]:
    """The writes that an address acknowledged in a span of time."""
    return [each for each in attempts if each.get("to") == address and "number" in each and since < each["ended"] < until]


@dataclass(frozen=True)
class Endpoint:
    """An endpoint of AWS that was called.

    Attributes:
        name: Service and region.
        required: Whether the move needed its answer.
    """

    name: str
    required: bool


def needed(endpoints: Sequence[Endpoint], *regions: str) -> list[str]:
    """The endpoints of regions that a move needed: of a lost region there may be none."""
    return sorted(each.name for each in endpoints if each.required and each.name.rpartition(".")[2] in regions)


def critical_path(stages: Mapping[str, float], after: Mapping[str, Sequence[str]]) -> list[str]:
    """The stages whose time the whole took: of stages side by side the one that took longest.

    Args:
        stages: Stage -> its seconds.
        after: Stage -> those that have to be done before.
    """
    ends: dict[str, float] = {}

    def end(name: str) -> float:
        if name not in ends:
            ends[name] = stages[name] + max((end(each) for each in after.get(name, ()) if each in stages), default=0.0)
        return ends[name]

    if not stages:
        return []
    path = [max(stages, key=end)]
    while before := [each for each in after.get(path[-1], ()) if each in stages]:
        path.append(max(before, key=end))
    return path[::-1]
