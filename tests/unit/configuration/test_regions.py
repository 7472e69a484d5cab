"""What follows from a deployment of several regions: names, members elsewhere, capacities, platforms."""

import copy
import json

import pytest
import yaml

from cdk_intersystems.configuration import Deployment, PrimaryRegion, deployment_of
from cdk_intersystems.configuration.plan import (
    absent_member,
    certificate_of,
    fallback_types,
    member_addresses,
    other_arbiter,
    other_members,
    other_role,
    other_subjects,
    stack_names,
    system_names,
    tier_capacity,
    volumes_of,
    waiting_type,
)
from tests.unit.configuration.regions import hybrid, one_region, two_regions


def with_dr(**keys: object) -> Deployment:
    data = two_regions()
    data["regions"]["dr"] |= keys
    return deployment_of(data)


def test_regions_are_found_by_their_role() -> None:
    one, two, premises = deployment_of(one_region()), deployment_of(two_regions()), deployment_of(hybrid())

    assert [each.regions.roles() for each in (one, two, premises)] == [("primary",), ("primary", "dr"), ("dr",)]
    assert [each.regions.serving().region for each in (one, two, premises)] == ["eu-west-2"] * 3
    assert [each.regions.first_role() for each in (one, two, premises)] == ["primary", "primary", "dr"]
    assert two.regions.of("dr") is two.regions.dr
    assert isinstance(two.regions.of("primary"), PrimaryRegion)
    for role in ("on_premises", "dr", "third"):
        with pytest.raises(KeyError):
            one.regions.of(role)
    with pytest.raises(KeyError):
        premises.regions.of("on_premises")


def test_members_of_both_regions_know_each_other_by_name_and_address() -> None:
    deployment = with_dr()
    trak = deployment.mirror_sets[0]

    assert other_members(deployment, "primary", trak) == {"TRAKC": "10.30.144.17", "TRAKD": "10.30.160.17"}
    assert other_members(deployment, "dr", trak) == {"TRAKA": "10.20.144.17", "TRAKB": "10.20.160.17"}
    assert (other_arbiter(deployment, "primary", trak), other_arbiter(deployment, "dr", trak)) == (
        "10.30.224.17",
        "10.20.224.17",
    )
    assert system_names(deployment, "dr", trak) == {"a": "TRAKC", "b": "TRAKD"}
    assert other_subjects(deployment, "dr", trak) == {}
    assert (absent_member(deployment, "primary", trak), absent_member(deployment, "dr", trak)) == (None, None)


def test_a_deployment_of_one_region_has_nobody_elsewhere() -> None:
    deployment = deployment_of(one_region())
    trak = deployment.mirror_sets[0]

    assert other_role(deployment, "primary") is None
    assert other_members(deployment, "primary", trak) == {}
    assert other_arbiter(deployment, "primary", trak) == ""


def test_members_on_premises_are_those_that_are_stated() -> None:
    deployment = deployment_of(hybrid())
    trak = deployment.mirror_sets[0]

    assert other_role(deployment, "dr") == "on_premises"
    assert other_members(deployment, "dr", trak) == {"TRAKA": "192.168.10.11", "TRAKB": "192.168.10.12"}
    assert other_arbiter(deployment, "dr", trak) == "192.168.10.13"
    assert other_subjects(deployment, "dr", trak) == {"TRAKA": "CN=TRAKA,O=Example", "TRAKB": "CN=TRAKB,O=Example"}
    assert deployment.platform_of("dr") == deployment.platform
    assert certificate_of(deployment, "dr", deployment.web_tiers[0]) == deployment.web_tiers[0].certificate


def test_the_only_dr_member_is_a() -> None:
    deployment = with_dr(members=1)
    trak = deployment.mirror_sets[0]

    assert absent_member(deployment, "dr", trak) == "b"
    assert other_members(deployment, "primary", trak) == {"TRAKC": "10.30.144.17"}
    assert system_names(deployment, "primary", trak) == {"a": "TRAKA", "b": "TRAKB"}


def test_what_is_said_of_the_primary_regions_members_is_not_said_of_the_others() -> None:
    data = two_regions()
    data["mirror_sets"][0] |= {"addresses": {"a": "10.20.144.200"}, "absent_members": ["a"]}
    data["regions"]["dr"] |= {"addresses": {"TRAK": {"b": "10.30.160.99"}}, "absent_members": {"TRAK": "b"}}
    deployment = deployment_of(data)
    trak = deployment.mirror_sets[0]

    assert {role: str(address) for role, address in member_addresses(deployment.regions.of("dr"), trak).items()} == {
        "a": "10.30.144.17",
        "b": "10.30.160.99",
        "arbiter": "10.30.224.17",
    }
    assert str(member_addresses(deployment.regions.of("primary"), trak)["a"]) == "10.20.144.200"
    assert (absent_member(deployment, "primary", trak), absent_member(deployment, "dr", trak)) == ("a", "b")


def test_capacity_while_waiting_is_the_regions_share_rounded_up() -> None:
    deployment = with_dr()
    app, web = deployment.application_tiers[0], deployment.web_tiers[0]

    assert (tier_capacity(deployment, "primary", app), tier_capacity(deployment, "dr", app)) == ((3, 6), (2, 3))
    assert tier_capacity(deployment, "dr", web) == (2, 5)
    assert tier_capacity(with_dr(capacity={"tiers": 0}), "dr", app) == (0, 0)
    assert tier_capacity(with_dr(capacity={}), "dr", app) == (3, 6)


def test_members_wait_on_their_own_type_unless_another_is_stated() -> None:
    deployment, plain = with_dr(), with_dr(capacity={})
    trak = deployment.mirror_sets[0]

    assert (waiting_type(deployment, "primary", trak), waiting_type(deployment, "dr", trak)) == ("r7i.4xlarge", "r7i.2xlarge")
    assert waiting_type(plain, "dr", plain.mirror_sets[0]) == "r7i.4xlarge"
    assert (fallback_types(deployment, "dr"), fallback_types(deployment, "primary"), fallback_types(plain, "dr")) == (
        ("r7i.8xlarge",),
        (),
        (),
    )


def test_volumes_are_the_mirror_sets_but_for_what_is_stated() -> None:
    deployment = with_dr(volumes={"TRAK": {"data": {"type": "gp3"}, "journal": {"size_gib": 600}}})
    trak = deployment.mirror_sets[0]
    there, here = volumes_of(deployment, "primary", trak), volumes_of(deployment, "dr", trak)

    assert (here.data.type, here.data.size_gib, here.data.iops) == ("gp3", 2000, 3000)
    assert (here.journal.type, here.journal.size_gib, here.journal.iops) == ("io2", 600, 10000)
    assert (here.wij, here.alternate_journal, here.installation) == (there.wij, there.alternate_journal, there.installation)
    assert volumes_of(with_dr(), "dr", trak) == there


def test_the_platform_of_the_dr_region_has_its_own_buckets_and_the_rest_of_the_others() -> None:
    deployment = with_dr()
    platform, there = deployment.platform_of("dr"), deployment.platform

    assert deployment.platform_of("primary") == there
    assert platform.kit is not None
    assert platform.kit.uri == "s3://kits-eu-west-1/kit.tar.gz"
    assert (platform.license_secret, platform.certificate_authority, platform.packages, platform.product) == (
        there.license_secret,
        there.certificate_authority,
        there.packages,
        there.product,
    )
    assert platform.model().kit != there.model().kit
    certificates = two_regions()["regions"]["dr"]["certificates"]
    assert {tier.name: certificate_of(deployment, "dr", tier) for tier in deployment.web_tiers} == certificates


def test_the_kind_follows_from_what_is_stated_beside_it() -> None:
    deployment = with_dr(connectivity={"vpn": {"customer_gateway": "203.0.113.10", "static_routes": ["192.168.0.0/16"]}})
    dr = deployment.regions.dr
    assert dr is not None

    assert (dr.connectivity.kind, dr.connectivity.private) == ("vpn", True)
    assert [str(cidr) for cidr in dr.connectivity.on_premises_cidrs] == ["192.168.0.0/16"]
    assert dr.journal_traffic.kind == "peering"
    assert deployment.regions.of("primary").connectivity.kind == "none"
    assert deployment_of(hybrid()).regions.of("dr").connectivity.kind == "direct_connect"


def test_an_existing_vpc_of_the_primary_region_is_peered_with_by_its_own_id() -> None:
    data = two_regions()
    primary = data["regions"]["primary"]
    primary["existing"] = {
        "vpc_id": "vpc-00000009",
        "cidr": primary.pop("cidr"),
        "subnets": {
            tier: [
                {
                    "id": f"subnet-000000{row}{column}",
                    "zone": zone,
                    "cidr": f"10.20.{row}.{64 * column}/26",
                    "route_table": "rtb-00000001",
                }
                for column, zone in enumerate(primary["availability_zones"])
            ]
            for row, tier in enumerate(("public", "web", "application", "data", "arbiter"))
        },
    }
    data["regions"]["dr"]["journal_traffic"] = {"kind": "peering"}
    dr = deployment_of(data).regions.dr

    assert dr is not None
    assert dr.journal_traffic.primary_vpc == "vpc-00000009"


def test_the_stack_that_moves_a_mirror_is_the_dr_regions() -> None:
    trak = with_dr().mirror_sets[0]

    assert stack_names(trak, "primary") == ["trak", "trak-a", "trak-b", "trak-arbiter"]
    assert stack_names(trak, "dr") == ["trak", "trak-a", "trak-b", "trak-arbiter", "trak-region"]


@pytest.mark.parametrize("data", [two_regions(), hybrid()], ids=["two regions", "hybrid"])
def test_what_is_written_out_in_full_is_the_same_deployment(data: dict[str, object]) -> None:
    deployment = deployment_of(copy.deepcopy(data))

    written = json.loads(deployment.model_dump_json(exclude_none=True))
    assert deployment_of(yaml.safe_load(yaml.safe_dump(written))) == deployment
