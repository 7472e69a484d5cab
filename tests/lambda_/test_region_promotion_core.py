"""What a move between regions may become, event by event: its steps, in their order, again, and late."""

import pytest

from region_promotion import events as ev
from region_promotion.core import SETTLE_SECONDS, next_step, stages_of
from region_promotion.records import KINDS, Plan
from tests.lambda_.region_records import ANNE, APPROVERS, BOB, REQUESTERS, STATES, TARGET, Records


@pytest.fixture(params=KINDS)
def each_kind(request: pytest.FixtureRequest) -> Records:
    return Records(request.param)


def test_a_move_goes_through_all_its_stages(each_kind: Records) -> None:
    epoch = each_kind.region.epoch
    each_kind.until("completed")
    assert each_kind.move is not None
    assert {step.name for step in each_kind.move.steps} == set(stages_of(each_kind.kind)) - {
        *("preflight", "approval", "commit", "report")
    }
    assert each_kind.region.serving == TARGET[each_kind.kind]
    assert each_kind.region.epoch == each_kind.region.latch_epoch == epoch + 1
    assert each_kind.region.by == "m1"
    assert each_kind.archive["m1"] == each_kind.move
    assert each_kind.ready() == ()


def test_the_next_move_takes_the_next_epoch_and_touches_nothing_while_the_last_may() -> None:
    records = Records("promotion").until("completed")
    records.kind = "failback"
    records.does(records.request("m2"))
    records.until("approved")
    assert records.move is not None
    assert records.move.epoch == 2
    assert records.ready() == ()
    assert next_step(records.region, records.move, records.now).wait_until == records.now + SETTLE_SECONDS
    assert records.refuses(ev.StepStarted("m2", "resize")) == "not_due"
    assert records.refuses(ev.Commit("m2")) == "not_due"
    records.now += SETTLE_SECONDS
    records.until("completed")
    assert records.region.serving == "primary"
    assert set(records.archive) == {"m1", "m2"}


@pytest.mark.parametrize("state", STATES)
def test_every_event_may_come_again(each_kind: Records, state: str) -> None:
    """What a crash leaves undone is done again, from the preflight on; nothing of it does anything twice."""
    each_kind.until(state)
    before = (each_kind.region, each_kind.move)
    assert each_kind.move is not None
    done = [each.name for each in each_kind.move.steps]
    if state != "requested":
        each_kind.nothing(each_kind.checked())
    if state not in ("requested", "checked"):
        each_kind.nothing(ev.Awaiting("m1", "late"))
    if state in ("committed", "completed"):
        each_kind.nothing(ev.Commit("m1"))
    for name in done:
        each_kind.nothing(ev.StepStarted("m1", name))
        each_kind.nothing(ev.StepDone("m1", name))
        each_kind.nothing(ev.StepFailed("m1", name, "late"))
    if state == "completed":
        each_kind.nothing(ev.Latch("m1"))
        each_kind.nothing(ev.Complete("m1"))
    assert (each_kind.region, each_kind.move) == before


def test_a_step_that_failed_is_tried_again_and_keeps_what_it_knows() -> None:
    records = Records().until("resize")
    records.does(ev.StepStarted("m1", "resize"))
    records.does(ev.StepNoted("m1", "resize", '{"no capacity": ["r7i.8xlarge"]}'))
    records.now += 5
    records.does(ev.StepFailed("m1", "resize", "EC2 did not answer"))
    records.does(ev.StepStarted("m1", "resize"))
    assert records.move is not None
    record = records.move.step("resize")
    assert record is not None
    assert (record.started_at, record.tries, record.error) == (1000.0, 2, "")
    assert record.note == '{"no capacity": ["r7i.8xlarge"]}'
    assert records.move.state == "committed"


@pytest.mark.parametrize(("kind", "step"), [("promotion", "resize"), ("switchover", "prepare"), ("failback", "lower")])
def test_only_one_run_at_a_time_of_what_would_undo_what_follows(kind: str, step: str) -> None:
    records = Records(kind).until(step)
    records.does(ev.StepStarted("m1", step))
    assert records.refuses(ev.StepStarted("m1", step)) == "busy"
    records.does(ev.StepNoted("m1", step, "{}"))
    assert records.refuses(ev.StepStarted("m1", step)) == "busy"
    # Reported, failed, and dead.
    records.does(ev.StepNoted("m1", step, "{}", ends=True))
    records.does(ev.StepStarted("m1", step))
    records.does(ev.StepFailed("m1", step, "no answer"))
    records.does(ev.StepStarted("m1", step))
    records.now += SETTLE_SECONDS - 1
    assert records.refuses(ev.StepStarted("m1", step)) == "busy"
    records.now += 1
    records.does(ev.StepStarted("m1", step))
    assert records.move is not None
    record = records.move.step(step)
    assert record is not None
    assert record.tries == 3


def test_any_other_step_that_died_is_run_again_at_once() -> None:
    records = Records().until("promote")
    records.does(ev.StepStarted("m1", "promote"))
    records.does(ev.StepStarted("m1", "promote"))


def test_a_step_is_done_in_its_order(each_kind: Records) -> None:
    each_kind.until("committed")
    assert each_kind.refuses(ev.StepStarted("m1", "await_health_check")) == "not_due"
    assert each_kind.refuses(ev.StepDone("m1", "await_health_check")) == "not_due"
    assert each_kind.refuses(ev.Latch("m1")) == "not_due"
    assert each_kind.refuses(ev.Complete("m1")) == "not_due"
    # What is no step of this kind, or none at all.
    assert each_kind.refuses(ev.StepStarted("m1", "undo")) == "not_due"
    assert each_kind.refuses(ev.StepStarted("m1", "report")) == "not_due"


def test_a_step_that_was_not_begun_is_not_done() -> None:
    assert Records().until("fence").refuses(ev.StepDone("m1", "fence")) == "not_due"


@pytest.mark.parametrize(("kind", "step"), [(kind, "await_primary") for kind in KINDS] + [("promotion", "raise_tiers")])
def test_no_traffic_before_there_is_a_primary_and_its_tiers(kind: str, step: str) -> None:
    """I6: whatever else is done first, and in whatever order."""
    records = Records(kind).until("committed")
    while ready := [name for name in records.ready() if name != step]:
        assert "latch" not in ready
        records.step(ready[0])
    assert records.ready() == (step,)
    assert records.refuses(ev.Latch("m1")) == "not_due"
    records.step(step)
    assert records.ready() == ("latch",) or step == "raise_tiers"


def test_the_latch_step_is_done_when_the_latch_was_moved() -> None:
    records = Records().until("latch")
    records.does(ev.StepStarted("m1", "latch"))
    assert records.refuses(ev.StepDone("m1", "latch")) == "not_due"
    assert records.region.latch_epoch == 0
    records.does(ev.Latch("m1"))
    records.nothing(ev.Latch("m1"))
    records.does(ev.StepDone("m1", "latch"))
    assert records.region.latch_epoch == 1


@pytest.mark.parametrize("state", STATES[:-1])
def test_one_move_at_a_time(each_kind: Records, state: str) -> None:
    each_kind.until(state)
    assert each_kind.refuses(each_kind.request("m2")) == "under_way"
    assert each_kind.refuses(each_kind.request("m1")) == "under_way"


@pytest.mark.parametrize(
    "event",
    [
        ev.Checked("m1", Plan("promotion", "TRAK", "dr", member="TRAKC")),
        ev.Awaiting("m1", "x"),
        ev.Expire("m1"),
        ev.Refuse("m1", "x"),
        ev.Commit("m1"),
        ev.Latch("m1"),
        ev.StepStarted("m1", "resize"),
        ev.StepDone("m1", "resize"),
        ev.Complete("m1"),
        ev.Cancel("m1", ANNE, REQUESTERS),
        ev.Resume("m1", ANNE, REQUESTERS, "x"),
        ev.Approve("m1", "x", 1, BOB, APPROVERS),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_comes_late_from_an_older_move_does_nothing(event: ev.Event) -> None:
    assert Records().refuses(event) == "not_found"
    records = Records().until("completed")
    records.kind, records.now = "failback", records.now + SETTLE_SECONDS
    records.does(records.request("m2"))
    records.until("committed")
    assert records.refuses(event) == "not_found"
