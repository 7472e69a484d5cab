"""The drill's own judgement: what it takes for an outage, a lost record, two members at once, an empty route."""

from collections.abc import Sequence
from pathlib import Path

from tests.drill.__main__ import deployments
from tests.drill.load_balancer import Group, configuration, moved
from tests.drill.measure import Attempt, Look, both_open, empty_routes, first_good, lost, outages, takeover
from tests.drill.programs.moved_listener import leading
from tests.drill.report import markdown
from tests.drill.results import Run, summary


def written(*numbers: int | None) -> list[Attempt]:
    """Attempts, one a second; None was not acknowledged."""
    return [Attempt(n, float(n), n + 0.1, number) for n, number in enumerate(numbers)]


def test_an_outage_goes_from_the_first_failed_to_the_next_good_write() -> None:
    assert outages(written(7, None, None, 8, 9, None), 0, 10) == [(1.0, 3.1), (5.0, 10)]


def test_no_outage_without_a_failed_write() -> None:
    assert outages(written(7, 8), 0, 10) == []


def test_the_first_good_write_may_be_under_way_already() -> None:
    assert first_good(written(None, 8), 1.05) == 1.1


def records(*attempts: int | None, journal: Sequence[str], first: int = 1) -> list[str]:
    return [said for _, said in lost("c", written(*attempts), journal, first)]


def test_what_is_where_it_was_acknowledged_is_not_lost() -> None:
    assert records(1, 3, journal=["c-0", "d-0", "c-1"]) == []


def test_a_record_that_is_not_there_is_lost() -> None:
    assert records(1, 3, journal=["c-0", "d-0"]) == ["c-1 was acknowledged as 3, and is at no place"]


def test_a_record_that_is_there_twice_is_wrong() -> None:
    assert records(1, journal=["c-0", "c-0"]) == ["c-0 was acknowledged as 1, and is at 1, 2"]


def test_a_record_elsewhere_than_told_is_wrong() -> None:
    assert records(2, journal=["c-0", "d-0"]) == ["c-0 was acknowledged as 2, and is at 1"]


def test_records_in_another_order_are_wrong() -> None:
    assert len(records(2, 1, journal=["c-1", "c-0"])) == 1


def test_what_was_not_acknowledged_may_be_missing() -> None:
    assert records(None, 1, journal=["c-1"]) == []


def test_a_takeover_is_told_with_its_three_moments() -> None:
    looks = [
        Look(0, "b", False, "Backup"),
        Look(2, "b", False, "Transition"),
        Look(3, "b", False, "Primary"),
        Look(3.5, "b", True, "Primary"),
    ]
    found = takeover(looks, "a", 1, 9)
    assert found is not None
    assert (found.member, found.began, found.primary, found.admits) == ("b", 2, 3, 3.5)


def test_without_another_primary_there_is_no_takeover() -> None:
    assert takeover([Look(0, "a", True, "Primary"), Look(1, "b", False, "Backup")], "a", 0, 9) is None


def test_two_members_that_admit_clients_at_once_are_seen() -> None:
    looks = [Look(1, "a", True, "Primary"), Look(2, "b", True, "Primary"), Look(5, "a", False, "Primary")]
    assert both_open(looks, 0, 9) == [(2, 5)]


def test_a_table_that_had_a_route_and_has_none_is_seen() -> None:
    events = [
        {"at": 1.0, "vip": "v", "tables": {"rtb-1": "i-1", "rtb-2": None}},
        {"at": 2.0, "vip": "v", "tables": {"rtb-1": None, "rtb-2": None}},
    ]
    assert empty_routes(events, "v", 0, 9) == ["rtb-1 at 2.00 s"]
    assert empty_routes(events, "other", 0, 9) == []


def test_medians_are_those_of_takeovers_alone() -> None:
    runs = [Run("x", "polling", seconds, detection_s=1, routing_s=seconds) for seconds in (1, 2, 9)]
    runs.append(Run("nobody took over", "polling", 100))
    assert summary(runs)["polling"]["outage_s"] == 2


def test_the_table_names_what_broke() -> None:
    table = markdown([Run("x", "polling", 1, detection_s=1, routing_s=1, invariants_broken=["I1"])], ["x"], 1)
    assert "| x | 1.00 ! |" in table
    assert "1 broke an invariant" in table


def group(name: str, *targets: str, protocol: str = "TCP") -> Group:
    """A target group."""
    return Group(name, tuple((target, 11972) for target in targets), protocol, 2189, "/status", "200", 5, 3, 2, 4, True)


def test_the_load_balancer_checks_as_the_target_group_says() -> None:
    text = configuration({("10.0.0.9", 1972): group("polling", "10.0.0.1", "10.0.0.2", protocol="HTTP")}, "/s")
    assert "check port 2189 inter 5s fall 4 rise 2 on-marked-down shutdown-sessions" in text
    assert "timeout check 3s" in text
    assert "http-check expect status 200" in text


def test_the_load_balancer_fails_open() -> None:
    text = configuration({("10.0.0.9", 1972): group("polling", "10.0.0.1")}, "/s")
    assert "use_backend polling-open if { nbsrv(polling) eq 0 }" in text
    assert "server target-10-0-0-1 10.0.0.1:11972\n" in text


def test_a_moved_listener_has_a_group_for_each_member() -> None:
    text = moved("10.0.0.9", 1972, [group("one", "10.0.0.1"), group("two", "10.0.0.2")], leads=Path("/m"), socket=Path("/s"))
    assert "use_backend %[str(listener),map_str(/m)]\n" in text
    assert "backend one\n" in text
    assert "backend two-open\n" in text


def test_a_listener_leads_to_the_only_group_with_weight() -> None:
    def listener(**weights: int) -> dict[str, object]:
        groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
        return {"DefaultActions": [{"ForwardConfig": {"TargetGroups": groups}}]}

    assert leading(listener(a=0, b=1)) == "b"
    assert leading(listener(a=1, b=1)) == ""


def test_polling_and_listener_are_deployed_one_after_the_other() -> None:
    assert deployments(["listener", "polling", "route_vip"]) == [["route_vip", "polling"], ["listener"]]
    assert deployments(["route_vip"]) == [["route_vip", "polling"]]
    assert deployments(["listener"]) == [["listener"]]
