"""What each kind of bad input gets: the key by its path, what was there, what is allowed, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk_intersystems.configuration import ConfigurationError, parse_deployment
from cdk_intersystems.configuration.problems import path_text
from tests.unit.configuration.regions import hybrid, one_region, two_regions, with_vpn

ROOT = Path(__file__).parents[3]
CASES: list[dict[str, Any]] = [
    case
    for file in ("bad_input.yaml", "bad_regions.yaml")
    for case in yaml.safe_load(Path(__file__).with_name(file).read_text(encoding="utf-8"))
]
GONE = "<gone>"
# Its wording, and what ours falls back to where it has no words for a kind of error: neither may reach the user.
PYDANTIC = ("input should", "field required", "extra inputs", "pydantic", "value error", "valid ", "is not allowed here")


trakcare = one_region


def with_second_mirror_set() -> dict[str, Any]:
    data = trakcare()
    data["mirror_sets"][0]["number"] = 1
    data["mirror_sets"].append({"name": "LAB", "number": 2, "databases": ["LABDATA"], "instance_type": "r7i.large"})
    for tier in data["application_tiers"]:
        tier["mirror_set"] = "TRAK"
    return data


def with_existing_vpc() -> dict[str, Any]:
    data = trakcare()
    data["regions"]["primary"].update(_existing(data["regions"]["primary"], "10.20"))
    return data


def with_existing_dr_vpc() -> dict[str, Any]:
    data = two_regions()
    data["regions"]["dr"].update(_existing(data["regions"]["dr"], "10.30"))
    return data


def _existing(region: dict[str, Any], range_: str) -> dict[str, Any]:
    """What makes a region's VPC one that exists already."""
    del region["cidr"]
    subnets = {
        tier: [
            {
                "id": f"subnet-0000000000000{row}{column}00",
                "zone": zone,
                "cidr": f"{range_}.{16 * (3 * row + column)}.0/20",
                "route_table": f"rtb-0000000000000{row}{column}00",
            }
            for column, zone in enumerate(region["availability_zones"])
        ]
        for row, tier in enumerate(("public", "web", "application", "data", "arbiter"))
    }
    return {"existing": {"vpc_id": "vpc-0123456789abcdef0", "cidr": f"{range_}.0.0/16", "subnets": subnets}}


def with_private_ca() -> dict[str, Any]:
    data = trakcare()
    data["platform"]["certificate_authority"] = {"private_ca": CA}
    return data


def with_golden_image() -> dict[str, Any]:
    return trakcare() | {"golden_image": {"base_ami": "ami-0123456789abcdef0", "instance_type": "m7i.large"}}


CA = "arn:aws:acm-pca:eu-west-2:111122223333:certificate-authority/11111111-2222-3333-4444-555555555555"
BASES = {
    "trakcare.yaml": trakcare,
    "second mirror set": with_second_mirror_set,
    "existing VPC": with_existing_vpc,
    "existing DR VPC": with_existing_dr_vpc,
    "private CA": with_private_ca,
    "golden image": with_golden_image,
    "two regions": two_regions,
    "VPN": with_vpn,
    "hybrid": hybrid,
}


def problems(changes: dict[str, Any], base: str = "trakcare.yaml") -> list[tuple[str, str, str]]:
    """The problems that changes to a deployment bring: key, what was there, what is allowed."""
    data = BASES[base]()
    for path, value in changes.items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        part: Any = data
        for parent in parents:
            part = part[parent]
        if value == GONE:
            del part[last]
        else:
            part[last] = value
    with pytest.raises(ConfigurationError) as caught:
        parse_deployment(yaml.safe_dump(data, sort_keys=False), "bad.yaml")
    return [(path_text(each.path), each.got or "", each.message) for each in caught.value.problems]


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_one_problem_with_its_key_what_was_there_and_what_is_allowed(case: dict[str, Any]) -> None:
    found = problems(case["change"], case.get("base", "trakcare.yaml"))

    assert [key for key, _, _ in found] == [case["key"]], found
    _, got, allowed = found[0]
    assert got.startswith(case["got"]) if "got" in case else got == ""
    assert case["says"] in allowed
    assert not [words for words in PYDANTIC if words in allowed.lower()]


@pytest.mark.parametrize("base", BASES)
def test_the_deployments_are_right_without_their_fault(base: str) -> None:
    assert parse_deployment(yaml.safe_dump(BASES[base]())).name in ("trakcare", "hybrid")


def test_tags_are_as_long_and_as_many_as_aws_allows() -> None:
    characters = "letters, digits, spaces and . : / = + @ - _"
    of_key = "a-z, A-Z, 0-9 and . : = + @ - _, and is none of . and .. and _index"

    assert problems({"tags": {"a": "y" * 257}})[0][2] == f"the value of a tag has up to 256 {characters}"
    assert problems({"tags": {"k" * 129: "y"}})[0][2] == f"the key of a tag has 1 to 128 of {of_key}"
    assert problems({"tags": {f"t{number}": "v" for number in range(41)}}) == [("tags", "41", "allows at most 40 tags")]


KEY = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
ROLE = "arn:aws:iam::444455556666:role/x"
REGION, ACCOUNT = "it is in the region eu-west-1, but must be in eu-west-2", "it is of the account 444455556666, but must be of"


@pytest.mark.parametrize(
    ("change", "key", "problem"),
    [
        ({"permissions_boundary": "arn:aws:iam::444455556666:policy/x"}, "permissions_boundary", ACCOUNT),
        (
            {"platform.license_secret": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:x-AbCdEf"},
            "platform.license_secret",
            REGION,
        ),
        ({"platform.license_secret_key": KEY}, "platform.license_secret_key", REGION),
        ({"platform.kit.key_arn": KEY.replace("arn:aws:", "arn:aws-cn:")}, "platform.kit.key_arn", "in the partition aws-cn"),
        (
            {"platform.arbiter_kit.key_arn": KEY.replace("arn:aws:", "arn:aws-cn:")},
            "platform.arbiter_kit.key_arn",
            "in the partition aws-cn",
        ),
        (
            {"platform.certificate_authority": {"private_ca": CA.replace("eu-west-2", "eu-west-1")}},
            "platform.certificate_authority.private_ca",
            REGION,
        ),
        (
            {"platform.certificate_authority": {"secret": "ca", "secret_key": KEY}},
            "platform.certificate_authority.secret_key",
            REGION,
        ),
        ({"regions.primary.encryption_key": KEY}, "regions.primary.encryption_key", REGION),
        ({"regions.primary.alarm_topic": "arn:aws:sns:eu-west-1:111122223333:x"}, "regions.primary.alarm_topic", REGION),
        ({"regions.primary.roles": {"member": ROLE}}, "regions.primary.roles.member", ACCOUNT),
        ({"regions.primary.roles": {"arbiter": ROLE}}, "regions.primary.roles.arbiter", ACCOUNT),
        ({"regions.primary.roles": {"tiers": {"app": ROLE}}}, "regions.primary.roles.tiers.app", ACCOUNT),
        (
            {"web_tiers.1.certificate": KEY.replace("kms", "acm").replace(":key/", ":certificate/")},
            "web_tiers[1].certificate",
            REGION,
        ),
    ],
)
def test_every_arn_is_checked_for_its_place(change: dict[str, Any], key: str, problem: str) -> None:
    ((found, _, allowed),) = problems(change)

    assert found == key
    assert problem in allowed


def test_a_kit_may_be_encrypted_with_the_key_of_another_account_and_region() -> None:
    data = trakcare()
    data["platform"]["kit"]["key_arn"] = KEY.replace("111122223333", "444455556666")

    assert parse_deployment(yaml.safe_dump(data)).platform.kit is not None


def test_what_is_just_allowed_is_no_problem() -> None:
    data = trakcare()
    data["tags"] = {"a:b=c+d@e-f._G": "any value/s", "_index2": ""}
    data["platform"]["license_secret_key"] = KEY.replace("eu-west-1", "eu-west-2")
    data["mirror_sets"][0] |= {
        "endpoint": {"ports": {f"service-{number}-of-fifty"[:20]: 6000 + number for number in range(10, 60)}},
        "tenancy": "dedicated-host",
    }
    data["platform"] |= {"capacity_platform": "Linux/UNIX", "packages_archive": {"uri": "s3://kits/p", "sha256": "0" * 64}}
    data["application_tiers"][0] |= {"instance_type": "m6id.4xlarge", "local_storage": True}
    data["web_tiers"][1]["client_cidrs"] = [f"172.16.{number}.0/24" for number in range(30)]
    longest = ".".join(["a" * 63] * 3 + ["a" * 43])  # clinical.trakcare.<zone> has 253 characters
    data["dns"]["zone"] = longest

    deployment = parse_deployment(yaml.safe_dump(data))

    assert len(deployment.mirror_sets[0].endpoint.ports) == 50
    assert len(deployment.mirror_sets[0].client_cidrs) == 1
    assert len(f"clinical.trakcare.{longest}") == 253


@pytest.mark.parametrize("way", [{"endpoints_security_group": "sg-0123456789abcdef0"}, {}])
def test_the_hosts_in_an_existing_vpc_have_one_way_to_awss_services(way: dict[str, str]) -> None:
    data = with_existing_vpc()
    data["regions"]["primary"]["existing"] |= way
    data["regions"]["primary"]["internet"] = not way
    data["platform"]["packages"] = "image"

    assert parse_deployment(yaml.safe_dump(data)).regions.primary.existing is not None


def test_every_problem_is_told_at_once() -> None:
    changes = {
        "mirror_sets.0.name": "trak",  # wrong by itself
        "mirror_sets.0.colour": "blue",  # unknown
        "web_tiers.0.min": 2,
        "web_tiers.1.certificate": GONE,  # missing
        "regions.primary.availability_zones.2": "eu-west-2a",  # a rule between keys
        "mirror_sets.0.volumes.data.iops": 300000,
        "tags.aws:x": "y",
        "tags.number": 7,
    }

    assert {key for key, _, _ in problems(changes)} == {
        "mirror_sets[0].name",
        "mirror_sets[0].colour",
        "web_tiers[0].min",
        "web_tiers[1].certificate",
        "regions.primary.availability_zones[2]",
        "mirror_sets[0].volumes.data.iops",
        'tags["aws:x"]',
        "tags.number",
    }


@pytest.mark.parametrize(
    ("changes", "only"),
    [
        ({"mirror_sets.0.name": "trak"}, "mirror_sets[0].name"),  # not also: tiers have no mirror set of this name
        ({"regions.primary.region": "eu-west-9"}, "regions.primary.region"),  # nor: zones and ARNs of another region
        ({"platform.architecture": "sparc"}, "platform.architecture"),  # nor: instance types of another one
        ({"account": "1"}, "account"),
        ({"web_tiers.0": 7}, "web_tiers[0]"),
        ({"application_tiers": "app"}, "application_tiers"),
        ({"instance_types": {"x.large": {"vcpus": 1}}, "web_tiers.0.instance_type": "x.large"}, 'instance_types["x.large"]'),
    ],
)
def test_what_follows_from_a_problem_is_not_told_as_another(changes: dict[str, Any], only: str) -> None:
    assert all(key.startswith(only) for key, _, _ in problems(changes))
