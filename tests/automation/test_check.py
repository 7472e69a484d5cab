"""Looking at a mirror: what it says, for everything that members can tell, and that it changes nothing."""

from typing import Any

import pytest

from tests.automation.scripted_hosts import EVERYTHING, ScriptedHosts, Told, every, suffices


def test_whom_it_waits_for(check: Any) -> None:
    for a, b in every(EVERYTHING, EVERYTHING):
        hosts = ScriptedHosts({"AskA": a, "AskB": b, "AskAAtTheEnd": ("primary", "ready", "no", "no")})
        execution = hosts.run(check)
        x, told = ("a", a) if b[0] == "primary" else ("b", b)
        one = sorted((a[0], b[0])) in (["backup", "primary"], ["none", "primary"])
        stopped = told[0] == "none" and told[3] == "yes"
        assert hosts.calls == ([f"{x} await"] if one and not stopped else [])
        assert one or execution.names[-1] == "RefusedNotOnePrimary"
        assert not (one and stopped) or execution.names[-1] == "RefusedUnfinished"


@pytest.mark.parametrize("needs", ["ready", "active"])
@pytest.mark.parametrize("primary", ["A", "B"])
def test_what_it_says(check: Any, primary: str, needs: str) -> None:
    backup = "B" if primary == "A" else "A"
    begin: dict[str, Told] = {f"Ask{primary}": ("primary", "no", "no", "no"), f"Ask{backup}": ("none", "no", "no", "no")}
    for told in EVERYTHING:
        execution = ScriptedHosts({**begin, f"Ask{primary}AtTheEnd": told}).run(check, Needs=needs)
        good = told[0] == "primary" and suffices(told[1], needs)
        assert (execution.status == "Success") == good
