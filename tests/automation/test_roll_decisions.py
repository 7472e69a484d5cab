"""What the rolling change decides, for everything that members can tell: what it calls, in which order, and where it stops."""

from typing import Any

import pytest

from tests.automation.scripted_hosts import EVERYTHING, MIRROR, ROLES, ScriptedHosts, Told, every, suffices

CHOICES = list(every(("either", "a", "b"), ("ready", "active")))

BACKUP: Told = ("backup", "ready", "no", "no")
PRIMARY: Told = ("primary", "ready", "no", "no")
PRIMARY_DONE: Told = ("primary", "ready", "yes", "no")
BACKUP_DONE: Told = ("backup", "ready", "yes", "no")


def _run(roll: Any, told: dict[str, Told], primary: str, needs: str) -> tuple[str, list[str]]:
    hosts = ScriptedHosts(told)
    execution = hosts.run(roll, PrimaryAfterwards=primary, Needs=needs)
    assert (execution.status == "Success") == execution.names[-1].startswith("Done")
    return execution.names[-1], hosts.calls


def _first(a: Told, b: Told, needs: str) -> str | None:
    """What is called first on whom, as the how-to promises; None if it refuses."""
    roles = {"a": a[0], "b": b[0]}
    if sorted(roles.values()) not in (["backup", "primary"], ["none", "primary"]):
        return None
    x = "a" if b[0] == "primary" else "b"
    mine, other = (a, b) if x == "a" else (b, a)
    if mine[0] == "backup" and mine[2] == "yes":
        return f"{x} await"
    if mine[3] == "yes" or (mine[0] == "backup" and suffices(other[1], needs)):
        return f"{x} apply"
    return None


@pytest.mark.parametrize("needs", ["ready", "active"])
def test_where_it_begins(roll: Any, needs: str) -> None:
    for a, b in every(EVERYTHING, EVERYTHING):
        end, calls = _run(roll, {"AskA": a, "AskB": b}, "either", needs)
        assert calls[:1] == [each for each in [_first(a, b, needs)] if each], (a, b)
        assert calls or end.startswith("Refused")


@pytest.mark.parametrize("x", ["a", "b"])
def test_whether_the_primary_is_next(roll: Any, x: str) -> None:
    y = "b" if x == "a" else "a"
    begin: dict[str, Told] = {f"Ask{x.upper()}": BACKUP, f"Ask{y.upper()}": PRIMARY}
    for told, (primary, needs) in every(EVERYTHING, CHOICES):
        end, calls = _run(roll, {**begin, f"Ask{y.upper()}Before": told}, primary, needs)
        assert calls[:2] == [f"{x} apply", f"{x} await"]
        role, mirror, current, _ = told
        if role == "primary" and current == "yes" and primary in ("either", y):
            assert calls[2:] == []
        elif role == "primary" and suffices(mirror, needs):
            assert calls[2] == f"{y} hand-over"
        else:
            assert (calls[2:], end) == ([], f"RefusedBefore{y.upper()}InTurn")


@pytest.mark.parametrize("x", ["a", "b"])
def test_nothing_is_applied_to_the_old_primary_before_the_other_one_took_over(roll: Any, x: str) -> None:
    y = "b" if x == "a" else "a"
    begin: dict[str, Told] = {f"Ask{x.upper()}": BACKUP, f"Ask{y.upper()}": PRIMARY, f"Ask{y.upper()}Before": PRIMARY}
    for told in EVERYTHING:
        end, calls = _run(roll, {**begin, f"Ask{x.upper()}AfterHandOverTo{x.upper()}": told}, "either", "ready")
        if told[0] == "primary":
            assert calls[2:5] == [f"{y} hand-over", f"{y} apply", f"{y} await"]
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
    both = [f"{x} apply", f"{x} await", f"{y} hand-over", f"{y} apply", f"{y} await"]
    back = [f"{x} hand-over", f"{x} apply", f"{x} await"]
    for primary, role in every(("either", x, y), ROLES):
        _, calls = _run(
            roll, {**told, f"Ask{y.upper()}AfterHandBackTo{y.upper()}": (role, "ready", "yes", "no")}, primary, "ready"
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
    answers: list[Told] = list(every(ROLES, MIRROR, ("yes", "no"), ("no",)))
    for of_x, of_y, (primary, needs) in every(answers, answers, CHOICES):
        end, _ = _run(roll, {**begin, asked[x]: of_x, asked[y]: of_y}, primary, needs)
        good = of_x[2] == of_y[2] == "yes" and any(
            told[0] == "primary" and suffices(told[1], needs) and primary in ("either", member)
            for member, told in ((x, of_x), (y, of_y))
        )
        assert end.startswith("Done" if good else "RefusedInTheEnd"), (of_x, of_y, primary, needs)
