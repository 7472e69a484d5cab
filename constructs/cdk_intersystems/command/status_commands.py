"""`status` and `readiness`: look, and change nothing."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .errors import CommandError, told
from .follow import Follower
from .main import EXIT_CODES, NOT_READY, OK
from .members import Member, members_of
from .moves import WORDS, Move, move_of, place, time_of
from .options import CONFIG_DIR, AsJson, ConfigDir, EndpointUrl, MirrorSet, Source
from .region_api import RegionApi
from .target import Target, target_of

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "unknown": "red"}

Now = Annotated[
    bool, typer.Option("--now", help="Look now, which takes up to a minute, instead of telling what was found last.")
]


@told
def status(
    source: Source,
    *,
    mirror_set: MirrorSet = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    config_dir: ConfigDir = CONFIG_DIR,
) -> int:
    """Tell which region serves, since which epoch, the members, and the move that is under way."""
    target = target_of(source, mirror_set, config_dir, endpoint_url)
    answer = RegionApi(target).current()
    members = members_of(target)
    if as_json:
        document = {
            "schema": 1,
            "deployment": target.deployment.name,
            "mirror_set": target.mirror_set.name,
            "region": answer.get("region"),
            "members": [member.as_json() for member in members],
            "move": answer.get("move"),
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return OK
    out = Console(highlight=False)
    _show_region(out, target, answer.get("region") or {})
    out.print(_table(members))
    move = move_of(answer, datetime.now(UTC))
    if move is not None:
        _show_move(out, target, move)
    return OK


@told
def readiness(
    source: Source,
    *,
    mirror_set: MirrorSet = None,
    now: Now = False,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    config_dir: ConfigDir = CONFIG_DIR,
) -> int:
    """Tell whether the DR region could take over now, and what to do if it couldn't."""
    target = target_of(source, mirror_set, config_dir, endpoint_url)
    try:
        report = RegionApi(target).readiness(now=now)
    except CommandError as error:
        if error.code != "not_found":
            raise
        raise CommandError(NOT_READY, "it was never looked at: give --now", error.code) from None
    ready = report.get("ready") is True
    if as_json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
        return OK if ready else NOT_READY
    out = Console(highlight=False)
    at = time_of(report.get("at"))
    when = f", looked at {at:%Y-%m-%d %H:%M:%S} UTC" if at else ", never looked at"
    verdict = "ready" if ready else "NOT ready"
    out.print(Text(f"{target.mirror_set.name} in {target.dr.region} is {verdict}{when}", style="bold" if ready else "bold red"))
    checks = report.get("checks")
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for head in ("check", "result", ""):
        table.add_column(head, overflow="fold")
    for name, check in checks.items() if isinstance(checks, dict) else ():
        result = str(check.get("result", "unknown"))
        table.add_row(name, result, Text(str(check.get("says", ""))), style=_STYLES.get(result, ""))
    out.print(table)
    return OK if ready else NOT_READY


def _show_region(out: Console, target: Target, region: Mapping[str, Any]) -> None:
    primary = target.deployment.regions.primary
    serving = place(str(region.get("serving", "")), target.dr, primary.region if primary else None)
    since = time_of(region.get("since"))
    when = f" since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
    head = f"{target.mirror_set.name} of {target.deployment.name}: {serving} serves, epoch {region.get('epoch', 0)}{when}"
    out.print(Text(head, style="bold"))
    if region.get("latch_epoch") not in (None, region.get("epoch")):
        out.print(Text("Traffic still goes where it went before: the latch is not moved yet.", style="yellow"))


def _table(members: Sequence[Member]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for head in ("member", "where", "instance", "type", "state"):
        table.add_column(head, overflow="fold")
    for each in members:
        where = f"{each.zone or each.region or 'premises'} ({each.role})"
        state = f"{each.state} ({each.why})" if each.why else each.state
        style = "" if each.state in ("running", "unknown") else "yellow"
        table.add_row(each.name, where, each.instance, each.instance_type, Text(state), style=style)
    return table


def _show_move(out: Console, target: Target, move: Move) -> None:
    if move.ended:
        out.print(Text(f"The last move, a {WORDS.get(move.kind, move.kind)}, was {move.state}. {move.why}".rstrip()))
        return
    out.print(Follower.picture(move, target.mirror_set.name))
    out.print(Text(f"requested by {move.requester}" + (f", approved by {move.approver}" if move.approver else "")))
    if move.state == "checked":
        until = f" until {move.expires_at:%H:%M:%S} UTC" if move.expires_at else ""
        out.print(Text(f"It waits for an approval{until}: cdk-intersystems approve {target.command}", style="bold"))


for _command in (status, readiness):
    _command.__doc__ = f"{_command.__doc__}\n\n    {EXIT_CODES}\n    "
