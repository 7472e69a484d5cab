"""Taking a member out: what it decides, on a simulated mirror and for everything that members can tell."""

from typing import Any

import pytest

from tests.automation.interpreter import Automation, Execution, Killed
from tests.automation.scripted_hosts import EVERYTHING, ScriptedHosts, Told, every, suffices
from tests.automation.simulated_mirror import SimulatedMirror
from tests.automation.test_roll import EVENTS, FAILURES, complete
from tests.automation.test_roll import run as run_roll

APPROVERS = ["arn:aws:iam::111122223333:role/operators"]


def _run(mirror: SimulatedMirror, take_out: Any, member: str, decision: str = "Approved", **more: str) -> Execution:
    automation = Automation(api=mirror.api, host=mirror.host, before=mirror.suffer, approve=lambda message: decision)
    return automation.run(take_out, {"Member": member, "Approvers": APPROVERS, **more})


@pytest.mark.parametrize("primary", ["a", "b"])
@pytest.mark.parametrize("member", ["a", "b"])
def test_the_other_member_is_the_primary_and_this_one_is_stopped(take_out: Any, member: str, primary: str) -> None:
    mirror = SimulatedMirror(primary=primary)
    assert _run(mirror, take_out, member).status == "Success"
    assert not mirror.members[member].iris
    assert mirror.primary not in (member, None)
    assert mirror.violations == []


@pytest.mark.parametrize(("decision", "status"), [("Rejected", "Failed"), ("Waiting", "TimedOut")])
def test_nothing_happens_without_an_approval(take_out: Any, decision: str, status: str) -> None:
    mirror = SimulatedMirror()
    assert _run(mirror, take_out, "b", decision).status == status
    assert mirror.changed == []


def test_approvers_have_to_be_named(take_out: Any) -> None:
    mirror = SimulatedMirror()
    with pytest.raises(ValueError, match="Approvers is needed"):
        Automation(api=mirror.api, host=mirror.host).run(take_out, {"Member": "a"})


def _allowed(this: Told, other: Told, needs: str) -> str | None:
    """What is called for a member, as the how-to promises; None if it is refused."""
    if (this[0], other[0]) == ("backup", "primary") and suffices(other[1], needs):
        return "stop"
    if (this[0], other[0]) == ("primary", "backup") and suffices(this[1], needs):
        return "hand-over"
    return "stop" if (this[0], other[0], this[3]) == ("none", "primary", "yes") else None


@pytest.mark.parametrize("needs", ["ready", "active"])
@pytest.mark.parametrize("member", ["a", "b"])
def test_what_is_refused_before_and_after_the_approval(take_out: Any, member: str, needs: str) -> None:
    x, y = ("A", "B") if member == "a" else ("B", "A")
    parameters = {"Member": member, "Approvers": APPROVERS, "Needs": needs}
    good: dict[str, Told] = {f"Ask{x}": ("backup", "ready", "no", "no"), f"Ask{y}": ("primary", "ready", "no", "no")}
    for this, other in every(EVERYTHING, EVERYTHING):
        verb = _allowed(this, other, needs)
        hosts = ScriptedHosts({f"Ask{x}": this, f"Ask{y}": other})
        hosts.run(take_out, **parameters)
        assert hosts.approvals == (0 if verb is None else 1)

        hosts = ScriptedHosts({**good, f"Ask{x}Approved": this, f"Ask{x}{y}Approved": other})
        hosts.run(take_out, **parameters)
        assert hosts.calls == ([] if verb is None else [f"{member} {verb}"])


@pytest.mark.parametrize("role", ["primary", "backup", "none"])
@pytest.mark.parametrize("member", ["a", "b"])
def test_it_ends_well_only_if_the_other_member_is_the_primary(take_out: Any, member: str, role: str) -> None:
    x, y = ("A", "B") if member == "a" else ("B", "A")
    primary: Told = ("primary", "ready", "yes", "no")
    after: Told = (role, "no", "yes", "no")
    for mine in ("backup", "primary"):
        this: Told = (mine, "ready", "yes", "no")
        other = primary if mine == "backup" else ("backup", "ready", "yes", "no")
        told = {f"Ask{x}": this, f"Ask{y}": other, f"Ask{x}Approved": this, f"Ask{x}{y}Approved": other}
        hosts = ScriptedHosts({**told, f"Ask{y}AtTheEnd": after, f"Ask{y}AfterHandOverTo{y}": after})
        execution = hosts.run(take_out, Member=member, Approvers=APPROVERS)
        assert (execution.status == "Success") == (role == "primary")


@pytest.mark.parametrize("fault", FAILURES + EVENTS)
@pytest.mark.parametrize("member", ["a", "b"])
def test_a_fault_at_every_step(take_out: Any, roll: Any, member: str, fault: str) -> None:
    """The other member is never stopped; afterwards a rolling change brings the member back."""
    for step in _run(SimulatedMirror(), take_out, member).names:
        mirror = SimulatedMirror()
        mirror.faults = {step: fault}
        execution = _run(mirror, take_out, member)
        assert mirror.violations == []
        if fault in FAILURES and execution.status != "Success":
            assert execution.names[-1] == step
        mirror.heal()
        assert run_roll(mirror, roll).status == "Success", (step, execution.failure)
        assert complete(mirror, "either")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("member", ["a", "b"])
def test_ended_at_every_step_and_started_again(take_out: Any, member: str, when: str) -> None:
    for step in _run(SimulatedMirror(), take_out, member).names:
        mirror = SimulatedMirror()

        def before(name: str, mirror: SimulatedMirror = mirror, step: str = step) -> None:
            mirror.suffer(name)
            if (name, when) == (step, "before"):
                raise Killed

        def after(name: str, step: str = step) -> None:
            if (name, when) == (step, "after"):
                raise Killed

        Automation(api=mirror.api, host=mirror.host, before=before, after=after).run(
            take_out, {"Member": member, "Approvers": APPROVERS}
        )
        assert _run(mirror, take_out, member).status == "Success", step
        assert not mirror.members[member].iris
        assert mirror.primary not in (member, None)
        assert mirror.violations == []
