"""The API: who may do what, by whom a request is signed and not by what it says; and what is refused changes nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lambda_.region_world import ACCOUNT, ANNE, BOB, SENTENCE, World, region_world

EVE = f"arn:aws:sts::{ACCOUNT}:assumed-role/Others/eve"
#: All refused as nobody who may: a role of another account, a user, the root, a federated user, none, and nonsense.
NOBODY = (
    "arn:aws:sts::999999999999:assumed-role/Leads/bob",
    f"arn:aws:iam::{ACCOUNT}:user/bob",
    f"arn:aws:iam::{ACCOUNT}:root",
    f"arn:aws:sts::{ACCOUNT}:federated-user/bob",
    "",
    f"arn:aws:sts::{ACCOUNT}:assumed-role/Leads",
    f"arn:aws:sts::{ACCOUNT}:assumed-role/Leads/bob/more",
    f"{BOB}\n",
)


@pytest.fixture(scope="class")
def shared() -> Iterator[World]:
    """One world for all that is refused before anything is written."""
    with region_world() as made:
        yield made


@pytest.fixture
def world() -> Iterator[World]:
    with region_world() as made:
        yield made


@pytest.fixture(scope="class")
def checked() -> Iterator[World]:
    with region_world() as made:
        made.request()
        made.step("preflight")
        yield made


BAD_BODIES: dict[str, Any] = {
    "no object": [1],
    "no JSON": "{",
    "nothing": "",
    "another kind": {"kind": "rehearsal", "reason": "x"},
    "a kind that is no text": {"kind": ["promotion"], "reason": "x"},
    "no reason": {"kind": "promotion"},
    "an empty reason": {"kind": "promotion", "reason": "  "},
    "a long reason": {"kind": "promotion", "reason": "x" * 501},
    "a long body": {"kind": "promotion", "reason": "x" * 5000},
    "deep nonsense": "[" * 4000,
    "another sentence": {"kind": "promotion", "reason": "x", "accept_data_loss": SENTENCE.replace("TRAK", "TRIK")},
    "yes instead of the sentence": {"kind": "promotion", "reason": "x", "accept_data_loss": True},
    "who asks": {"kind": "promotion", "reason": "x", "requester": BOB},
    "loss with a planned move": {"kind": "switchover", "reason": "x", "accept_data_loss": SENTENCE},
}


class TestAtTheBorder:
    """Refused before anything is written."""

    @pytest.mark.parametrize("what", BAD_BODIES)
    def test_a_request_that_is_none(self, shared: World, what: str) -> None:
        status, said = shared.ask("POST /moves", BAD_BODIES[what])
        assert status == 400
        assert said["message"]
        assert shared.item("#current") is None
        assert not shared.executions

    @pytest.mark.parametrize("arn", [*NOBODY, EVE])
    @pytest.mark.parametrize("route", ["POST /moves", "GET /moves/current", "GET /readiness", "POST /readiness"])
    def test_by_nobody_who_may(self, shared: World, arn: str, route: str) -> None:
        body = {"kind": "promotion", "reason": "x"} if route == "POST /moves" else None
        status, _ = shared.ask(route, body, arn=arn)
        assert status == 403
        assert shared.item("#current") is None

    @pytest.mark.parametrize(
        "context", [{}, {"authorizer": {}}, {"authorizer": {"iam": {}}}, {"authorizer": {"jwt": {"claims": {}}}}, None]
    )
    def test_a_request_that_nobody_has_checked(self, shared: World, context: Any) -> None:
        """Whatever it says of itself: in headers, in the body, in its path."""
        headers = {"x-amzn-iam-user-arn": BOB, "authorization": "AWS4-HMAC-SHA256 Credential=forged"}
        body = {"kind": "promotion", "reason": "x"}
        status, _ = shared.ask("POST /moves", body, requestContext=context, headers=headers)
        assert status == 403
        assert shared.item("#current") is None

    @pytest.mark.parametrize("id", ["m-1", "../../x", "m-20260131t120000-0123abcd\n", "M-20260131T120000-0123ABCD"])
    def test_an_id_that_is_none(self, shared: World, id: str) -> None:
        assert shared.ask("POST /moves/{id}/cancellation", id=id)[0] == 400

    def test_a_move_that_there_is_not(self, shared: World) -> None:
        given = {"plan_hash": "0" * 64, "epoch": 1}
        assert shared.ask("POST /moves/{id}/approval", given, arn=BOB, id="m-20260131t120000-0123abcd")[0] == 404
        assert shared.ask("GET /moves/current")[1] == {
            "region": {"serving": "primary", "epoch": 0, "latch_epoch": 0, "since": None, "by": ""},
            "move": None,
        }

    def test_a_route_that_there_is_not(self, shared: World) -> None:
        assert shared.ask("DELETE /moves/{id}")[0] == 404


class TestApproval:
    def test_of_what_bob_has_read(self, world: World) -> None:
        status, said = world.request()
        assert status == 202
        assert set(said) == {"id", "plan_hash", "epoch", "expires_at"}
        assert world.executions == {said["id"]: {"mirror_set": "TRAK", "promotion": said["id"], "kind": "promotion"}}
        world.step("preflight")
        assert not world.step("commit")["done"]
        assert world.item() is None
        world.step("approval", task_token="token")
        status, said = world.approve()
        assert status == 200
        assert said["move"]["state"] == "approved"
        assert world.woken == ["token"]
        # The token is nobody's business.
        assert "token" not in json.dumps(said)

    def test_before_it_is_checked_after_its_time_and_again(self, world: World) -> None:
        world.request()
        assert world.approve()[1]["error"] == "not_checked"
        world.step("preflight")
        first = world.approve()
        assert first[0] == 200
        before = world.everything()
        assert world.approve()[1]["error"] == "approved"
        assert world.everything() == before

    def test_after_its_time(self, world: World) -> None:
        world.request()
        world.step("preflight")
        world.now += 1800
        before = world.everything()
        assert world.approve()[0] == 410
        assert world.everything() == before

    def test_replayed_for_the_next_move(self, world: World) -> None:
        """The same plan, asked for again: another id, so another approval."""
        world.request()
        world.step("preflight")
        move = world.ask("GET /moves/current")[1]["move"]
        assert world.ask("POST /moves/{id}/cancellation")[0] == 200
        world.now += 1
        world.request()
        world.step("preflight")
        again = world.ask("GET /moves/current")[1]["move"]
        assert again["plan_hash"] == move["plan_hash"]
        replayed = world.ask(
            "POST /moves/{id}/approval", {"plan_hash": move["plan_hash"], "epoch": move["epoch"]}, arn=BOB, id=move["id"]
        )
        assert replayed[0] == 404
        assert world.ask("GET /moves/current")[1]["move"]["state"] == "checked"


class TestApprovalThatIsNone:
    """Of a move that waits for one."""

    @pytest.mark.parametrize(
        ("arn", "other", "status", "error"),
        [
            (f"arn:aws:sts::{ACCOUNT}:assumed-role/Leads/ANNE", {}, 403, "same_person"),
            (ANNE, {}, 403, "not_allowed"),
            (EVE, {"plan_hash": "0" * 64}, 403, "not_allowed"),
            (BOB, {"plan_hash": "0" * 64}, 409, "plan_changed"),
            (BOB, {"plan_hash": "0" * 63}, 400, "bad_request"),
            (BOB, {"plan_hash": None}, 400, "bad_request"),
            (BOB, {"epoch": 2}, 409, "epoch"),
            (BOB, {"epoch": True}, 400, "bad_request"),
            (BOB, {"epoch": "1"}, 400, "bad_request"),
            (BOB, {"epoch": -1}, 400, "bad_request"),
            (BOB, {"approver": BOB}, 400, "bad_request"),
        ],
    )
    def test_changes_nothing(self, checked: World, arn: str, other: dict[str, Any], status: int, error: str) -> None:
        before = checked.everything()
        assert checked.approve(arn, **other)[0] == status
        answer = checked.approve(arn, **other)
        assert (answer[0], answer[1]["error"]) == (status, error)
        assert checked.everything() == before


class TestOthers:
    def test_one_move_at_a_time(self, world: World) -> None:
        assert world.request()[0] == 202
        before = world.everything()
        status, said = world.request("promotion")
        assert (status, said["error"]) == (409, "under_way")
        assert world.current() in said["message"]
        assert world.everything() == before

    def test_a_workflow_that_could_not_be_started_is_started_by_resuming(self, world: World) -> None:
        working, world._start_execution = world._start_execution, _fails  # type: ignore[method-assign]
        status, said = world.request()
        assert status == 503
        assert "GET /moves/current" in said["message"]
        world._start_execution = working  # type: ignore[method-assign]
        assert world.ask("POST /moves/{id}/resumption")[0] == 200
        assert len(world.executions) == 1

    def test_cancelling_wakes_the_workflow(self, world: World) -> None:
        world.request()
        world.step("preflight")
        world.step("approval", task_token="token")
        assert world.ask("POST /moves/{id}/cancellation", arn=EVE)[0] == 403
        assert world.ask("POST /moves/{id}/cancellation")[1]["move"]["state"] == "cancelled"
        assert world.woken == ["token"]

    def test_readiness(self, world: World) -> None:
        assert world.ask("GET /readiness")[0] == 404
        item = {"key": {"S": "TRAK#readiness"}, "ready": {"BOOL": True}, "at": {"S": "2027-01-15T08:00:00Z"}, "n": {"N": "3"}}
        world.dynamodb.put_item(TableName="trakcare-TRAK-region-state", Item=item)
        assert world.ask("GET /readiness") == (200, {"ready": True, "at": "2027-01-15T08:00:00Z", "n": 3.0})
        status, said = world.ask("POST /readiness")
        assert status == 202
        assert said["requested_at"]
        assert [given["InvocationType"] for _, action, given, _ in world.calls if action == "Invoke"] == ["Event"]

    def test_a_body_in_base64(self, world: World) -> None:
        import base64

        body = base64.b64encode(json.dumps({"kind": "promotion", "reason": "x"}).encode()).decode()
        assert world.ask("POST /moves", body, isBase64Encoded=True)[0] == 202
        assert world.ask("POST /moves", "not base64 !", isBase64Encoded=True)[0] == 400


def _fails(*_given: Any) -> dict[str, Any]:
    from botocore.exceptions import EndpointConnectionError

    raise EndpointConnectionError(endpoint_url="https://states")
