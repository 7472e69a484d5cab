"""The readiness check against moto: what each check says when something is missing, and that what isn't known isn't well."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.lambda_.region_readiness_world import OLD_REGION, PARAMETER, REGION, STATUS, World, readiness_world

CHECKS = {
    *("lag", "agents", "certificates", "image", "quotas", "capacity", "endpoints", "approvers", "drill_age", "bundle"),
    "secrets",
}
REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Anything")


@pytest.fixture(scope="module")
def two_regions() -> Iterator[World]:
    with readiness_world() as made:
        yield made


@pytest.fixture
def world(two_regions: World) -> World:
    two_regions.reset()
    return two_regions


def _results(answer: dict[str, Any]) -> dict[str, str]:
    return {name: each["result"] for name, each in answer["checks"].items()}


def test_all_is_well(world: World) -> None:
    answer = world.invoke()
    assert _results(answer) == dict.fromkeys(CHECKS, "ok"), answer
    assert answer["ready"]
    assert world.told == {"Readiness": 1.0, "JournalLagSeconds": 2.0}


def test_the_report_lies_in_the_table(world: World) -> None:
    world.quota = 1.0
    answer = world.invoke()
    report = world.report()
    assert report["ready"] == {"BOOL": False}
    assert report["at"]["S"] == answer["at"]
    said = {name: each["M"]["result"]["S"] for name, each in report["checks"]["M"].items()}
    assert said == _results(answer)
    assert "have it raised" in report["checks"]["M"]["quotas"]["M"]["says"]["S"]


def _only(world: World, name: str, result: str, says: str, *, ready: bool) -> None:
    """Of all checks one says so, and the others are well."""
    answer = world.invoke()
    assert _results(answer) == {**dict.fromkeys(CHECKS, "ok"), name: result}, answer["checks"]
    assert says in answer["checks"][name]["says"]
    assert answer["ready"] is ready
    assert world.told["Readiness"] == float(ready)


def _said(**changes: Any) -> dict[str, Any]:
    return {"a": {**STATUS, **changes}, "b": {**STATUS, **changes}}


@pytest.mark.parametrize(
    ("lag", "result", "says"),
    [
        (61, "failed", "61 s behind, 60 s are allowed"),
        (None, "unknown", "does not know its lag"),
        (-1, "unknown", "does not know its lag"),
        (True, "unknown", "does not know its lag"),
        ("2", "unknown", "does not know its lag"),
        (float("nan"), "unknown", "does not know its lag"),
    ],
)
def test_lag(world: World, lag: Any, result: str, says: str) -> None:
    world.said = _said(journal_lag_seconds=lag)
    _only(world, "lag", result, says, ready=False)


def test_the_nearest_members_lag_counts(world: World) -> None:
    world.said["b"] = {**STATUS, "journal_lag_seconds": 4000}
    assert world.invoke()["checks"]["lag"]["result"] == "ok"
    assert world.told["JournalLagSeconds"] == 2.0


def test_a_region_that_holds_the_mirror_is_behind_of_nobody(world: World) -> None:
    world.said = _said(journal_lag_seconds=None)
    world.put("TRAK", epoch={"N": "1"}, serving={"S": "dr"}, latch_epoch={"N": "1"})
    assert world.invoke()["checks"]["lag"] == {"result": "ok", "says": "the DR region holds the mirror itself"}


@pytest.mark.parametrize(
    ("agents", "result", "ready"),
    [
        ({"TRAKA": False, "TRAKB": True}, "warning", True),
        ({"TRAKA": False, "TRAKB": False}, "failed", False),
        ({"TRAKA": "yes"}, "failed", False),
        ({}, "unknown", False),
        (None, "unknown", False),
        ("TRAKA", "unknown", False),
    ],
)
def test_agents(world: World, agents: Any, result: str, ready: bool) -> None:
    world.said = _said(agents=agents)
    _only(world, "agents", result, "2188" if result in ("warning", "failed") else "no member has said", ready=ready)


@pytest.mark.parametrize(
    ("days", "result", "ready"), [(40, "ok", True), (20, "warning", True), (3, "failed", False), (-1, "failed", False)]
)
def test_the_mirrors_certificates(world: World, days: int, result: str, ready: bool) -> None:
    end = datetime.now(UTC) + timedelta(days=days)
    world.said = _said(certificate_expires=end.isoformat())
    _only(world, "certificates", result, f"{end:%Y-%m-%d}" if result != "ok" else "30 days", ready=ready)


@pytest.mark.parametrize("text", [None, "", "soon", 7])
def test_a_certificates_end_that_is_not_known(world: World, text: Any) -> None:
    world.said = _said(certificate_expires=text)
    _only(world, "certificates", "unknown", "isn't known", ready=False)


@pytest.mark.parametrize(
    ("status", "days", "result"), [("ISSUED", 400, "ok"), ("ISSUED", 10, "warning"), ("PENDING_VALIDATION", 400, "failed")]
)
def test_the_tiers_certificates(world: World, status: str, days: int, result: str) -> None:
    from region_readiness import handler

    world.changes = {"certificates": ["arn:one"]}
    acm = handler.client("acm")
    found = {"DomainName": "web", "Status": status, "NotAfter": datetime.now(UTC) + timedelta(days=days)}
    with mock.patch.object(acm, "describe_certificate", return_value={"Certificate": found}):
        _only(world, "certificates", result, "web" if result != "ok" else "30 days", ready=result != "failed")


NOTHING: list[tuple[str, Any]] = [
    ("refused", REFUSED),
    ("no way", EndpointConnectionError(endpoint_url="https://ssm")),
    ("nothing", ""),
    ("a text", "IRIS is stopped"),
    ("a list", "[1]"),
    ("half", '{"journal_lag_seconds": 1'),
]


@pytest.mark.parametrize("said", [each for _, each in NOTHING], ids=[name for name, _ in NOTHING])
def test_members_that_say_nothing_are_not_well(world: World, said: Any) -> None:
    world.said = {"a": said, "b": said}
    answer = world.invoke()
    assert {name for name, result in _results(answer).items() if result != "ok"} == {"lag", "agents", "certificates"}
    assert {answer["checks"][name]["result"] for name in ("lag", "agents", "certificates")} == {"unknown"}
    assert not answer["ready"]
    assert "JournalLagSeconds" not in world.told


def test_a_member_that_does_not_answer_is_waited_for_no_longer_than_its_time(world: World) -> None:
    from region_readiness import hosts
    from region_readiness.settings import read

    ssm = mock.Mock()
    ssm.send_command.return_value = {"Command": {"CommandId": "1"}}
    ssm.get_command_invocation.return_value = {"Status": "InProgress"}
    member = hosts.Member("a", "i-1", "r5.xlarge", "eu-west-1a", "ami-1", "running")
    now = [0.0]
    statuses = hosts.ask(
        ssm, read(world.settings()), [member], sleep=lambda each: now.append(now.pop() + each), clock=lambda: now[0]
    )
    assert statuses == [hosts.Status("a", None, "it has not answered for 30 seconds")]


def test_an_image_that_is_gone(world: World) -> None:
    from region_readiness import handler

    with mock.patch.object(handler.client("ec2"), "describe_images", return_value={"Images": []}):
        _only(world, "image", "failed", "copy it here", ready=False)


def test_images_that_differ(world: World) -> None:
    from region_readiness import handler

    other = {"Images": [{"ImageId": "ami-12345678", "Name": "another"}]}
    with mock.patch.object(handler.client("ec2", OLD_REGION), "describe_images", return_value=other):
        _only(world, "image", "warning", "images differ", ready=True)


def test_a_primary_region_that_is_gone_is_no_answer(world: World) -> None:
    from region_readiness import handler

    gone = EndpointConnectionError(endpoint_url="https://elsewhere")
    with (
        mock.patch.object(handler.client("ec2", OLD_REGION), "get_paginator", side_effect=gone),
        mock.patch.object(handler.client("ssm", OLD_REGION), "get_parameter", side_effect=gone),
    ):
        answer = world.invoke()
    assert answer["checks"]["bundle"]["result"] == "unknown"
    assert answer["checks"]["image"]["result"] == "ok", "those that are needed are here"
    assert not answer["ready"]


@pytest.mark.parametrize(("quota", "result"), [(24.0, "ok"), (23.0, "failed")])
def test_quotas_count_the_full_size(world: World, quota: float, result: str) -> None:
    """Two r5.xlarge and four c5.xlarge of four vCPUs each."""
    world.quota = quota
    _only(world, "quotas", result, "24 are needed" if result == "failed" else "24", ready=result == "ok")


@pytest.mark.parametrize(
    ("instance_type", "quota"),
    [
        ("r7i.4xlarge", "Standard (A, C, D, H, I, M, R, T, Z)"),
        ("im4gn.large", "Standard (A, C, D, H, I, M, R, T, Z)"),
        ("x2idn.16xlarge", "X"),
        ("u-6tb1.metal", "High Memory"),
        ("u7i-12tb.224xlarge", "High Memory"),
        ("inf2.xlarge", None),
        ("dl1.24xlarge", None),
        ("mac2.metal", None),
        ("trn1.2xlarge", None),
        ("hpc7a.12xlarge", None),
        ("g5.xlarge", None),
    ],
)
def test_which_quota_counts_a_type(instance_type: str, quota: str | None) -> None:
    from region_readiness.region_checks import _quota_of

    assert _quota_of(instance_type) == quota


def test_capacity_that_nobody_reserved_is_a_warning(world: World) -> None:
    from region_readiness import handler

    world.changes = {"full_type": "r5.2xlarge"}
    found: dict[str, Any] = {"CapacityReservations": []}
    with mock.patch.object(handler.client("ec2"), "describe_capacity_reservations", return_value=found):
        _only(world, "capacity", "warning", "no capacity of r5.2xlarge is reserved", ready=True)


def test_capacity_that_is_reserved(world: World) -> None:
    from region_readiness import handler

    world.changes = {"full_type": "r5.2xlarge"}
    found = {"CapacityReservations": [{"AvailabilityZone": "eu-west-1a", "AvailableInstanceCount": 2}]}
    with mock.patch.object(handler.client("ec2"), "describe_capacity_reservations", return_value=found):
        _only(world, "capacity", "ok", "is reserved", ready=True)


def test_types_that_the_zone_does_not_have(world: World) -> None:
    world.changes = {"full_type": "r99.2xlarge", "fallback_types": []}
    _only(world, "capacity", "failed", "choose other types", ready=False)


def test_an_endpoint_that_is_missing(world: World) -> None:
    world.changes = {"endpoints": ["dynamodb", "states"]}
    _only(world, "endpoints", "failed", "no available endpoint of states", ready=False)


def test_without_endpoints_by_design(world: World) -> None:
    world.changes = {"endpoints": []}
    _only(world, "endpoints", "ok", "Internet", ready=True)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"approvers": []}, "nobody may"),
        ({"requesters": []}, "nobody may"),
        ({"approvers": ["arn:aws:iam::123456789012:role/Gone"]}, "role/Gone isn't there"),
        ({"approvers": ["arn:aws:iam::999999999999:role/Approvers"]}, "999999999999:role/Approvers isn't there"),
    ],
)
def test_approvers(world: World, changes: dict[str, Any], says: str) -> None:
    world.changes = changes
    _only(world, "approvers", "failed", says, ready=False)


@pytest.mark.parametrize(
    ("item", "result", "says"),
    [
        ({"completed_at": {"S": "2020-01-01T00:00:00Z"}, "ok": {"BOOL": True}}, "warning", "days ago"),
        ({"completed_at": {"S": "2999-01-01T00:00:00Z"}, "ok": {"BOOL": False}}, "warning", "never"),
        ({"completed_at": {"S": "lately"}, "ok": {"BOOL": True}}, "unknown", "can't be read"),
        ({}, "warning", "never"),
    ],
)
def test_the_age_of_the_last_drill(world: World, item: dict[str, Any], result: str, says: str) -> None:
    world.put("TRAK#rehearsal", **item)
    _only(world, "drill_age", result, says, ready=result == "warning")


@pytest.mark.parametrize(("state", "result"), [("completed", "ok"), ("committed", "warning")])
def test_a_move_between_the_regions_is_a_drill(world: World, state: str, result: str) -> None:
    world.put("TRAK#rehearsal")
    world.put("TRAK#current", state={"S": state}, approved_at={"S": "2999-01-01T00:00:00Z"})
    _only(world, "drill_age", result, "", ready=True)


def test_a_bundle_that_no_host_would_find(world: World) -> None:
    world.ssm[REGION].delete_parameter(Name=PARAMETER)
    _only(world, "bundle", "failed", "deploy the DR region again", ready=False)


def test_regions_that_were_deployed_far_apart(world: World) -> None:
    from region_readiness import handler

    old = {"Parameter": {"LastModifiedDate": datetime.now(UTC) - timedelta(days=40)}}
    with mock.patch.object(handler.client("ssm", OLD_REGION), "get_parameter", return_value=old):
        _only(world, "bundle", "warning", "days apart", ready=True)


def test_a_secret_about_to_be_deleted(world: World) -> None:
    world.secrets.delete_secret(SecretId=world.secret)
    _only(world, "secrets", "failed", "restore it", ready=False)


def test_a_secret_that_is_not_there(world: World) -> None:
    world.changes = {"secrets": [f"arn:aws:secretsmanager:{REGION}:123456789012:secret:gone-abcdef"]}
    _only(world, "secrets", "failed", "gone-abcdef isn't there", ready=False)


def test_where_nothing_was_told_nothing_is_well(world: World) -> None:
    world.changes = {"secrets": [], "parameters": [], "instances": {}}
    results = _results(world.invoke())
    assert {results[name] for name in ("secrets", "bundle", "quotas")} == {"unknown"}


def test_on_premises_nothing_is_compared(world: World) -> None:
    world.changes = {"old_region": ""}
    with mock.patch.object(world, "ssm", {}):
        assert world.invoke()["ready"]


@pytest.mark.parametrize("service", ["ec2", "iam", "secretsmanager", "ssm", "dynamodb", "acm"])
@pytest.mark.parametrize(
    "error", [REFUSED, EndpointConnectionError(endpoint_url="https://x"), KeyError("odd")], ids=["refused", "gone", "odd"]
)
def test_it_never_raises_whatever_a_service_does(world: World, service: str, error: Exception) -> None:
    from region_readiness import handler

    world.changes = {"certificates": ["arn:one"]}
    made = type(handler.client(service))
    failing = _failing(made._make_api_call, handler.client(service).meta.service_model.service_name, error)
    with mock.patch.object(made, "_make_api_call", failing):
        answer = world.invoke()
    assert set(answer["checks"]) == CHECKS
    assert not answer["ready"]
    assert world.told["Readiness"] == 0.0


def _failing(call: Any, service: str, error: Exception) -> Any:
    def made(self: Any, operation: str, request: Any) -> Any:
        if self.meta.service_model.service_name == service:
            raise error
        return call(self, operation, request)

    return made


def test_the_lag_alone_is_asked_more_often(world: World) -> None:
    answer = world.invoke({"kind": "lag"})
    assert answer == {"lag": {"result": "ok", "says": "the journals are 2 s behind"}}
    assert world.told == {"JournalLagSeconds": 2.0}
    assert "Item" not in world.dynamodb.get_item(TableName="one-TRAK-region-state", Key={"key": {"S": "TRAK#readiness"}})
