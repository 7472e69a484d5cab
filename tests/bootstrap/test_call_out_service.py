"""The service of the call-out: claims what a takeover couldn't, tries the way again and again, and may do nothing else."""

import os
import time
from collections.abc import Iterator

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for hosts of the lab", allow_module_level=True)

from tests.bootstrap.call_out_lab import SERVICE, CallOutMember
from tests.bootstrap.lab.lab import Lab


@pytest.fixture(scope="module")
def built() -> Iterator[CallOutMember]:
    with Lab() as lab:
        yield CallOutMember(lab, CALL_OUT_CANARY_SECONDS="0.5")


@pytest.fixture
def member(built: CallOutMember) -> CallOutMember:
    """The member, a backup, of which nothing is held against; its service was started anew."""
    built.shows("Backup")
    built.lab.aws.heal()
    built.automation.clear()
    built.host.run("systemctl", "restart", SERVICE)
    return built


def main_pid(member: CallOutMember) -> str:
    return member.host.run("systemctl", "show", "--property=MainPID", "--value", SERVICE).output.strip()


def test_a_primary_whose_epoch_is_not_the_newest_takes_the_next(member: CallOutMember) -> None:
    automation = member.automation
    automation.claim(5)
    member.shows("Primary")
    member.host.wait_until("the watch to claim", lambda: automation.epoch() == 6, 20)
    item = automation.item()
    assert (item["member"], item["instance_id"], item["taken_by"]) == ("a", member.host.instance_id, "TRAKA/watch")
    member.host.wait_until("the message", lambda: bool(automation.messages("claim")), 20)


def test_a_primary_that_holds_the_newest_epoch_is_left_alone(member: CallOutMember) -> None:
    automation, since = member.automation, time.time()
    automation.claim(5, "a", member.host.instance_id)
    member.shows("Primary")
    member.wait_until_said("primary: instance IRIS", since)
    member.lab.aws.forget_calls()
    # Its role was seen twice and the claim read: the canary reads too, so it is waited for several of these.
    reads = lambda: len(member.lab.aws.calls(action="GetItem"))  # noqa: E731
    member.host.wait_until("it to have looked for a while", lambda: reads() > 5, 30)
    assert member.lab.aws.calls(action="UpdateItem") == []


def test_a_backup_takes_none_and_sends_its_canary(member: CallOutMember) -> None:
    automation = member.automation
    automation.claim(5)
    found: list[dict[str, object]] = []

    def two_came() -> bool:
        found.extend(automation.messages())
        return len(found) >= 2

    member.host.wait_until("two canaries", two_came, 20)
    for message in found:
        assert (message["schema"], message["kind"], message["mirror_set"], message["member"]) == (1, "canary", "TRAK", "a")
        assert (message["group"], str(message["sent_at"])[-1]) == ("canary-a", "Z")
    assert automation.epoch() == 5


@pytest.mark.parametrize(("service", "action"), [("sqs", "SendMessage"), ("dynamodb", "GetItem")])
def test_a_way_that_is_closed_is_seen_before_it_is_needed(member: CallOutMember, service: str, action: str) -> None:
    since = time.time()
    member.lab.aws.fault(service, action, "AccessDeniedException", 400)
    member.wait_until_said(f"canary: {service} {action}", since)
    member.automation.messages()
    assert member.automation.messages("canary") == []
    member.lab.aws.heal()
    member.wait_until_said("canary: the way to the router is open again", since)


def test_a_primary_that_cannot_reach_aws_claims_when_it_can(member: CallOutMember) -> None:
    since = time.time()
    member.automation.claim(5)
    member.lab.aws.fault("dynamodb", "UpdateItem", "", 0)
    member.shows("Primary")
    member.wait_until_said("no answer from", since)
    member.lab.aws.heal()
    member.host.wait_until("the claim", lambda: member.automation.epoch() == 6, 20)


def test_it_takes_up_other_settings_in_the_same_process(member: CallOutMember) -> None:
    before, file = main_pid(member), member.host.path("/etc/cdk-intersystems/call-out.json")
    since = time.time()
    new = file.with_suffix(".new")
    new.write_text(file.read_text().replace('"TRAKA"', '"RENAMED"'))
    original = file.read_text()
    new.replace(file)
    try:
        member.wait_until_said(" RENAMED ", since)
        assert main_pid(member) == before
    finally:
        new.write_text(original)
        new.replace(file)


def test_it_has_no_right_and_no_secret_on_any_disk(member: CallOutMember) -> None:
    status = member.host.path(f"/proc/{main_pid(member)}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert (int(fields["CapEff"], 16), int(fields["CapBnd"], 16), fields["NoNewPrivs"].strip()) == (0, 0, "1")
    assert fields["Uid"].split()[0] != "0"
    settings = member.host.path("/etc/cdk-intersystems/call-out.json").read_text()
    assert [name for name, secret in member.lab.all_secrets.items() if secret in settings] == []


def test_installing_it_again_changes_nothing(member: CallOutMember) -> None:
    before = main_pid(member)
    done = member.host.run("cdk-host", "prepare", "--only", "call_out")
    assert "wrote" not in done.output
    assert main_pid(member) == before
