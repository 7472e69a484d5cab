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
    def test_not_when_the_target_has_taken_over_by_itself(self, kind: str) -> None:
        """Its primary failed before anybody stopped it: who serves by the record would have no primary."""
        records = Records(kind).until("committed")
        records.step("hand_over")
        assert records.refuses(ev.Cancel("m1", ANNE, REQUESTERS)) == "committed"

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


class TestPromotionInPlaceOfAFailback:
    """The home region is lost, or said to be, while the DR region's primary is being stopped for it."""

    def _stopping(self, state: str = "committed") -> Records:
        records = Records("failback").until(state)
        if not records.move or not records.move.is_done("hand_over"):
            records.does(ev.StepStarted("m1", "hand_over"))
            records.does(ev.StepNoted("m1", "hand_over", "{}", stops=True))
        records.kind = "promotion"
        return records

    def test_needs_a_primary_that_is_being_stopped_and_loss_that_is_accepted(self) -> None:
        records = Records("failback").until("committed")
        records.kind = "promotion"
        assert records.refuses(records.request("m2", loss=True)) == "under_way"
        records = self._stopping()
        assert records.refuses(records.request("m2")) == "under_way"
        assert records.refuses(records.request("m2", loss=True, requester=EVE)) == "not_allowed"
        records.does(records.request("m2", loss=True))

    @pytest.mark.parametrize("kind", ["promotion", "switchover"])
    def test_no_other_move_gives_way(self, kind: str) -> None:
        records = Records(kind).until("committed")
        if kind == "switchover":
            records.does(ev.StepStarted("m1", "hand_over"))
            records.does(ev.StepNoted("m1", "hand_over", "{}", stops=True))
        records.kind = "promotion"
        assert records.refuses(records.request("m2", loss=True)) == "under_way"

    def test_nothing_is_changed_by_the_request(self) -> None:
        records = self._stopping()
        before = records.region
        records.does(records.request("m2", loss=True))
        assert records.region == before
        assert (records.archive["m1"].state, records.archive["m1"].ended_at) == ("abandoned", records.now)
        assert records.refuses(ev.StepDone("m1", "hand_over")) == "not_found"
        # What the fail-back has begun may still take effect.
        assert records.move is not None
        assert records.move.not_before == records.now + SETTLE_SECONDS

    def test_the_traffic_stays_where_it_was(self) -> None:
        records = self._stopping()
        assert (records.region.epoch, records.region.latch_epoch) == (4, 3)
        records.does(records.request("m2", loss=True))
        records.until("approved")
        records.now += SETTLE_SECONDS
        records.until("committed")
        assert (records.region.serving, records.region.epoch, records.region.latch_epoch) == ("dr", 5, 5)
        records.until("latch")
        records.does(ev.StepStarted("m2", "latch"))
        records.nothing(ev.Latch("m2"))
        records.does(ev.StepDone("m2", "latch"))
        records.until("completed")

    def test_given_up_it_can_be_asked_for_again_and_nothing_else(self) -> None:
        records = self._stopping()
        records.does(records.request("m2", loss=True))
        records.does(ev.Cancel("m2", ANNE, REQUESTERS))
        records.now += SETTLE_SECONDS
        assert records.ready() == ()
        for kind, code in (("switchover", "damaged"), ("failback", "wrong_way")):
            records.kind = kind
            assert records.refuses(records.request("m3")) == code
        records.kind = "promotion"
        records.does(records.request("m3"))

    def test_after_its_latch_it_is_a_promotion_like_any_other(self) -> None:
        records = self._stopping("await_health_check")
        assert records.region.latch_epoch == records.region.epoch == 4
        records.does(records.request("m2", loss=True))
        records.until("approved")
        records.now += SETTLE_SECONDS
        records.until("committed")
        assert (records.region.serving, records.region.epoch, records.region.latch_epoch) == ("dr", 5, 4)


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
        # Who asked, in an approver's role.
        assert records.refuses(resume(replace(ANNE, role="1/Leads"))) == "same_person"
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
