"""Runs the steps of a phase: says which, tells the first failure to whoever waits for this host, and notes what is done."""

from __future__ import annotations

import fcntl
import json
import os
import syslog
import time
import traceback
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Optional, Sequence

from ..first_boot import CURRENT, Metadata, signal, tell
from .aws.client import Aws
from .context import CONFIG, RUN, STATE, Context
from .description import build, read_description
from .errors import StepError
from .settings import Settings
from .unsent import keep, send

if TYPE_CHECKING:
    from ..first_boot import Identity
    from .roles import Step

#: The version with which serve has succeeded.
SERVED = STATE / "served"
#: The last failure; not there once the phase it was in is done.
FAILURE = STATE / "failure.json"
#: Held by whoever runs steps, and by first_boot.py.
LOCK = Path("/run/cdk-intersystems.lock")
#: How looking begins, as opposed to finding that something has to be done.
_LOOKING = ("+ ", "prepare: ", "serve: ")


@dataclass(frozen=True)
class Failure:
    """How a run ended that failed.

    Args:
        phase: `prepare` or `serve`.
        step: The step that failed; empty if it failed before the first one.
        said: What it said.
        version: The version of the bundle.
        time: When, in seconds since 1970.
    """

    phase: str
    step: str
    said: str
    version: str
    time: int


class Lines:
    """What a run says: at once in the journal, and sooner or later in CloudWatch.

    Attributes:
        something_done: Whether anything was more than looking.
    """

    def __init__(self, *, kept: bool = True) -> None:
        """Begins.

        Args:
            kept: Whether what is said is kept for CloudWatch; not by what runs every few seconds.
        """
        self.something_done = False
        self._kept = kept
        # A unit's output is in the journal; what a person starts says it there too.
        self._in_journal = "JOURNAL_STREAM" in os.environ
        RUN.mkdir(mode=0o700, exist_ok=True)

    def say(self, line: str) -> None:
        """Says a line."""
        print(line, flush=True)  # noqa: T201 (the journal, or the person)
        self.note(line)
        if not self._in_journal:
            syslog.syslog(line)

    def note(self, line: str) -> None:
        """Takes a line that was said elsewhere."""
        self.something_done = self.something_done or not line.startswith(_LOOKING)
        if self._kept:
            keep(line)


def version() -> str:
    """The version that is applied."""
    return CURRENT.resolve().name


def served() -> str:
    """The version with which serve has succeeded; empty if none has."""
    with suppress(FileNotFoundError):
        return SERVED.read_text(encoding="utf-8").strip()
    return ""


def last_failure() -> Optional[Failure]:
    """The failure that isn't mended yet."""
    with suppress(OSError, ValueError, StepError):
        return build(Failure, json.loads(FAILURE.read_text(encoding="utf-8")), str(FAILURE))
    return None


def open_host(lines: Lines, me: Optional[Identity] = None) -> Context:
    """The host as steps see it: as the bundle says that is applied.

    Args:
        lines: Where what is said goes.
        me: Who the host is. Default: the instance metadata is asked.

    Raises:
        StepError: The instance metadata, the description or the settings can't be read.
    """
    me = me or Metadata().identity()
    where = CURRENT / "settings.json"
    try:
        settings = build(Settings, json.loads(where.read_text(encoding="utf-8")), str(where))
    except (OSError, ValueError) as error:
        raise StepError(f"cannot read {where}: {error}; run cdk-host apply") from None
    return Context(me, read_description(CONFIG / "host.json"), settings, Aws(me), lines.say)


@contextmanager
def alone(lines: Lines) -> Iterator[None]:
    """No two runs at once: waits until another one has ended.

    Args:
        lines: Where it says that it waits.
    """
    with LOCK.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lines.say("waiting for another run of cdk-host to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_phase(lines: Lines, phase: str, then: Step, only: Sequence[str] = ()) -> bool:
    """Runs the steps of a phase until one fails; everybody who waits for this host is told of that.

    Args:
        lines: Where what is said goes.
        phase: `prepare` or `serve`.
        then: What is done after the last step.
        only: Names of the steps to do, without anything after them, and without telling others of a failure. Default: all.

    Returns:
        Whether nothing failed.
    """
    me, host, step_name = None, None, ""
    try:
        me = Metadata().identity()
        host = open_host(lines, me)
        for step in steps_of(host.description.role, phase, only):
            step_name = step.__name__
            lines.say(f"{phase}: {step_name}")
            step(host)
        if not only:
            step_name = then.__name__
            then(host)
            _forget_failure(phase)
    except Exception as error:  # whatever it is, it is told
        failure = Failure(phase, step_name, in_one_line(error, lines), version(), int(time.time()))
        _tell(lines, failure, None if only else me)
        if host:
            send(host)
        return False
    return True


def steps_of(role: str, phase: str, only: Sequence[str] = ()) -> Sequence[Step]:
    """The steps of a phase.

    Args:
        role: The role.
        phase: `prepare` or `serve`.
        only: Names of those wanted. Default: all.

    Raises:
        StepError: There is no such step.
    """
    # Here, since they are all of the code: other commands run every few seconds.
    from . import roles

    steps = {"prepare": roles.PREPARE, "serve": roles.SERVE}[phase][role]
    known = [step.__name__ for step in steps]
    unknown = [name for name in only if name not in known]
    if unknown:
        raise StepError(f"{phase} has no step {', '.join(unknown)} for the role {role}; it has {', '.join(known)}")
    return [step for step in steps if not only or step.__name__ in only]


def in_one_line(error: Exception, lines: Lines) -> str:
    """An error as one line; of a mistake in the code the journal gets the rest.

    Args:
        error: The error.
        lines: Where the rest goes.
    """
    said = str(error)
    if isinstance(error, OSError):
        said = f"{error.strerror or type(error).__name__}: {error.filename or 'no file named'}"
    elif not isinstance(error, StepError):
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
        lines.say("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    return " ".join(said.split())


def _tell(lines: Lines, failure: Failure, me: Optional[Identity]) -> None:
    line = f"cdk-host: {failure.phase} failed: " + (f"{failure.step}: " if failure.step else "") + failure.said
    tell(line)
    lines.note(line)
    with suppress(OSError):
        STATE.mkdir(parents=True, exist_ok=True)
        FAILURE.write_text(json.dumps(asdict(failure)) + "\n", encoding="utf-8")
    if me:
        signal(Aws(me), me, "FAILURE")


def _forget_failure(phase: str) -> None:
    failure = last_failure()
    if failure is None or failure.phase == phase:
        FAILURE.unlink(missing_ok=True)
