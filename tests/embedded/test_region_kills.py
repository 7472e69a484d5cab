"""Each step's function is killed once in the middle of its run, and the move comes to its end all the same."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .region_moves import Moves

pytestmark = pytest.mark.embedded


#: Two workers of one of these would do harm, so that one that has begun is waited for, for two minutes: these die before that.
LEASED = ("resize", "prepare", "undo", "lower")


class EachStepOnce:
    """Kills the function at its first write that tells of a step: at its beginning or at its end, in turn.

    Every second one of these writes reaches the table nevertheless, after the function's death.

    Attributes:
        killed: The steps whose function was killed, and at what.
        only: The steps that it is done to. Empty: to all.
    """

    def __init__(self) -> None:
        self.killed: list[tuple[str, str]] = []
        self.only: set[str] = set()

    def __call__(self, operation: str, body: bytes) -> bool | None:
        """Whether the request that the function dies of lands; None to let both go on."""
        if operation != "TransactWriteItems":
            return None
        steps = {name: step for name, step in _steps(json.loads(body)).items() if not self.only or name in self.only}
        gone = {name for name, _ in self.killed}
        for number, (name, step) in enumerate(sorted(steps.items())):
            at = "end" if (len(self.killed) + number) % 2 and name not in LEASED else "beginning"
            if name not in gone and ("done_at" in step) == (at == "end"):
                self.killed.append((name, at))
                return name not in LEASED and len(self.killed) % 3 == 0
        return None


def _steps(body: dict[str, Any]) -> dict[str, Any]:
    for item in body["TransactItems"]:
        steps = item.get("Put", {}).get("Item", {}).get("steps")
        if steps:
            found: dict[str, Any] = {name: step["M"] for name, step in steps["M"].items()}
            return found
    return {}


@pytest.fixture
def dying(moves: Moves) -> Iterator[EachStepOnce]:
    found = EachStepOnce()
    moves.way.dying = found
    yield found
    moves.way.dying = None


def holds(moves: Moves, done: dict[str, Any], serving: str, epoch: str) -> None:
    """One region serves, with the traffic, by one primary."""
    region = moves.region()
    assert (region["serving"], region["epoch"], region["latch_epoch"]) == (serving, epoch, epoch)
    primaries = [name for name, member in moves.mirror.members.items() if member.is_primary]
    assert primaries == [done["report"]["member"]]
    assert moves.leads_to() == serving


# And where AWS has no capacity for the full size, the next type is taken.
def test_a_promotion_whose_every_step_is_killed_once_comes_to_its_end(moves: Moves, dying: EachStepOnce) -> None:
    moves.begin()
    moves.lose_primary()
    moves.short_of("r7i.4xlarge")
    done = moves.move("promotion", moves.SENTENCE)
    holds(moves, done, "dr", "1")
    # The end of its last step is the end of the move, which has no step of its own.
    assert {name for name, _ in dying.killed} == set(done["steps"])
    assert moves.instance_type(done["report"]["member"]) == "r7i.8xlarge"


def test_a_switchover_whose_own_steps_are_killed_loses_nothing(moves: Moves, dying: EachStepOnce) -> None:
    moves.begin()
    dying.only = {"prepare", "hand_over", "await_primary"}
    done = moves.move("switchover")
    holds(moves, done, "dr", "1")
    assert {name for name, _ in dying.killed} == dying.only
    assert done["report"]["rpo_s"] == 0
    # The old primary was stopped only after the new one had all.
    commands = [command for _, command in moves.mirror.ran]
    assert commands.index("promote") < commands.index("stop")


def test_a_failback_whose_own_steps_are_killed_loses_nothing(moves: Moves, dying: EachStepOnce) -> None:
    moves.begin(serving="dr")
    dying.only = {"prepare", "hand_over", "lower"}
    done = moves.move("failback")
    holds(moves, done, "primary", "2")
    assert {name for name, _ in dying.killed} == dying.only
    assert done["report"]["rpo_s"] == 0
    # The DR region waits again.
    assert {moves.instance_type(name) for name in ("TRAKC", "TRAKD")} == {"r7i.2xlarge"}
    assert moves.tier() == (1, 2)
