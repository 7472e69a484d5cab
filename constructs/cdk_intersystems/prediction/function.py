"""A Lambda function: cold and warm starts, reserved concurrency, its timeout, and its death."""

from collections.abc import Callable
from typing import Any

from . import constants
from .aws_api import ApiError
from .clock import Clock, Process, Task


class Function:
    """Invoked, it runs a process of its own for each invocation.

    Args:
        clock: The clock.
        run: Makes the process of an invocation from its event; an `ApiError` that leaves it is a failed invocation.
        concurrency: Most invocations at once.
        timeout: Seconds after which an invocation is killed.
        cold_share: How likely an invocation on a function that has run before finds no warm environment.
        warm: Whether it has run before, as one that is invoked each minute has.
    """

    def __init__(
        self,
        clock: Clock,
        run: Callable[[Any], Process],
        *,
        concurrency: int = constants.RESERVED_CONCURRENCY,
        timeout: float = constants.FUNCTION_TIMEOUT,
        cold_share: float = constants.COLD_SHARE,
        warm: bool = True,
        name: str = "function",
    ) -> None:
        self.running: list[Task] = []
        self.invocations = 0
        self.failures = 0
        self.throttles = 0
        self._clock = clock
        self._run = run
        self._concurrency = concurrency
        self._timeout = timeout
        self._cold_share = cold_share
        self._idle = 1 if warm else 0
        self._chance = clock.random(name)

    def invoke(self, event: Any, ended: Callable[[bool, Any], None] = lambda lived, result: None) -> bool:
        """Run it once.

        Args:
            event: The event.
            ended: Called at the end with whether it came to its end, and its result.

        Returns:
            False if as many run as may: it doesn't run.
        """
        if len(self.running) >= self._concurrency:
            self.throttles += 1
            return False
        self.invocations += 1
        warm = self._idle > 0 and self._chance.random() >= self._cold_share
        self._idle = max(0, self._idle - 1)
        start = (constants.WARM_START if warm else constants.COLD_START).draw(self._chance)
        task = self._clock.start(self._invocation(event, start))
        self.running.append(task)
        limit = self._clock.call_after(start + self._timeout, task.kill)

        def end() -> None:
            limit.cancel()
            self.running.remove(task)
            lived = task.result is not None
            if lived:
                self._idle += 1
            else:
                self.failures += 1
            ended(lived, task.result[0] if lived else None)

        task.ended.tell(end)
        return True

    def kill(self) -> None:
        """Every invocation under way dies where it is."""
        for task in list(self.running):
            task.kill()

    def cool_down(self) -> None:
        """Every warm environment is gone: the next invocation is a cold start."""
        self._idle = 0

    def _invocation(self, event: Any, start: float) -> Process:
        yield start
        try:
            result = yield from self._run(event)
        except ApiError:
            return None
        return (result,)
