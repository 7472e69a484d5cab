"""`iris-region freeze` and `thaw`: the databases of this member stand still while somebody takes a snapshot of their volumes.

Source: class reference, Backup.General: ExternalFreeze suspends the write daemon while the journal goes on, and with
WDSuspendLimit it resumes by itself; their exit statuses as part of a script are 5 and 3. IRIS is asked that way, since
ExternalThaw then needs no log-in. **Never run on a licensed IRIS.**

A freeze ends by whichever is first: the thaw of whoever asked for it, a timer of systemd on this host, IRIS's own limit.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any, Dict, Optional

from ..host import iris
from ..host.context import RUN, sync
from ..host.errors import StepError
from ..host.layout import MESSAGES
from ..host.steps.region import COMMAND
from . import status
from .asking import RefusedError

if TYPE_CHECKING:
    from ..host.context import Context

#: Gone with a start of the host, as a freeze is.
_STATE = RUN / "freeze.json"

_YES, _NO = 5, 3
#: IRIS switches to another journal file first, and has its write daemon end what it is at.
_FREEZE_SECONDS = 60.0
_ASK_SECONDS = 30.0
#: IRIS ends it by itself so much later than the timer: that one leaves a line in the journal.
_LATER_SECONDS = 15
#: What a thaw leaves in messages.log, of ours or of anybody else.
_THAWED = b"ExternalThaw"

Answer = Dict[str, Any]


def freeze(host: Context, seconds: int, *, primary_alone: bool) -> Answer:
    """Freezes this member for a while.

    Args:
        host: The host.
        seconds: After how many it is thawed, whatever happens.
        primary_alone: Whether a primary may be frozen, if no other member runs.

    Raises:
        RefusedError: It isn't a member to take a snapshot of, or is frozen already.
        StepError: IRIS doesn't freeze; nothing is frozen then.
    """
    _refuse(host, primary_alone=primary_alone)
    frozen = _Freeze(secrets.token_hex(8), time.time() + seconds, iris.log_size())
    _keep(host, frozen)
    try:
        _arm(host, frozen.id, seconds)
        limit = seconds + _LATER_SECONDS
        call = f'##class(Backup.General).ExternalFreeze("","cdk-intersystems {frozen.id}",1,10,0,0,0,"","",{limit})'
        if _ask(host, call, _FREEZE_SECONDS) != _YES or not is_frozen(host):
            raise StepError(f"IRIS did not freeze{iris.complaint(frozen.log)}")
    except StepError:
        _end(host)
        _disarm(host, frozen.id)
        _STATE.unlink(missing_ok=True)
        raise
    host.log(f"frozen until {_shown(frozen.until)}: {frozen.id}")
    return {"done": True, "frozen": True, "until": _shown(frozen.until), "freeze": frozen.id}


def thaw(host: Context, which: str) -> Answer:
    """Ends a freeze. Another one than the named is left alone.

    Args:
        host: The host.
        which: Its id.

    Returns:
        With `confirmed`: whether IRIS was frozen by it, without a gap, until now.

    Raises:
        StepError: IRIS doesn't thaw, or can't be asked.
    """
    frozen = _read()
    if frozen is None or frozen.id != which:
        return {"done": True, "confirmed": False}
    confirmed = is_frozen(host) and time.time() < frozen.until and not _was_thawed(frozen)
    _end(host)
    _STATE.unlink(missing_ok=True)
    _disarm(host, which)
    host.log(f"thawed: {which}, {'frozen until now' if confirmed else 'not frozen until now, or not all the time'}")
    return {"done": True, "confirmed": confirmed}


def shown() -> Optional[Answer]:
    """The freeze that is under way, as far as this host knows; None if there is none."""
    frozen = _read()
    return {"id": frozen.id, "until": _shown(frozen.until)} if frozen else None


def is_frozen(host: Context) -> bool:
    """Whether the write daemon is suspended, whoever has done that. An instance that is down isn't frozen.

    Raises:
        StepError: It runs and can't be asked.
    """
    instance = iris.look(host.description.instance)
    if instance is None or instance.is_down:
        return False
    answer = _ask(host, "##class(Backup.General).IsWDSuspendedExt()", _ASK_SECONDS)
    if answer not in (_YES, _NO):
        raise StepError(f"IRIS doesn't say whether it is frozen: exit status {answer}")
    return answer == _YES


class _Freeze:
    """A freeze.

    Args:
        which: Its id.
        until: When it ends at the latest, in seconds since 1970.
        log: How long messages.log was before.
    """

    def __init__(self, which: str, until: float, log: int) -> None:
        self.id, self.until, self.log = which, until, log


def _refuse(host: Context, *, primary_alone: bool) -> None:
    if known := _read():
        if is_frozen(host):
            raise RefusedError(f"it is frozen already, until {_shown(known.until)}: iris-region thaw --freeze {known.id}")
        _disarm(host, known.id)
        _STATE.unlink(missing_ok=True)
    found = status.status(host)
    if not found["running"]:
        raise RefusedError(f"the instance {host.description.instance} doesn't run: there is nothing to freeze")
    if found["is_primary"]:
        others = [each["name"] for each in found["members"] if each["name"] != host.description.name and _runs(each)]
        if others:
            raise RefusedError(f"this member is the primary, and {', '.join(others)} runs: freeze that one")
        if "problem" in found:
            raise RefusedError(f"this member is the primary, and doesn't say who else runs: {found['problem']}")
        if not primary_alone:
            raise RefusedError("this member is the primary: say --primary-alone if its users are to wait for the snapshot")
    elif not (iris.installed(host).is_in_place and found["caught_up"]):
        raise RefusedError(f"this member is {found['status']}, and not caught up: its databases are no source")
    if is_frozen(host):
        raise RefusedError("somebody else has frozen it: a backup is under way")


def _runs(member: Dict[str, Any]) -> bool:
    # High Availability Guide, 5.1.1.1: what is shown of one that isn't there, or whose connection is lost.
    return member["status"] not in ("Down", "Disconnected", "Crashed", "Stopped", "Not Initialized", "")


def _ask(host: Context, what: str, seconds: float) -> int:
    command = iris.as_owner("iris", "terminal", host.description.instance, "-U", "%SYS", what)
    return host.run(command, check=False, seconds=seconds).status


def _end(host: Context) -> None:
    """Thaws, if it is frozen.

    Raises:
        StepError: It is frozen still.
    """
    if not is_frozen(host):
        return
    answer = _ask(host, '##class(Backup.General).ExternalThaw("")', _ASK_SECONDS)
    if is_frozen(host):
        raise StepError(f"IRIS doesn't thaw (exit status {answer}): irisstat -W on this host, or it ends by itself")


def _was_thawed(frozen: _Freeze) -> bool:
    """Whether messages.log tells of a thaw since: then a later freeze isn't this one. A log that is a new one tells nothing."""
    try:
        with MESSAGES.open("rb") as file:
            if MESSAGES.stat().st_size < frozen.log:
                return True
            file.seek(frozen.log)
            return _THAWED in file.read()
    except OSError:
        return True


def _unit(which: str) -> str:
    return f"iris-region-thaw-{which}"


def _arm(host: Context, which: str, seconds: int) -> None:
    """Has systemd thaw it: that outlives whoever has asked for the freeze, and the agent that it came through.

    Raises:
        StepError: It doesn't.
    """
    # Not so soon that systemd gives it up: by default after five starts within 10 s.
    again = ["--property=Restart=on-failure", "--property=RestartSec=5"]
    timer = [f"--unit={_unit(which)}", f"--on-active={seconds}", "--timer-property=AccuracySec=1s"]
    host.run(["systemd-run", "--quiet", "--collect", *again, *timer, str(COMMAND), "thaw", "--freeze", which])


def _disarm(host: Context, which: str) -> None:
    # The timer alone: its service may be what runs this.
    host.run(["systemctl", "stop", f"{_unit(which)}.timer"], check=False)


def _keep(host: Context, frozen: _Freeze) -> None:
    host.write(_STATE, json.dumps({"id": frozen.id, "until": frozen.until, "log": frozen.log}) + "\n", mode=0o600)
    sync(_STATE.parent)


def _read() -> Optional[_Freeze]:
    try:
        found = json.loads(_STATE.read_text(encoding="utf-8"))
        return _Freeze(str(found["id"]), float(found["until"]), int(found["log"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return _Freeze("unreadable", 0.0, 0)


def _shown(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
