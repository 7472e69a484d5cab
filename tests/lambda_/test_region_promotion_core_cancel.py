"""A move between regions that is taken back, or goes on after it was lost, event by event."""

from dataclasses import replace

import pytest

from region_promotion import events as ev
from region_promotion.core import COMMIT_WITHIN_SECONDS, SETTLE_SECONDS
from region_promotion.records import KINDS, Plan, Principal
from tests.lambda_.region_records import ANNE, APPROVERS, BOB, EVE, REQUESTERS, STATES, Records

PLANNED = pytest.mark.parametrize("kind", ["switchover", "failback"])


@pytest.fixture(params=KINDS)
def each_kind(request: pytest.FixtureRequest) -> Records:
    return Records(request.param)


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
