"""The two records of a mirror set's moves, each pair under a number: states are compared and kept by the million."""

from region_promotion.events import Event, StepStarted, Writes
from region_promotion.records import Move as Record
from region_promotion.records import Region

from .promotion_core import PromotionCore
from .promotion_records import NOW, normal


class PromotionTable:
    """What a core makes of the records, worked out once each.

    Args:
        core: The core.
    """

    def __init__(self, core: PromotionCore) -> None:
        self.core = core
        self._numbers: dict[tuple[Region, Record | None], int] = {}
        self._records: list[tuple[Region, Record | None]] = []
        self._applied: dict[tuple[int, Event], int | None] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        self._later: dict[tuple[int, float], int] = {}

    def number(self, region: Region, move: Record | None, passed: float = 0.0) -> int:
        """The number of two records, as they are when some seconds have passed."""
        pair = normal(region, move, passed)
        if pair not in self._numbers:
            self._numbers[pair] = len(self._records)
            self._records.append(pair)
        return self._numbers[pair]

    def __getitem__(self, records: int) -> tuple[Region, Record | None]:
        return self._records[records]

    def apply(self, records: int, event: Event) -> int | None:
        """The records after an event; None if it is refused or changes nothing."""
        key = (records, event)
        if key not in self._applied:
            region, move = self._records[records]
            made = self.core.apply(event, region, move, NOW)
            after = None
            if isinstance(made, Writes) and (made.region or made.move):
                after = self.number(made.region or region, made.move or move)
            self._applied[key] = after
        return self._applied[key]

    def names(self, records: int) -> tuple[str, ...]:
        """The steps that may be done now."""
        if records not in self._names:
            region, move = self._records[records]
            self._names[records] = self.core.next_step(region, move, NOW).names
        return self._names[records]

    def later(self, records: int, seconds: float) -> int:
        """The records when some seconds have passed."""
        key = (records, seconds)
        if key not in self._later:
            self._later[key] = self.number(*self._records[records], seconds)
        return self._later[key]

    def may_begin(self, records: int, move: Record, name: str) -> bool:
        """Whether the core has let a worker begin a step again: it changes nothing in the records that counts."""
        region, _ = self._records[records]
        return isinstance(self.core.apply(StepStarted(move.id, name), region, move, NOW), Writes)
