"""How many servers a tier has while its region waits, and how many once its region serves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TierCapacity:
    """The capacity of one tier of the DR region. Its Auto Scaling group is found by the tags of deployment and tier.

    Args:
        name: Name of the tier.
        min: The fewest servers once the region serves: what a promotion raises the group's minimum to.
        max: The most servers then.
        warm_min: The fewest servers while the region waits. 0: none, the tier has only its template.
        warm_max: The most servers while it waits.
        instance_type: The servers' type, for who asks whether quotas suffice. Empty: it isn't known.
    """

    name: str
    min: int
    max: int
    warm_min: int
    warm_max: int
    instance_type: str = ""

    def __post_init__(self) -> None:
        """Refuse a capacity that no group can have, or that a promotion would lower.

        Raises:
            ValueError: The numbers don't fit each other.
        """
        if not self.name:
            raise ValueError("name of a tier is empty")
        stated = f"tier {self.name} has {self.warm_min} to {self.warm_max} servers waiting and {self.min} to {self.max} serving"
        if not 1 <= self.min <= self.max:
            raise ValueError(f"{stated}: a region that serves has at least 1 server of each tier, and max is at least min")
        if not 0 <= self.warm_min <= self.warm_max:
            raise ValueError(f"{stated}: warm_min is at least 0, and warm_max at least warm_min")
        if self.warm_min > self.min or self.warm_max > self.max:
            raise ValueError(f"{stated}: a promotion raises a tier and never lowers it")

    @property
    def raised(self) -> bool:
        """Whether a promotion has anything to raise."""
        return (self.warm_min, self.warm_max) != (self.min, self.max)
