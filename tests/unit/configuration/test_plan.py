"""What follows from a configuration: ranges, addresses and names."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cdk_intersystems.configuration import deployment_of, load_deployment
from cdk_intersystems.configuration.plan import (
    existing_subnets,
    member_addresses,
    stack_names,
    subnet_cidrs,
    vpc_cidr,
)

ROOT = Path(__file__).parents[3]
TRAKCARE = yaml.safe_load((ROOT / "config/trakcare.yaml").read_text(encoding="utf-8"))


def test_the_plan_of_a_new_vpc() -> None:
    deployment = load_deployment("trakcare", ROOT / "config")
    region, mirror_set = deployment.regions.primary, deployment.mirror_sets[0]

    assert str(vpc_cidr(region)) == "10.20.0.0/16"
    assert [str(cidr) for cidr in subnet_cidrs(region, "data")] == ["10.20.144.0/20", "10.20.160.0/20", "10.20.176.0/20"]
    assert existing_subnets(region, "data") == ()
    assert {member: str(address) for member, address in member_addresses(region, mirror_set).items()} == {
        "a": "10.20.144.17",
        "b": "10.20.160.17",
        "arbiter": "10.20.224.17",
    }
    assert stack_names(mirror_set) == ["trak", "trak-a", "trak-b", "trak-arbiter"]


def test_addresses_chosen_by_hand_go_before_the_plan() -> None:
    data = copy.deepcopy(TRAKCARE)
    data["mirror_sets"][0]["addresses"] = {"b": "10.20.160.200"}
    deployment = deployment_of(data)

    addresses = member_addresses(deployment.regions.primary, deployment.mirror_sets[0])

    assert [str(address) for address in addresses.values()] == ["10.20.144.17", "10.20.160.200", "10.20.224.17"]


def test_an_existing_vpc_is_planned_in_the_order_of_the_zones_and_not_of_the_list() -> None:
    data = yaml.safe_load((ROOT / "config/minimal.yaml").read_text(encoding="utf-8"))
    primary = data["regions"]["primary"]
    del primary["cidr"]

    def subnets(tier: int) -> list[dict[str, str]]:
        made = [
            {
                "id": f"subnet-0000000{tier}",
                "zone": zone,
                "cidr": f"10.9.{tier}.{64 * index}/26",
                "route_table": "rtb-00000001",
            }
            for index, zone in enumerate(primary["availability_zones"])
        ]
        return [each | {"id": f"subnet-000000{tier}{index}"} for index, each in enumerate(reversed(made))]

    primary["existing"] = {
        "vpc_id": "vpc-00000001",
        "cidr": "10.9.0.0/16",
        "endpoints_security_group": "sg-00000001",
        "subnets": {"data": subnets(1), "arbiter": subnets(2)},
    }
    deployment = deployment_of(data)
    region = deployment.regions.primary

    assert [subnet.zone for subnet in existing_subnets(region, "data")] == list(region.availability_zones)
    assert [str(cidr) for cidr in subnet_cidrs(region, "data")] == ["10.9.1.0/26", "10.9.1.64/26", "10.9.1.128/26"]
    assert [str(each) for each in member_addresses(region, deployment.mirror_sets[0]).values()] == [
        "10.9.1.17",
        "10.9.1.81",
        "10.9.2.145",
    ]
    assert subnet_cidrs(region, "web") == ()


def test_a_region_without_a_vpc_has_no_range() -> None:
    region = load_deployment("minimal", ROOT / "config").regions.primary

    with pytest.raises(ValueError, match="either cidr or existing"):
        vpc_cidr(region.model_copy(update={"cidr": None}))


def test_reading_a_configuration_imports_nothing_of_the_cdk() -> None:
    code = (
        "import sys; from pathlib import Path; from cdk_intersystems.configuration import load_deployment;"
        "load_deployment('trakcare', Path('config'));"
        "print(sorted({'aws_cdk', 'jsii', 'constructs', 'boto3'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONPATH": "constructs"}, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
