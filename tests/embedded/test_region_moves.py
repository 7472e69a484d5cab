"""A mirror is moved between two regions by the deployed workflow: promotion, fail-back and switchover, really run."""

import json
from typing import Any

import pytest

from local import cdk
from local.verify import DIFFERENT, NOT_COMPARED, verify

from .region_moves import Moves
from .region_world import REGIONS

pytestmark = pytest.mark.embedded

#: What a promotion itself may take: everything but IRIS's takeover, the instance's stop and start, and what resolvers keep.
OVERHEAD_SECONDS = 30


def test_both_regions_are_reported_as_asked_for(moves: Moves) -> None:
    # Whatever other tests have raised is run-time state, and not what is compared here.
    moves.begin()
    found = verify(moves.aws, cdk.stacks(moves.aws.directory / "cdk.out", moves.aws.account))
    assert [finding for finding in found if finding.status == DIFFERENT] == []
    assert {finding.property for finding in found if finding.status == NOT_COMPARED} <= {"TracingConfiguration"}


def test_before_any_move_the_primary_region_has_the_traffic(moves: Moves) -> None:
    moves.begin()
    assert moves.region() == {}
    assert moves.leads_to() == "primary"


@pytest.fixture(scope="class")
def promoted(moves: Moves) -> dict[str, Any]:
    moves.begin()
    moves.lose_primary()
    return moves.move("promotion", accept_data_loss=moves.SENTENCE)


class TestPromotion:
    """The primary region is lost."""

    def test_a_dr_member_is_primary_and_the_other_one_its_backup(self, moves: Moves, promoted: dict[str, Any]) -> None:
        assert {name: moves.mirror.members[name].status for name in ("TRAKC", "TRAKD")} in (
            {"TRAKC": "Primary", "TRAKD": "Backup"},
            {"TRAKC": "Backup", "TRAKD": "Primary"},
        )

    def test_the_records_say_so(self, moves: Moves, promoted: dict[str, Any]) -> None:
        region = moves.region()
        assert (region["serving"], region["epoch"], region["latch_epoch"]) == ("dr", "1", "1")
        assert promoted["report"]["target"] == "dr"

    def test_the_name_leads_to_the_dr_region(self, moves: Moves, promoted: dict[str, Any]) -> None:
        assert moves.leads_to() == "dr"

    def test_the_member_and_the_tier_have_their_full_size(self, moves: Moves, promoted: dict[str, Any]) -> None:
        assert moves.instance_type(promoted["report"]["member"]) == "r7i.4xlarge"
        assert moves.tier() == (3, 6)

    # I11. What is asked of the lost region is asked for once, and not needed.
    def test_nothing_of_the_lost_region_or_of_us_east_1_was_needed(self, moves: Moves, promoted: dict[str, Any]) -> None:
        asked = moves.asked_of(promoted["id"])
        assert {each.region for each in asked if not each.refused} == {REGIONS["dr"]}
        assert {each.region for each in asked if each.refused} <= {REGIONS["primary"]}
        # In the region that is left something really was asked.
        assert {"ssm", "dynamodb", "ec2", "autoscaling", "lambda"} <= {each.service for each in asked if not each.refused}

    def test_its_own_overhead_is_small(self, moves: Moves, promoted: dict[str, Any], record_property: Any) -> None:
        stages = promoted["report"]["stages"]
        took = promoted["seconds"]
        record_property("promotion_overhead_s", took)
        print(f"\npromotion's own overhead: {took:.1f} s; {json.dumps(stages)}")
        assert took < OVERHEAD_SECONDS * 3, "not a matter of a busy machine any more"

    def test_its_approval_sent_again_changes_nothing(self, moves: Moves, promoted: dict[str, Any]) -> None:
        before = moves.region()
        assert moves.approve(promoted).status in (409, 410)
        assert (moves.region(), moves.current()["state"]) == (before, "completed")

    def test_the_former_region_gets_nothing_back(self, moves: Moves, promoted: dict[str, Any]) -> None:
        moves.bring_back_primary()
        moves.look()
        assert moves.leads_to() == "dr"

    def test_a_deployment_in_between_changes_no_latch(self, moves: Moves, promoted: dict[str, Any]) -> None:
        before = moves.region()
        moves.deploy(changed="yes")
        moves.look()
        assert (moves.region(), moves.leads_to()) == (before, "dr")
        # What was raised is not the template's.
        assert moves.tier() == (3, 6)


def test_a_switchover_to_a_member_that_is_behind_is_refused_and_nothing_has_changed(moves: Moves) -> None:
    moves.begin()
    for name in ("TRAKC", "TRAKD"):
        moves.mirror.members[name].lag = 5
    moves.request("switchover")
    found = moves.until_state("refused")
    assert "caught up" in found["why"]
    assert (moves.mirror.primary(), moves.region().get("epoch", "0")) == ("TRAKA", "0")


def test_a_promotion_without_the_acceptance_of_loss_is_refused_when_nobody_has_the_newest_journals(moves: Moves) -> None:
    moves.begin()
    moves.lose_primary()
    moves.request("promotion")
    found = moves.until_state("refused")
    assert "acceptance of loss" in found["why"]
    assert moves.region().get("epoch", "0") == "0"
