"""The rolling change on a simulated mirror: with every start, and with every fault at every step."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from tests.automation.interpreter import Automation, Execution, Killed
from tests.automation.simulated_mirror import Member, SimulatedMirror

Make = Callable[[], SimulatedMirror]

FAILURES = [
    "throttled",
    "undelivered",
    "fails at once",
    "fails halfway",
    "fails in the end",
    "hangs halfway",
    "never catches up",
]
EVENTS = [
    "roles swap",
    "the primary's host is lost",
    "the backup's host is lost",
    "the arbiter is lost",
    "another version is published",
]


def run(mirror: SimulatedMirror, roll: Any, **parameters: str) -> Execution:
    return Automation(api=mirror.api, host=mirror.host, before=mirror.suffer).run(roll, parameters)


def complete(mirror: SimulatedMirror, primary: str) -> bool:
    """Whether a mirror is as the change was to leave it."""
    has_the_version = all(mirror.current(member) for member in mirror.members.values())
    return has_the_version and mirror.primary in ("ab" if primary == "either" else primary) and mirror.ready() == "ready"


def healthy() -> Iterator[tuple[Make, dict[str, str]]]:
    """Healthy mirrors, and how the change is started: who is primary, who has the version, who is to be primary."""
    for primary, versions, afterwards in product("ab", ((1, 1), (2, 1), (1, 2)), ("either", "a", "b")):

        def make(primary: str = primary, versions: tuple[int, int] = versions) -> SimulatedMirror:
            members = {letter: Member(letter, version, version) for letter, version in zip("ab", versions, strict=True)}
            return SimulatedMirror(members=members, primary=primary)

        yield make, {"PrimaryAfterwards": afterwards}


def test_a_healthy_mirror(roll: Any) -> None:
    for make, parameters in healthy():
        mirror = make()
        execution = run(mirror, roll, **parameters)
        assert execution.status == "Success", execution.failure
        assert complete(mirror, parameters["PrimaryAfterwards"])
        assert mirror.violations == []


def test_one_that_has_the_version_is_left_alone(roll: Any) -> None:
    mirror = SimulatedMirror(members={letter: Member(letter, 2, 2) for letter in "ab"})
    assert run(mirror, roll).status == "Success"
    assert mirror.changed == []


def test_the_backup_comes_first_and_the_primary_only_after_it(roll: Any) -> None:
    for primary, backup in ("ab", "ba"):
        mirror = SimulatedMirror(primary=primary)
        run(mirror, roll)
        assert mirror.changed == [backup, primary]


@pytest.mark.parametrize("fault", FAILURES + EVENTS)
def test_a_fault_at_every_step(roll: Any, fault: str) -> None:
    """Never both down, never the primary before the backup, never the next member after a failure; and run again it goes on."""
    happened = 0
    for make, parameters in healthy():
        for step in run(make(), roll, **parameters).names:
            mirror = make()
            mirror.faults = {step: fault}
            execution = run(mirror, roll, **parameters)
            assert mirror.violations == [], (step, parameters)
            if execution.status != "Success":
                happened += 1
                assert fault not in FAILURES or execution.names[-1] == step, "it went on after a failure"
            mirror.heal()
            again = run(mirror, roll, **parameters)
            assert again.status == "Success", (step, parameters, execution.failure, again.failure)
            assert complete(mirror, parameters["PrimaryAfterwards"]), (step, parameters)
            assert mirror.violations == []
    assert happened > 0, "no step minds this fault"


@pytest.mark.parametrize("when", ["before", "after"])
def test_ended_at_every_step_and_started_again(roll: Any, when: str) -> None:
    for make, parameters in healthy():
        for step in run(make(), roll, **parameters).names:
            mirror = make()

            def before(name: str, mirror: SimulatedMirror = mirror, step: str = step) -> None:
                mirror.suffer(name)
                if (name, when) == (step, "before"):
                    raise Killed

            def after(name: str, step: str = step) -> None:
                if (name, when) == (step, "after"):
                    raise Killed

            automation = Automation(api=mirror.api, host=mirror.host, before=before, after=after)
            assert automation.run(roll, parameters).status == "Cancelled"
            again = run(mirror, roll, **parameters)
            assert again.status == "Success", (step, parameters, again.failure)
            assert complete(mirror, parameters["PrimaryAfterwards"])
            assert mirror.violations == []


@pytest.mark.parametrize("needs", ["ready", "active"])
def test_every_start(roll: Any, needs: str) -> None:
    """What isn't healthy is refused, and the primary isn't touched; an interrupted change goes on."""
    refused = 0
    for primary, arbiter, active, backup_up, stopped, versions, lost, others in product(
        ("a", "b", None),
        (True, False),
        (True, False),
        (True, False),
        (True, False),
        ((1, 1), (2, 1), (1, 2), (2, 2)),
        (None, "a", "b"),
        (0, 1),
    ):
        members = {letter: Member(letter, version, version) for letter, version in zip("ab", versions, strict=True)}
        mirror = SimulatedMirror(members=members, primary=primary, arbiter=arbiter, active=active and backup_up, others=others)
        backup = mirror.other(members[primary or "a"])
        backup.iris = backup_up
        backup.served = 0 if stopped and not backup_up else backup.served
        if lost:
            members[lost].host = members[lost].iris = False
            mirror.primary, mirror.active = (None if primary == lost else primary), False
        begins = backup.served == 0 or (backup.iris and (mirror.current(backup) or mirror.active))
        possible = mirror.primary is not None and lost is None and not others and begins
        execution = run(mirror, roll, Needs=needs)
        assert (execution.status == "Success") == (possible and (arbiter or needs == "active")), execution.failure
        if execution.status != "Success":
            refused += 1
            assert primary not in mirror.changed
            assert possible or mirror.changed == []
        assert mirror.violations == []
    assert refused > 100


def test_the_document_itself_keeps_to_the_order(roll: Any) -> None:
    """Also with hosts that would do whatever they are told, as long as nothing happens between a question and a command."""
    for make, parameters in healthy():
        for step in run(make(), roll, **parameters).names:
            for fault in FAILURES:
                mirror = make()
                mirror.careful, mirror.faults = False, {step: fault}
                run(mirror, roll, **parameters)
                assert mirror.violations == [], (step, fault, parameters)


def test_the_messages_of_refusals(roll: Any) -> None:
    mirror = SimulatedMirror(others=1)
    assert "another execution changes this mirror" in run(mirror, roll).failure
    mirror = SimulatedMirror(arbiter=False)
    assert "Needs=active" in run(mirror, roll).failure


@pytest.mark.parametrize("member", ["a", "b"])
def test_exactly_one_host_has_to_be_the_member(roll: Any, member: str) -> None:
    refusal = f"RefusedNotOneHostOf{member.upper()}"
    mirror = SimulatedMirror()
    mirror.members[member].host = False
    execution = run(mirror, roll)
    assert execution.names[-1] == refusal
    assert f"exactly one running host of member {member}" in execution.failure

    mirror = SimulatedMirror(copies={member: 2})
    assert run(mirror, roll).names[-1] == refusal
    assert mirror.changed == []
