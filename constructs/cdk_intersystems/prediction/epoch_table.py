"""The route epoch table: two items of one mirror set, and the conditional writes to them."""

from collections.abc import Generator
from typing import NamedTuple

from .aws_api import Api, ApiError
from .clock import Clock, Wait
from .production import Claim


class Written(NamedTuple):
    """A write that was taken, for tests and reports.

    Args:
        when: The time.
        record: `claim` or `routed`.
        claim: What was written.
    """

    when: float
    record: str
    claim: Claim


class EpochTable:
    """DynamoDB holds the items, strongly consistent; each caller reaches it by an `Api` of its own.

    Args:
        clock: The clock.
    """

    def __init__(self, clock: Clock) -> None:
        self.claim: Claim | None = None
        self.routed: Claim | None = None
        self.history: list[Written] = []
        self._clock = clock

    def read(self, api: Api, tries: int = 0) -> Generator[float | Wait, bool, tuple[Claim | None, Claim | None]]:
        """Both items, consistently: the newest claim, and the one confirmed last (BatchGetItem)."""
        return (yield from api.call_again("BatchGetItem", lambda: (self.claim, self.routed), tries))

    def raise_epoch(self, api: Api, claim: Claim, seen: int) -> Generator[float | Wait, bool, bool]:
        """Take an epoch if `seen` is still the newest: one conditional UpdateItem.

        Returns:
            Whether it was written as far as the caller can tell. A request without an answer may have been.
        """
        try:
            return (yield from api.call("UpdateItem", lambda: self.write_claim(claim, seen)))
        except ApiError as error:
            if error.code == "no permission":
                raise
            return False

    def confirm(self, api: Api, claim: Claim, tries: int = 0) -> Generator[float | Wait, bool, Claim | None]:
        """Record that a claim is routed, in one transaction that checks that it is the newest (TransactWriteItems).

        Returns:
            None: recorded. Otherwise the claim that is newer, read after the transaction was refused.
        """
        if (yield from api.call_again("TransactWriteItems", lambda: self.write_routed(claim), tries)):
            return None
        newest, _ = yield from self.read(api, tries)
        return newest

    def write_claim(self, claim: Claim, seen: int) -> bool:
        """What UpdateItem does: the condition is `epoch = seen`, or that there is no item for 0, and the value one more."""
        there = 0 if self.claim is None else self.claim.epoch
        if there != seen or claim.epoch != seen + 1:
            return False
        self.claim = claim
        self.history.append(Written(self._clock.now, "claim", claim))
        return True

    def write_routed(self, claim: Claim) -> bool:
        """What TransactWriteItems does: the condition is that the claim's epoch is this one."""
        if self.claim is None or self.claim.epoch != claim.epoch:
            return False
        self.routed = claim
        self.history.append(Written(self._clock.now, "routed", claim))
        return True
