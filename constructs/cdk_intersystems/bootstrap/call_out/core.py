"""What a member does to be routed to. Pure: no clock, no network, no state of its own.

An epoch is raised only by one, and only if it is still the one that was read, and only by a member that found itself to be
primary, or about to be, after it had read: a member that was frozen between the two meets a newer epoch and its write is
refused; one that was frozen before reads the newer one, asks itself for its role, and gives up.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Union


class Claim(NamedTuple):
    """Who holds a route epoch, as `lambda/mirror_router/core.py` has it.

    Args:
        epoch: The epoch.
        member: The failover member.
        instance_id: Its instance.
    """

    epoch: int
    member: str
    instance_id: str


class State(NamedTuple):
    """How far a call-out has come.

    Args:
        me: Member and instance, as a claim of theirs would have them; the epoch is 0.
        newest: The newest claim, epoch 0 if there is none. None: to be read.
        entitled: Whether the member is primary, or about to be, asked after `newest` was read. None: to be asked.
        tried: The epoch this call-out has tried to take last, 0 if none.
        mine: The claim this call-out has taken.
        sent: Whether the router was told of `mine`.
        ended: `routed`: the router has confirmed; `superseded`: another member has a newer epoch; `not primary`: given up.
    """

    me: Claim
    newest: Optional[Claim] = None
    entitled: Optional[bool] = None
    tried: int = 0
    mine: Optional[Claim] = None
    sent: bool = False
    ended: str = ""


class Read(NamedTuple):
    """Read the newest claim, consistently: answer with `after_read`."""


class Ask(NamedTuple):
    """Ask whether this member is primary, or about to be: answer with `after_ask`."""


class Raise(NamedTuple):
    """Take the next epoch if `seen` is still the newest: answer with `after_raise`.

    Args:
        claim: The claim to be written.
        seen: The epoch it follows, 0 if there is none.
    """

    claim: Claim
    seen: int


class Send(NamedTuple):
    """Tell the router of a claim: answer with `after_send`.

    Args:
        claim: The claim.
    """

    claim: Claim


class Await(NamedTuple):
    """See whether the router has confirmed, and which claim is the newest: answer with `after_await`.

    Args:
        claim: The claim.
    """

    claim: Claim


Step = Union[Read, Ask, Raise, Send, Await]


def next_step(state: State) -> Optional[Step]:
    """What a call-out does next; None when it has ended."""
    if state.ended:
        return None
    if state.mine is not None:
        return Await(state.mine) if state.sent else Send(state.mine)
    if state.newest is None:
        return Read()
    if state.entitled is None:
        return Ask()
    return Raise(state.me._replace(epoch=state.newest.epoch + 1), state.newest.epoch)


def after_read(state: State, newest: Optional[Claim]) -> State:
    """The state after `Read`.

    Args:
        state: The state before.
        newest: The newest claim; None if no member has taken an epoch yet. If it is the one this call-out has tried to take, it
            has, and the answer was lost. An older one of this member's is followed by a new one all the same: what the other
            member has read before this takeover may still be raised, until a new epoch makes it old.
    """
    if newest is not None and newest == state.me._replace(epoch=state.tried):
        return state._replace(newest=newest, mine=newest)
    return state._replace(newest=newest or Claim(0, "", ""), entitled=None)


def after_ask(state: State, entitled: bool) -> State:
    """The state after `Ask`.

    Args:
        state: The state before.
        entitled: Whether the member is primary, or about to be.
    """
    return state._replace(entitled=entitled, ended="" if entitled else "not primary")


def after_raise(state: State, taken: bool) -> State:
    """The state after `Raise`.

    Args:
        state: The state before.
        taken: Whether the claim was written. If not, or if that isn't known, the newest claim is read again: it may be ours.
    """
    assert state.newest is not None
    tried = state.newest.epoch + 1
    if not taken:
        return state._replace(newest=None, entitled=None, tried=tried)
    return state._replace(mine=state.me._replace(epoch=tried), tried=tried)


def after_send(state: State) -> State:
    """The state after `Send`."""
    return state._replace(sent=True)


def after_await(state: State, routed: int, newest: int, again: bool) -> State:
    """The state after `Await`.

    Args:
        state: The state before.
        routed: The epoch that the router has confirmed.
        newest: The newest epoch.
        again: Whether it has taken so long that the router is to be told again.
    """
    assert state.mine is not None
    if newest > state.mine.epoch:
        return state._replace(ended="superseded")
    if routed >= state.mine.epoch:
        return state._replace(ended="routed")
    return state._replace(sent=not again)
