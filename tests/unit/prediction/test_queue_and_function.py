"""SQS FIFO and Lambda: order, what is in flight, redelivery, dead letters, deduplication, concurrency, timeout."""

from typing import Any

from cdk_intersystems.prediction import constants
from cdk_intersystems.prediction.aws_api import ApiError
from cdk_intersystems.prediction.clock import Clock, Process
from cdk_intersystems.prediction.fifo_queue import FifoQueue
from cdk_intersystems.prediction.function import Function


class _Lab:
    def __init__(self, takes: float = 1.0, fails: int = 0, partial: int | None = None, **function: Any) -> None:
        self.clock = Clock(0)
        self.began: list[tuple[float, list[str]]] = []
        self.takes, self.fails, self.partial = takes, fails, partial
        self.function = Function(self.clock, self._run, cold_share=0.0, **function)
        self.queue = FifoQueue(self.clock, self.function)

    def _run(self, event: list[str]) -> Process:
        self.began.append((self.clock.now, event))
        yield self.takes
        if len(self.began) <= self.fails:
            raise ApiError("throttled")
        return self.partial if len(self.began) == 1 else None

    def send(self, *bodies: str, group: str = "g") -> None:
        for body in bodies:
            self.queue.send(body, group, body)

    @property
    def batches(self) -> list[list[str]]:
        return [bodies for _, bodies in self.began]


def test_a_group_has_one_batch_in_flight_and_keeps_its_order() -> None:
    lab = _Lab(takes=5)
    lab.send("1", "2")
    lab.clock.run_until(2)
    lab.send("3")
    lab.send("other", group="h")
    lab.clock.run_until(4)
    assert lab.batches == [["1", "2"], ["other"]], "the third waits, the other group doesn't"
    lab.clock.run_until(20)
    assert lab.batches[-1] == ["3"]
    assert lab.queue.waiting["g"] == []


def test_a_failed_or_dead_run_s_messages_come_again_after_the_visibility_timeout() -> None:
    for dies in (False, True):
        lab = _Lab(fails=0 if dies else 1)
        lab.send("1")
        lab.clock.run_until(0.7)
        if dies:
            lab.function.kill()
        lab.clock.run_until(100)
        (first, _), (second, _) = lab.began
        assert constants.VISIBILITY_TIMEOUT <= second - first <= constants.VISIBILITY_TIMEOUT + 1
        assert lab.function.failures == 1


def test_a_partial_failure_keeps_the_failed_message_and_those_after_it() -> None:
    lab = _Lab(partial=1)
    lab.send("1", "2", "3")
    lab.clock.run_until(100)
    assert lab.batches == [["1", "2", "3"], ["2", "3"]]


def test_after_ten_receives_a_message_is_a_dead_letter_and_the_next_goes_on() -> None:
    lab = _Lab(fails=10)
    lab.send("bad")
    lab.clock.run_until(5)
    lab.send("good")
    lab.clock.run_until(700)
    assert [message.body for message in lab.queue.dead_letters] == ["bad"]
    assert lab.queue.waiting["g"] == []
    assert sum("bad" in batch for batch in lab.batches) == constants.MOST_RECEIVES == 10


def test_within_five_minutes_a_deduplication_id_is_taken_once() -> None:
    lab = _Lab()
    assert lab.queue.send("x", "g", "same")
    lab.clock.run_until(constants.DEDUPLICATION - 1)
    assert not lab.queue.send("x", "g", "same")
    lab.clock.run_until(constants.DEDUPLICATION + 1)
    assert lab.queue.send("x", "g", "same")


def test_reserved_concurrency_holds_and_the_timeout_kills() -> None:
    lab = _Lab(takes=1000)
    assert [lab.function.invoke("e") for _ in range(4)] == [True, True, True, False]
    assert lab.function.throttles == 1
    lab.clock.run_until(constants.FUNCTION_TIMEOUT + 5)
    assert lab.function.running == []
    assert lab.function.failures == 3


def test_a_cold_start_is_slower_than_a_warm_one() -> None:
    cold, warm = _Lab(warm=False), _Lab()
    for lab in (cold, warm):
        lab.function.invoke("e")
        lab.clock.run_until(5)
    assert cold.began[0][0] >= constants.COLD_START.lower > constants.WARM_START.upper >= warm.began[0][0]
