"""^ZMIRROR and %ZcdkRoute, the routines themselves, in the fake's ObjectScript: whatever fails, the takeover goes on.

Here every question to the instance is answered by the test, or refused. With an instance: test_call_out_takeover.py.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.bootstrap.fake_iris.engine.objectscript import functions
from tests.bootstrap.fake_iris.engine.objectscript.interpreter import Interpreter
from tests.bootstrap.fake_iris.engine.objectscript.run import System
from tests.bootstrap.fake_iris.engine.objectscript.values import List, ScriptError, text, to_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bootstrap.fake_iris.engine.objectscript.evaluation import Evaluation

SOURCES = Path(__file__).parents[2] / "constructs/cdk_intersystems/bootstrap/objectscript"
ENTRIES = ("CanNodeStartToBecomePrimary", "CheckBecomePrimaryOK", "NotifyBecomePrimary", "NotifyBecomePrimaryFailed")
EVENT = "ZcdkRoute4711"

Request = dict[str, Any]


class Instance:
    """What the routines ask of the instance, and what they are answered.

    Attributes:
        asked: What was asked: a method, `job` with the label, or `globals`.
        log: Severity and text of each line for messages.log.
        wait: ^ZcdkRoute("wait"); None: it isn't set.
        starts: Whether a job starts.
        epoch: Whether the job tells of an epoch before the wait ends.
        fails: Is asked of each question by its number, from 1, whether it fails.
    """

    def __init__(self, site: str | None = None, monkeypatch: pytest.MonkeyPatch | None = None) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.log: list[tuple[int, str]] = []
        self.wait: str | None = None
        self.starts = self.epoch = True
        self.fails: Callable[[int], bool] = lambda _number: False
        self._code = {"ZMIRROR": _source("ZMIRROR"), "%ZcdkRoute": _source("ZcdkRoute"), "ZMIRRORSITE": site}
        self._questions = 0
        self.now = 1000.0
        self.job_takes = 0.0
        if monkeypatch:
            monkeypatch.setitem(functions.SPECIALS, "zhorolog", lambda _run: str(self.now))

    def ask(self, request: Request) -> Request:
        if request["op"] == "globals" and request["do"] == "code":
            return {"code": self._code.get(request["name"])}
        self._questions += 1
        if self.fails(self._questions):
            return {"error": "<SYSTEM> by the test"}
        if request["op"] == "globals":
            self.asked.append(("globals", [request["name"]]))
            return {"nodes": [] if self.wait is None else [[["wait"], self.wait]]}
        if request["op"] == "job":
            self.asked.append(("job", [f"{request['label']}^{request['routine']}", *request["arguments"]]))
            self.now += self.job_takes
            return {"process": "4712" if self.starts else ""}
        arguments = [text(each) for each in request["arguments"]]
        self.asked.append((f"{request['class']}.{request['method']}", arguments))
        if request["method"] == "WriteToConsoleLog":
            assert (arguments[1], arguments[3]) == ("0", "ZMIRROR")
            self.log.append((int(arguments[2]), arguments[0]))
        value: Any = List(["1", "0"] if self.epoch else ["0", ""]) if request["method"] == "WaitMsg" else "1"
        return {"references": {}, "value": to_json(value)}

    def call(self, entry: str, routine: str = "ZMIRROR", *arguments: str) -> str:
        """What an entry point of a routine returns."""
        system = System.__new__(System)
        system.user, system.scale, system.process, system.children = "%System", 0.0, "4711", set()
        system._ask, system._routine = self.ask, ""
        self._questions = 0
        given = [("value", argument) for argument in arguments]
        return text(Interpreter(system, "%SYS").value(("routine", entry, routine, given, True)))

    def of(self, what: str) -> list[list[str]]:
        """The arguments of each question of a kind."""
        return [arguments for each, arguments in self.asked if each == what]


def _source(name: str) -> str:
    return (SOURCES / f"{name}.mac").read_text(encoding="ascii").split("\n", 1)[1]


def may(instance: Instance) -> str:
    return instance.call("CheckBecomePrimaryOK")


def test_an_ordinary_takeover_starts_the_job_waits_for_it_and_says_nothing() -> None:
    instance = Instance()
    assert may(instance) == "1"
    ((label, event, since),) = instance.of("job")
    assert (label, event) == ("CallOut^%ZcdkRoute", EVENT)
    # $ZTIMESTAMP: by it the program knows whether what the mirror has said is still new.
    assert re.fullmatch(r"\d{5},\d{1,5}(\.\d+)?", since)
    kinds = [each.removeprefix("%SYSTEM.Event.") for each, _ in instance.asked]
    assert kinds == ["Delete", "Create", "job", "globals", "WaitMsg", "Delete"]
    assert instance.log == []


@pytest.mark.parametrize(("wait", "seconds"), [(None, 1.0), ("0", 0.0), ("1", 1.0), ("5", 5.0)])
@pytest.mark.parametrize("job_takes", [0.0, 0.25, 0.99, 7.0])
def test_it_waits_no_longer_than_configured_the_start_of_the_job_included(
    monkeypatch: pytest.MonkeyPatch, wait: str | None, seconds: float, job_takes: float
) -> None:
    instance = Instance(monkeypatch=monkeypatch)
    instance.wait, instance.job_takes, instance.epoch = wait, job_takes, False
    assert may(instance) == "1"
    ((_, limit),) = instance.of("%SYSTEM.Event.WaitMsg")
    assert float(limit) == pytest.approx(max(0.0, seconds - job_takes))
    assert instance.log == [(1, f"call-out: no route epoch within {wait or 1} s: the takeover goes on, and the call-out too")]


def test_a_job_that_cannot_be_started_is_told_and_not_waited_for() -> None:
    instance = Instance()
    instance.starts = False
    assert may(instance) == "1"
    assert instance.of("%SYSTEM.Event.WaitMsg") == []
    said = "call-out: the call-out could not be started as a job; the service iris-call-out makes up for it"
    assert instance.log == [(2, said)]


@pytest.mark.parametrize("question", [1, 2], ids=["Delete", "Create"])
def test_without_an_event_to_wait_by_the_job_is_started_all_the_same(question: int) -> None:
    instance = Instance()
    instance.fails = lambda number: number == question
    assert may(instance) == "1"
    ((label, event, _),) = instance.of("job")
    assert (label, event) == ("CallOut^%ZcdkRoute", "")
    assert instance.of("%SYSTEM.Event.WaitMsg") == []
    assert instance.log == [(1, "call-out: the takeover can't wait for the route epoch: <SYSTEM> by the test")]


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize(
    "site", [None, " quit\n", "CheckBecomePrimaryOK() quit 1\n", "CheckBecomePrimaryOK() quit undefined\n"],
    ids=["no site", "without it", "with it", "with an error"],
)  # fmt: skip
@pytest.mark.parametrize(("starts", "epoch"), [(True, True), (True, False), (False, False)])
def test_whatever_question_fails_the_takeover_goes_on(site: str | None, for_good: bool, starts: bool, epoch: bool) -> None:
    def instance() -> Instance:
        made = Instance(site)
        made.starts, made.epoch = starts, epoch
        return made

    plain = instance()
    assert may(plain) == "1"
    questions = len(plain.asked)
    assert questions >= 5
    for failing in range(1, questions + 1):
        one = instance()
        one.fails = lambda number, failing=failing: number >= failing if for_good else number == failing  # type: ignore[misc]
        assert may(one) == "1", f"question {failing} of {plain.asked}"
        # And the call-out begins, if it can be started at all.
        if not for_good and plain.asked[failing - 1][0] != "job":
            assert len(one.of("job")) == 1, f"question {failing} of {plain.asked}"


def test_a_routine_that_is_not_there_is_told() -> None:
    instance = Instance()
    instance._code["%ZcdkRoute"] = None
    assert may(instance) == "1"
    assert instance.log == [(2, "TakeRoute^%ZcdkRoute: <NOROUTINE> *%ZcdkRoute")]


def test_the_site_s_0_is_returned_and_no_epoch_taken() -> None:
    instance = Instance("CheckBecomePrimaryOK() quit 0\n")
    assert (may(instance), instance.asked) == ("0", [])


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_point_of_the_site_is_called_once(entry: str) -> None:
    instance = Instance(f'{entry}() do ##class(Site.Log).Add("called") quit 1\n')
    returned = instance.call(entry)
    assert instance.of("Site.Log.Add") == [["called"]]
    # The other entry points, which it doesn't have, stop nothing.
    others = [instance.call(other) for other in ENTRIES if other != entry]
    assert [returned, *others].count("0") == 0
    assert instance.call("CanNodeStartToBecomePrimary") == "1"


def test_the_site_s_word_on_starting_is_returned() -> None:
    assert Instance("CanNodeStartToBecomePrimary() quit 0\n").call("CanNodeStartToBecomePrimary") == "0"


class Job:
    """The job that a takeover has started, with the program's exit statuses, one after the other.

    Attributes:
        instance: The instance.
        ran: The words of each program that was run.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *statuses: str) -> None:
        self.instance = Instance()
        self.ran: list[list[str]] = []
        left = list(statuses)

        def run(evaluation: "Evaluation", arguments: list[Any]) -> str:
            function, flags, *words = (text(evaluation.value(each)) for each in arguments)
            assert (function, re.findall(r"/(STD\w+)=\"/dev/null\"", flags)) == ("-100", ["STDIN", "STDOUT", "STDERR"])
            self.ran.append(words)
            status = left.pop(0)
            if status == "error":
                raise ScriptError("<FUNCTION> by the test")
            return status

        monkeypatch.setitem(functions.FUNCTIONS, "zf", run)

    def run(self, event: str = EVENT) -> None:
        self.instance.call("CallOut", "%ZcdkRoute", event, "67890,123.456")

    @property
    def signals(self) -> list[list[str]]:
        return self.instance.of("%SYSTEM.Event.Signal")


PROGRAM = "/usr/local/bin/iris-call-out"
CLAIM = [PROGRAM, "claim", "--becoming", "67890,123.456"]


@pytest.mark.parametrize(("claimed", "words"), [("0", ["follow"]), ("6", ["follow", "--tell"])])
def test_the_job_claims_without_limit_signals_and_follows_until_the_router_has_confirmed(
    monkeypatch: pytest.MonkeyPatch, claimed: str, words: list[str]
) -> None:
    job = Job(monkeypatch, claimed, "0")
    job.run()
    assert job.ran == [CLAIM, [PROGRAM, *words]]
    assert job.signals == [[EVENT, claimed]]
    said = ["the call-out has taken a route epoch", "clients are led to this member: the router has confirmed"]
    assert job.instance.log == [(0, f"call-out: {each}") for each in said]


@pytest.mark.parametrize("status", ["1", "3", "5", "-1", "error"])
def test_a_job_without_an_epoch_tells_and_ends(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    job = Job(monkeypatch, status)
    job.run()
    shown = "" if status == "error" else status
    # The takeover is told at once that there is nothing more to wait for.
    assert job.signals == [[EVENT, shown]]
    assert job.instance.log[-1] == (2, f"call-out: the call-out has taken no route epoch, its exit status is '{shown}'")


@pytest.mark.parametrize("event", [EVENT, ""], ids=["gone", "never made"])
def test_a_job_for_which_nobody_waits_any_more_goes_on(monkeypatch: pytest.MonkeyPatch, event: str) -> None:
    job = Job(monkeypatch, "0", "4")
    job.instance.fails = lambda number: bool(event) and number == 1
    job.run(event)
    assert job.signals == []
    assert [words[1] for words in job.ran] == ["claim", "follow"]
    said = "call-out: the router has not confirmed, the exit status of the call-out is '4'"
    assert job.instance.log[-1] == (1, said)
