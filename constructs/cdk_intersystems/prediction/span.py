"""A quantity nobody knows exactly: from where to where it goes, what is usual, and who says so."""

from dataclasses import dataclass
from random import Random
from typing import Literal

#: How well a number is known: in a vendor's documentation; seen by somebody who published it; a setting of this deployment or
#: of its software; or an estimate that nobody has measured.
Evidence = Literal["documented", "observed", "setting", "estimate"]


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds, unless its name says otherwise.

    Args:
        lower: The least.
        typical: The most frequent value.
        upper: The most.
        evidence: How well it is known.
        source: Where the numbers come from.
    """

    lower: float
    typical: float
    upper: float
    evidence: Evidence
    source: str

    def __post_init__(self) -> None:
        if not self.lower <= self.typical <= self.upper:
            raise ValueError(f"supply lower <= typical <= upper, got {self.lower}, {self.typical}, {self.upper}")
        if not self.source:
            raise ValueError("supply the source of the numbers, got none")

    def draw(self, chance: Random) -> float:
        """One value: a beta distribution from lower to upper around typical, as three-point estimates are drawn (PERT)."""
        width = self.upper - self.lower
        if width == 0:
            return self.lower
        peak = 4 * (self.typical - self.lower) / width
        return self.lower + width * chance.betavariate(1 + peak, 5 - peak)

    def even(self, chance: Random) -> float:
        """One value, each from lower to upper equally likely: where only the bounds are known."""
        return chance.uniform(self.lower, self.upper)
