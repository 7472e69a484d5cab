"""`approve`, `cancel` and `resume`: decide about the move that is under way."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from .confirm import checked_loss, confirm
from .errors import CommandError, told
from .follow import Follower
from .main import EXIT_CODES, OK, REFUSED
from .moves import WORDS, Move, move_of, place
from .options import CONFIG_DIR, AcceptDataLoss, AsJson, ConfigDir, EndpointUrl, MirrorSet, Source, Yes
from .region_api import RegionApi
from .request_commands import plan_lines, tell_end
from .target import Target, target_of

Wait = Annotated[bool, typer.Option(help="Stay until it has come to its end.")]


@told
def approve(
    source: Source,
    *,
    mirror_set: MirrorSet = None,
    wait: Wait = True,
    yes: Yes = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    config_dir: ConfigDir = CONFIG_DIR,
) -> int:
    """Approve the move that somebody else has requested, as it is planned now."""
    target = target_of(source, mirror_set, config_dir, endpoint_url)
    api = RegionApi(target)
    follower = Follower(api, target.mirror_set.name, quiet=as_json)
    move = _under_way(target, api.current())
    if move.state == "requested":
        # What is approved is the plan that the preflight has checked.
        _, move = follower.until(move.id, lambda move: move.state != "requested")
    if move.state != "checked":
        message = (
            f"the {WORDS.get(move.kind, move.kind)} of {target.mirror_set.name} is {move.state}, so there is nothing to approve"
        )
        raise CommandError(REFUSED, f"{message}{f': {move.why}' if move.why else ''}", "not_checked")
    confirm(approval_sentence(target, move), plan_lines(target, move), yes)
    api.approve(move.id, move.plan_hash, move.epoch)
    return _follow(target, follower, move.id, lambda move: not wait, as_json=as_json)


@told
def cancel(
    source: Source,
    *,
    mirror_set: MirrorSet = None,
    yes: Yes = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    config_dir: ConfigDir = CONFIG_DIR,
) -> int:
    """Give up the move that is under way: until it is committed; a planned one until the old primary is stopped."""
    target = target_of(source, mirror_set, config_dir, endpoint_url)
    api = RegionApi(target)
    move = _under_way(target, api.current())
    sentence = f"cancel {move.kind} of {target.mirror_set.name}"
    confirm(sentence, ["It is given up, and who served before goes on. A new one has to be requested and approved."], yes)
    api.cancel(move.id)
    answer = api.current()
    if as_json:
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    elif (now := move_of(answer, datetime.now(UTC))) is not None:
        tell_end(target, now)
    return OK


@told
def resume(
    source: Source,
    *,
    mirror_set: MirrorSet = None,
    accept_data_loss: AcceptDataLoss = None,
    wait: Wait = True,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    config_dir: ConfigDir = CONFIG_DIR,
) -> int:
    """Have a move go on whose workflow has stopped: from where it came to, or to the end of its undoing."""
    target = target_of(source, mirror_set, config_dir, endpoint_url)
    loss = checked_loss(accept_data_loss, target.mirror_set.name)
    api = RegionApi(target)
    move = _last(target, api.current())
    api.resume(move.id, loss)
    follower = Follower(api, target.mirror_set.name, quiet=as_json)
    # What was given up may still have to be undone: that it was given up is then no failure of this command.
    code = _follow(target, follower, move.id, lambda move: not wait, as_json=as_json)
    return OK if move.ended else code


def approval_sentence(target: Target, move: Move) -> str:
    """What an approver confirms: what will happen, and what is lost.

    Args:
        target: The mirror set.
        move: The checked move.
    """
    primary = target.deployment.regions.primary
    there = place(str(move.plan.get("target", "")), target.dr, primary.region if primary else None)
    lost = " and lose what it has not copied" if move.loses else ""
    return f"make {move.plan.get('member') or 'a member'} in {there} the primary of {target.mirror_set.name}{lost}"


def _under_way(target: Target, answer: dict[str, Any]) -> Move:
    move = move_of(answer, datetime.now(UTC))
    if move is None or move.ended:
        raise CommandError(REFUSED, _nothing(target), "no_move")
    return move


def _last(target: Target, answer: dict[str, Any]) -> Move:
    move = move_of(answer, datetime.now(UTC))
    if move is None:
        raise CommandError(REFUSED, _nothing(target), "no_move")
    return move


def _nothing(target: Target) -> str:
    return f"no move of {target.mirror_set.name} is under way; see: cdk-intersystems status {target.command}"


def _follow(target: Target, follower: Follower, move_id: str, reached: Callable[[Move], bool], *, as_json: bool) -> int:
    answer, move = follower.until(move_id, reached)
    if as_json:
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    else:
        tell_end(target, move)
    return move.exit_code()


for _command in (approve, cancel, resume):
    _command.__doc__ = f"{_command.__doc__}\n\n    {EXIT_CODES}\n    "
