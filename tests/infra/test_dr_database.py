"""`MirroredDatabase` with members in another place: who is admitted, what members may read, and what they are told."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems.model.host_description import Other, RegionStateAt
from tests.infra.bootstrap_app import configured
from tests.infra.dr_app import DR, DR_MEMBERS, OTHER_ARBITER, OTHERS, PRIMARY, STATE, DrApp, primary_templates
from tests.infra.mirror_app import Templates, define, templates_of
from tests.infra.templates import by_id, only, resources

_MEMBERS, _ARBITER = "Failover members of mirror TRAK", "Arbiter of mirror TRAK"


@pytest.fixture(scope="module")
def dr_app() -> DrApp:
    return DrApp(warm_instance_type=ec2.InstanceType("r7i.xlarge"))


@pytest.fixture(scope="module")
def dr(dr_app: DrApp) -> Mapping[str, Any]:
    return dr_app.templates()


@pytest.fixture(scope="module")
def primary() -> Templates:
    return primary_templates()


# Who may talk to whom.


def _ranges(template: Any, group: str, direction: str) -> set[tuple[str, str, int]]:
    """The rules of a group about address ranges: range, protocol, first port."""
    (properties,) = (each for each in resources(template, "EC2::SecurityGroup") if each["GroupDescription"] == group)
    return {
        (rule["CidrIp"], rule["IpProtocol"], rule["FromPort"])
        for rule in properties.get(f"SecurityGroup{direction}", [])
        if "CidrIp" in rule
    }


def _between(addresses: Mapping[str, str]) -> set[tuple[str, str, int]]:
    return {
        (f"{address}/32", protocol, port)
        for address in addresses.values()
        for protocol, port in (("tcp", 1972), ("tcp", 2188), ("tcp", 2189), ("icmp", 8))
    }


def test_members_of_both_places_reach_each_other_by_their_addresses_alone(dr: Any, primary: Templates) -> None:
    assert _ranges(dr["trak"], _MEMBERS, "Ingress") == _between(OTHERS)
    assert _ranges(dr["trak"], _MEMBERS, "Egress") == _between(OTHERS) | {(f"{OTHER_ARBITER}/32", "tcp", 2188)}
    assert _ranges(primary["trak"], _MEMBERS, "Ingress") == _between(DR_MEMBERS) | {("10.30.32.0/24", "tcp", 2189)}
    assert _ranges(primary["trak"], _MEMBERS, "Egress") == _between(DR_MEMBERS) | {("10.30.66.17/32", "tcp", 2188)}


def test_each_arbiter_is_dialled_from_both_places_and_dials_nobody(dr: Any, primary: Templates) -> None:
    for template, others in ((dr["trak"], OTHERS), (primary["trak"], DR_MEMBERS)):
        assert _ranges(template, _ARBITER, "Ingress") == {(f"{address}/32", "tcp", 2188) for address in others.values()}
    assert _ranges(dr["trak"], _ARBITER, "Egress") == set()
    # What the CDK writes for "nowhere".
    assert {cidr for cidr, _, _ in _ranges(primary["trak"], _ARBITER, "Egress")} == {"255.255.255.255/32"}


def test_without_an_arbiter_elsewhere_none_is_dialled() -> None:
    template = DrApp(other_arbiter="").templates()["trak"]
    assert _ranges(template, _MEMBERS, "Egress") == _between(OTHERS)


def test_nobody_on_premises_is_asked_for_the_mirror_status() -> None:
    template = DrApp(other_region="").templates()["trak"]
    for direction in ("Ingress", "Egress"):
        assert {port for _, _, port in _ranges(template, _MEMBERS, direction)} == {1972, 2188, 8}


def test_a_mirror_of_one_place_knows_of_no_other() -> None:
    template = templates_of()["trak"]
    for group in (_MEMBERS, _ARBITER):
        assert _ranges(template, group, "Ingress") == set()


# What members may read elsewhere.


def _statements(template: Any) -> list[dict[str, Any]]:
    return list(only(template, "IAM::ManagedPolicy")["PolicyDocument"]["Statement"])


def _by_sid(template: Any) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in _statements(template) if "Sid" in statement}


@pytest.mark.parametrize("member", ["a", "b"])
def test_a_member_reads_who_holds_its_mirror_and_no_other_item(dr: Any, primary: Templates, member: str) -> None:
    for templates in (dr, primary):
        statement = _by_sid(templates[f"trak-{member}"])["WhichRegionHolds"]
        assert statement["Action"] == "dynamodb:GetItem"
        assert f":dynamodb:{DR}:" in json.dumps(statement["Resource"])
        assert ":table/one-TRAK-region-state" in json.dumps(statement["Resource"])
        assert statement["Condition"] == {
            "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["TRAK"]},
            "Null": {"dynamodb:LeadingKeys": "false"},
        }


def test_it_decrypts_that_one_table_through_dynamodb_alone(primary: Templates) -> None:
    statement = _by_sid(primary["trak-a"])["DecryptWhichRegionHolds"]
    assert statement["Action"] == "kms:Decrypt"
    assert statement["Condition"]["StringEquals"] == {
        "kms:ViaService": f"dynamodb.{DR}.amazonaws.com",
        "kms:EncryptionContext:aws:dynamodb:tableName": STATE.table,
    }


def test_it_reads_whether_it_was_shut_out_and_never_writes_that(dr: Any, primary: Templates) -> None:
    for templates, region in ((dr, DR), (primary, PRIMARY)):
        about = [
            s for s in _statements(templates["trak-a"]) if "/cdk-intersystems/one/TRAK/fenced" in json.dumps(s["Resource"])
        ]
        assert [statement["Action"] for statement in about] == ["ssm:GetParameter"]
        (arn,) = (each for each in about[0]["Resource"] if "fenced" in json.dumps(each))
        assert region in json.dumps(arn)


def test_it_reads_the_other_regions_authority_and_nothing_else_there(dr: Any, primary: Templates) -> None:
    for templates, region in ((dr, PRIMARY), (primary, DR)):
        statement = _by_sid(templates["trak-a"])["AuthorityElsewhere"]
        assert statement["Action"] == "ssm:GetParameter"
        arn = json.dumps(statement["Resource"])
        assert f":ssm:{region}:" in arn
        assert "parameter/cdk-intersystems/one/TRAK/authority" in arn


def test_the_arbiter_reads_nothing_of_it(dr: Any) -> None:
    assert "dynamodb" not in json.dumps(_statements(dr["trak-arbiter"]))


def test_no_region_is_referred_to(dr: Any, primary: Templates) -> None:
    """Each region's templates name what is in the other one by constants: there is nothing to import."""
    for templates, stacks in ((dr, {"trak", "network"}), (primary, {"trak"})):
        for template in templates.values():
            imported = {value for key, value in _walk(template) if key == "Fn::ImportValue"}
            assert {str(value).partition(":")[0] for value in imported} <= stacks


def _walk(value: Any) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


# What they are told, and what they are.


def test_hosts_are_told_of_the_other_place(dr_app: DrApp) -> None:
    facts = dr_app.database.facts
    assert facts.role == "dr"
    assert facts.others == {name: Other(address=address, member_type="failover") for name, address in OTHERS.items()}
    assert (facts.other_arbiter, facts.other_region, facts.region_state) == (OTHER_ARBITER, PRIMARY, STATE)


def test_members_of_the_dr_region_are_members_for_disaster_recovery_there() -> None:
    facts = define(others=DR_MEMBERS, region_state=STATE).facts
    assert {other.member_type for other in facts.others.values()} == {"dr"}


def test_certificates_of_another_issuer_are_told_by_their_subjects() -> None:
    database = DrApp(other_subjects={"TRAKA": "CN=iris-a,O=Hospital"}, other_region="").database
    assert {name: other.subject for name, other in database.facts.others.items()} == {
        "TRAKA": "CN=iris-a,O=Hospital",
        "TRAKB": "",
    }


def test_what_the_region_s_automation_needs_to_know(dr_app: DrApp) -> None:
    database = dr_app.database
    assert database.role == "dr"
    assert database.system_names == {"a": "TRAKC", "b": "TRAKD"}
    assert database.member_addresses == {"a": "10.30.48.17", "b": "10.30.49.17"}
    assert database.others == OTHERS
    assert database.full_instance_type.to_string() == "r7i.4xlarge"
    assert database.warm_instance_type.to_string() == "r7i.xlarge"


def test_members_wait_with_the_warm_type_and_its_memory(dr: Any) -> None:
    full = DrApp().templates()
    for member in ("a", "b"):
        assert only(dr[f"trak-{member}"], "EC2::Instance")["InstanceType"] == "r7i.xlarge"
        assert only(full[f"trak-{member}"], "EC2::Instance")["InstanceType"] == "r7i.4xlarge"


def test_a_member_s_bundle_has_the_memory_of_both_types(dr_app: DrApp, dr: Mapping[str, Any]) -> None:
    assert "memory.json" in configured(dr_app, dr["trak"])["a"]
    same = DrApp()
    assert "memory.json" not in configured(same, same.templates()["trak"])["a"]


def test_one_member_leaves_nothing_of_the_other() -> None:
    app = DrApp(member_count=1)
    templates = app.templates()
    assert {name for name in templates if name != "network"} == {"trak", "trak-a", "trak-arbiter"}
    assert app.database.system_names == {"a": "TRAKC"}
    assert [id for id, _ in by_id(templates["trak"], "CloudWatch::Alarm") if "CallOutB" in id] == []


def test_an_approval_in_the_dr_region_names_what_a_promotion_raised(dr: Any, primary: Templates) -> None:
    def refusal(template: Any) -> str:
        (assertion,) = template["Rules"]["RollApprovalRule"]["Assertions"]
        sentence: str = assertion["AssertDescription"]
        return sentence

    assert "take back what the promotion raised" in refusal(dr["trak-a"])
    assert "take back" not in refusal(primary["trak-a"]) + refusal(dr["trak-arbiter"])


# Refusals.


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"others": {}}, "supply others, the members that TRAK has elsewhere"),
        ({"region_state": None}, "supply region_state"),
        ({"role": "on_premises"}, "role of TRAK is primary or dr, got 'on_premises'"),
        ({"others": {"TRAKA": "primary.example"}}, r"others\['TRAKA'\] of TRAK needs an IPv4 address, got 'primary.example'"),
        ({"others": {"TRAKA": "10.9.20.17", "TRAKB": "10.9.20.17"}}, "others of TRAK has an address twice"),
        ({"others": {"TRAKC": "10.9.20.17"}}, "TRAKC .* is in others, and in this region too"),
        ({"others": {"TRAKA": "10.30.48.17"}}, "TRAKA .* is in others, and in this region too"),
        ({"other_arbiter": "arbiter"}, "other_arbiter of TRAK needs an IPv4 address, got 'arbiter'"),
        ({"other_subjects": {"TRAKX": "CN=x"}}, "other_subjects of TRAK names TRAKX, which others doesn't"),
        ({"probe_cidrs": ["10.0.0.1/8"]}, "probe_cidrs of TRAK needs IPv4 ranges, got '10.0.0.1/8'"),
        ({"warm_instance_type": ec2.InstanceType("r8g.xlarge")}, "have different architectures"),
        (
            {"warm_instance_type": ec2.InstanceType("r7i.xlarge"), "tenancy": "dedicated-host"},
            "a promotion couldn't raise it to r7i.4xlarge",
        ),
        ({"member_count": 3}, "member_count is 1 or 2, got 3"),
        ({"member_count": 1, "absent_member": "a"}, "there is no other"),
    ],
)
def test_what_cannot_be_in_the_dr_region_is_refused(more: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DrApp(**more)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"warm_instance_type": ec2.InstanceType("r7i.xlarge")}, "warm_instance_type is for members that wait"),
        ({"member_count": 1}, "member_count is 1 in the DR region alone"),
        ({"region_state": RegionStateAt(table="t", region=DR)}, "without others"),
        ({"other_arbiter": "10.0.0.1"}, "without others"),
    ],
)
def test_what_cannot_be_in_the_primary_region_is_refused(more: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        define(**more)
