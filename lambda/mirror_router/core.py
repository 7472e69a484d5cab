"""What the router does next. Pure: no clock, no network, no state of its own.

The services that hold routes and listeners take any write, however old what it rests on: whoever checks the epoch and then
writes can be overtaken between the two, and leaves the route where it was. So a run never ends with a write. It writes, looks
whether it took effect, and has DynamoDB confirm, in one transaction, that the epoch it worked for is still the newest one;
if it isn't, the run begins again with the newer one. Only then is the message deleted that woke the router. A run that dies
on the way leaves its message, and the reconciler does the same each minute. `tests/model_check` explores every order of
these steps for several runs at once, with deaths, repetitions, and writes that arrive late.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Claim:
    """Who holds a route epoch.

    Args:
        epoch: The epoch, from 1; each is taken once.
        member: The failover member that took it, `a` or `b`.
        instance_id: Its EC2 instance.
    """

    epoch: int
    member: str
    instance_id: str


@dataclass(frozen=True, slots=True)
class State:
    """How far a run has come.

    Args:
        claim: The newest claim that the run knows. None: not read yet.
        routed: The claim that was confirmed last, by this run or an earlier one.
        wrong: The places (route tables, listeners) that don't lead to the claim's member. None: to be looked at.
        wrote: Whether this run has written since it learned of the claim.
        ended: Whether there is nothing left to do.
    """

    claim: Claim | None = None
    routed: Claim | None = None
    wrong: tuple[str, ...] | None = None
    wrote: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """Read the newest claim and the one that was confirmed last, consistently: answer with `after_read`."""


@dataclass(frozen=True, slots=True)
class Look:
    """Look which places don't lead to the claim's member: answer with `after_look`.

    Args:
        claim: The claim.
    """

    claim: Claim


@dataclass(frozen=True, slots=True)
class Point:
    """Lead places to the claim's member, never by taking away what is there first: answer with `after_point`.

    Args:
        claim: The claim.
        places: The places, in the order to be kept.
    """

    claim: Claim
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Confirm:
    """Record that the claim is routed, only if it is still the newest one: answer with `after_confirm`.

    Args:
        claim: The claim.
    """

    claim: Claim


Step: TypeAlias = Read | Look | Point | Confirm


def next_step(state: State) -> Step | None:
    """What a run does next; None when it has ended."""
    if state.ended:
        return None
    if state.claim is None:
        return Read()
    if state.wrong is None:
        return Look(state.claim)
    if state.wrong:
        return Point(state.claim, state.wrong)
    return Confirm(state.claim)


def after_read(claim: Claim | None, routed: Claim | None) -> State:
    """The state after `Read`.

    Args:
        claim: The newest claim. None: no member has taken an epoch yet, and there is nothing to lead anybody to.
        routed: The claim that was confirmed last. None: none was.
    """
    return State(claim=claim, routed=routed, ended=claim is None)


def after_look(state: State, wrong: tuple[str, ...]) -> State:
    """The state after `Look`.

    Args:
        state: The state before.
        wrong: The places that don't lead to the claim's member, clients' first.
    """
    # Who has written nothing, and finds everything as it was confirmed, has nothing to confirm.
    settled = not wrong and not state.wrote and state.routed == state.claim
    return replace(state, wrong=wrong, ended=settled)


def after_point(state: State) -> State:
    """The state after `Point`, however many of the places took the write: what counts is what the next look finds."""
    return replace(state, wrong=None, wrote=True)


def after_confirm(state: State, newer: Claim | None) -> State:
    """The state after `Confirm`.

    Args:
        state: The state before.
        newer: The claim that has taken the place of this one, so that nothing was recorded. None: it was recorded.
    """
    if newer is None:
        return replace(state, routed=state.claim, ended=True)
    return State(claim=newer, routed=state.routed)
