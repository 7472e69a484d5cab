"""Calling an API of AWS: how long it takes, how it fails, and what it does when nobody waits for the answer any more."""

from collections import Counter
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from . import constants
from .clock import Clock, Wait
from .span import Span

Answer = TypeVar("Answer")


class ApiError(Exception):
    """A call that failed.

    Args:
        code: `throttled`, `no permission`, or `no answer`: it may have had its effect all the same, or may have it later.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TokenBucket:
    """How many requests are let in: a bucket that holds some tokens and is filled again, each request taking one.

    Args:
        clock: The clock.
        size: The most tokens; it is full at first.
        refill: Tokens a second.
    """

    def __init__(self, clock: Clock, size: float, refill: float) -> None:
        self._clock = clock
        self._size = size
        self._refill = refill
        self._tokens = size
        self._since = clock.now

    def take(self) -> bool:
        """Take a token; False if there is none."""
        self._tokens = min(self._size, self._tokens + (self._clock.now - self._since) * self._refill)
        self._since = self._clock.now
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True


class Api:
    """One service, as one caller reaches it.

    A request is on the way for half of the time and its answer for the other half. Its effect belongs to the service: it
    comes even if the caller has died meanwhile, or has stopped waiting.

    Args:
        clock: The clock.
        name: Name of the service; names the stream of its chance, too.
        latency: How long a call takes.
        limit: Seconds a caller waits for an answer.
    """

    def __init__(self, clock: Clock, name: str, latency: Span, limit: float = constants.API_LIMIT) -> None:
        #: Whether no request arrives.
        self.unreachable = False
        #: The share of requests that are refused as too many, whatever the buckets say.
        self.throttled = 0.0
        #: Actions the caller may not call.
        self.forbidden: set[str] = set()
        #: Seconds added on the way of each request, e.g. so that it arrives after its caller's death.
        self.delay = 0.0
        #: How often each action arrived.
        self.calls: Counter[str] = Counter()
        self._buckets: dict[str, TokenBucket] = {}
        self._clock = clock
        self._latency = latency
        self._limit = limit
        self._chance = clock.random(name)

    def bucket(self, action: str, size: float, refill: float) -> None:
        """Let in requests of an action as a token bucket does."""
        self._buckets[action] = TokenBucket(self._clock, size, refill)

    def call(self, action: str, effect: Callable[[], Answer]) -> Generator[float | Wait, bool, Answer]:
        """Call an action: `yield from` it.

        Args:
            action: The action, e.g. `ReplaceRoute`.
            effect: What the service does when the request arrives; what it returns is the answer.

        Raises:
            ApiError: It failed.
        """
        if self.unreachable:
            yield self._limit
            raise ApiError("no answer")
        latency = self._latency.draw(self._chance)
        there = latency / 2 + self.delay
        answers: list[Any] = []
        self._clock.call_after(there, lambda: answers.append(self._arrived(action, effect)))
        yield min(there + latency / 2, self._limit)
        if not answers or there + latency / 2 > self._limit:
            raise ApiError("no answer")
        if isinstance(answers[0], ApiError):
            raise answers[0]
        answer: Answer = answers[0]
        return answer

    def _arrived(self, action: str, effect: Callable[[], Any]) -> Any:
        if self.unreachable:
            return ApiError("no answer")
        self.calls[action] += 1
        if action in self.forbidden:
            return ApiError("no permission")
        bucket = self._buckets.get(action)
        if (bucket is not None and not bucket.take()) or (self.throttled and self._chance.random() < self.throttled):
            return ApiError("throttled")
        return effect()

    def call_again(self, action: str, effect: Callable[[], Answer], tries: int = 0) -> Generator[float | Wait, bool, Answer]:
        """Call an action, and again when it fails, as an SDK does: exponential waits with full jitter.

        Args:
            action: The action.
            effect: What the service does.
            tries: How often in all; 0: until it succeeds, or its caller's time is over. So do function and call-out.

        Raises:
            ApiError: The last failure; one for want of a permission is the last at once.
        """
        tried = 0
        while True:
            try:
                answer = yield from self.call(action, effect)
            except ApiError as error:
                tried += 1
                if error.code == "no permission" or tried == tries:
                    raise
                yield self._chance.uniform(0.0, min(constants.RETRY_MOST, constants.RETRY_BASE * 2.0 ** min(tried, 10)))
            else:
                return answer
