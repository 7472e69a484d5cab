"""Defaults: those that minimal.yaml shows are the real ones, and those that follow from other keys do."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk_intersystems.configuration import Deployment, deployment_of, parse_deployment
from cdk_intersystems.configuration.schema_walk import is_required, section_of
from cdk_intersystems.configuration.section import Section
from cdk_intersystems.model.storage import MemberVolumes
from tests.unit.configuration.regions import one_region

CONFIG = Path(__file__).parents[3] / "config"
MINIMAL = (CONFIG / "minimal.yaml").read_text(encoding="utf-8")
TRAKCARE = one_region()


def uncommented() -> str:
    """minimal.yaml with every default written out."""
    return re.sub(r"^( *)#(?=[a-z ]+[a-z_]*:)", r"\1", MINIMAL, flags=re.MULTILINE)


def test_the_defaults_that_minimal_yaml_shows_are_the_real_ones() -> None:
    assert parse_deployment(uncommented()) == parse_deployment(MINIMAL)


def test_minimal_yaml_shows_every_key() -> None:
    shown = yaml.safe_load(uncommented())

    assert set(shown) == set(Deployment.model_fields)
    assert missing_keys(shown, Deployment) == []


def missing_keys(data: dict[str, Any], section: type[Section], path: str = "") -> list[str]:
    """The keys of a section, and of the sections in it, that the data does not have."""
    missing = [f"{path}{name}" for name in section.model_fields if name not in data]
    for name, field in section.model_fields.items():
        inner, value = section_of(field.annotation), data.get(name)
        for item in value if isinstance(value, list) else [value]:
            if inner is not None and isinstance(item, dict) and item:
                missing += missing_keys(item, inner, f"{path}{name}.")
    return missing


def test_minimal_yaml_has_nothing_that_could_be_left_out() -> None:
    data = yaml.safe_load(MINIMAL)

    def optional_keys(data: dict[str, Any], section: type[Section]) -> list[str]:
        found = []
        for name, value in data.items():
            field = section.model_fields[name]
            if not is_required(field):
                found.append(name)
            inner = section_of(field.annotation)
            for item in value if isinstance(value, list) else [value]:
                if inner is not None and isinstance(item, dict):
                    found += optional_keys(item, inner)
        return found

    # They are needed here: there is no way to the Internet, no `on_premises`, and no `existing`.
    assert optional_keys(data, Deployment) == ["packages", "primary", "cidr"]


def changed(**sections: Any) -> Deployment:
    return deployment_of(copy.deepcopy(TRAKCARE) | sections)


def test_the_volumes_left_out_are_the_models() -> None:
    assert parse_deployment(MINIMAL).mirror_sets[0].volumes.member_volumes() == MemberVolumes()


@pytest.mark.parametrize(
    ("architecture", "instance_type", "arbiter"), [("x86_64", "r7i.large", "t3.small"), ("arm64", "r8g.large", "t4g.small")]
)
def test_the_arbiter_is_small_and_of_the_platforms_architecture(architecture: str, instance_type: str, arbiter: str) -> None:
    data = yaml.safe_load(MINIMAL)
    data["platform"]["architecture"] = architecture
    data["mirror_sets"][0]["instance_type"] = instance_type

    assert deployment_of(data).mirror_sets[0].arbiter.instance_type == arbiter


def test_the_ecp_ceiling_is_twice_the_sum_of_the_maxima_of_its_own_tiers() -> None:
    data = copy.deepcopy(TRAKCARE)
    del data["mirror_sets"][0]["ecp_client_ceiling"]
    data["mirror_sets"][0]["number"] = 1
    data["mirror_sets"].append({"name": "LAB", "number": 2, "databases": ["LAB"], "instance_type": "r7i.large"})
    data["application_tiers"][0] |= {"mirror_set": "TRAK", "max": 6}
    data["application_tiers"][1] |= {"mirror_set": "LAB", "max": 2}

    assert [each.ecp_client_ceiling for each in deployment_of(data).mirror_sets] == [12, 4]


def test_a_tier_belongs_to_the_only_mirror_set() -> None:
    assert {tier.mirror_set for tier in changed().application_tiers} == {"TRAK"}


def test_a_web_tier_is_as_open_as_its_scheme() -> None:
    web, clinical = changed().web_tiers

    assert ([str(cidr) for cidr in web.client_cidrs], web.waf) == (["0.0.0.0/0"], True)
    assert ([str(cidr) for cidr in clinical.client_cidrs], clinical.waf) == (["192.168.0.0/16"], False)


def test_packages_come_from_the_archive_that_is_stated() -> None:
    archive = {"uri": "s3://kits/packages.tar", "sha256": "0" * 64}

    assert changed().platform.packages == "repositories"
    assert changed(platform=TRAKCARE["platform"] | {"packages_archive": archive}).platform.packages == "archive"


def test_what_the_yaml_states_about_an_instance_type_goes_first() -> None:
    facts = {"architecture": "x86_64", "vcpus": 4, "memory_gib": 32}
    deployment = changed(instance_types={"r99i.large": facts, "r7i.4xlarge": facts})

    assert deployment.instance_type("r99i.large").memory_mib == 32 * 1024
    assert deployment.instance_type("r7i.4xlarge").vcpus == 4
    assert deployment.instance_type("m7i.large").vcpus == 2
