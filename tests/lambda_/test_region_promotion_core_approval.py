"""A move between regions until it is committed, event by event: who may ask for it, approve it, and for how long that holds."""

from dataclasses import replace
from typing import Any

import pytest

from region_promotion import events as ev
from region_promotion.core import COMMIT_WITHIN_SECONDS
from region_promotion.records import KINDS, Plan, Region
from tests.lambda_.region_records import ANNE, BOB, EVE, REQUESTERS, Records

PLANNED = pytest.mark.parametrize("kind", ["switchover", "failback"])


@pytest.fixture(params=KINDS)
def each_kind(request: pytest.FixtureRequest) -> Records:
    return Records(request.param)


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
