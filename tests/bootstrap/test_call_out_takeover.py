"""A takeover begins the call-out: the real routine, run by the fake IRIS when it becomes primary, before users are let in."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest

if os.geteuid() != 0:
    pytest.skip("needs root, for hosts of the lab", allow_module_level=True)

from tests.bootstrap.call_out_lab import CALL_OUT, SERVICE, Automation
from tests.bootstrap.iris_lab import PREPARE, SERVE, MirrorLab, state
from tests.bootstrap.lab.aws import AWS_ADDRESS, METADATA_ADDRESS
from tests.bootstrap.lab.lab import Lab, LabHost

BECOMES = "Becoming primary mirror server"


class Takeover:
    """A mirror of one member, with the call-out.

    Attributes:
        host: The member.
        automation: The table and the queue.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.automation = Automation(lab)
        made = MirrorLab(lab, folder)
        made.steps((*PREPARE, "call_out.call_out"), (*SERVE[:2], "call_out.takeover_routine", "mirror.mirror_is_ready"))
        arbiter = made.arbiter()
        self.host: LabHost = made.member("a", call_out=CALL_OUT)
        settings = self.host.path("/etc/fake-iris/settings.json")
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"scale": 0.05}))
        for host in (arbiter, self.host):
            host.power_on()
        for host in (arbiter, self.host):
            lab.wait_for_signal(host, seconds=120)

    def load(self, routine: str, code: str) -> None:
        """Loads a routine into %SYS, as a site does."""
        file = self.host.path(f"/tmp/{routine}.mac")
        file.write_text(f"ROUTINE {routine}\n{code}")
        self.session(f'##class(%SYSTEM.OBJ).Load("/tmp/{routine}.mac","ck")')

    def session(self, what: str) -> str:
        return self.host.run("runuser", "-u", "irisowner", "--", "iris", "session", "IRIS", "-U%SYS", what).output

    def messages(self) -> list[str]:
        """What stands in messages.log since the last stop."""
        text = self.host.path("/irissys/sys/mgr/messages.log").read_text().rpartition("System shutdown complete")[2]
        return text.splitlines()

    def line(self, text: str) -> int:
        """Which line of the messages has a text; -1 if none has."""
        return next((number for number, line in enumerate(self.messages()) if text in line), -1)

    def wait_for(self, text: str, seconds: float = 30) -> None:
        self.host.wait_until(f"the message {text!r}", lambda: self.line(text) >= 0, seconds)

    def stop(self) -> None:
        self.host.run("systemctl", "stop", "iris.service")

    def start(self) -> None:
        # Nobody starts an instance that often but these tests.
        self.host.run("systemctl", "reset-failed", "iris.service", check=False)
        self.host.run("systemctl", "start", "--no-block", "iris.service")

    def wait_until_primary(self, seconds: float = 30) -> None:
        self.host.wait_until("it to be primary", lambda: state(self.host)[2] == "Primary", seconds)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Takeover]:
    with Lab() as lab:
        yield Takeover(lab, tmp_path_factory.mktemp("kits"))


@pytest.fixture
def member(built: Takeover) -> Iterator[Takeover]:
    """The member, stopped; the other one holds epoch 5, and the service doesn't run, which would claim too."""
    built.host.run("systemctl", "stop", SERVICE)
    built.stop()
    built.automation.clear()
    built.automation.claim(5)
    built.lab.aws.forget_calls()
    yield built
    built.lab.aws.heal()
    if state(built.host)[0] != "running":
        built.start()
    built.load("ZMIRRORSITE", " quit\n")
    built.wait_until_primary()


def test_the_service_has_claimed_for_the_first_primary(built: Takeover) -> None:
    # The routine was loaded after it had become primary.
    built.host.wait_until("the claim", lambda: built.automation.item().get("taken_by") == "TRAKA/watch", 30)
    assert built.automation.epoch() == 1


def test_a_takeover_takes_the_epoch_before_users_are_let_in(member: Takeover) -> None:
    member.start()
    member.wait_until_primary()
    item = member.automation.item()
    assert (item["epoch"], item["member"], item["taken_by"]) == ("6", "a", "TRAKA/takeover")
    member.wait_for("the call-out has taken a route epoch")
    assert member.line("no route epoch within") == -1
    # Nothing was fetched: what it needs is there.
    assert {call.service for call in member.lab.aws.calls()} == {"dynamodb", "sqs"}

    member.automation.route(6)
    member.wait_for("clients are led to this member: the router has confirmed")


@contextmanager
def _closed(member: Takeover) -> Iterator[None]:
    for service in ("dynamodb", "sqs"):
        member.lab.aws.fault(service, None, "", 0)
    yield
    member.lab.aws.heal()


@contextmanager
def _silent(member: Takeover) -> Iterator[None]:
    """Not even the instance metadata answers."""
    rules = "add table inet silent; add chain inet silent out { type filter hook output priority 0; }; add rule inet silent out"
    member.host.run("nft", f"{rules} ip daddr {{ {AWS_ADDRESS}, {METADATA_ADDRESS} }} drop")
    try:
        yield
    finally:
        member.host.run("nft", "delete table inet silent")


@contextmanager
def _slow(member: Takeover) -> Iterator[None]:
    with member.automation.held("GetItem", "UpdateItem"):
        yield


@contextmanager
def _without(member: Takeover, what: str) -> Iterator[None]:
    setattr(member.host.machine, what, False)
    try:
        yield
    finally:
        setattr(member.host.machine, what, True)


@contextmanager
def _refused(member: Takeover) -> Iterator[None]:
    member.lab.aws.fault("dynamodb", None, "AccessDeniedException", 400)
    yield
    member.lab.aws.heal()


@pytest.mark.parametrize(
    "wrong",
    [_closed, _silent, _slow, partial(_without, what="has_role"), partial(_without, what="metadata_on"), _refused],
    ids=["connections closed", "no answer from anything", "slow", "no role", "no instance metadata", "no permission"],
)
def test_whatever_is_wrong_with_aws_the_takeover_goes_on_and_the_epoch_is_taken_later(
    member: Takeover, wrong: Callable[[Takeover], AbstractContextManager[None]]
) -> None:
    with wrong(member):
        member.start()
        # It is primary while nothing is right again: so it hasn't waited for that.
        member.wait_until_primary()
        member.wait_for("no route epoch within 1 s: the takeover goes on, and the call-out too")
        assert member.line("no route epoch within") < member.line(BECOMES)
        assert member.automation.epoch() == 5
    member.host.wait_until("the epoch", lambda: member.automation.item().get("taken_by") == "TRAKA/takeover", 40)
    assert member.automation.epoch() == 6
    member.automation.route(6)
    member.wait_for("clients are led to this member: the router has confirmed", 40)


def test_a_call_out_that_is_not_there_stops_no_takeover(member: Takeover) -> None:
    program = member.host.path("/usr/local/bin/iris-call-out")
    kept = program.rename(program.with_name("elsewhere"))
    try:
        member.start()
        member.wait_until_primary()
        member.wait_for("the call-out has taken no route epoch, its exit status is '-1'")
    finally:
        kept.rename(program)


def test_the_site_s_own_routine_decides_and_with_its_0_no_epoch_is_taken(member: Takeover) -> None:
    member.start()
    member.wait_until_primary()
    asks = '$zf(-100,"","/usr/bin/test","-e","/tmp/yes")'
    member.load(
        "ZMIRRORSITE",
        f'CheckBecomePrimaryOK() quit \'{asks}\nNotifyBecomePrimary() quit:$zf(-100,"","/usr/bin/touch","/tmp/told")\n',
    )
    member.stop()
    member.automation.claim(8)
    member.start()
    member.wait_for("CheckBecomePrimaryOK^ZMIRROR returned 0")
    assert (state(member.host)[2], member.automation.epoch()) == ("Transition", 8)
    member.host.path("/tmp/yes").touch()
    member.wait_until_primary()
    assert member.automation.epoch() == 9
    member.host.wait_until("its other entry point to be called", member.host.path("/tmp/told").exists, 20)


def test_an_error_in_the_site_s_own_routine_is_told_and_stops_no_takeover(member: Takeover) -> None:
    member.start()
    member.wait_until_primary()
    member.load("ZMIRRORSITE", "CheckBecomePrimaryOK() quit undefined\n")
    member.stop()
    member.automation.claim(8)
    member.start()
    member.wait_until_primary()
    assert member.line("2 [ZMIRROR] CheckBecomePrimaryOK^ZMIRRORSITE: <UNDEFINED> *undefined") >= 0
    assert member.automation.epoch() == 9


def test_a_routine_that_never_returns_holds_the_takeover(member: Takeover) -> None:
    member.start()
    member.wait_until_primary()
    waits = '$zf(-100,"","/bin/sh","-c","until test -e /tmp/go; do sleep 0.1; done")'
    member.load("ZMIRRORSITE", f"CheckBecomePrimaryOK() quit '{waits}\n")
    member.stop()
    member.automation.claim(8)
    member.start()
    member.host.wait_until("the question", lambda: state(member.host)[2] == "Transition", 20)
    time.sleep(1.5)
    assert (state(member.host)[2], member.line(BECOMES), member.automation.epoch()) == ("Transition", -1, 8)
    member.host.path("/tmp/go").touch()
    member.wait_until_primary()


def test_how_long_a_takeover_waits_is_changed_without_a_restart(member: Takeover) -> None:
    member.start()
    member.wait_until_primary()
    began = state(member.host), member.host.run("iris", "list", "IRIS").output
    member.lab.change(member.host, call_out={**CALL_OUT, "takeover_wait_seconds": 3})
    member.host.run("cdk-host", "apply", "--even-primary", seconds=120)
    member.load("SHOWWAIT", 'Show() write "cdk:",^ZcdkRoute("wait"),! quit\n')
    assert member.session("Show^SHOWWAIT") == "cdk:3\n"
    assert began == (state(member.host), member.host.run("iris", "list", "IRIS").output)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("CheckBecomePrimaryOK() quit 1\n", "warning: ^ZMIRROR in %SYS is the site's own and was left as it is"),
        ("CheckBecomePrimaryOK() do TakeRoute^%ZcdkRoute() quit 1\n", "is the site's own and calls TakeRoute^%ZcdkRoute"),
    ],
)
def test_a_zmirror_of_the_site_s_own_is_left_alone(member: Takeover, code: str, says: str) -> None:
    member.start()
    member.wait_until_primary()
    member.load("ZMIRROR", code)
    done = member.host.run("cdk-host", "serve", "--only", "takeover_routine")
    assert says in done.output
    member.stop()
    member.automation.claim(8)
    member.start()
    member.wait_until_primary()
    assert member.automation.epoch() == (9 if "TakeRoute" in code else 8)
    # As it says: the site's becomes ZMIRRORSITE.
    member.load("ZMIRROR", "CdkIntersystems() quit 1\n")
    member.host.run("cdk-host", "serve", "--only", "takeover_routine")
