"""A FIFO queue, its dead-letter queue, and what hands its messages to a function.

Source of the rules: SQS Developer Guide, "FIFO queue delivery logic", "Message deduplication", "Visibility timeout",
"Dead-letter queues"; Lambda Developer Guide, "Using Lambda with Amazon SQS", partial batch responses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from . import constants
from .clock import Clock, Timer
from .function import Function


@dataclass(slots=True)
class Message:
    """A message.

    Args:
        body: What was sent.
        group: Its message group.
        sent_at: When it was sent.
        receives: How often it was received.
    """

    body: Any
    group: str
    sent_at: float
    receives: int = 0


class FifoQueue:
    """Messages of a group reach the function one batch at a time and in order; while one is in flight its group waits.

    Args:
        clock: The clock.
        function: What is invoked with a batch; its result is the index of the first message that failed, or None if none did. A
            run that dies has deleted none.
        batch: Most messages of a batch.
        visibility: Seconds after which a message that was received and not deleted can be received again.
        most_receives: Receives after which the next one moves it to the dead-letter queue instead.
    """

    def __init__(
        self,
        clock: Clock,
        function: Function,
        *,
        batch: int = 10,
        visibility: float = constants.VISIBILITY_TIMEOUT,
        most_receives: int = constants.MOST_RECEIVES,
        name: str = "queue",
    ) -> None:
        self.waiting: dict[str, list[Message]] = {}
        self.dead_letters: list[Message] = []
        #: Seconds added to each delivery.
        self.delay = 0.0
        self._in_flight: dict[str, Timer] = {}
        self._due: dict[str, Timer] = {}
        self._sent: dict[str, float] = {}
        self._clock = clock
        self._function = function
        self._batch = batch
        self._visibility = visibility
        self._most_receives = most_receives
        self._chance = clock.random(name)

    def send(self, body: Any, group: str, deduplication: str) -> bool:
        """Take a message.

        Returns:
            Whether it is a new one: within five minutes a second one with the same deduplication id is accepted and dropped.
        """
        now = self._clock.now
        sent = self._sent.get(deduplication)
        if sent is not None and now - sent < constants.DEDUPLICATION:
            return False
        self._sent[deduplication] = now
        self.waiting.setdefault(group, []).append(Message(body, group, now))
        self._deliver_soon(group, constants.QUEUE_DELIVERY.draw(self._chance) + self.delay)
        return True

    def in_flight(self, group: str) -> bool:
        """Whether the group waits for a batch to be deleted or to become visible again."""
        return group in self._in_flight

    def _deliver_soon(self, group: str, delay: float) -> None:
        if group in self._in_flight or group in self._due or not self.waiting.get(group):
            return
        self._due[group] = self._clock.call_after(delay, lambda: self._deliver(group))

    def _deliver(self, group: str) -> None:
        self._due.pop(group, None)
        messages = self.waiting.get(group, [])
        while messages and messages[0].receives >= self._most_receives:
            self.dead_letters.append(messages.pop(0))
        batch = messages[: self._batch]
        if not batch:
            return
        for message in batch:
            message.receives += 1
        self._in_flight[group] = self._clock.call_after(self._visibility, lambda: self._visible_again(group))
        if not self._function.invoke([message.body for message in batch], self._end_of(group, batch)):
            # Throttled by the function's reserved concurrency: the messages come again after their visibility timeout.
            return

    def _end_of(self, group: str, batch: Sequence[Message]) -> Callable[[bool, Any], None]:
        timer = self._in_flight[group]

        def ended(lived: bool, failed: Any) -> None:
            if self._in_flight.get(group) is not timer:
                return  # the visibility timeout came first; deleting by an old receipt handle changes nothing here
            done = list(batch) if failed is None else list(batch)[: int(failed)]
            if not lived:
                return  # nobody reports; the visibility timeout will
            messages = self.waiting[group]
            self.waiting[group] = [each for each in messages if not any(each is one for one in done)]
            if failed is None:
                timer.cancel()
                del self._in_flight[group]
                self._deliver_soon(group, constants.QUEUE_DELIVERY.draw(self._chance) + self.delay)

        return ended

    def _visible_again(self, group: str) -> None:
        self._in_flight.pop(group, None)
        self._deliver_soon(group, constants.QUEUE_DELIVERY.draw(self._chance))
