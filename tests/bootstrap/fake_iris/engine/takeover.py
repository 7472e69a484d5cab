"""How a failover member finds its role: at its start, and when it has lost the primary (HA 3.3.5)."""

import asyncio
from typing import TYPE_CHECKING, Any

from . import hooks
from .mirror_config import Entry

if TYPE_CHECKING:
    from .exchange import Exchange
    from .follower import Follower
    from .member import Member

_PRIMARY = ("Primary", "In Trouble")


async def failover_round(member: "Member") -> None:
    """One attempt to become backup or primary; called again and again."""
    other = member.config.other_failover()
    if not member.validated():
        # CPF, "ValidatedMember". A member that is not authorized yet comes no further (HA 4.7.3). Of one that was away while
        # roles changed any other member may be the primary now.
        if await _obtains_role(member):
            return
    elif other is None:
        # HA 3.1.2.3: a mirror with a single failover member.
        if await member.may_be_primary():
            await member.become_primary(None)
            return
    elif answer := await member.ask(other, op="status"):
        if answer["state"] in _PRIMARY:
            if await _follow(member, other):
                return
            if member.state != "Stopped":
                member.become("Waiting")
        elif await member.may_be_primary() and _is_later(member, answer):
            # HA 6.2.5: both agents and an instance are there: the members negotiate.
            await member.become_primary(other)
            return
        else:
            member.become("Transition")
    elif await _alone(member, other):
        await member.become_primary(other)
        return
    await asyncio.sleep(member.qos / 4)


async def _obtains_role(member: "Member") -> bool:
    for entry in list(member.config.members.values()):
        if entry.name != member.config.me and await _follow(member, entry):
            return True
    if member.state != "Stopped":
        member.become("Waiting")
    return False


async def _follow(member: "Member", entry: Entry) -> bool:
    """Follows a primary until it is lost, and then takes over if that may be.

    Returns:
        Whether there was a connection.
    """
    follower = await member.follow(entry)
    if follower is None:
        return False
    # It may have been demoted meanwhile.
    if member.is_failover() and await _may_take_over(member, follower):
        await member.become_primary(entry)
    return True


def _is_later(member: "Member", other: dict[str, Any]) -> bool:
    """Whether this member's journal is later than the other's; of two that are the same, the last primary's."""
    mine = member.about_me()
    keys = [(tuple(one["position"]), one["was_primary"], one["term"], one["guid"]) for one in (mine, other)]
    return keys[0] > keys[1]


async def _alone(member: "Member", other: Entry) -> bool:
    """The other instance can't be reached: HA 3.3.5.1, a member that restarts behaves as a backup that isn't active."""
    agent = await member.ask_agent(other, op="status")
    if agent is None:
        # HA 6.1.1: "it has no way of determining whether it was the most recent primary". The text is that of HA 6.3.1.3.
        member.say(2, "Failed to contact agent on former primary, can't take over")
        if member.state != "Waiting":
            hooks.notify(member.server, "NotifyBecomePrimaryFailed")
        member.become("Waiting")
        return False
    # Class Reference, GetStatus(): WAITING if it can become neither primary nor backup, TRANSITION if that soon changes.
    if agent["running"]:
        member.become("Transition" if agent.get("state") == "Transition" else "Waiting")
        return False
    if not await member.may_be_primary():
        member.become("Waiting")
        return False
    return await _fetch(member, other)


async def _fetch(member: "Member", other: Entry) -> bool:
    """Gets the journal data that this member lacks from the other's agent."""
    member.become("Transition")
    answer = await member.ask_agent(other, op="journal", outline=member.journal.outline())
    if answer is None or "records" not in answer:
        member.say(2, "Failed to get journal data from the agent of the other failover member")
        return False
    for record in answer["records"]:
        member.journal.append(record["t"], record["v"], record["n"], record.get("i", ""), record["w"])
    member.note(term=max(int(member.notes["term"]), member.journal.position[0]))
    return True


async def _may_take_over(member: "Member", lost: "Follower") -> bool:
    """Whether a backup that has lost its primary takes over (HA 3.3.2.2, 3.3.2.3, 3.3.5)."""
    controls = member.arbiter.controls
    member.arbiter.controls = False
    if not await member.may_be_primary():
        return False
    if lost.asked_to_take_over:
        member.log(1, "Primary has requested that this member take over")
        return True
    member.log(1, "MirrorClient: Primary AckDaemon failed to answer status request", "Generic.Event")
    sees = await member.arbiter.sees_peer() if lost.active and controls else None
    if sees is None:
        return await _agent_lets_take_over(member, lost)
    if sees:
        # Both are connected to the arbiter: the primary goes on, and this member tells it through the arbiter that it knows.
        lost.active = False
        member.arbiter.relay(not_active=True)
        member.note(active=False)
        return False
    member.log(1, "Arbiter has lost contact with the primary as well, taking over")
    return True


async def _agent_lets_take_over(member: "Member", lost: "Follower") -> bool:
    """Agent-controlled mode (HA 3.3.5.1): the former primary's agent has to say that its instance is down, or to force it."""
    agent = await member.ask_agent(lost.entry, op="status")
    if agent is None:
        member.say(2, "Failed to contact agent on former primary, can't take over")
        return False
    if agent["running"] and agent["hung"]:
        agent = await member.ask_agent(lost.entry, op="force")
    if agent is None or agent["running"]:
        return False
    trouble = 2 * member.qos
    if lost.active and lost.seconds_since() < trouble:
        return True
    return await _fetch(member, lost.entry)


async def force_down(member: "Member", former: Entry) -> None:
    """The new primary forces the former one down when it can be reached, if it still takes itself for primary (HA 3.3.5.2)."""
    while member.primary:
        answer = await member.ask_agent(former, op="status")
        if answer and (not answer["running"] or answer.get("state") not in (*_PRIMARY, None)):
            return
        if answer:
            member.log(2, f"Forcing down former primary {former.name}")
            await member.ask_agent(former, op="force")
        else:
            # Its agent doesn't answer; its instance may.
            await member.ask(former, op="stand down", term=member.primary.term)
        await asyncio.sleep(member.qos / 4)


async def stand_down(member: "Exchange", message: dict[str, Any]) -> None:
    """Another member is primary: this one, if it was, goes down, and stays so until a person starts it (HA 3.3.2.2)."""
    if member.primary and message["term"] > member.primary.term:
        member.log(3, "Another member has become primary; this instance is shut down")
        member.primary.close()
        member.primary = None
        member.server.begin_stop()
