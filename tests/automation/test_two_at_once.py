"""Two executions at once: they refuse, and if they don't see each other nothing breaks either."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.automation.interpreter import Automation, Execution
from tests.automation.simulated_mirror import SimulatedMirror
from tests.automation.test_roll import complete, run


def test_one_that_sees_another_refuses_and_changes_nothing(roll: Any, take_out: Any) -> None:
    for document, parameters in ((roll, {}), (take_out, {"Member": "b", "Approvers": ["operator"]})):
        mirror = SimulatedMirror(others=1)
        execution = Automation(api=mirror.api, host=mirror.host, before=mirror.suffer).run(document, parameters)
        assert execution.names[-1] == "RefusedAnotherExecutionRuns"
        assert mirror.changed == []


def test_both_documents_look_for_both(roll: Any, take_out: Any) -> None:
    for document in (roll, take_out):
        (names,) = (
            each["Values"] for each in document["mainSteps"][0]["inputs"]["Filters"] if each["Key"] == "DocumentNamePrefix"
        )
        assert names == ["cdk-intersystems-trakcare-TRAK-roll", "cdk-intersystems-trakcare-TRAK-take-out"]


class _Steps:
    """An execution that is advanced a step at a time, in a thread that only runs while it is told to."""

    def __init__(self, mirror: SimulatedMirror, document: Any, parameters: dict[str, str]) -> None:
        self._go, self._rests = threading.Semaphore(0), threading.Semaphore(0)
        self.execution: Execution | None = None

        def before(name: str) -> None:
            self._rests.release()
            self._go.acquire()
            mirror.step = name

        def work() -> None:
            automation = Automation(api=mirror.api, host=mirror.host, before=before)
            self.execution = automation.run(document, parameters)
            self._rests.release()

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()
        self._rests.acquire()

    def advance(self) -> bool:
        """Runs one step. Returns whether there is another."""
        self._go.release()
        self._rests.acquire()
        return self.execution is None


def _orders(length: int) -> Iterator[tuple[int, int]]:
    """When the second begins and how far it gets at once, before the first goes on."""
    return ((begin, burst) for begin in range(length) for burst in range(1, length + 1))


@pytest.mark.parametrize("primary", ["a", "b"])
def test_two_that_do_not_see_each_other(roll: Any, primary: str) -> None:
    """The list of executions may lag. Every command looks once more, on the host: whatever the order, somebody is primary."""
    length = len(run(SimulatedMirror(primary=primary), roll).names)
    for begin, burst in _orders(length):
        mirror = SimulatedMirror(primary=primary)
        first, second = _Steps(mirror, roll, {}), _Steps(mirror, roll, {})
        alive = all(first.advance() for _ in range(begin))
        for _ in range(burst):
            if not second.advance():
                break
        while alive and first.advance():
            pass
        while second.execution is None and second.advance():
            pass
        assert mirror.violations == [], (begin, burst)
        mirror.heal()
        assert run(mirror, roll).status == "Success"
        assert complete(mirror, "either")
