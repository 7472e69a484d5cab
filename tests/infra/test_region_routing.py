"""The name that follows the latch: which region Route 53 answers with, in every state of the world."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from cdk_intersystems.model.region_latch import LATCH_OBJECT, Latch
from tests.infra.region_routing_app import CONTROL, LATCHES, region_template
from tests.infra.route53_rules import Checkers, World, answered
from tests.infra.templates import by_id, resources

KINDS = list(LATCHES)
SHAPES = {
    "private": {"private": True},
    "public": {"private": False},
    "nobody to ask elsewhere": {"private": True, "others": {}},
}


@pytest.fixture(scope="module")
def made() -> dict[tuple[str, str], Any]:
    return {(kind, shape): region_template(LATCHES[kind], **more) for kind in KINDS for shape, more in SHAPES.items()}


def _world(template: Any, *, primary_serves: bool | None, held_by_dr: bool | None) -> World:
    """What Route 53's checkers find: None for what tells them nothing."""
    (holds,) = (name for name, each in by_id(template, "CloudWatch::Alarm") if each.get("MetricName") == "DrHoldsTraffic")
    holds_not = None if held_by_dr is None else not held_by_dr
    said: dict[str, bool | None] = {holds: holds_not, f"{CONTROL}/1": holds_not, f"{CONTROL}/2": held_by_dr}

    def world(subject: str) -> bool | None:
        if subject in said:
            return said[subject]
        if subject.startswith("https://"):
            # An endpoint that nothing is heard of is unhealthy, once the check has asked.
            if subject.endswith(f"/{LATCH_OBJECT}"):
                return bool(held_by_dr)
            assert subject == "https://web-primary.one.example.com/status/region/mirror_status.cxw"
            return bool(primary_serves)
        assert dict(by_id(template, "CloudWatch::Alarm"))[subject]["MetricName"] == "PrimaryRegionServes"
        return primary_serves

    return world


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_the_latchs_whoever_serves(made: Mapping[tuple[str, str], Any], kind: str, shape: str) -> None:
    """I6 and I7, in every row: whether the DR region serves is nothing that Route 53 is told."""
    template = made[kind, shape]
    for primary_serves, held_by_dr in itertools.product((True, False), repeat=2):
        health = Checkers(template).all_of(_world(template, primary_serves=primary_serves, held_by_dr=held_by_dr))
        expected = "dr" if held_by_dr else "primary"
        assert answered(template, health) == expected, f"primary serves: {primary_serves}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_failover_within_the_primary_region_sends_nobody_to_the_dr_region(
    made: Mapping[tuple[str, str], Any], kind: str
) -> None:
    template = made[kind, "private"]
    checkers = Checkers(template)
    for serves in (True, False, True):
        health = checkers.all_of(_world(template, primary_serves=serves, held_by_dr=False))
        assert answered(template, health) == "primary"


@pytest.mark.parametrize("kind", KINDS)
def test_a_region_that_comes_back_gets_nobody_back(made: Mapping[tuple[str, str], Any], kind: str) -> None:
    """I7: it flickers, for as long as it likes."""
    template = made[kind, "private"]
    checkers = Checkers(template)
    checkers.all_of(_world(template, primary_serves=True, held_by_dr=False))
    for serves in (False, True, False, True):
        health = checkers.all_of(_world(template, primary_serves=serves, held_by_dr=True))
        assert answered(template, health) == "dr"


@pytest.mark.parametrize("held_by_dr", [False, True])
def test_a_metric_that_falls_silent_leaves_the_answer_as_it_was(made: Mapping[tuple[str, str], Any], held_by_dr: bool) -> None:
    """The DR region is lost, and with it whoever tells the metric: nobody is led elsewhere by that."""
    template = made["metric", "private"]
    checkers = Checkers(template)
    checkers.all_of(_world(template, primary_serves=True, held_by_dr=held_by_dr))
    health = checkers.all_of(_world(template, primary_serves=None, held_by_dr=None))
    assert answered(template, health) == ("dr" if held_by_dr else "primary")


def test_an_object_that_cannot_be_read_leads_to_the_primary_region(made: Mapping[tuple[str, str], Any]) -> None:
    """The limit of the kind `s3_object`, as the decision record states it."""
    template = made["s3_object", "private"]
    checkers = Checkers(template)
    checkers.all_of(_world(template, primary_serves=False, held_by_dr=True))
    health = checkers.all_of(_world(template, primary_serves=False, held_by_dr=None))
    assert answered(template, health) == "primary"


@pytest.mark.parametrize("kind", ["metric"])
def test_checks_that_know_nothing_yet_lead_to_the_primary_region(made: Mapping[tuple[str, str], Any], kind: str) -> None:
    template = made[kind, "private"]
    health = Checkers(template).all_of(lambda _subject: None)
    assert answered(template, health) == "primary"


@pytest.mark.parametrize("order", ["latch-primary first", "latch-dr first"])
@pytest.mark.parametrize("to_dr", [True, False])
def test_routing_controls_seen_one_after_the_other_lead_where_one_of_them_does(
    made: Mapping[tuple[str, str], Any], order: str, to_dr: bool
) -> None:
    """Only this kind has two sources, which checkers may see at different moments: no third answer lies between."""
    template = made["routing_control", "private"]
    new, old = (
        _world(template, primary_serves=True, held_by_dr=to_dr),
        _world(template, primary_serves=True, held_by_dr=not to_dr),
    )
    early = f"{CONTROL}/{1 if order == 'latch-primary first' else 2}"
    health = Checkers(template).all_of(lambda subject: new(subject) if subject == early else old(subject))
    assert answered(template, health) in ("primary", "dr")
    # On the way to the DR region it gets nobody before both say so.
    if to_dr:
        assert answered(template, health) == "primary"


@pytest.mark.parametrize("kind", KINDS)
def test_records_are_names_of_regions_that_need_not_be_there(made: Mapping[tuple[str, str], Any], kind: str) -> None:
    records = {each["SetIdentifier"]: each for each in resources(made[kind, "private"], "Route53::RecordSet")}
    assert {role: each["ResourceRecords"] for role, each in records.items()} == {
        "primary": ["web-primary.one.example.com"],
        "dr": ["web-dr.one.example.com"],
    }
    for each in records.values():
        assert (each["Name"], each["Type"], each["TTL"]) == ("web.one.example.com.", "CNAME", "30")
        assert each["HealthCheckId"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_route53_reads_is_of_standard_resolution_and_one_period(
    made: Mapping[tuple[str, str], Any], kind: str, shape: str
) -> None:
    """Other statistics and resolutions it doesn't take: Route 53 API, AlarmIdentifier."""
    template = made[kind, shape]
    alarms = dict(by_id(template, "CloudWatch::Alarm"))
    for _, check in by_id(template, "Route53::HealthCheck"):
        config = check["HealthCheckConfig"]
        if config["Type"] != "CLOUDWATCH_METRIC":
            continue
        assert config["AlarmIdentifier"]["Region"] == "eu-west-1"
        alarm = alarms[config["AlarmIdentifier"]["Name"]["Ref"]]
        assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["Statistic"]) == (60, 1, "Maximum")
        assert "Metrics" not in alarm


def test_a_public_service_is_asked_for_its_words_and_not_for_any_answer_below_400(
    made: Mapping[tuple[str, str], Any],
) -> None:
    (config,) = (
        each["HealthCheckConfig"]
        for each in resources(made["metric", "public"], "Route53::HealthCheck")
        if each["HealthCheckConfig"]["Type"].startswith("HTTPS")
    )
    assert config["Type"] == "HTTPS_STR_MATCH"
    assert config["SearchString"] == "SUCCESS"
    assert config["EnableSNI"] is True


def test_a_bucket_that_no_latch_has_is_refused() -> None:
    with pytest.raises(ValueError, match="latch_bucket_domain"):
        region_template(Latch(), latch_bucket_domain="bucket.s3.eu-west-1.amazonaws.com")
