"""`promote`, `switchover` and `failback`: ask for a move."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from .confirm import checked_loss, confirm
from .errors import told
from .follow import Follower
from .main import EXIT_CODES
from .moves import WORDS, Move, place
from .options import CONFIG_DIR, AcceptDataLoss, AsJson, ConfigDir, EndpointUrl, MirrorSet, Source, Yes
from .region_api import RegionApi
from .target import Target, target_of

Reason = Annotated[str, typer.Option(help="Why: it stands in the report. Up to 500 characters.")]
Wait = Annotated[bool, typer.Option(help="Stay until it has come to its end, or only until it waits for an approval.")]


@told
def promote(
    source: Source,
    *,
    mirror_set: MirrorSet = None,
    accept_data_loss: AcceptDataLoss = None,
    reason: Reason,
    wait: Wait = False,
    yes: Yes = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    config_dir: ConfigDir = CONFIG_DIR,
) -> int:
    """Ask for a promotion: the DR region takes over because the other one is lost, or given up."""
    target = target_of(source, mirror_set, config_dir, endpoint_url)
    loss = checked_loss(accept_data_loss, target.mirror_set.name)
    consequences = [
        f"Promotion: a DR member of {target.mirror_set.name} becomes the primary in {target.dr.region}: traffic goes there.",
        "The former members are fenced as far as they are reached. They take no traffic back until somebody fails back.",
    ]
    if loss:
        consequences.append("Records that the DR members have not copied are lost: you have accepted that.")
    body = {"kind": "promotion", "reason": reason, **loss}
    ask = f"request promotion of {target.mirror_set.name} to {target.dr.region}"
    return _request(target, body, ask, consequences, wait=wait, yes=yes, as_json=as_json)


@told
def switchover(
    source: Source,
    *,
    mirror_set: MirrorSet = None,
    reason: Reason,
    wait: Wait = False,
    yes: Yes = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    config_dir: ConfigDir = CONFIG_DIR,
) -> int:
    """Ask for a switchover: planned, from the home region to the DR region; loses nothing, or is refused."""
    target = target_of(source, mirror_set, config_dir, endpoint_url)
    consequences = [
        f"Switchover: the primary of {target.mirror_set.name} is stopped, a DR member in {target.dr.region} takes over, and "
        "traffic goes there.",
        "Clients are disconnected. No record is lost: with a member that is behind it is refused.",
    ]
    ask = f"request switchover of {target.mirror_set.name} to {target.dr.region}"
    body = {"kind": "switchover", "reason": reason}
    return _request(target, body, ask, consequences, wait=wait, yes=yes, as_json=as_json)


@told
def failback(
    source: Source,
    *,
    mirror_set: MirrorSet = None,
    reason: Reason,
    wait: Wait = False,
    yes: Yes = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    config_dir: ConfigDir = CONFIG_DIR,
) -> int:
    """Ask for a fail-back: planned, from the DR region to the home region; loses nothing, or is refused."""
    target = target_of(source, mirror_set, config_dir, endpoint_url)
    home = _home(target)
    consequences = [
        f"Fail-back: the primary of {target.mirror_set.name} in {target.dr.region} is stopped, a member in {home} takes over, "
        "and traffic goes there.",
        "Clients are disconnected. No record is lost: with a member that is behind it is refused.",
    ]
    ask = f"request failback of {target.mirror_set.name} to {home}"
    return _request(target, {"kind": "failback", "reason": reason}, ask, consequences, wait=wait, yes=yes, as_json=as_json)


def _home(target: Target) -> str:
    primary = target.deployment.regions.primary
    return "the premises" if primary is None else primary.region


def _request(
    target: Target,
    body: dict[str, Any],
    ask: str,
    consequences: Sequence[str],
    *,
    wait: bool,
    yes: str | None,
    as_json: bool,
) -> int:
    confirm(ask, [*consequences, "Nothing happens before somebody else has approved it."], yes)
    api = RegionApi(target)
    accepted = api.request(body)
    follower = Follower(api, target.mirror_set.name, quiet=as_json)
    answer, move = follower.until(str(accepted["id"]), lambda move: not wait and move.state != "requested")
    if as_json:
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    else:
        tell_end(target, move)
    return move.exit_code()


def tell_end(target: Target, move: Move) -> None:
    """Says what became of a move, and what to do next.

    Args:
        target: The mirror set.
        move: The move.
    """
    out = Console(highlight=False)
    what = f"{WORDS.get(move.kind, move.kind)} of {target.mirror_set.name}"
    if move.state in ("requested", "checked"):
        until = f" until {move.expires_at:%H:%M:%S} UTC" if move.expires_at else ""
        out.print(Text(f"The {what} waits for the approval of somebody else{until}:"))
        out.print(Text(f"  cdk-intersystems approve {target.command}", style="bold"))
        for line in plan_lines(target, move):
            out.print(Text(f"  {line}"))
    elif move.state == "completed":
        out.print(Text(f"The {what} is completed. {_report(move)}".rstrip()))
    elif move.ended:
        out.print(
            Text(f"The {what} was {move.state}: {move.why or 'no reason is given'}. Nobody serves elsewhere than before.")
        )
    else:
        out.print(Text(f"The {what} is {move.state}, and goes on: cdk-intersystems status {target.command}"))


def plan_lines(target: Target, move: Move) -> list[str]:
    """What is going to be done, a line each.

    Args:
        target: The mirror set.
        move: The move.
    """
    primary = target.deployment.regions.primary
    there = place(str(move.plan.get("target", "")), target.dr, primary.region if primary else None)
    lag = move.plan.get("lag_seconds")
    behind = "not known how far it is behind" if lag is None else f"{float(lag):.0f} s behind"
    lines = [
        f"{move.plan.get('member') or 'a member'} becomes the primary in {there}, at epoch {move.epoch}; {behind}",
        f"requested by {move.requester}",
    ]
    if move.plan.get("partner") == "none":
        lines.append("without a partner: not all former members' agents answer, so the newest journals may be missing")
    if move.loses:
        lines.append("the requester accepts that records which were not copied are lost")
    return lines


def _report(move: Move) -> str:
    figures = [
        f"{words} {float(value):.0f} s"
        for key, words in (("rto_s", "RTO"), ("rpo_s", "RPO"))
        if isinstance(value := move.report.get(key), int | float)
    ]
    return f"{', '.join(figures)}." if figures else ""


for _command in (promote, switchover, failback):
    _command.__doc__ = f"{_command.__doc__}\n\n    {EXIT_CODES}\n    "
