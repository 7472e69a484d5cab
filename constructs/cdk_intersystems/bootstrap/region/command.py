"""The command `iris-region`: one step of a mirror's move to another region, on one of its members.

It is called by the automation of the DR region, through a document of Systems Manager, and by an operator. Standard output is
one JSON object; what is done on the way is said on standard error.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import sys
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, NoReturn, Sequence

from ..host import run
from ..host.context import RUN, Context, Identity
from . import frozen, moves, rebuild, status
from .asking import RefusedError
from .before_start import before_start

DONE, FAILED, REFUSED = 0, 1, 3

#: For how long another step on this host is waited for.
_WAIT_SECONDS = 60.0
_SHORTEST, _LONGEST = 30, 540
_PROMOTION = re.compile(r"[A-Za-z0-9._-]{1,80}")
_HELP = f"""\
Standard output is one JSON object. Exit status: {DONE} done; {FAILED} failed, run it again; {REFUSED} refused, with the reason:
nothing was changed. Each step can be run again at any time.
"""

Work = Callable[[Context, argparse.Namespace], Dict[str, Any]]

_WORK: Dict[str, Work] = {
    "status": lambda host, _options: {**status.status(host), "freeze": frozen.shown()},
    "promote": lambda host, options: moves.promote(host, options.partner),
    "await-primary": lambda host, _options: moves.await_primary(host),
    "demote": lambda host, _options: moves.demote(host),
    "demote-partner": lambda host, _options: moves.demote_partner(host),
    "stop": lambda host, _options: moves.stop(host),
    "start": lambda host, _options: moves.start(host),
    "fence": lambda host, options: moves.fence(host, options.epoch, options.serving),
    "unfence": lambda host, _options: moves.unfence(host),
    "freeze": lambda host, options: frozen.freeze(host, options.seconds, primary_alone=options.primary_alone),
    "thaw": lambda host, options: frozen.thaw(host, options.freeze),
    "leave": lambda host, _options: rebuild.leave(host),
    "restored": lambda host, _options: rebuild.restored(host),
}
#: These don't wait for a step that is under way: they only look; and a thaw waits for nobody.
_AT_ONCE = ("status", "await-primary", "thaw")
#: It joins the mirror, and may need AWS for that.
_WITH_AWS = ("restored",)


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: What stands behind its name.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)
    if os.geteuid() != 0:
        return _answer({"error": "iris-region has to be run as root"}, FAILED)
    if options.command == "before-start":
        return before_start()
    try:
        host = open_host(with_aws=options.command in _WITH_AWS)
        with _one_at_a_time(wait=options.command not in _AT_ONCE):
            if promotion := getattr(options, "promotion", None):
                host.log(f"{options.command} for the move {promotion}")
            return _answer(_WORK[options.command](host, options), DONE)
    except RefusedError as error:
        unavailable = {"unavailable": list(error.unavailable)} if error.unavailable else {}
        busy = {"busy": True} if isinstance(error, _BusyError) else {}
        return _answer({"refused": " ".join(str(error).split()), **unavailable, **busy}, REFUSED)
    except Exception as error:
        return _answer({"error": " ".join(str(error).split()) or type(error).__name__}, FAILED)


def open_host(*, with_aws: bool = False) -> Context:
    """The host, whose steps say on standard error what they do.

    Args:
        with_aws: Whether steps may ask AWS. Default: neither AWS nor the instance metadata is asked.

    Raises:
        StepError: Its description can't be read.
    """
    return run.open_host(_Lines(), None if with_aws else Identity("", "", "", "", {}))


class _Lines(run.Lines):
    """What is said, on standard error: standard output is the answer's."""

    def __init__(self) -> None:
        super().__init__(kept=False)

    def say(self, line: str) -> None:
        sys.stderr.write(f"iris-region: {line}\n")


class _BusyError(RefusedError):
    """Another step is under way: who refuses this one has not looked at what it is about."""


@contextmanager
def _one_at_a_time(*, wait: bool) -> Iterator[None]:
    """No two steps at once on a host; not the lock of `cdk-host`, which may be waiting for a primary for an hour.

    Raises:
        _BusyError: Another one is under way, and doesn't end.
    """
    if not wait:
        yield
        return
    with (RUN / "iris-region.lock").open("a") as lock:
        ends = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= ends:
                    raise _BusyError("another iris-region is under way on this host: wait for its end") from None
                time.sleep(0.2)
        yield


def _answer(answer: Dict[str, Any], exit_status: int) -> int:
    print(json.dumps(answer), flush=True)  # noqa: T201
    return exit_status


class _Parser(argparse.ArgumentParser):
    """A wrong argument is refused in JSON too."""

    def error(self, message: str) -> NoReturn:
        _answer({"refused": f"{message}; see iris-region --help"}, REFUSED)
        sys.exit(REFUSED)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="iris-region",
        description="One step of a mirror's move to another region, on this member.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    commands.add_parser("status", help="what this member is, how far behind, and whom it reaches")
    promote = commands.add_parser("promote", help="make this member for disaster recovery a failover member")
    promote.add_argument("--partner", choices=("auto", "none"), required=True, help="none: records not yet here are lost")
    promote.add_argument("--promotion", type=_named, metavar="ID", help="the move it is for, for the log")
    commands.add_parser("await-primary", help="whether this member is the primary now")
    commands.add_parser("demote", help="make this failover member, not the primary, one for disaster recovery")
    commands.add_parser("demote-partner", help="have this primary do so to the other failover member")
    commands.add_parser("stop", help="stop IRIS in good order; an active backup takes over")
    commands.add_parser("start", help="start IRIS; it asks which region holds the mirror before")
    fence = commands.add_parser("fence", help="bring IRIS down, and have it ask for its role when it starts again")
    fence.add_argument("--epoch", type=_epoch, required=True, help="epoch of the move")
    fence.add_argument("--serving", choices=("primary", "dr", "on_premises"), required=True, help="who holds the mirror now")
    commands.add_parser("unfence", help="forget that")
    freeze = commands.add_parser("freeze", help="have the databases stand still for a snapshot of their volumes")
    freeze.add_argument("--seconds", type=_seconds, required=True, help="30 to 540: then it ends, whatever has happened")
    freeze.add_argument("--primary-alone", action="store_true", help="also on a primary, if no other member runs")
    thaw = commands.add_parser("thaw", help="end a freeze, and say whether it has held until now")
    thaw.add_argument("--freeze", type=_named, required=True, metavar="ID", help="which one")
    commands.add_parser("leave", help="take this inconsistent member out of the mirror, before its databases are replaced")
    commands.add_parser("restored", help="have it join again with the databases of another member, and catch up")
    commands.add_parser("before-start", help="what iris.service runs before it starts IRIS")
    return parser


def _epoch(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,14}", text):
        raise argparse.ArgumentTypeError("an epoch is a number from 1 on")
    return int(text)


def _seconds(text: str) -> int:
    # Source of the end: class reference, Backup.General.ExternalFreeze: after 600 s processes that update are suspended.
    if not re.fullmatch(r"[1-9][0-9]{0,2}", text) or not _SHORTEST <= int(text) <= _LONGEST:
        raise argparse.ArgumentTypeError(f"a freeze lasts {_SHORTEST} to {_LONGEST} seconds")
    return int(text)


def _named(text: str) -> str:
    if not _PROMOTION.fullmatch(text):
        raise argparse.ArgumentTypeError("an id has letters, digits and . _ -, up to 80")
    return text
