"""The steps that act on the database's members: those of a promotion, and those that every move ends with."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .context import Context, Outcome, done, member_letter, wait
from .endpoints import client
from .errors import StepError

if TYPE_CHECKING:
    from .hosts import Answer, Host, Hosts

#: All of what is tried in the region that is lost. Each call gives up after five seconds, and the last begins before this.
FENCE_SECONDS = 25.0
#: How long the other member of the region is waited for; after that the move ends without it, and says so.
SECOND_MEMBER_SECONDS = 600
#: After so long a target that isn't primary yet is promoted once more, which also has it leave a state in which it only waits.
_PUSH_SECONDS = 10


def fence(context: Context) -> Outcome:
    """Keeps the region that is left from serving, as far as it can be reached. It never fails, and ends within 30 seconds."""
    former = context.former
    if former is None:
        return done(fenced=False, operator="the former primary is not in AWS: keep it stopped, and set ValidatedMember=0 there")
    until = time.monotonic() + FENCE_SECONDS
    tried = {"parameter": say_who_serves(context, former)}
    try:
        hosts = {member: each for member, each in former.find().items() if each.state == "running"}
    except (ClientError, BotoCoreError, StepError) as error:
        return done(fenced=False, tried={**tried, "hosts": f"{type(error).__name__}: {error}"[:300]})
    arguments = f"--epoch {context.move.epoch} --serving {context.move.plan.target}"
    asked = {member: (former, host.instance, "fence", arguments) for member, host in hosts.items()}
    answers = context.commands.ask_all(asked, max(0.0, until - time.monotonic()))
    said = {member: _said(answers.get(member), "fenced") for member in hosts}
    # Of a region where no host runs it isn't known whether there is one.
    return done(fenced=all(each == "fenced" for each in said.values()) if said else None, tried={**tried, **said})


def promote(context: Context) -> Outcome:
    """Makes the target a failover member, with or without a partner, and primary."""
    alone = context.move.plan.partner == "none" or bool(context.note.get("alone"))
    answer = context.ask_member("promote", _promotion(context, "none" if alone else "auto"))
    if answer is None:
        return wait(1)
    if answer.refused and not alone and context.move.accepts_loss and answer.data.get("unavailable"):
        # The former members have gone since the plan was made. Refused for any other reason it is tried again: while they can
        # be asked for their newest journals, nothing is lost that need not be.
        context.note["alone"] = answer.refused
        context.save()
        return wait(1)
    if answer.refused:
        raise StepError(f"{context.move.plan.member} refused to be promoted: {answer.refused}")
    if answer.data.get("done") is False:
        return wait(1)
    told = {name: answer.data.get(name) for name in ("member_type", "status", "partner")}
    return done(**told, **({"without_partner": context.note["alone"]} if "alone" in context.note else {}))


def await_primary(context: Context) -> Outcome:
    """Waits until the target is primary."""
    if context.target is None:
        says = status_of_target(context)
        return done() if says and says.get("is_primary") else wait(5, waits_for=f"{context.move.plan.member} to be primary")
    answer = context.ask_member("await-primary")
    if answer is None:
        return wait(1)
    if answer.data.get("done"):
        # Its own members read it too, when they start and the table can't be read.
        return done(parameter=say_who_serves(context, context.target))
    if context.waited > _PUSH_SECONDS:
        record = context.move.step("promote")
        alone = context.move.plan.partner == "none" or (record is not None and "without_partner" in record.note)
        context.commands.ask(
            context.target, context.member_host().instance, "promote", _promotion(context, "none" if alone else "auto")
        )
    return wait(1, waits_for=f"{context.move.plan.member} to be primary", says=answer.refused or answer.data.get("status"))


def second_member(context: Context) -> Outcome:
    """Makes the region's other member its backup, so that no member of the other region takes over by itself from now on.

    What doesn't come to that is reported, and holds nothing up.
    """
    target = context.target
    if target is None:
        return done(backup=None, operator="make the other member on premises the backup")
    letter = member_letter(context.settings, context.move.plan.member)
    try:
        hosts = target.find()
        backup = context.note.get("backup")
        if backup is None:
            other = next((each for each in hosts.values() if each.member != letter), None)
            backup = _backup(context, target, other)
            if isinstance(backup, Outcome):
                return backup
            context.note["backup"] = backup
            context.save()
        if not backup:
            freed = _without_partner(context, target, hosts.get(letter))
            if isinstance(freed, Outcome):
                return freed
            if not freed:
                return done(backup=None, why=context.note.get("why"), partner=_STAYS)
        return _start_former(context) or done(
            backup=backup or None, former=context.note.get("former"), why=context.note.get("why")
        )
    except (ClientError, BotoCoreError, StepError) as error:
        if context.waited > 2 * SECOND_MEMBER_SECONDS:
            return done(backup=context.note.get("backup") or None, why=f"{type(error).__name__}: {error}"[:300])
        raise


def _backup(context: Context, target: Hosts, other: Host | None) -> str | Outcome:
    """The member that was made the backup; empty if none could be; or that it is to be waited for."""
    if other is None:
        context.note["why"] = "the region has no other member"
        return ""
    answer = context.commands.ask(target, other.instance, "promote", _promotion(context, "auto"))
    if answer is not None and answer.is_good and answer.data.get("done") is not False:
        return other.member
    if context.waited <= SECOND_MEMBER_SECONDS:
        return wait(2 if answer is None or answer.is_good else 10)
    context.note["why"] = f"member {other.member}: {_said(answer, 'it is not done')}"
    return ""


def _without_partner(context: Context, target: Hosts, primary: Host | None) -> bool | Outcome:
    """Makes the former primary a DR member, where no second member's promotion has; whether it is, or to be waited for."""
    if primary is None:
        return False
    answer = context.commands.ask(target, primary.instance, "demote-partner")
    if answer is not None and answer.is_good:
        return True
    if context.waited <= 2 * SECOND_MEMBER_SECONDS:
        return wait(5)
    context.note["why"] = f"{context.note.get('why', '')}; its partner: {_said(answer, '')}"
    return False


def _start_former(context: Context) -> Outcome | None:
    """After a planned move, has the former primary start again, as what the mirror lets it be. None: nothing to wait for."""
    record = context.move.step("hand_over")
    member = (json.loads(record.note) if record and record.note else {}).get("stopped")
    if not member or context.former is None or "former" in context.note:
        return None
    host = context.former.find().get(member)
    if host is None or host.state != "running":
        context.note["former"] = "its instance does not run"
        return None
    answer = context.commands.ask(context.former, host.instance, "start")
    if answer is None and context.waited <= 2 * SECOND_MEMBER_SECONDS:
        return wait(2)
    context.note["former"] = _said(answer, "started")
    return None


def status_of_target(context: Context) -> dict[str, Any] | None:
    """What the target says of itself or, on premises, what a member here sees of it. None: no answer yet.

    Raises:
        StepError: It doesn't say.
    """
    if context.target is not None:
        answer = context.ask_member("status")
        if answer is not None and answer.refused:
            raise StepError(f"{context.move.plan.member} does not say what it is: {answer.refused}")
        return answer.data if answer else None
    hosts = {member: each for member, each in context.own.find().items() if each.state == "running"}
    asked = {f"view {member}": (context.own, host.instance, "status", "") for member, host in hosts.items()}
    for answer in context.commands.ask_all(asked).values():
        for each in answer.data.get("members") or ():
            if each.get("name") == context.move.plan.member:
                caught_up = each.get("journal_lag_seconds") == 0
                return {**each, "is_primary": each.get("status") == "Primary", "caught_up": caught_up}
    return None


def say_who_serves(context: Context, hosts: Hosts) -> str:
    """Writes down in a region who serves, for its members to read when they start; what came of that.

    It is the second place where they read it: the table is the first.
    """
    value = json.dumps({"epoch": context.move.epoch, "serving": context.move.plan.target})
    try:
        client("ssm", hosts.region, required=False).put_parameter(
            Name=context.settings.fenced_parameter, Value=value, Type="String", Overwrite=True
        )
    except (ClientError, BotoCoreError) as error:
        return f"{type(error).__name__}: {error}"[:300]
    return "written"


def _promotion(context: Context, partner: str) -> str:
    return f"--partner {partner} --promotion {context.move.id}"


def _said(answer: Answer | None, good: str) -> str:
    return "no answer in time" if answer is None else answer.refused or answer.error or good


_STAYS = (
    "a member of the former region is still the failover partner, and would take over: see docs/runbooks/promotion-failed.md"
)
