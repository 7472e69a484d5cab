"""`readiness` and `doctor` as they are typed: what the deployed function and the embedded AWS say, and the exit codes."""

from collections.abc import Iterator

import pytest

from local.server import REPOSITORY

from .desk import DONE, NOT_READY, WRONG, Desk
from .region_moves import TABLE, Moves
from .region_world import REGIONS

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def desk(moves: Moves, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    moves.deploy(readiness="yes")
    moves.begin()
    yield Desk(moves, tmp_path_factory.mktemp("desk"))
    moves.deploy()


def test_readiness_that_was_never_looked_at_is_looked_at_when_somebody_asks(moves: Moves, desk: Desk) -> None:
    code, said = desk.type(moves.operator, "readiness")
    assert (code, said["error"]) == (NOT_READY, "not_found"), said

    moves.mirror.members["TRAKC"].lag = moves.mirror.members["TRAKD"].lag = 600
    code, said = desk.type(moves.operator, "readiness", "--now")
    assert (code, said["ready"]) == (NOT_READY, False), said
    assert said["checks"]["lag"]["result"] == "failed"
    assert "600 s behind, 60 s are allowed" in said["checks"]["lag"]["says"]
    first = said["at"]

    # It has caught up; the agents, too, were asked through Systems Manager.
    moves.mirror.reset()
    code, said = desk.type(moves.operator, "readiness", "--now")
    assert {name: said["checks"][name]["result"] for name in ("lag", "agents", "certificates")} == dict.fromkeys(
        ("lag", "agents", "certificates"), "ok"
    )
    assert said["at"] >= first
    assert ("TRAKC", "status") in moves.mirror.ran
    # Of what the embedded AWS doesn't know it doesn't say that it is well.
    assert (code, said["checks"]["quotas"]["result"]) == (NOT_READY, "unknown"), said

    # As the function would have it, of a region of which all is known.
    moves.clients["dr"]("dynamodb").update_item(
        TableName=TABLE,
        Key={"key": {"S": "TRAK#readiness"}},
        UpdateExpression="SET ready = :yes",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )
    code, printed, _ = desk.read(moves.operator, "readiness")
    assert code == DONE, printed
    assert f"TRAK in {REGIONS['dr']} is ready, looked at " in printed


def test_doctor_looks_at_both_regions_and_says_what_is_not_there(moves: Moves, desk: Desk) -> None:
    code, said = desk.type(moves.operator, "doctor", "--app-dir", str(REPOSITORY))

    assert (code, said["ready"]) == (NOT_READY, False), said
    found = {(each["region"], each["check"], each["says"].partition(" ")[0]): each["result"] for each in said["findings"]}
    everywhere = {"", *REGIONS.values()}
    assert {region for region, _, _ in found} == everywhere
    results = {(region, check): result for (region, check, _), result in found.items()}
    for well in (("", "account"), ("", "cdk command line"), *((region, "bootstrap") for region in REGIONS.values())):
        assert results[well] == "ok", said
    for missing in (
        ("", "roles"),
        *((region, check) for region in REGIONS.values() for check in ("kits", "secrets", "images")),
    ):
        assert results[missing] == "failed", said
    # What the embedded AWS has no API for isn't taken for well, nor for bad.
    assert {results[region, "quotas"] for region in REGIONS.values()} == {"unknown"}


def test_doctor_finds_what_was_made_since(moves: Moves, desk: Desk) -> None:
    role = "trakcare-dr-approver"
    trust = '{"Version": "2012-10-17", "Statement": []}'
    moves.clients["dr"]("iam").create_role(RoleName=role, AssumeRolePolicyDocument=trust)
    for where in ("primary", "dr"):
        moves.clients[where]("secretsmanager").create_secret(Name="trakcare/iris-key", SecretString="not to be seen")

    code, printed, said = desk.read(moves.operator, "doctor", "--all", "--app-dir", str(REPOSITORY))

    assert code == NOT_READY
    text = " ".join(printed.split())
    assert "trakcare-dr-approver (promotion.approvers)" in text
    assert f"there is no role arn:aws:iam::{moves.aws.account}:role/{role}" not in text
    assert "ok trakcare/iris-key (license_secret)" in text
    assert "fixture can NOT be deployed as things are" in text
    assert "not to be seen" not in printed + said


def test_doctor_of_a_configuration_that_is_none_asks_nobody(moves: Moves, desk: Desk) -> None:
    (desk.folder / "fixture.yaml").write_text("name: fixture\nregions: {}\n")
    code, said = desk.type(moves.operator, "doctor")
    assert (code, said["error"]) == (WRONG, "configuration"), said
