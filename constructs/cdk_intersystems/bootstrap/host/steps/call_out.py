"""The call-out of a member: how clients are led to it when it becomes primary. See docs/adr/0009 to 0011."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple

from .. import iris, services
from ..context import SETTINGS
from ..errors import StepError

if TYPE_CHECKING:
    from ..context import Context
    from ..description import CallOut
    from ..settings import CallOutPlaces

SERVICE = "iris-call-out.service"
#: Where the routine and people find the program.
COMMAND = Path("/usr/local/bin/iris-call-out")
_WHOSE = "cdk:zmirror "


def call_out(host: Context) -> None:
    """Installs the call-out, and has its service watch. Nothing is left to be fetched when a member becomes primary.

    The service takes up other settings and another version of its program by itself; for another unit it is restarted.

    Args:
        host: The host.

    Raises:
        StepError: The service doesn't start.
    """
    wanted = _wanted(host)
    if wanted is None:
        return
    mine, places = wanted
    settings = {
        "table": places.table,
        "queue": places.queue,
        "mirror_set": mine.mirror_set,
        "member": mine.member,
        "name": host.description.name,
        "instance": host.description.instance,
    }
    host.write(SETTINGS / "call-out.json", json.dumps(settings, indent=2) + "\n")
    program = f"/usr/bin/python3 -I -S -B {host.code('call_out/iris-call-out')}"
    host.write(COMMAND, f'#!/bin/sh\nexec {program} "$@"\n', mode=0o755)
    another = services.install(host, host.code(f"units/{SERVICE}"))
    if services.keep_running(host, SERVICE) and another:
        host.run(["systemctl", "restart", SERVICE])


def takeover_routine(host: Context) -> None:
    """Loads the routine that the mirror calls before a takeover, into %SYS. A `^ZMIRROR` of the site's own is left alone.

    Source: High Availability Guide, "Using the ^ZMIRROR User-defined Routine": it is in %SYS, which isn't mirrored.

    Args:
        host: The host.

    Raises:
        StepError: IRIS didn't load it.
    """
    wanted = _wanted(host)
    if wanted is None:
        return
    mine, _ = wanted
    iris.load(host, "ZcdkRoute.mac")
    _tell(host, f"SetWait^%ZcdkRoute({mine.takeover_wait_seconds})", "cdk:done")
    whose = _tell(host, "Whose^%ZcdkRoute", _WHOSE)[len(_WHOSE) :]
    if whose == "calls":
        host.log("^ZMIRROR is the site's own and calls TakeRoute^%ZcdkRoute: it was left as it is")
    elif whose == "site":
        host.log(
            "warning: ^ZMIRROR in %SYS is the site's own and was left as it is, so a takeover doesn't begin the call-out; the "
            "service iris-call-out does so some seconds later: rename the routine to ZMIRRORSITE, whose entry points are "
            "called, or have its CheckBecomePrimaryOK do TakeRoute^%ZcdkRoute; then run cdk-host serve --only takeover_routine"
        )
    else:
        iris.load(host, "ZMIRROR.mac")


def _wanted(host: Context) -> Optional[Tuple[CallOut, CallOutPlaces]]:
    """What this host's call-out is to be; None if it has none."""
    mine, places = host.description.call_out, host.settings.call_out
    # A member for disaster recovery has it too: when it is promoted nothing is left to be installed.
    if host.description.role != "member" or mine is None or places is None:
        return None
    return mine, places


def _tell(host: Context, what: str, answer: str) -> str:
    """Calls a routine, and returns its line that begins as it should."""
    said = iris.call(host, what)
    found = [line for line in said.splitlines() if line.startswith(answer)]
    if not found:
        shown = " ".join(said.split())[:200] or "nothing"
        raise StepError(f"IRIS answered {what} with {shown!r}: the routine isn't loaded, or may not be called")
    return found[0]
