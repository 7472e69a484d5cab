"""Each step's function is killed once in the middle of its run, and the move comes to its end all the same.

Of four steps only one run is at work at a time, since a second one's late acts would do harm: what has begun, and hasn't
reported its end, keeps others out for two minutes (`SETTLE_SECONDS` of the core). So much a death costs there. The tests don't
wait for it: when the function is dead, the time in the record at which it began is put back by two minutes, as if they had
passed. Nothing but that time counts them; that they are long enough for whatever the dead one has sent to land, and what
happens if it does, is the model check's part.
"""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .mirror_sets import until
from .region_moves import TABLE, Moves

pytestmark = pytest.mark.embedded


#: The steps of which only one run is at work at a time.
LEASED = ("resize", "prepare", "undo", "lower")
_LEASE = timedelta(seconds=120)


class EachStepOnce:
    """Kills the function at its first write that tells of a step: at its beginning or at its end, in turn.

    Every second one of these writes reaches the table nevertheless, after the function's death. A step of `LEASED` dies at its
    next write after its beginning, which is lost: it has begun, keeps others out, has acted, and nobody knows.

    Attributes:
        killed: The steps whose function was killed, and at what.
        only: The steps that it is done to. Empty: to all.
        late: The steps whose beginning was put back after that.
    """

    def __init__(self, moves: Moves) -> None:
        self.killed: list[tuple[str, str]] = []
        self.only: set[str] = set()
        self.late: list[str] = []
        self._moves = moves

    def __call__(self, operation: str, body: bytes) -> bool | None:
        """Whether the request that the function dies of lands; None to let both go on."""
        if operation != "TransactWriteItems":
            return None
        steps = {name: step for name, step in _steps(json.loads(body)).items() if not self.only or name in self.only}
        gone = {name for name, _ in self.killed}
        for number, (name, step) in enumerate(sorted(steps.items())):
            if name in gone:
                continue
            if name in LEASED:
                # More than that it has begun is written by who does it; a beginning may be written twice, if others write too.
                if step["result"]["S"] or "done_at" in step or "tried_at" not in step:
                    self.killed.append((name, "end" if "done_at" in step else "middle"))
                    threading.Thread(target=self._put_back, args=(name, len(self._moves.way.killed))).start()
                    return False
                continue
            at = "end" if (len(self.killed) + number) % 2 else "beginning"
            if ("done_at" in step) == (at == "end"):
                self.killed.append((name, at))
                return len(self.killed) % 3 == 0
        return None

    def _put_back(self, step: str, killed: int) -> None:
        """Has the step that died have begun two minutes before it did."""
        until(lambda: len(self._moves.way.killed) > killed)
        dynamodb, key = self._moves.clients["dr"]("dynamodb"), {"key": {"S": "TRAK#current"}}
        began = dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True)["Item"]["steps"]["M"][step]["M"]["tried_at"][
            "S"
        ]
        before = (datetime.fromisoformat(began) - _LEASE).astimezone(UTC).isoformat(timespec="milliseconds")
        dynamodb.update_item(
            TableName=TABLE,
            Key=key,
            UpdateExpression="SET steps.#s.tried_at = :t, version = version + :one",
            ConditionExpression="steps.#s.tried_at = :began",
            ExpressionAttributeNames={"#s": step},
            ExpressionAttributeValues={
                ":t": {"S": before.replace("+00:00", "Z")},
                ":began": {"S": began},
                ":one": {"N": "1"},
            },
        )
        self.late.append(step)


def _steps(body: dict[str, Any]) -> dict[str, Any]:
    for item in body["TransactItems"]:
        steps = item.get("Put", {}).get("Item", {}).get("steps")
        if steps:
            found: dict[str, Any] = {name: step["M"] for name, step in steps["M"].items()}
            return found
    return {}


@pytest.fixture
def dying(moves: Moves) -> Iterator[EachStepOnce]:
    found = EachStepOnce(moves)
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
    assert dying.late == ["resize"]
    assert moves.instance_type(done["report"]["member"]) == "r7i.8xlarge"


def test_a_switchover_whose_own_steps_are_killed_loses_nothing(moves: Moves, dying: EachStepOnce) -> None:
    moves.begin()
    dying.only = {"prepare", "hand_over", "await_primary"}
    done = moves.move("switchover")
    holds(moves, done, "dr", "1")
    assert {name for name, _ in dying.killed} == dying.only
    assert dying.late == ["prepare"]
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
    assert sorted(dying.late) == ["lower", "prepare"]
    # The DR region waits again.
    assert {moves.instance_type(name) for name in ("TRAKC", "TRAKD")} == {"r7i.2xlarge"}
    assert moves.tier() == (1, 2)


def test_a_switchover_that_is_given_up_is_undone_though_that_dies_on_the_way(moves: Moves, dying: EachStepOnce) -> None:
    moves.begin()
    dying.only = {"undo"}
    moves.request("switchover")
    checked = moves.until_state("checked")
    # It is a failover member soon, and doesn't catch up.
    moves.mirror.members["TRAKC"].lag = 5
    assert moves.approve(checked).status == 200
    until(lambda: moves.mirror.members["TRAKC"].kind == "Failover")
    until(lambda: moves.current()["steps"].get("prepare", {}).get("started_at"))
    moves.stop_workflow()
    given_up = f"/moves/{checked['id']}"
    assert moves.operator.call("POST", f"{given_up}/cancellation").status == 200
    # It is not undone before all that it began must have landed: the same two minutes.
    moves.age("ended_at", minutes=2)
    assert moves.operator.call("POST", f"{given_up}/resumption", {}).status == 200

    until(lambda: moves.current()["steps"].get("undo", {}).get("done_at"), 60)

    assert ([name for name, _ in dying.killed], dying.late) == (["undo"], ["undo"])
    kinds = {name: (member.kind, member.status) for name, member in moves.mirror.members.items()}
    assert kinds == {
        "TRAKA": ("Failover", "Primary"),
        "TRAKB": ("Failover", "Backup"),
        "TRAKC": ("Disaster Recovery", "Connected"),
        "TRAKD": ("Disaster Recovery", "Connected"),
    }
    assert (moves.region().get("serving", "primary"), moves.current()["state"]) == ("primary", "cancelled")
    assert moves.leads_to() == "primary"
