"""The tiers of the DR region: how many servers wait, how many a promotion raises them to, and what keeps that so."""

from typing import Any

import pytest

from cdk_intersystems.model.region_capacity import TierCapacity
from tests.infra.dr_app import DrApp
from tests.infra.dr_tiers import GROUP, application_tier, web_tier
from tests.infra.templates import by_id, only, resources
from tests.infra.tier_app import TierApp
from tests.infra.web_tier_app import define_application_tier, define_external

_NONE = {"warm_min_capacity": 0, "warm_max_capacity": 0}


def _templates(application: dict[str, Any], web: dict[str, Any]) -> dict[str, Any]:
    base = DrApp()
    web_tier(base, application_tier(base, **application), **web)
    return base.templates()


@pytest.fixture(scope="module")
def empty() -> dict[str, Any]:
    return _templates(_NONE, _NONE)


@pytest.fixture(scope="module")
def full() -> dict[str, Any]:
    return _templates({}, {})


def _sizes(template: Any) -> tuple[str, str]:
    group = only(template, GROUP)
    return group["MinSize"], group["MaxSize"]


def test_the_template_has_the_capacity_of_the_wait(empty: dict[str, Any], full: dict[str, Any]) -> None:
    assert [_sizes(empty[tier]) for tier in ("app", "web")] == [("0", "0"), ("0", "0")]
    assert [_sizes(full[tier]) for tier in ("app", "web")] == [("3", "6"), ("3", "9")]
    reduced = _templates({"warm_min_capacity": 1, "warm_max_capacity": 2}, {"warm_min_capacity": 1, "warm_max_capacity": 9})
    assert [_sizes(reduced[tier]) for tier in ("app", "web")] == [("1", "2"), ("1", "9")]


def test_what_a_promotion_raises_is_handed_on() -> None:
    base = DrApp()
    tier = application_tier(base, **_NONE)
    assert tier.capacity == TierCapacity(name="app", min=3, max=6, warm_min=0, warm_max=0, instance_type="m7i.4xlarge")
    web = web_tier(base, tier)
    assert web.capacity == TierCapacity(name="web", min=3, max=9, warm_min=3, warm_max=9, instance_type="c7i.2xlarge")
    assert tier.capacity.raised
    assert not web.capacity.raised


def test_the_group_is_found_by_the_tags_of_deployment_and_tier(empty: dict[str, Any]) -> None:
    for tier in ("app", "web"):
        tags = {each["Key"]: each["Value"] for each in only(empty[tier], GROUP)["Tags"]}
        assert (tags["cdk-intersystems:deployment"], tags["cdk-intersystems:tier"]) == ("one", tier)


def test_the_ceiling_on_ecp_clients_is_that_of_the_region_that_serves() -> None:
    with pytest.raises(ValueError, match=r"ecp_client_ceiling of TRAK is 10: .* needs at least 12"):
        application_tier(DrApp(ecp_client_ceiling=10), **_NONE)


def test_the_stack_waits_for_the_servers_that_there_are(empty: dict[str, Any], full: dict[str, Any]) -> None:
    """Until they are ready to serve, which those of a region that waits tell; where there are none, it waits for nobody."""
    for templates, policy in ((empty, {}), (full, {"ResourceSignal": {"Count": 3, "Timeout": "PT60M"}})):
        for tier in ("app", "web"):
            (group,) = (each for each in templates[tier]["Resources"].values() if each["Type"] == f"AWS::{GROUP}")
            assert group.get("CreationPolicy", {}) == policy


def test_no_places_are_reserved_for_no_servers() -> None:
    base = DrApp()
    application_tier(base, **_NONE, purchase="capacity-reservation")
    assert resources(base.templates()["app"], "EC2::CapacityReservation") == []


def test_places_are_reserved_for_those_that_wait() -> None:
    base = DrApp()
    application_tier(base, warm_min_capacity=3, purchase="capacity-reservation")
    found = resources(base.templates()["app"], "EC2::CapacityReservation")
    assert [each["InstanceCount"] for each in found] == [1, 1, 1]


def test_another_capacity_is_refused_until_it_is_approved(empty: dict[str, Any]) -> None:
    for tier, parameter in (("app", "CapacityApprovalApp"), ("web", "CapacityApprovalWeb")):
        code = empty[tier]["Parameters"][parameter]["Default"]
        (assertion,) = empty[tier]["Rules"][f"{parameter}Rule"]["Assertions"]
        assert assertion["Assert"] == {"Fn::Equals": [{"Ref": parameter}, code]}
        assert f"cdk deploy {tier} --exclusively --parameters {tier}:{parameter}={code}" in assertion["AssertDescription"]
        assert "takes back what the promotion raised" in assertion["AssertDescription"]


def test_two_tiers_of_a_stack_have_a_gate_each() -> None:
    base = DrApp(platform=None, databases=[])
    stack = base.stack("tiers")
    for name in ("app", "print-servers"):
        application_tier(base, stack=stack, name=name, platform=None, max_capacity=3)
    template = base.templates()["tiers"]
    gates = {"CapacityApprovalApp", "CapacityApprovalPrintServers"}
    assert gates <= template["Parameters"].keys()
    assert {f"{gate}Rule" for gate in gates} <= template["Rules"].keys()
    assert len({template["Parameters"][gate]["Default"] for gate in gates}) == 2


def test_in_the_primary_region_there_is_no_gate() -> None:
    base = TierApp()
    stack = base.stack("app")
    define_application_tier(base, stack)
    template = base.app.synth().get_stack_by_name("app").template
    assert not [name for name in template.get("Parameters", {}) if name.startswith("CapacityApproval")]
    assert "Rules" not in template or not [name for name in template["Rules"] if name.startswith("CapacityApproval")]


def test_the_alarm_on_missing_servers_is_quiet_where_none_is_wanted(empty: dict[str, Any]) -> None:
    """It compares with the desired capacity of the moment, which is 0."""
    alarms = [each for name, each in by_id(empty["app"], "CloudWatch::Alarm") if "MissingServers" in name]
    (alarm,) = alarms
    assert [each.get("Expression") for each in alarm["Metrics"] if "Expression" in each] == ["desired - inService"]
    assert alarm["Threshold"] == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"warm_min_capacity": -1}, "warm_min is at least 0"),
        ({"warm_min_capacity": 3, "warm_max_capacity": 2}, "warm_max at least warm_min"),
        ({"warm_min_capacity": 4}, "a promotion raises a tier and never lowers it"),
        ({"warm_max_capacity": 7}, "a promotion raises a tier and never lowers it"),
        ({"min_capacity": 0}, "min_capacity is at least 1, got 0"),
    ],
)
def test_what_cannot_be_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        application_tier(DrApp(), **more)


def test_a_region_that_serves_from_the_first_day_has_no_warm_capacity() -> None:
    base = TierApp()
    stack = base.stack("web")
    tier = define_application_tier(base, base.stack("app"))
    with pytest.raises(ValueError, match=r"warm_min_capacity and warm_max_capacity of tier web are for the DR region"):
        define_external(base, stack, tier, warm_min_capacity=0)


def test_a_web_tier_that_serves_has_three_servers_even_if_fewer_wait() -> None:
    base = DrApp()
    tier = application_tier(base)
    with pytest.raises(ValueError, match="min_capacity of web tier web is at least 3"):
        web_tier(base, tier, min_capacity=2, warm_min_capacity=0)
