"""What the rolling change decides, for everything that members can tell: what it calls, in which order, and where it stops."""

from typing import Any

import pytest

from tests.automation.scripted_hosts import EVERYTHING, READY, ROLES, ScriptedHosts, Told, accepted, every

CHOICES = list(every(("either", "a", "b"), ("refuse", "accept")))

BACKUP: Told = ("backup", "yes", "no", "no")
PRIMARY: Told = ("primary", "yes", "no", "no")
PRIMARY_DONE: Told = ("primary", "yes", "yes", "no")
BACKUP_DONE: Told = ("backup", "yes", "yes", "no")


def _run(roll: Any, told: dict[str, Told], primary: str, agent_controlled: str) -> tuple[str, list[str]]:
    hosts = ScriptedHosts(told)
    execution = hosts.run(roll, PrimaryAfterwards=primary, AgentControlled=agent_controlled)
    assert (execution.status == "Success") == execution.names[-1].startswith("Done")
    return execution.names[-1], hosts.calls


def _first(a: Told, b: Told, agent_controlled: str) -> str | None:
    """What is called first on whom, as the how-to promises; None if it refuses."""
    roles = {"a": a[0], "b": b[0]}
    if sorted(roles.values()) not in (["backup", "primary"], ["none", "primary"]):
        return None
    x = "a" if b[0] == "primary" else "b"
    mine, other = (a, b) if x == "a" else (b, a)
    if mine[0] == "backup" and mine[2] == "yes":
        return f"{x} await-ready"
    if mine[3] == "yes" or (mine[0] == "backup" and accepted(other[1], agent_controlled)):
        return f"{x} apply"
    return None


@pytest.mark.parametrize("agent_controlled", ["refuse", "accept"])
def test_where_it_begins(roll: Any, agent_controlled: str) -> None:
    for a, b in every(EVERYTHING, EVERYTHING):
        end, calls = _run(roll, {"AskA": a, "AskB": b}, "either", agent_controlled)
        assert calls[:1] == [each for each in [_first(a, b, agent_controlled)] if each], (a, b)
        assert calls or end.startswith("Refused")


@pytest.mark.parametrize("x", ["a", "b"])
def test_whether_the_primary_is_next(roll: Any, x: str) -> None:
    y = "b" if x == "a" else "a"
    begin: dict[str, Told] = {f"Ask{x.upper()}": BACKUP, f"Ask{y.upper()}": PRIMARY}
    for told, (primary, agent_controlled) in every(EVERYTHING, CHOICES):
        end, calls = _run(roll, {**begin, f"Ask{y.upper()}Before": told}, primary, agent_controlled)
        assert calls[:2] == [f"{x} apply", f"{x} await-ready"]
        role, ready, current, _ = told
        if role == "primary" and current == "yes" and primary in ("either", y):
            assert calls[2:] == []
        elif role == "primary" and accepted(ready, agent_controlled):
            assert calls[2] == f"{y} hand-over"
        else:
            assert (calls[2:], end) == ([], f"RefusedBefore{y.upper()}InTurn")


@pytest.mark.parametrize("x", ["a", "b"])
def test_nothing_is_applied_to_the_old_primary_before_the_other_one_took_over(roll: Any, x: str) -> None:
    y = "b" if x == "a" else "a"
    begin: dict[str, Told] = {f"Ask{x.upper()}": BACKUP, f"Ask{y.upper()}": PRIMARY, f"Ask{y.upper()}Before": PRIMARY}
    for told in EVERYTHING:
        end, calls = _run(roll, {**begin, f"Ask{x.upper()}AfterHandOverTo{x.upper()}": told}, "either", "refuse")
        if told[0] == "primary":
            assert calls[2:5] == [f"{y} hand-over", f"{y} apply", f"{y} await-ready"]
        else:
            assert (calls[2:], end) == ([f"{y} hand-over"], f"RefusedAfterHandOverTo{x.upper()}")


@pytest.mark.parametrize("x", ["a", "b"])
def test_the_roles_afterwards(roll: Any, x: str) -> None:
    y = "b" if x == "a" else "a"
    told: dict[str, Told] = {
        f"Ask{x.upper()}": BACKUP,
        f"Ask{y.upper()}": PRIMARY,
        f"Ask{y.upper()}Before": PRIMARY,
        f"Ask{x.upper()}AfterHandOverTo{x.upper()}": PRIMARY_DONE,
    }
    both = [f"{x} apply", f"{x} await-ready", f"{y} hand-over", f"{y} apply", f"{y} await-ready"]
    back = [f"{x} hand-over", f"{x} apply", f"{x} await-ready"]
    for primary, role in every(("either", x, y), ROLES):
        _, calls = _run(
            roll, {**told, f"Ask{y.upper()}AfterHandBackTo{y.upper()}": (role, "yes", "yes", "no")}, primary, "refuse"
        )
        assert calls == (both if primary != y else both + (back if role == "primary" else back[:1]))


@pytest.mark.parametrize("x", ["a", "b"])
def test_how_it_ends(roll: Any, x: str) -> None:
    y = "b" if x == "a" else "a"
    asked = {x: f"Ask{x.upper()}AtTheEnd", y: f"Ask{x.upper()}{y.upper()}AtTheEnd"}
    begin: dict[str, Told] = {
        f"Ask{x.upper()}": BACKUP_DONE,
        f"Ask{y.upper()}": PRIMARY_DONE,
        f"Ask{y.upper()}Before": PRIMARY_DONE,
        f"Ask{x.upper()}AfterHandOverTo{x.upper()}": PRIMARY_DONE,
        f"Ask{y.upper()}AfterHandBackTo{y.upper()}": PRIMARY_DONE,
    }
    answers: list[Told] = list(every(ROLES, READY, ("yes", "no"), ("no",)))  # type: ignore[arg-type]
    for of_x, of_y, (primary, agent_controlled) in every(answers, answers, CHOICES):
        end, _ = _run(roll, {**begin, asked[x]: of_x, asked[y]: of_y}, primary, agent_controlled)
        good = of_x[2] == of_y[2] == "yes" and any(
            told[0] == "primary" and accepted(told[1], agent_controlled) and primary in ("either", member)
            for member, told in ((x, of_x), (y, of_y))
        )
        assert end.startswith("Done" if good else "RefusedInTheEnd"), (of_x, of_y, primary, agent_controlled)
