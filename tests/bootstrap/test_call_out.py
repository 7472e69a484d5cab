"""The call-out's program on a member: who takes an epoch and who doesn't, whatever AWS answers."""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for hosts of the lab", allow_module_level=True)

from typing import TYPE_CHECKING

from tests.bootstrap.call_out_lab import COMMAND, MIRROR_SET, SERVICE, Automation, CallOutMember, ztimestamp
from tests.bootstrap.lab.lab import Lab
from tests.bootstrap.lab.wire import Answer

if TYPE_CHECKING:
    import subprocess

DONE, NOT_PRIMARY, SUPERSEDED, LATE, NOT_TOLD = 0, 3, 4, 5, 6


@pytest.fixture(scope="module")
def built() -> Iterator[CallOutMember]:
    with Lab() as lab:
        yield CallOutMember(lab)


@pytest.fixture
def member(built: CallOutMember) -> CallOutMember:
    """The member, primary; no epoch was taken, and its service doesn't run."""
    built.host.run("systemctl", "stop", SERVICE)
    built.lab.aws.heal()
    built.automation.clear()
    built.lab.aws.forget_calls()
    built.shows("Primary")
    return built


@pytest.fixture
def automation(member: CallOutMember) -> Automation:
    return member.automation


def claim(member: CallOutMember, *words: str, status: int = DONE) -> str:
    done = member.host.run(COMMAND, "claim", *words, check=False)
    assert done.status == status, done
    return done.output.strip()


@contextmanager
def started(member: CallOutMember, command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A command while it runs; it is ended if it doesn't end by itself."""
    with member.host.start(COMMAND, command) as running:
        try:
            yield running
        finally:
            running.kill()


def actions(member: CallOutMember) -> list[str]:
    return [call.action for call in member.lab.aws.calls()]


def test_a_primary_takes_the_epoch_after_the_newest_and_tells_the_router(member: CallOutMember, automation: Automation) -> None:
    automation.claim(5)
    assert claim(member) == "epoch 6"

    item = automation.item()
    assert (item["epoch"], item["member"], item["instance_id"]) == ("6", "a", member.host.instance_id)
    assert item["taken_by"] == "TRAKA/takeover"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", item["taken_at"])
    (message,) = automation.messages("claim")
    told = {"schema": 1, "kind": "claim", "mirror_set": MIRROR_SET, "member": "a", "epoch": 6, "taken_at": item["taken_at"]}
    assert told.items() <= message.items()
    assert (message["group"], message["number"].startswith("TRAK-6-0-")) == ("TRAK", True)
    # On a busy machine an answer may take longer than its second, and the call is repeated.
    assert list(dict.fromkeys(actions(member))) == ["GetItem", "UpdateItem", "SendMessage"]


def test_the_first_epoch_is_one(member: CallOutMember, automation: Automation) -> None:
    assert claim(member) == "epoch 1"
    assert automation.epoch() == 1


def test_after_a_lost_claim_the_next_epoch_is_after_the_routed_one(member: CallOutMember, automation: Automation) -> None:
    automation.route(8)
    assert claim(member) == "epoch 9"


def test_who_holds_the_newest_epoch_takes_the_next_all_the_same(member: CallOutMember, automation: Automation) -> None:
    # The other member may have read the epoch before, and stood still since: its write is refused from now on.
    automation.claim(4, "a", member.host.instance_id)
    assert claim(member) == "epoch 5"


def test_the_same_member_on_another_instance_takes_the_next(member: CallOutMember, automation: Automation) -> None:
    automation.claim(4, "a", "i-0000000000000000a")
    assert claim(member) == "epoch 5"


def test_when_somebody_was_faster_the_write_is_refused_and_the_newer_epoch_read(
    member: CallOutMember, automation: Automation
) -> None:
    automation.claim(5)

    def faster(_request: object, answer: object) -> Answer:
        automation.claim(6)
        assert callable(answer)
        result = answer()
        assert isinstance(result, Answer)
        assert b"ConditionalCheckFailedException" in result.body
        return result

    automation.at_next("UpdateItem", faster)
    since = time.time()
    assert claim(member) == "epoch 7"
    assert "epoch 6: somebody was faster" in member.said(since)


def test_an_answer_that_is_lost_costs_no_second_epoch(member: CallOutMember, automation: Automation) -> None:
    automation.claim(5)

    def lose(_request: object, answer: object) -> Answer:
        assert callable(answer)
        answer()
        return Answer(0, b"")

    automation.at_next("UpdateItem", lose)
    assert claim(member) == "epoch 6"
    assert automation.epoch() == 6


def test_a_write_that_lands_late_costs_no_second_epoch(member: CallOutMember, automation: Automation) -> None:
    automation.claim(5)
    with started(member, "claim") as running:
        with automation.held("UpdateItem"):
            member.host.wait_until("two attempts", lambda: actions(member).count("GetItem") >= 2, 20)
        said, _ = running.communicate(timeout=30)
    assert [line for line in said.decode().splitlines() if re.fullmatch(r"epoch \d+", line)] == ["epoch 6"]
    assert automation.epoch() == 6


@pytest.mark.parametrize("shown", ["Backup", "Transition", "Connected"])
def test_a_member_that_is_not_primary_takes_none(member: CallOutMember, automation: Automation, shown: str) -> None:
    automation.claim(5)
    member.shows(shown)
    assert claim(member, status=NOT_PRIMARY) == ""
    assert (automation.epoch(), automation.messages("claim")) == (5, [])


def test_a_member_of_which_the_mirror_says_that_it_becomes_primary_takes_one(
    member: CallOutMember, automation: Automation
) -> None:
    automation.claim(5)
    member.shows("Transition")
    assert claim(member, "--becoming", ztimestamp()) == "epoch 6"


def test_what_the_mirror_said_long_ago_counts_no_more(member: CallOutMember, automation: Automation) -> None:
    automation.claim(5)
    member.shows("Backup")
    claim(member, "--becoming", ztimestamp(ago=60), status=NOT_PRIMARY)
    assert automation.epoch() == 5


def test_nor_does_it_when_another_member_has_taken_an_epoch_since(member: CallOutMember, automation: Automation) -> None:
    automation.claim(5)
    member.shows("Backup")

    def faster(_request: object, answer: object) -> Answer:
        automation.claim(6)
        assert callable(answer)
        return answer()  # type: ignore[no-any-return]

    automation.at_next("UpdateItem", faster)
    claim(member, "--becoming", ztimestamp(), status=NOT_PRIMARY)
    assert automation.epoch() == 6


def test_a_takeover_ends_when_the_router_has_confirmed(member: CallOutMember, automation: Automation) -> None:
    with started(member, "takeover") as running:
        member.host.wait_until("the epoch", lambda: automation.epoch() == 1, 20)
        automation.route(1)
        said, _ = running.communicate(timeout=20)
    lines = [line for line in said.decode().splitlines() if re.fullmatch(r"[a-z]+ \d+", line)]
    assert (running.returncode, lines) == (DONE, ["epoch 1", "routed 1"])


def test_an_epoch_that_the_router_could_not_be_told_of_is_told_by_whoever_follows(
    member: CallOutMember, automation: Automation
) -> None:
    member.lab.aws.fault("sqs", "SendMessage", "ThrottlingException", 400)
    assert claim(member, status=NOT_TOLD) == "epoch 1"
    assert automation.messages() == []
    member.lab.aws.heal()
    automation.route(1)
    member.host.run(COMMAND, "follow", "--tell")
    assert [message["epoch"] for message in automation.messages("claim")] == [1]


def test_whoever_follows_gives_up_when_another_member_has_a_newer_epoch(member: CallOutMember, automation: Automation) -> None:
    claim(member)
    with started(member, "follow") as running:
        automation.claim(2)
        running.communicate(timeout=20)
    assert running.returncode == SUPERSEDED


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"epoch": {"S": "6"}}, "its epoch is {'S': '6'}"),
        ({"epoch": {"N": "6.5"}}, "its epoch is {'N': '6.5'}"),
        ({"member": {"S": "b"}}, "its epoch is None"),
    ],
)
def test_a_damaged_item_is_told_and_left_alone(
    member: CallOutMember, automation: Automation, item: dict[str, dict[str, str]], says: str
) -> None:
    automation.put(**item)
    before, since = automation.item(), time.time()
    claim(member, "--limit", "1", status=LATE)
    assert f"the claim in the table is damaged: {says}" in member.said(since)
    assert automation.item() == before


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("AccessDeniedException", 400, "dynamodb GetItem TRAK was refused: AccessDeniedException"),
        ("ProvisionedThroughputExceededException", 400, "refused: ProvisionedThroughputExceededException"),
        ("InternalServerError", 500, "refused: InternalServerError"),
        ("", 0, "no answer from 10.20.255.254"),
    ],
)
def test_what_aws_refuses_is_told_and_tried_again(
    member: CallOutMember, automation: Automation, code: str, status: int, says: str
) -> None:
    automation.claim(5)
    member.lab.aws.fault("dynamodb", "GetItem", code, status, times=2)
    since = time.time()
    assert claim(member) == "epoch 6"
    assert says in member.said(since)


def test_an_answer_that_is_none_is_told(member: CallOutMember, automation: Automation) -> None:
    automation.at_next("GetItem", lambda _request, _answer: Answer(200, b"<html>captive portal</html>"))
    since = time.time()
    assert claim(member) == "epoch 1"
    assert "the answer is no JSON object: b'<html>captive portal</html>'" in member.said(since)


def test_a_clock_that_is_wrong_is_told_and_does_not_keep_a_primary_from_its_epoch(
    member: CallOutMember, automation: Automation
) -> None:
    member.lab.aws.clock_off = 900.0
    since = time.time()
    assert claim(member) == "epoch 1"
    assert re.search(r"the clock of this host is off by -(899|900) s, AWS's is used", member.said(since))


def test_without_a_role_the_reason_is_told(member: CallOutMember, automation: Automation) -> None:
    member.host.machine.has_role = False
    since = time.time()
    try:
        claim(member, "--limit", "1", status=LATE)
    finally:
        member.host.machine.has_role = True
    assert "this instance has no credentials (no role)" in member.said(since)
    assert automation.epoch() == 0


def test_without_instance_metadata_of_version_2_nothing_is_asked_of_version_1(
    member: CallOutMember, automation: Automation
) -> None:
    member.host.machine.metadata_on = False
    since = time.time()
    try:
        claim(member, "--limit", "1", status=LATE)
    finally:
        member.host.machine.metadata_on = True
    assert "no instance metadata (status 403): switch it on for this instance" in member.said(since)
    # Nothing but the session's token, which version 1 doesn't have.
    assert {path for _, path in member.lab.aws.metadata_reads} == {"/latest/api/token"}
    assert automation.epoch() == 0


def test_a_member_that_was_frozen_reads_the_newer_epoch_and_gives_up(member: CallOutMember, automation: Automation) -> None:
    automation.claim(5)
    member.lab.aws.fault("dynamodb", "GetItem", "", 0)
    since = time.time()
    # As a unit, so that it stands still with the host.
    member.host.run(
        "systemd-run", "--unit=takeover", "--property=RemainAfterExit=yes", COMMAND, "takeover", "--becoming", ztimestamp()
    )
    member.wait_until_said("no answer", since)
    member.host.freeze()
    try:
        # The other member takes over. This one's memory still says that it is primary.
        time.sleep(4.5)
        automation.claim(6)
        member.lab.aws.heal()
        member.lab.aws.forget_calls()
    finally:
        member.host.thaw()
    member.host.wait_until("it to read again", lambda: "GetItem" in actions(member), 20)
    # The mirror tells it, later.
    time.sleep(1)
    assert (automation.item()["member"], "UpdateItem" in actions(member)) == ("b", False)
    member.shows("Down", status="down")
    member.wait_until_said("epoch 6 stays the newest, given up", since, 30)
    show = ("systemctl", "show", "--value", "--property=ExecMainStatus", "takeover.service")
    member.host.wait_until("it to end", lambda: member.host.run(*show).output.strip() == str(NOT_PRIMARY), 10)
    assert automation.epoch() == 6


def test_its_status_shows_whose_epoch_it_is(member: CallOutMember, automation: Automation) -> None:
    automation.claim(5)
    automation.route(5)
    shown = json.loads(member.host.run(COMMAND, "status", "--json").output)
    assert (shown["role"], shown["epoch"], shown["member"], shown["routed_epoch"]) == ("primary", 5, "b", 5)
    assert shown["mine"] is False


def test_it_logs_each_step_with_epoch_and_time_and_no_secret(member: CallOutMember, automation: Automation) -> None:
    automation.claim(5)
    since = time.time()
    claim(member)
    stamp = r"20\d\d-\d\d-\d\dT[\d:]+\.\d{3}Z TRAKA "
    lines = [line for line in member.said(since).splitlines() if "epoch 6" in line]
    assert [bool(re.match(stamp, line)) for line in lines] == [True, True]
    assert re.search(r"epoch 6 taken at \S+Z, after 5 of b: ", lines[0])
    assert lines[1].endswith("epoch 6: the router was told")
    journal = member.host.run("journalctl", "--no-pager", "--output=export").output
    assert [name for name, secret in member.lab.all_secrets.items() if secret in journal] == []


def test_nothing_is_asked_but_table_queue_and_instance_metadata(member: CallOutMember, automation: Automation) -> None:
    claim(member)
    assert {call.service for call in member.lab.aws.calls()} == {"dynamodb", "sqs"}
    assert set(actions(member)) == {"GetItem", "UpdateItem", "SendMessage"}
    # By Python's own audit: no other connection was tried, and nothing was started but `iris qlist`.
    trace = """if True:
        import sys
        seen = set()
        def note(event, args):
            if event == "socket.connect":
                seen.add(args[1] if isinstance(args[1], str) else args[1][0])
            elif event == "subprocess.Popen":
                seen.add(" ".join(args[1]))
        sys.addaudithook(note)
        sys.path.insert(0, "/opt/cdk-intersystems")
        from bootstrap.call_out.command import main
        main("/nowhere", ["claim"])
        print("seen", *sorted(seen), sep="|")
    """
    automation.claim(5)
    said = member.host.run("python3", "-I", "-S", "-B", "-c", trace).output.splitlines()[-1]
    # The superserver is asked whether it takes connections.
    assert said == "seen|10.20.255.254|127.0.0.1|169.254.169.254|iris qlist IRIS"
