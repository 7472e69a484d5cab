"""What the API shows of a move, by the code that is deployed, is what the command reads."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from cdk_intersystems.command.moves import move_of
from region_promotion.core import stages_of
from region_promotion.records import Move, Plan, Principal, Region, StepRecord
from region_promotion.shown import shown

NOW = 1_770_000_000.0
ANNE = Principal("arn:aws:sts::111122223333:assumed-role/operator/anne", "111122223333/operator", "anne")
BOB = Principal("arn:aws:sts::111122223333:assumed-role/approver/bob", "111122223333/approver", "bob")
PLAN = Plan("promotion", "TRAK", "dr", accept_data_loss=True, member="TRAKC", lag_seconds=2.5, stages=stages_of("promotion"))
MOVE = Move(
    id="m-20260131t120000-0123abcd",
    plan=PLAN,
    plan_hash=PLAN.digest(),
    epoch=5,
    requester=ANNE,
    requested_at=NOW - 100,
    expires_at=NOW + 1700,
)


def test_a_committed_move_is_read_with_its_steps() -> None:
    move = replace(
        MOVE,
        state="committed",
        approver=BOB,
        approved_at=NOW - 60,
        committed_at=NOW - 50,
        steps=(
            StepRecord("fence", NOW - 50, NOW - 45),
            StepRecord("resize", NOW - 45, tries=2, error="no capacity"),
            StepRecord("raise_tiers", NOW - 45),
        ),
    )
    answer = json.loads(json.dumps(shown(Region("dr", epoch=5, latch_epoch=4, since=NOW - 50), move, NOW)))

    read = move_of(answer, datetime.fromtimestamp(NOW, UTC))

    assert read is not None
    assert (read.id, read.kind, read.state, read.epoch, read.plan_hash) == (MOVE.id, "promotion", "committed", 5, PLAN.digest())
    assert (read.requester, read.approver) == (ANNE.arn, BOB.arn)
    assert (read.plan["member"], read.plan["lag_seconds"], read.loses) == ("TRAKC", 2.5, True)
    assert read.expires_at == datetime.fromtimestamp(NOW + 1700, UTC)
    steps = {stage.name: stage for stage in read.stages}
    assert [stage.name for stage in read.stages] == list(stages_of("promotion"))
    assert (steps["fence"].state, steps["fence"].seconds) == ("done", 5.0)
    assert (steps["resize"].state, steps["resize"].tries, steps["resize"].error) == ("failed", 2, "no capacity")
    assert (steps["raise_tiers"].state, steps["raise_tiers"].seconds) == ("running", 45.0)
    assert steps["latch"].state == "waiting"


def test_a_mirror_that_was_never_moved_has_no_move() -> None:
    answer = json.loads(json.dumps(shown(Region("primary"), None, NOW)))

    assert move_of(answer, datetime.fromtimestamp(NOW, UTC)) is None
    assert answer["region"]["serving"] == "primary"
