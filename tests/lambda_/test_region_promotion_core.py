"""What a move between regions may become, event by event."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from region_promotion import events as ev
from region_promotion.core import COMMIT_WITHIN_SECONDS, SETTLE_SECONDS, apply, next_step, stages_of
from region_promotion.records import KINDS, Move, Plan, Principal, Region

if TYPE_CHECKING:
    from collections.abc import Callable

ANNE = Principal("arn:aws:sts::1:assumed-role/Operators/anne", "1/Operators", "anne")
BOB = Principal("arn:aws:sts::1:assumed-role/Leads/bob", "1/Leads", "bob")
EVE = Principal("arn:aws:sts::1:assumed-role/Others/eve", "1/Others", "eve")
REQUESTERS, APPROVERS = ("1/Operators", "1/Leads"), ("1/Leads",)
TARGET = {"promotion": "dr", "switchover": "dr", "failback": "primary"}


class Records:
    """The two records, and the copies, as the table keeps them."""

    def __init__(self, kind: str = "promotion") -> None:
        self.kind = kind
        self.region = Region("dr", epoch=3, latch_epoch=3) if kind == "failback" else Region("primary")
        self.move: Move | None = None
        self.archive: dict[str, Move] = {}
        self.now = 1000.0

    def apply(self, event: ev.Event) -> ev.Writes | ev.Refused:
        answer = apply(event, self.region, self.move, self.now)
        if isinstance(answer, ev.Writes):
            assert answer.region is None or answer.region.version == self.region.version + 1
            assert answer.move is None or answer.move.version == (self.move.version + 1 if self.move else 1)
            self.region, self.move = answer.region or self.region, answer.move or self.move
            if answer.archive:
                self.archive[answer.archive.id] = answer.archive
        return answer

    def does(self, event: ev.Event) -> None:
        answer = self.apply(event)
        assert isinstance(answer, ev.Writes), answer
        assert answer != ev.Writes(), "nothing was written"

    def nothing(self, event: ev.Event) -> None:
        assert self.apply(event) == ev.Writes()

    def refuses(self, event: ev.Event) -> str:
        before = (self.region, self.move)
        answer = self.apply(event)
        assert isinstance(answer, ev.Refused), answer
        assert (self.region, self.move) == before
        assert answer.message
        return answer.code

    def ready(self) -> tuple[str, ...]:
        return next_step(self.region, self.move, self.now).names

    # What happens in a move that goes well.

    def request(self, id: str = "m1", *, loss: bool = False, requester: Principal = ANNE) -> ev.Request:
        plan = Plan(self.kind, "TRAK", TARGET[self.kind], accept_data_loss=loss)
        return ev.Request(id, plan, requester, REQUESTERS, 1800.0)

    def checked(self, partner: str = "auto", *problems: str) -> ev.Checked:
        assert self.move
        return ev.Checked(self.move.id, replace(self.move.plan, member="TRAKC", partner=partner, lag_seconds=2.0), problems)

    def approve(self, approver: Principal = BOB, **other: Any) -> ev.Approve:
        assert self.move
        given = {"id": self.move.id, "plan_hash": self.move.plan_hash, "epoch": self.move.epoch, **other}
        return ev.Approve(**given, approver=approver, allowed=APPROVERS)

    def step(self, name: str) -> None:
        assert self.move
        self.does(ev.StepStarted(self.move.id, name))
        if name == "latch":
            self.does(ev.Latch(self.move.id))
        self.does(ev.StepDone(self.move.id, name, f'"{name}"'))

    def until(self, what: str) -> "Records":
        """Goes on until a step is ready, or the move is in a state."""
        if self.move is None:
            self.does(self.request())
        assert self.move
        for _ in range(30):
            ready = self.ready()
            if what in ready or what == self.move.state:
                return self
            name = ready[0]
            event: dict[str, Callable[[], ev.Event]] = {
                "preflight": self.checked,
                "approval": self.approve,
                "commit": lambda: ev.Commit(self.move.id),  # type: ignore[union-attr]
                "report": lambda: ev.Complete(self.move.id, "{}"),  # type: ignore[union-attr]
            }
            if name in event:
                self.does(event[name]())
            else:
                self.step(name)
        raise AssertionError(f"never {what}: {self.move}")


@pytest.fixture(params=KINDS)
def each_kind(request: pytest.FixtureRequest) -> Records:
    return Records(request.param)


PLANNED = pytest.mark.parametrize("kind", ["switchover", "failback"])
STATES = ("requested", "checked", "approved", "committed", "completed")


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


class TestRequest:
    def test_by_whom(self) -> None:
        assert Records().refuses(Records().request(requester=EVE)) == "not_allowed"

    @pytest.mark.parametrize(
        ("kind", "target", "serving"),
        [
            ("promotion", "dr", "dr"),
            ("failback", "primary", "primary"),
            ("failback", "dr", "primary"),
            ("switchover", "primary", "dr"),
            ("rehearsal", "dr", "primary"),
        ],
    )
    def test_the_way(self, kind: str, target: str, serving: str) -> None:
        records = Records()
        records.region = Region(serving, epoch=1, latch_epoch=1)
        request = ev.Request("m1", Plan(kind, "TRAK", target), ANNE, REQUESTERS, 60.0)
        assert records.refuses(request) == "wrong_way"

    @PLANNED
    def test_a_planned_move_loses_nothing(self, kind: str) -> None:
        records = Records(kind)
        assert records.refuses(records.request(loss=True)) == "no_loss"

    def test_of_a_record_that_was_set_back(self) -> None:
        records = Records()
        records.region = replace(records.region, epoch=4, latch_epoch=2)
        assert records.refuses(records.request()) == "damaged"

    @pytest.mark.parametrize("state", ["requested", "checked", "approved"])
    def test_one_that_nobody_went_on_with_is_in_nobody_s_way(self, state: str) -> None:
        records = Records().until(state)
        records.now += 1800
        records.does(records.request("m2"))
        assert records.archive["m1"].state == "expired"
        assert records.move is not None
        assert (records.move.id, records.move.epoch, records.move.approver) == ("m2", 1, None)
        assert records.refuses(ev.Commit("m1")) == "not_found"
        assert records.refuses(ev.StepDone("m1", "fence")) == "not_found"


class TestPreflight:
    def test_problems_refuse_the_move(self, each_kind: Records) -> None:
        each_kind.until("requested")
        each_kind.does(each_kind.checked("auto", "it lags", "no capacity"))
        assert each_kind.move is not None
        assert (each_kind.move.state, each_kind.move.why) == ("refused", "it lags; no capacity")
        assert each_kind.refuses(ev.Commit("m1")) == "ended"
        assert each_kind.refuses(each_kind.checked()) == "ended"
        each_kind.does(each_kind.request("m2"))

    def test_without_a_partner_loss_has_to_be_accepted(self) -> None:
        records = Records().until("requested")
        records.does(records.checked("none"))
        assert records.move is not None
        assert records.move.state == "refused"
        records.does(records.request("m2", loss=True))
        records.does(records.checked("none"))
        assert records.move.state == "checked"

    @pytest.mark.parametrize(
        "other", [{"target": "primary"}, {"accept_data_loss": True}, {"kind": "switchover"}, {"member": ""}, {"stages": ()}]
    )
    def test_it_can_t_make_another_plan(self, other: dict[str, Any]) -> None:
        records = Records().until("requested")
        checked = records.checked()
        records.does(replace(checked, plan=replace(checked.plan, **other)))
        assert records.move is not None
        assert records.move.state == "refused"

    def test_a_later_look_doesn_t_change_what_is_approved(self) -> None:
        records = Records().until("checked")
        later = records.checked()
        records.nothing(replace(later, plan=replace(later.plan, lag_seconds=50.0)))

    def test_too_late(self) -> None:
        records = Records().until("requested")
        records.now += 1800
        assert records.refuses(records.checked()) == "expired"
        assert records.ready() == ("expire",)


class TestApproval:
    def test_it_is_bound_to_all_of_it(self, each_kind: Records) -> None:
        each_kind.until("checked")
        for code, event in {
            "not_allowed": each_kind.approve(EVE),
            "same_person": each_kind.approve(replace(BOB, session="Anne")),
            "plan_changed": each_kind.approve(plan_hash="0" * 64),
            "epoch": each_kind.approve(epoch=each_kind.region.epoch),
            "not_found": each_kind.approve(id="m0"),
        }.items():
            assert each_kind.refuses(event) == code
        each_kind.does(each_kind.approve())

    def test_the_requester_in_another_role(self) -> None:
        records = Records()
        records.does(records.request(requester=BOB))
        records.does(records.checked())
        assert records.refuses(records.approve(BOB)) == "same_person"

    def test_what_was_asked_for_is_not_what_was_checked(self) -> None:
        records = Records().until("requested")
        early = records.approve()
        assert records.refuses(early) == "not_checked"
        records.does(records.checked())
        assert records.refuses(early) == "plan_changed"

    def test_it_is_used_once(self, each_kind: Records) -> None:
        each_kind.until("checked")
        approval = each_kind.approve()
        each_kind.does(approval)
        assert each_kind.refuses(approval) == "approved"
        each_kind.until("completed")
        assert each_kind.refuses(approval) == "approved"

    def test_of_another_move_with_the_same_plan(self) -> None:
        records = Records().until("checked")
        approval = records.approve()
        records.does(ev.Cancel("m1", ANNE, REQUESTERS))
        records.does(records.request("m2"))
        records.does(records.checked())
        assert records.move is not None
        assert records.move.plan_hash == approval.plan_hash
        assert records.refuses(approval) == "not_found"

    def test_in_the_last_moment_and_after_it(self) -> None:
        records = Records().until("checked")
        records.now += 1799.9
        early = Records()
        early.region, early.move, early.now = records.region, records.move, records.now
        early.does(early.approve())
        records.now += 0.1
        assert records.refuses(records.approve()) == "expired"

    def test_it_doesn_t_hold_for_ever(self, each_kind: Records) -> None:
        each_kind.until("commit")
        each_kind.now += COMMIT_WITHIN_SECONDS[each_kind.kind]
        assert each_kind.refuses(ev.Commit("m1")) == "expired"
        assert each_kind.ready() == ("expire",)
        each_kind.does(ev.Expire("m1"))
        assert each_kind.refuses(ev.Commit("m1")) == "ended"

    def test_the_workflow_is_told_where_it_waits(self) -> None:
        records = Records().until("checked")
        records.does(ev.Awaiting("m1", "one"))
        records.does(ev.Awaiting("m1", "two"))
        records.nothing(ev.Awaiting("m1", "two"))
        assert records.move is not None
        assert records.move.task_token == "two"


class TestExpiry:
    def test_not_too_soon(self) -> None:
        records = Records().until("checked")
        records.now += 1799.9
        records.nothing(ev.Expire("m1"))
        records.now += 0.1
        records.does(ev.Expire("m1"))
        assert records.refuses(records.approve()) == "ended"

    def test_an_approval_was_faster(self) -> None:
        records = Records().until("checked")
        records.now += 1799.9
        records.does(records.approve())
        records.now += 0.1
        records.nothing(ev.Expire("m1"))
        records.does(ev.Commit("m1"))

    def test_what_is_committed_does_not_expire(self, each_kind: Records) -> None:
        each_kind.until("committed")
        each_kind.now += 100_000
        each_kind.nothing(ev.Expire("m1"))
        each_kind.until("completed")


class TestCommit:
    @pytest.mark.parametrize("state", ["requested", "checked"])
    def test_not_without_an_approval(self, each_kind: Records, state: str) -> None:
        each_kind.until(state)
        assert each_kind.refuses(ev.Commit("m1")) == "not_approved"

    def test_not_of_a_plan_that_was_changed_in_the_table(self) -> None:
        records = Records().until("approved")
        assert records.move is not None
        records.move = replace(records.move, plan=replace(records.move.plan, member="TRAKD"))
        assert records.refuses(ev.Commit("m1")) == "not_approved"

    @PLANNED
    def test_not_before_the_target_is_prepared(self, kind: str) -> None:
        records = Records(kind).until("approved")
        assert records.refuses(ev.Commit("m1")) == "not_due"
        records.step("resize")
        records.step("prepare")
        assert records.ready() == ("raise_tiers",)
        assert records.refuses(ev.Commit("m1")) == "not_due"

    @pytest.mark.parametrize(
        "region", [Region("primary", epoch=1, latch_epoch=1), Region("primary", latch_epoch=1), Region("dr")]
    )
    def test_not_if_the_region_is_not_where_it_was(self, region: Region) -> None:
        records = Records().until("commit")
        records.region = region
        assert records.refuses(ev.Commit("m1")) == "epoch"

    def test_both_records_are_written_at_once(self, each_kind: Records) -> None:
        answer = each_kind.until("commit").apply(ev.Commit("m1"))
        assert isinstance(answer, ev.Writes)
        assert answer.region is not None
        assert answer.move is not None
        # The traffic stays where it is.
        assert answer.region.latch_epoch == answer.region.epoch - 1


class TestCancel:
    @pytest.mark.parametrize("state", ["requested", "checked", "approved"])
    def test_before_the_point_of_no_return(self, each_kind: Records, state: str) -> None:
        each_kind.until(state)
        assert each_kind.refuses(ev.Cancel("m1", EVE, REQUESTERS)) == "not_allowed"
        each_kind.does(ev.Cancel("m1", ANNE, REQUESTERS))
        each_kind.nothing(ev.Cancel("m1", ANNE, REQUESTERS))
        assert each_kind.refuses(ev.Commit("m1")) == "ended"
        assert each_kind.refuses(ev.Awaiting("m1", "x")) == "ended"
        assert each_kind.refuses(each_kind.approve()) == "ended"
        assert each_kind.archive["m1"].why == "cancelled by anne"
        assert each_kind.refuses(ev.Resume("m1", ANNE, REQUESTERS, "m1-2")) == "ended"

    @pytest.mark.parametrize("state", ["committed", "completed"])
    def test_after_it(self, each_kind: Records, state: str) -> None:
        each_kind.until(state)
        assert each_kind.refuses(ev.Refuse("m1", "a step failed")) == "committed"
        if each_kind.kind != "promotion" and state == "committed":
            each_kind.does(ev.StepStarted("m1", "hand_over"))
            each_kind.does(ev.StepNoted("m1", "hand_over", "{}", stops=True))
        assert each_kind.refuses(ev.Cancel("m1", ANNE, REQUESTERS)) == "committed"

    @PLANNED
    def test_a_planned_move_whose_primary_still_serves_is_taken_back(self, kind: str) -> None:
        """At a newer epoch, with the latch where it was all the time; and what is done late finds it ended."""
        records = Records(kind)
        before = records.region
        records.until("committed")
        records.does(ev.StepStarted("m1", "hand_over"))
        records.does(ev.StepNoted("m1", "hand_over", "{}"))
        assert records.refuses(ev.Cancel("m1", EVE, REQUESTERS)) == "not_allowed"
        records.does(ev.Cancel("m1", ANNE, REQUESTERS))
        assert records.region.serving == before.serving
        assert records.region.epoch == records.region.latch_epoch == before.epoch + 2
        assert records.refuses(ev.StepNoted("m1", "hand_over", "{}", stops=True)) == "ended"
        assert records.refuses(ev.Commit("m1")) == "ended"
        assert records.refuses(ev.Latch("m1")) == "not_due"
        records.now += SETTLE_SECONDS
        assert records.ready() == ("undo",)

    @PLANNED
    def test_a_promotion_does_not_wait_for_what_is_to_be_undone(self, kind: str) -> None:
        """The region that served may be lost, and the member that was prepared primary by itself."""
        records = Records(kind).until("prepare")
        records.does(ev.StepStarted("m1", "prepare"))
        records.does(ev.Cancel("m1", ANNE, REQUESTERS))
        records.region = replace(records.region, serving="primary")
        plan = Plan("promotion", "TRAK", "dr", accept_data_loss=True)
        records.does(ev.Request("m2", plan, ANNE, REQUESTERS, 1800.0))
        assert records.move is not None
        assert records.move.not_before == records.now + SETTLE_SECONDS

    @PLANNED
    def test_what_was_prepared_is_undone_first(self, kind: str) -> None:
        records = Records(kind).until("prepare")
        records.does(ev.StepStarted("m1", "prepare"))
        records.does(ev.Cancel("m1", ANNE, REQUESTERS))
        assert records.refuses(records.request("m2")) == "needs_undo"
        assert records.refuses(ev.StepDone("m1", "prepare")) == "ended"
        # What was begun may still take effect, and would after it was undone.
        assert records.ready() == ()
        assert records.refuses(ev.StepStarted("m1", "undo")) == "ended"
        records.now += SETTLE_SECONDS
        assert records.ready() == ("undo",)
        records.does(ev.Resume("m1", BOB, REQUESTERS, "m1-2"))
        records.now += 500
        records.does(ev.StepStarted("m1", "undo"))
        records.does(ev.StepDone("m1", "undo"))
        assert records.archive["m1"] == records.move
        assert records.ready() == ()
        undone = records.now
        records.now += 1
        records.does(records.request("m2"))
        # Another run of the undoing may still be at work.
        assert records.move is not None
        assert records.move.not_before == undone + SETTLE_SECONDS

    @PLANNED
    def test_nor_is_it_forgotten_when_nobody_goes_on(self, kind: str) -> None:
        records = Records(kind).until("prepare")
        records.does(ev.StepStarted("m1", "prepare"))
        records.now += COMMIT_WITHIN_SECONDS[kind]
        assert records.refuses(records.request("m2")) == "needs_undo"
        assert records.ready() == ("expire",)
        records.does(ev.Expire("m1"))
        assert records.refuses(records.request("m2")) == "needs_undo"


class TestResume:
    @pytest.mark.parametrize("state", STATES[:-1])
    def test_whatever_is_under_way(self, each_kind: Records, state: str) -> None:
        each_kind.until(state)
        assert each_kind.refuses(ev.Resume("m1", EVE, REQUESTERS, "m1-2")) == "not_allowed"
        each_kind.does(ev.Resume("m1", ANNE, REQUESTERS, "m1-2"))
        assert each_kind.move is not None
        assert (each_kind.move.state, each_kind.move.execution) == (state, "m1-2")

    def test_loss_is_accepted_later_by_an_approver(self) -> None:
        records = Records().until("committed")
        assert records.move is not None
        assert not records.move.accepts_loss

        def resume(who: Principal) -> ev.Resume:
            return ev.Resume("m1", who, REQUESTERS, "m1-2", accepts_loss=True, approvers=APPROVERS)

        assert records.refuses(resume(ANNE)) == "not_allowed"
        records.does(resume(BOB))
        assert records.move.accepts_loss
        assert records.move.loss_accepted_by == "bob"
        # And it stays so.
        records.does(ev.Resume("m1", ANNE, REQUESTERS, "m1-3"))
        assert records.move.loss_accepted_by == "bob"

    @pytest.mark.parametrize(("kind", "state"), [("promotion", "checked"), ("switchover", "committed")])
    def test_but_not_where_nothing_is_lost_or_to_be_approved_still(self, kind: str, state: str) -> None:
        records = Records(kind).until(state)
        resume = ev.Resume("m1", BOB, REQUESTERS, "m1-2", accepts_loss=True, approvers=APPROVERS)
        assert records.refuses(resume) == "no_loss"

    def test_what_is_over_is_over(self) -> None:
        records = Records().until("completed")
        assert records.refuses(ev.Resume("m1", ANNE, REQUESTERS, "m1-2")) == "ended"


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
