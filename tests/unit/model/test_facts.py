"""The tables of facts: what they say, where they are from, and the shapes of identifiers and ARNs."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from cdk_intersystems.model.arns import place_problem, shape_problem
from cdk_intersystems.model.ecp import ceiling_problem, needed_connections
from cdk_intersystems.model.identifiers import identifier_problem
from cdk_intersystems.model.instance_types import ARBITER_DEFAULT, InstanceType, nearest, table
from cdk_intersystems.model.regions import is_zone_of, partition, partitions
from local.facts.instance_types import COLUMNS, row

ROOT = Path(__file__).parents[3]
DATA = files("cdk_intersystems.model").joinpath("data")
UUID = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize("name", ["instance_types", "regions"])
def test_a_table_says_where_it_is_from(name: str) -> None:
    facts = json.loads(DATA.joinpath(f"{name}.json").read_text(encoding="utf-8"))

    assert (ROOT / facts["generator"]).is_file()
    assert any(character.isdigit() for character in facts["source"])


def test_the_columns_of_the_table_are_the_fields_of_the_model() -> None:
    facts = json.loads(DATA.joinpath("instance_types.json").read_text(encoding="utf-8"))

    assert tuple(facts["columns"]) == COLUMNS == InstanceType.__slots__


WITHOUT_NVME = {"EbsOptimizedSupport": "default", "NvmeSupport": "unsupported"}


def ec2_answer(**facts: object) -> dict[str, Any]:
    """What EC2 says about an instance type, as far as the table uses it."""
    return {
        "ProcessorInfo": {"SupportedArchitectures": ["i386", "x86_64"]},
        "VCpuInfo": {"DefaultVCpus": 2},
        "MemoryInfo": {"SizeInMiB": 8192},
        "BareMetal": False,
        "Hypervisor": "nitro",
        "EbsInfo": {"EbsOptimizedSupport": "default", "NvmeSupport": "required", "MaximumEbsAttachments": 25},
        "InstanceStorageInfo": {"Disks": [{"Count": 2, "SizeInGB": 300}]},
        "DedicatedHostsSupported": True,
        "CurrentGeneration": True,
    } | facts


@pytest.mark.parametrize(
    ("facts", "nitro"),
    [
        ({}, True),
        ({"Hypervisor": "xen"}, False),
        ({"Hypervisor": None, "BareMetal": True}, True),
        (
            {
                "Hypervisor": None,
                "BareMetal": True,
                "EbsInfo": {"EbsOptimizedSupport": "default", "NvmeSupport": "unsupported"},
            },
            False,
        ),
    ],
)
def test_the_generator_picks_the_facts_of_a_type(facts: dict[str, Any], nitro: bool) -> None:
    picked = row(ec2_answer(**facts))

    assert picked is not None
    made = InstanceType(*picked)  # type: ignore[arg-type]
    assert (made.architecture, made.nitro, made.ebs_optimized, made.instance_store_gb, made.instance_store_disks) == (
        "x86_64",
        nitro,
        True,
        600,
        2,
    )


def test_the_generator_leaves_macs_out() -> None:
    assert row(ec2_answer(ProcessorInfo={"SupportedArchitectures": ["arm64_mac"]})) is None


# Source: the product pages of each type.
@pytest.mark.parametrize(
    ("name", "architecture", "vcpus", "memory_gib", "nitro"),
    [
        ("r7i.4xlarge", "x86_64", 16, 128, True),
        ("m7i.large", "x86_64", 2, 8, True),
        ("c7i.2xlarge", "x86_64", 8, 16, True),
        ("r8g.xlarge", "arm64", 4, 32, True),
        ("t4g.small", "arm64", 2, 2, True),
        ("c5.metal", "x86_64", 96, 192, True),
        ("m4.large", "x86_64", 2, 8, False),
    ],
)
def test_facts_about_instance_types(name: str, architecture: str, vcpus: int, memory_gib: int, nitro: bool) -> None:
    facts = table()[name]

    assert (facts.architecture, facts.vcpus, facts.memory_mib, facts.nitro) == (architecture, vcpus, memory_gib * 1024, nitro)


def test_no_type_of_the_table_is_a_mac() -> None:
    assert {facts.architecture for facts in table().values()} == {"x86_64", "arm64"}
    assert not any(name.startswith("mac") for name in table())


@pytest.mark.parametrize(("architecture", "name"), ARBITER_DEFAULT.items())
def test_the_arbiters_default_is_a_current_type_of_its_architecture(architecture: str, name: str) -> None:
    facts = table()[name]

    assert (facts.architecture, facts.current_generation, facts.nitro, facts.ebs_optimized) == (architecture, True, True, True)


# Source: EC2 User Guide, "Amazon EBS volume limits": 28 attachments shared with interfaces and disks, or 32 for volumes alone.
@pytest.mark.parametrize(
    ("name", "volumes"), [("r6i.4xlarge", 26), ("i3en.24xlarge", 18), ("d3en.12xlarge", 2), ("r7i.4xlarge", 31)]
)
def test_how_many_volumes_fit_beside_the_root_volume(name: str, volumes: int) -> None:
    assert table()[name].attachable_volumes() == volumes


def test_how_many_volumes_fit_is_not_known_of_a_stated_type() -> None:
    assert InstanceType("x86_64", 2, 1024).attachable_volumes() is None


def test_the_nearest_types_to_a_slip_of_the_pen() -> None:
    assert nearest("r7i.4xlrge")[0] == "r7i.4xlarge"


@pytest.mark.parametrize(
    ("region", "wanted"),
    [("eu-west-2", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eusc-de-east-1", "aws-eusc")],
)
def test_the_partition_of_a_region(region: str, wanted: str) -> None:
    assert partition(region) == wanted
    assert len(partitions()) > 40


@pytest.mark.parametrize(
    ("zone", "yes"),
    [("us-west-2a", True), ("us-west-2", False), ("us-west-2-lax-1a", False), ("us-west-1a", False), ("us-west-2A", False)],
)
def test_a_zone_is_its_region_and_a_letter(zone: str, yes: bool) -> None:
    assert is_zone_of(zone, "us-west-2") is yes


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        (f"arn:aws:kms:eu-west-2:111122223333:key/{UUID}", "kms-key"),
        ("arn:aws:kms:eu-west-2:111122223333:key/mrk-" + "0" * 32, "kms-key"),
        (f"arn:aws-cn:acm:cn-north-1:111122223333:certificate/{UUID}", "acm-certificate"),
        ("arn:aws:sns:eu-west-2:111122223333:operations", "sns-topic"),
        ("arn:aws:iam::111122223333:role/path/iris-member", "iam-role"),
        ("arn:aws:iam::111122223333:policy/boundary", "iam-policy"),
        ("arn:aws:iam::aws:policy/PowerUserAccess", "iam-policy"),
        ("arn:aws:secretsmanager:eu-west-2:111122223333:secret:trakcare/iris-key-AbCdEf", "secret"),
    ],
)
def test_an_arn_of_its_kind(arn: str, kind: str) -> None:
    assert shape_problem(arn, kind) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        ("", "kms-key"),
        ("arn:aws:kms", "kms-key"),
        (f"arn:aws:kms::111122223333:key/{UUID}", "kms-key"),
        (f"arn:aws:kms:eu-west-2::key/{UUID}", "kms-key"),
        (f"arn:aws:kms:eu-west-2:11112222333:key/{UUID}", "kms-key"),
        ("arn:aws:kms:eu-west-2:111122223333:alias/x", "kms-key"),
        (f"arn:aws:kms:eu-west-2:111122223333:key/{UUID}x", "kms-key"),
        (f"arn:aws:acm:eu-west-2:111122223333:certificate/{UUID}", "kms-key"),
        ("arn:aws:sns:eu-west-2:111122223333:topic:5f7e", "sns-topic"),
        ("arn:aws:iam:eu-west-2:111122223333:role/x", "iam-role"),
        ("arn:aws:iam::aws:role/x", "iam-role"),
        ("arn:aws:iam::111122223333:user/x", "iam-role"),
        ("arn:aws:iam::111122223333:role/x", "iam-policy"),
        ("arn:aws:secretsmanager:eu-west-2:111122223333:secret:short", "secret"),
    ],
)
def test_what_is_no_arn_of_its_kind(arn: str, kind: str) -> None:
    assert "needs an ARN like arn:aws:" in str(shape_problem(arn, kind))  # type: ignore[arg-type]


def test_every_reason_why_an_arn_is_out_of_place_is_told() -> None:
    arn = f"arn:aws-cn:kms:cn-north-1:444455556666:key/{UUID}"

    assert place_problem(arn, partition="aws", region="eu-west-2", account="111122223333") == (
        "it is in the partition aws-cn, the deployment in aws; it is in the region cn-north-1, but must be in eu-west-2; "
        "it is of the account 444455556666, but must be of 111122223333"
    )
    assert place_problem(arn, partition="aws-cn") is None
    assert place_problem("arn:aws:iam::aws:policy/X", partition="aws", region="eu-west-2", account="111122223333") is None


@pytest.mark.parametrize(
    ("text", "kind", "right"),
    [
        ("ami-0123456789abcdef0", "ami", True),
        ("ami-01234567", "ami", True),
        ("ami-0123456789", "ami", False),
        ("resolve:ssm:/aws/service/x", "ami", False),
        ("vpc-0123456789abcdef0", "vpc", True),
        ("subnet-0123456789abcdef0", "vpc", False),
        ("rtb-0123456789abcdef0", "route-table", True),
        ("sg-0123456789abcdef0", "security-group", True),
        ("subnet-0123456789abcdef0", "subnet", True),
        ("Z0123456789ABC", "hosted-zone", True),
        ("/hostedzone/Z0123456789ABC", "hosted-zone", False),
        ("111122223333", "account", True),
        ("1111-2222-3333", "account", False),
        ("١١١١٢٢٢٢٣٣٣٣", "account", False),
    ],
)
def test_the_shapes_of_identifiers(text: str, kind: str, right: bool) -> None:
    assert (identifier_problem(text, kind) is None) is right  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ceiling", "maxima", "problem"),
    [
        (0, [], None),
        (16, [6, 2], None),
        (254, [127], None),
        (15, [6, 2], "can have 8 servers and, while they are replaced, twice as many: needs at least 16"),
        (0, [1], "needs at least 2"),
        (255, [], "MaxServerConn of IRIS is 0 to 254"),
        (-1, [], "MaxServerConn of IRIS is 0 to 254"),
    ],
)
def test_the_ceiling_on_ecp_clients(ceiling: int, maxima: list[int], problem: str | None) -> None:
    told = ceiling_problem(ceiling, maxima)

    assert told is None if problem is None else problem in str(told)
    assert needed_connections(maxima) == 2 * sum(maxima)


def test_the_model_imports_nothing_but_the_standard_library_and_reads_no_table() -> None:
    code = """
import sys, importlib, pathlib
import cdk_intersystems.model as model
for path in pathlib.Path(model.__file__).parent.glob("*.py"):
    importlib.import_module(f"cdk_intersystems.model.{path.stem}".removesuffix(".__init__"))
from cdk_intersystems.model import instance_types, regions
assert instance_types.table.cache_info().currsize == regions.partitions.cache_info().currsize == 0
ours = {"cdk_intersystems", "__main__"}
print(sorted({name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - ours))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'constructs')!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
