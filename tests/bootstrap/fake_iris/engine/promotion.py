"""Promotion of a DR async member and demotion of a failover member (HA 5.5, 5.6, 6.3; Class Reference, SYS.Mirror).

Who is a failover member the mirror's configuration says. A primary changes it for all; without one the promoted member does,
and tells whom it can reach. Whoever isn't told keeps its old role until ValidatedMember=0 has it ask.
"""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .installation import IrisError

if TYPE_CHECKING:
    from .member import Member

_FAILOVER, _ASYNC = 0, 2


class UnavailableError(IrisError):
    """$$$FailoverNoAgent: members whose agents don't answer."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"Failed to contact the ISCAgent of failover member(s) {','.join(names)}")
        self.names = names


async def promote(member: "Member", *, both: bool = True) -> list[str]:
    """Promote(), and PromoteWithPartner(): the partner is the primary, or who was that last.

    Args:
        member: The DR async member.
        both: Whether every failover member's agent has to answer: Promote() needs the one that is to be demoted too.

    Returns:
        Who could not be demoted.

    Raises:
        IrisError: It isn't possible.
    """
    answers = await _look(member)
    unavailable = [name for name, answer in answers.items() if answer is None]
    if unavailable and both:
        raise UnavailableError(unavailable)
    if primary := _running(answers, "Primary"):
        await _promoted_by(member, primary)
        return unavailable
    if unavailable:
        # Who was primary last can't be told.
        raise UnavailableError(unavailable)
    histories = {name: await member.ask_agent(member.config.members[name], op="history") for name in answers}
    if lost := [name for name, history in histories.items() if history is None or "position" not in history]:
        raise UnavailableError(lost)
    latest = max(histories, key=lambda name: _age(histories[name] or {}))
    return await _reconfigure(member, latest)


async def promote_with(member: "Member", partner: str) -> list[str]:
    """PromoteWithSelectedPartner(): no primary, and a person says from whom the journal is to be taken.

    Raises:
        IrisError: It isn't possible.
    """
    if partner not in {entry.name for entry in member.config.failover()}:
        raise IrisError(f"{partner} is not a failover member")
    if primary := _running(await _look(member), "Primary"):
        raise IrisError(f"{primary} is the primary: the partner is not to be selected")
    return await _reconfigure(member, partner)


async def promote_alone(member: "Member", *, no_failover: bool) -> list[str]:
    """PromoteWithNoPartner(): "in unplanned disaster situations where there are no functioning failover member".

    Raises:
        IrisError: "If a running primary is found, this method returns error."
    """
    if primary := _running(await _look(member), "Primary"):
        raise IrisError(f"{primary} is a running primary")
    await _fetch_from_asyncs(member)
    if no_failover:
        # Flags=1: it waits for that to be cleared.
        member.config.properties["DefinedPrimary"] = "nobody"
    return await _reconfigure(member, "")


async def demote(member: "Member") -> None:
    """Demote(), on a failover member that isn't primary.

    Raises:
        IrisError: It is the primary, or there is none that can be told.
    """
    if not member.is_failover():
        raise IrisError("This member is not a failover member")
    if member.primary:
        raise IrisError("Operation is not allowed on the primary mirror member")
    if member.follower is None:
        # That it needs the primary isn't said; somebody has to change the mirror's configuration.
        raise IrisError("This member is not connected to the primary")
    answer = await member.ask_agent(member.follower.entry, op="demotion", member=member.config.me)
    if answer is None or "error" in answer:
        raise IrisError(str((answer or {}).get("error", "the primary's agent does not answer")))
    adopt(member, answer["shared"])


async def demote_partner(member: "Member") -> None:
    """DemotePartner(), on the primary: the other one's agent has to be there.

    Raises:
        IrisError: It isn't.
    """
    other = member.config.other_failover()
    if member.primary is None:
        raise IrisError("Operation can only be performed on the primary mirror member")
    if other is None:
        raise IrisError("There is no other failover member")
    if await member.ask_agent(other, op="status") is None:
        raise UnavailableError([other.name])
    await change(member, {other.name: _ASYNC})


async def change(member: "Member", types: dict[str, int]) -> list[str]:
    """A primary changes who is what, and tells all.

    Args:
        member: The primary.
        types: System name -> 0 failover, 2 async.

    Returns:
        Failover members that were demoted and could not be told.
    """
    assert member.primary
    for name, kind in types.items():
        member.config.members[name] = replace(member.config.members[name], member_type=kind)
    member.save_config()
    # A channel's role is that of its beginning: a demoted backup's loss is none any more.
    member.primary.reclassify()
    await member.primary.propagate()
    return await _tell(member, [name for name, kind in types.items() if kind == _ASYNC], "demoted")


async def asked(member: "Member", request: dict[str, Any]) -> dict[str, Any]:
    """What another member's agent passes on: this is the primary, and is to promote or demote it.

    Raises:
        IrisError: This isn't the primary.
    """
    if member.primary is None or member.state != "Primary":
        raise IrisError("Operation can only be performed on the primary mirror member")
    name = str(request["member"])
    if name not in member.config.members:
        raise IrisError(f"'{name}' is not a mirror member")
    if request["op"] == "promotion":
        others = [entry.name for entry in member.config.failover() if entry.name not in (member.config.me, name)]
        await change(member, {name: _FAILOVER, **dict.fromkeys(others, _ASYNC)})
    else:
        await change(member, {name: _ASYNC})
    return {"shared": member.config.shared()}


def adopt(member: "Member", shared: dict[str, Any]) -> None:
    """Takes what the mirror has become, and looks for its place in it."""
    before = member.config.myself.member_type
    member.config.take_over(shared)
    member.save_config()
    if member.config.myself.member_type != before:
        member.note(active=False)
        if member.follower:
            member.follower.hang_up()
        else:
            member.become("Transition")


async def _look(member: "Member") -> dict[str, dict[str, Any] | None]:
    """What every failover member's agent says.

    Raises:
        IrisError: This is no DR async, or the primary is in trouble for good.
    """
    if member.member_type() != "Disaster Recovery":
        raise IrisError("This member is not a DR async member")
    entries = member.config.failover()
    said = await asyncio.gather(*(member.ask_agent(entry, op="status") for entry in entries))
    answers = {entry.name: answer for entry, answer in zip(entries, said, strict=True)}
    if trouble := _running(answers, "In Trouble"):
        # HA 5.5, Note.
        raise IrisError(f"{trouble} is primary in an indefinite trouble state: a DR async can't be promoted")
    return answers


def _running(answers: dict[str, dict[str, Any] | None], state: str) -> str:
    return next((name for name, one in answers.items() if one and one["running"] and one.get("state") == state), "")


def _age(history: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(history["position"]), bool(history["was_primary"]), int(history["term"])


async def _promoted_by(member: "Member", primary: str) -> None:
    answer = await member.ask_agent(member.config.members[primary], op="promotion", member=member.config.me)
    if answer is None or "error" in answer:
        raise IrisError(str((answer or {}).get("error", f"the agent of {primary} does not answer any more")))
    adopt(member, answer["shared"])


async def _reconfigure(member: "Member", partner: str) -> list[str]:
    """The promoted member changes the configuration by itself: there is no primary that could."""
    former = [entry.name for entry in member.config.failover()]
    shared = member.config.shared()
    kinds = {name: _FAILOVER if name in (partner, member.config.me) else _ASYNC for name in {*former, member.config.me}}
    for name, kind in kinds.items():
        shared["members"][name] = {**shared["members"][name], "member_type": kind}
    adopt(member, shared)
    # HA 5.5: "ValidatedMember=0 ... This instructs the instance to obtain its new role", of every former failover member.
    unavailable = await _tell(member, former, "demoted")
    for entry in list(member.config.members.values()):
        if entry.name not in (*former, member.config.me):
            await member.ask(entry, op="promoted", shared=member.config.shared())
    return unavailable


async def _tell(member: "Member", names: list[str], op: str) -> list[str]:
    """Tells members by their agents.

    Returns:
        Whose don't answer.
    """
    entries = [member.config.members[name] for name in names if name != member.config.me]
    said = await asyncio.gather(*(member.ask_agent(entry, op=op, shared=member.config.shared()) for entry in entries))
    return [entry.name for entry, answer in zip(entries, said, strict=True) if answer is None or "error" in answer]


async def _fetch_from_asyncs(member: "Member") -> None:
    """HA 5.5: "attempts to obtain the most recent available journal data from all other connected async mirror members"."""
    for entry in member.config.members.values():
        if entry.member_type != _ASYNC or entry.name == member.config.me:
            continue
        status = await member.ask(entry, op="status")
        if not status or tuple(status["position"]) <= tuple(member.journal.position):
            continue
        answer = await member.ask_agent(entry, op="journal", outline=member.journal.outline())
        for record in (answer or {}).get("records", []):
            member.journal.append(record["t"], record["v"], record["n"], record.get("i", ""), record["w"])
        member.log(1, f"Retrieved journal data from {entry.name}")
