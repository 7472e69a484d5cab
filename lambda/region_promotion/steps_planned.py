"""The steps that only a planned move has: it loses nothing, or is refused before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .context import Context, Outcome, done, wait
from .errors import MoveRefusedError, StepError
from .steps_database import say_who_serves, status_of_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .hosts import Hosts

#: How long a member that is prepared for a planned move may take to catch up before the move is refused.
PREPARE_SECONDS = 900
#: How long the backup of the region that goes on serving is waited for after a move was given up.
RESTORE_SECONDS = 300


def prepare(context: Context) -> Outcome:
    """Makes the target a failover member and waits until it could take over; a planned move is refused if it can't.

    Raises:
        MoveRefusedError: It can't.
    """
    if context.target is None:
        return done(operator="promote the member on premises to a failover member now; the next step waits for it")
    member = context.move.plan.member
    if not context.note.get("promoted"):
        answer = context.ask_member("promote", f"--partner auto --promotion {context.move.id}")
        if answer is None:
            return wait(2)
        if answer.refused:
            raise MoveRefusedError("not_ready", f"{member} can't be made a failover member: {answer.refused}")
        if answer.data.get("done") is False:
            return wait(1)
        context.note["promoted"] = True
        context.save()
    says = status_of_target(context)
    if says is not None and _could_take_over(says):
        return done(**{name: says.get(name) for name in ("status", "journal_lag_seconds", "database_lag_seconds")})
    if context.waited > PREPARE_SECONDS:
        raise MoveRefusedError(
            "not_ready", f"{member} has not caught up within {PREPARE_SECONDS // 60} minutes: see its journals"
        )
    return wait(2)


def undo(context: Context) -> Outcome:
    """Makes the target of a planned move that was given up a DR member again, and the region that serves have its backup."""
    if context.target is None:
        return done(operator="demote the member on premises to a DR member")
    if not context.note.get("demoted"):
        answer = context.ask_member("demote")
        if answer is None:
            return wait(2)
        if answer.refused:
            says = status_of_target(context)
            if says is None:
                return wait(2)
            if says.get("is_primary"):
                # The region that served is lost, and this member has taken over by itself.
                return done(why=f"{context.move.to_undo} is primary: ask for a promotion, so that it gets the traffic")
            raise StepError(f"{context.move.to_undo} can't be demoted: {answer.refused}")
        context.note["demoted"] = True
        context.save()
    try:
        restored = _restore(context, context.former)
    except (ClientError, BotoCoreError, StepError) as error:
        restored = f"{type(error).__name__}: {error}"[:300]
    if restored is None and context.waited <= RESTORE_SECONDS:
        return wait(5)
    return done(demoted=context.move.to_undo, backup=restored, capacity=_STAYS)


def _restore(context: Context, former: Hosts | None) -> str | None:
    """Gives the region that serves its backup back, whose place the target had taken. None: not yet."""
    if former is None:
        return "make the other member on premises the backup"
    hosts = {member: each for member, each in former.find().items() if each.state == "running"}
    asked = {f"former {member}": (former, host.instance, "status", "") for member, host in hosts.items()}
    said = context.commands.ask_all(asked)
    if len(said) < len(asked):
        return None
    primary = [member for member in hosts if said[f"former {member}"].data.get("is_primary")]
    other = next((host for member, host in hosts.items() if member not in primary), None)
    if not primary or other is None:
        return "the region has no primary, or no other member: it stays without a backup"
    answer = context.commands.ask(former, other.instance, "promote", f"--partner auto --promotion {context.move.id}")
    if answer is None or answer.data.get("done") is False:
        return None
    return answer.refused or answer.error or f"member {other.member}"


def hand_over(context: Context) -> Outcome:  # noqa: PLR0911 (each is what it waits for)
    """Has the primary of the other region stop in good order, once the target can take over: so nothing is lost.

    Whether it can is asked in the run that stops the primary, each time. If it is primary already, the other region is not
    needed any more, and may be gone.
    """
    member = context.move.plan.member
    says = status_of_target(context)
    if says is None:
        return wait(1)
    if says.get("is_primary"):
        told = say_who_serves(context, context.former) if context.former else "not in AWS"
        return done(stopped=context.note.get("stops"), parameter=told)
    if not _could_take_over(says):
        return wait(2, waits_for=f"{member} to be able to take over", status=_short(says))
    if context.former is None:
        context.save(stops=True)
        return wait(5, operator="stop the primary on premises in good order (iris stop), so that the target takes over")
    hosts = {each: host for each, host in context.former.find().items() if host.state == "running"}
    asked = {f"status {each}": (context.former, host.instance, "status", "") for each, host in hosts.items()}
    answers = context.commands.ask_all(asked)
    if len(answers) < len(asked):
        return wait(1)
    primary = next((each for each in hosts if answers[f"status {each}"].data.get("is_primary")), None)
    if primary is None:
        # It is stopped already, by us before a crash or by somebody else: the target takes over. Who can't be asked may be it.
        failed = {each: said.refused or said.error for each, said in answers.items() if not said.is_good}
        return wait(2, waits_for=f"{member} to take over", not_asked=failed)
    context.note["stops"] = primary
    context.save(stops=True)
    say_who_serves(context, context.former)
    answer = context.commands.ask(context.former, hosts[primary].instance, "stop")
    if answer is not None and not answer.is_good:
        raise StepError(f"the primary, member {primary}, did not stop: {answer.refused or answer.error}")
    return wait(1, waits_for=f"{member} to take over")


def _could_take_over(says: Mapping[str, Any]) -> bool:
    """Whether a member says that it has all, and is the backup."""
    return says.get("status") in ("Backup", "Primary") and bool(says.get("caught_up"))


def _short(says: Mapping[str, Any]) -> dict[str, Any]:
    return {name: says.get(name) for name in ("status", "journal_lag_seconds", "caught_up")}


_STAYS = "what was raised in the DR region stays raised: lower it as docs/runbooks/move-stuck.md says"
