"""What the drill says of its observations is what they are."""

from typing import Any

import pytest

from tests.drill_dr.measure import (
    Endpoint,
    critical_path,
    first_good,
    last_good,
    lost,
    needed,
    recovery_point,
    served_by,
)
from tests.drill_dr.story import AFTER


def attempt(n: int, began: float, ended: float, to: str = "old", *, good: bool = True) -> dict[str, Any]:
    return {"n": n, "began": began, "ended": ended, "to": to, **({"number": n} if good else {"why": "timed out"})}


WRITES = [
    attempt(1, 1.0, 1.1),
    attempt(2, 1.2, 1.3),
    # It was begun before the region was lost, and answered by nobody.
    attempt(3, 1.4, 2.4, good=False),
    attempt(4, 9.0, 9.5, "new"),
]


def test_an_outage_is_from_the_last_good_write_to_the_first_one_that_began_later() -> None:
    assert (last_good(WRITES, 1.5), first_good(WRITES, 1.5)) == (1.3, 9.5)


def test_a_write_that_began_before_does_not_end_an_outage() -> None:
    assert first_good([attempt(1, 1.0, 9.0), attempt(2, 9.1, 9.2)], 2.0) == 9.2


def test_without_a_good_write_there_is_no_end() -> None:
    assert first_good(WRITES, 10) is None
    assert last_good(WRITES, 1.0) is None


def test_lost_is_what_was_acknowledged_and_is_not_there() -> None:
    assert [each["n"] for each in lost("c", WRITES, {"c-1", "c-4"})] == [2]


# What was not acknowledged may be there or not.
def test_what_was_not_acknowledged_is_not_lost() -> None:
    assert lost("c", WRITES, {"c-1", "c-2", "c-4"}) == []


def test_the_recovery_point_is_that_of_the_oldest_lost_record() -> None:
    assert recovery_point(lost("c", WRITES, {"c-4"}), 1.5) == pytest.approx(0.4)
    assert recovery_point([], 1.5) == 0


def test_what_an_address_acknowledged_later_counts_and_what_it_refused_does_not() -> None:
    assert served_by(WRITES, "old", 1.5, 100) == []
    assert [each["n"] for each in served_by(WRITES, "new", 1.5, 100)] == [4]


def test_an_endpoint_of_the_lost_region_may_be_called_but_not_needed() -> None:
    called = [Endpoint("ssm.eu-west-2", required=False), Endpoint("ssm.eu-west-1", required=True)]
    assert needed(called, "eu-west-2", "us-east-1") == []
    assert needed([*called, Endpoint("route53.us-east-1", required=True)], "eu-west-2", "us-east-1") == ["route53.us-east-1"]


def test_the_critical_path_goes_by_the_longer_branch() -> None:
    stages = {
        "commit": 1.0,
        "fence": 2.0,
        "resize": 3.0,
        "promote": 4.0,
        "await_primary": 1.0,
        "raise_tiers": 20.0,
        "latch": 1.0,
    }
    assert critical_path(stages, AFTER) == ["commit", "fence", "raise_tiers", "latch"]
    assert critical_path({**stages, "raise_tiers": 1.0}, AFTER) == [
        "commit", "fence", "resize", "promote", "await_primary", "latch",
    ]  # fmt: skip
    assert critical_path({}, AFTER) == []
