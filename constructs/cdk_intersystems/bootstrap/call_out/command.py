"""The command `iris-call-out`."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Optional, Sequence, TypeVar

from ..gate import role
from .awake import Awake
from .call_out import CallOut
from .core import Claim
from .entitlement import Entitlement
from .epochs import Epochs, Settings
from .requests import Aws, FailedError, wait_after
from .said import Teller
from .watch import Watch

_T = TypeVar("_T")

SETTINGS = Path("/etc/cdk-intersystems/call-out.json")

DONE, FAILED, NOT_PRIMARY, SUPERSEDED, LATE, NOT_TOLD = 0, 1, 3, 4, 5, 6
_ENDS = {"routed": DONE, "not primary": NOT_PRIMARY, "superseded": SUPERSEDED, "late": LATE}

#: For how long a takeover's call-out waits for a member that is on its way to primary: within that the mirror asks again (each
#: 30 s, High Availability Guide, 4.17), and starts another.
_PATIENCE_SECONDS = 60.0
_HELP = f"""\
Exit status: {DONE} done; {FAILED} failed; {NOT_PRIMARY} this member isn't primary; {SUPERSEDED} another epoch is newer;
{LATE} not within the limit; {NOT_TOLD} the epoch is taken, and the router could not be told: follow --tell.
Each step is in the journal: journalctl -t iris-call-out
"""


class _EndedError(Exception):
    """A command ended before it could begin."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def main(program: str, arguments: Sequence[str]) -> Optional[int]:
    """Runs the command.

    Args:
        program: The file it was started from.
        arguments: What stands behind its name.

    Returns:
        The exit status; None if the program is to be started again, since it was replaced.
    """
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings(SETTINGS)
    except FailedError as error:
        print(f"iris-call-out: {error}", file=sys.stderr)  # noqa: T201
        return FAILED
    if options.command == "watch":
        Watch(settings, (program, str(SETTINGS))).run()
        return None
    if options.command == "status":
        return _status(settings, as_json=options.json)
    return _call_out(settings, options)


def read_settings(path: Path) -> Settings:
    """The settings that `cdk-host` has written.

    Args:
        path: Where they stand.

    Raises:
        FailedError: They aren't there, or aren't settings.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Settings(**{name: str(found[name]) for name in Settings._fields})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FailedError(f"cannot read {path}: {error!r}; run cdk-host prepare") from None


def _call_out(settings: Settings, options: argparse.Namespace) -> int:
    teller, awake = Teller(settings.name, in_journal=False), Awake()
    aws = Aws(awake, teller)
    epochs = Epochs(aws, settings)
    becoming = getattr(options, "becoming", "")
    takeover = bool(becoming) or options.command == "takeover"
    entitlement = Entitlement(settings.instance, awake, becoming=becoming, patience=_PATIENCE_SECONDS if takeover else 0.0)

    def pause(wait: float) -> None:
        ends = time.monotonic() + wait
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(1.0, left))
            awake.look()

    ends = time.monotonic() + (options.limit if options.limit is not None else float("inf"))

    def until_known(what: Callable[[], _T]) -> _T:
        for failures in itertools.count(1):
            try:
                return what()
            except FailedError as error:
                teller.problem(str(error))
            if time.monotonic() >= ends:
                raise _EndedError(LATE)
            if entitlement.gave_up():
                raise _EndedError(NOT_PRIMARY)
            pause(wait_after(failures))
        raise AssertionError

    try:
        me = Claim(0, settings.member, until_known(lambda: aws.instance_id))
        own = until_known(epochs.read) if options.command == "follow" else None
    except _EndedError as ended:
        return ended.status
    call_out = CallOut(epochs, entitlement, me, teller, how="takeover", pause=pause, holds=_print_epoch)
    limit = None if options.limit is None else max(0.0, ends - time.monotonic())
    if options.command == "claim":
        if call_out.claim(limit):
            return DONE if call_out.state.sent else NOT_TOLD
        return NOT_PRIMARY if call_out.state.ended else LATE
    if own is not None:
        if own.claim is None or own.claim[1:] != me[1:]:
            teller.say("nothing to follow: the newest epoch is not this member's")
            return SUPERSEDED
        call_out.adopt(own.claim, own.taken_at, told=not options.tell)
    status = _ENDS[call_out.follow(limit)]
    if status == DONE and call_out.state.mine is not None:
        _print(f"routed {call_out.state.mine.epoch}")
    return status


def _print_epoch(claim: Claim) -> None:
    _print(f"epoch {claim.epoch}")


def _print(line: str) -> None:
    with suppress(OSError, ValueError):
        print(line, flush=True)  # noqa: T201


def _status(settings: Settings, *, as_json: bool) -> int:
    teller, awake = Teller(settings.name, in_journal=True), Awake()
    aws = Aws(awake, teller)
    epochs = Epochs(aws, settings)
    answer = role.ask("iris", settings.instance)
    try:
        reading, routed, instance_id = epochs.read(), epochs.routed(), aws.instance_id
    except FailedError as error:
        print(f"iris-call-out: {error}", file=sys.stderr)  # noqa: T201
        return FAILED
    claim = reading.claim or Claim(0, "", "")
    found: dict[str, Any] = {
        "mirror_set": settings.mirror_set,
        "role": answer.word,
        "epoch": claim.epoch,
        "member": claim.member,
        "instance_id": claim.instance_id,
        "taken_at": reading.taken_at,
        "routed_epoch": routed,
        "mine": claim[1:] == (settings.member, instance_id),
    }
    _print(json.dumps(found) if as_json else "\n".join(f"{name}: {value}" for name, value in found.items()))
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="iris-call-out",
        description="Has the clients of the mirror endpoint led to this member, when it is primary.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what, limit in (
        ("claim", "take the next route epoch, print it, and tell the router once", None),
        ("follow", "wait until the router has confirmed this member's epoch; tell it again if that takes long", None),
        ("takeover", "both", None),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("--limit", type=float, default=limit, metavar="SECONDS", help="default: while it is primary")
        if name == "follow":
            command.add_argument("--tell", action="store_true", help="tell the router first; default: only if it takes long")
        else:
            command.add_argument(
                "--becoming", default="", metavar="ZTIMESTAMP", help="when the mirror said that this member becomes primary"
            )
    commands.add_parser("watch", help="what iris-call-out.service runs")
    status = commands.add_parser("status", help="which epoch is the newest, whose it is, and which is routed")
    status.add_argument("--json", action="store_true", help="in JSON")
    return parser
