"""Members that take epochs, each with the production core, while they take over from each other, freeze, wake up and die.

There is one primary at most: the arbiter sees to that. A member that isn't primary any more may not know it for as long as it
is frozen: a frozen call-out goes on where it stopped. A raise may be sent and arrive later, when its member has long given it
up. The router is one atomic step here: what it does with an epoch is `router_world`'s.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cdk_intersystems.bootstrap.call_out import core

from .exploration import Move


@dataclass(frozen=True)
class MemberCore:
    """The functions of `bootstrap/call_out/core.py`, so that a changed one can take its place."""

    next_step: Any = field(default=core.next_step)
    after_read: Any = field(default=core.after_read)
    after_ask: Any = field(default=core.after_ask)
    after_raise: Any = field(default=core.after_raise)
    after_send: Any = field(default=core.after_send)
    after_await: Any = field(default=core.after_await)


class Running(NamedTuple):
    """A call-out that runs.

    Args:
        member: Its member.
        frozen: Whether its host is.
        state: The core's state.
    """

    member: str
    frozen: bool
    state: Any


class State(NamedTuple):
    """A state of the world.

    Args:
        takeovers: How many takeovers there may still be.
        faults: How many faults there may still be.
        primary: The primary; empty before the first takeover.
        epoch: The newest epoch.
        holder: Who holds it.
        routed: The epoch that was confirmed last.
        leads_to: The member that clients are led to.
        told: Whether a message waits; another one says no more.
        running: The numbers of the call-outs, sorted.
        flights: Raises that were sent and haven't arrived: member, epoch, the epoch they follow.
        owed: Whether something happened that only the reconciler notices, and it hasn't run since.
        trusted: Whether every call-out went on, and none took itself for primary that isn't: then nobody else's raise lasts.
        unseen: Whether something happened that only the primary's watch notices, and it hasn't looked since.
    """

    takeovers: int
    faults: int
    primary: str = ""
    epoch: int = 0
    holder: str = ""
    routed: int = 0
    leads_to: str = ""
    told: bool = False
    running: tuple[int, ...] = ()
    flights: tuple[tuple[str, int, int], ...] = ()
    owed: bool = False
    trusted: bool = True
    unseen: bool = False


class MemberWorld:
    """The world.

    Args:
        cores: The core that call-outs run.
        takeovers: How many takeovers there are.
        faults: How many faults there are at most: deaths, freezes, lost or late writes, a member that takes itself for primary.
        misled: Whether a member that woke up may take itself for primary for a moment.
        running: How many call-outs run at most at once, those of frozen hosts included.
    """

    def __init__(
        self, cores: MemberCore | None = None, *, takeovers: int = 3, faults: int = 2, misled: bool = False, running: int = 2
    ) -> None:
        self.core = cores or MemberCore()
        self.takeovers, self.faults, self.misled, self.running = takeovers, faults, misled, running
        self._known: list[Running] = []
        self._numbers: dict[Running, int] = {}

    def _with(self, state: State, others: tuple[int, ...], each: Running) -> State:
        if each not in self._numbers:
            self._numbers[each] = len(self._known)
            self._known.append(each)
        return state._replace(running=tuple(sorted((*others, self._numbers[each]))))

    def initial(self) -> State:
        return State(self.takeovers, self.faults)

    def moves(self, state: State) -> Iterator[tuple[Move, State]]:
        yield from self._take_over(state)
        if state.told:
            yield ("the router runs",), _routed(state)._replace(told=False)
        yield ("tick",), _routed(state)._replace(owed=False)
        for flight in state.flights:
            yield self._arrive(state, flight)
        for index, number in enumerate(state.running):
            each = self._known[number]
            others = (*state.running[:index], *state.running[index + 1 :])
            if each.frozen:
                yield ("thaws", each.member), self._with(state, others, each._replace(frozen=False))
                continue
            yield from self._advance(state, others, each)
            if state.faults:
                faulty = state._replace(faults=state.faults - 1, owed=True)
                yield ("freezes", each.member), self._with(faulty, others, each._replace(frozen=True))
                yield ("dies", each.member), faulty._replace(running=others, trusted=False, unseen=True)
        if state.unseen:
            yield from self._watch(state)

    def _take_over(self, state: State) -> Iterator[tuple[Move, State]]:
        for member in "ab":
            if not state.takeovers:
                return
            own = [number for number in state.running if self._known[number].member == member]
            kept = state.running if member != state.primary else tuple(each for each in state.running if each not in own)
            if len(kept) == self.running or any(self._known[number].frozen for number in own if number in kept):
                continue  # Who takes over isn't frozen.
            kind = "takes over" if member != state.primary else "starts again as primary"
            owed = state.owed or len(kept) < len(state.running)
            after = state._replace(takeovers=state.takeovers - 1, primary=member, owed=owed)
            yield (kind, member), self._with(after, kept, self._begin(member))

    def _begin(self, member: str) -> Running:
        return Running(member, False, core.State(core.Claim(0, member, f"i-{member}")))

    def _advance(self, state: State, others: tuple[int, ...], each: Running) -> Iterator[tuple[Move, State]]:
        step, member, known = self.core.next_step(each.state), each.member, each.state
        faulty = state._replace(faults=state.faults - 1)

        def then(after: State, new: Any) -> State:
            if self.core.next_step(new) is None:
                return after._replace(running=others)
            return self._with(after, others, each._replace(state=new))

        if isinstance(step, core.Read):
            newest = core.Claim(state.epoch, state.holder, f"i-{state.holder}") if state.epoch else None
            yield ("reads", member, state.epoch), then(state, self.core.after_read(known, newest))
        elif isinstance(step, core.Ask):
            truly = state.primary == member
            yield ("asks for its role", member, truly), then(state, self.core.after_ask(known, truly))
            if self.misled and state.faults and not truly:
                after = faulty._replace(trusted=False, unseen=True)
                yield ("takes itself for primary", member), then(after, self.core.after_ask(known, True))
        elif isinstance(step, core.Raise):
            yield from self._raise(state, member, step, known, then)
        elif isinstance(step, core.Send):
            yield ("sends a message", member, step.claim.epoch), then(state._replace(told=True), self.core.after_send(known))
        elif isinstance(step, core.Await):
            again = state.epoch == step.claim.epoch and state.routed < step.claim.epoch
            new = self.core.after_await(known, state.routed, state.epoch, again)
            yield ("awaits", member, step.claim.epoch), then(state, new)

    def _raise(self, state: State, member: str, step: core.Raise, known: Any, then: Any) -> Iterator[tuple[Move, State]]:
        faulty = state._replace(faults=state.faults - 1)
        taken = step.seen == state.epoch or not getattr(step, "conditional", True)
        held = _held(state, step.claim.epoch, member)
        new = self.core.after_raise(known, taken)
        if taken:
            yield ("raises", member, step.claim.epoch), then(state._replace(**held), new)
        else:
            yield ("is refused to raise", member, step.claim.epoch), then(state, new)
        if not state.faults:
            return
        unknown = self.core.after_raise(known, False)
        if taken:
            yield ("raises, and doesn't hear of it", member, step.claim.epoch), then(faulty._replace(**held), unknown)
        if not state.flights:
            flight = (member, step.claim.epoch, step.seen)
            yield ("sends a raise", member, step.claim.epoch), then(faulty._replace(flights=(flight,)), unknown)

    def _arrive(self, state: State, flight: tuple[str, int, int]) -> tuple[Move, State]:
        member, epoch, seen = flight
        after = state._replace(flights=tuple(each for each in state.flights if each != flight))
        if seen != state.epoch:
            return ("arrives late and is refused: raise", member, epoch), after
        return ("arrives late: raise", member, epoch), after._replace(**_held(state, epoch, member), owed=True)

    def _watch(self, state: State) -> Iterator[tuple[Move, State]]:
        """The primary's watch, which looks when nothing of its own is running."""
        if any(self._known[each].member == state.primary for each in state.running) or not state.primary:
            return
        if state.holder == state.primary:
            yield ("its watch finds it routed", state.primary), state._replace(unseen=False)
        elif len(state.running) < self.running:
            yield ("its watch begins a call-out", state.primary), self._with(state, state.running, self._begin(state.primary))

    def at_rest(self, state: State) -> bool:
        running = (self._known[number] for number in state.running)
        awake = any(not each.frozen or each.member == state.primary for each in running)
        return not (awake or state.told or state.flights or state.owed or state.unseen)

    def broken_at(self, state: State) -> str:
        if not self.at_rest(state):
            return ""
        if state.routed != state.epoch or state.leads_to != state.holder:
            return f"I2: at rest, {state.holder} holds epoch {state.epoch}, and routed is {state.leads_to}"
        if state.holder != state.primary:
            return f"I2: at rest, {state.primary} is primary, and {state.holder} holds the highest epoch, {state.epoch}"
        return ""

    def broken_by(self, before: State, move: Move, after: State) -> str:
        if (before.epoch, before.holder) != (after.epoch, after.holder) and after.epoch != before.epoch + 1:
            return f"an epoch is one more than the last: {after.epoch} of {after.holder} follows {before.epoch}"
        return ""

    def towards_rest(self, state: State) -> tuple[Move, State] | None:
        if state.flights:
            return self._arrive(state, state.flights[0])
        for index, number in enumerate(state.running):
            each = self._known[number]
            others = (*state.running[:index], *state.running[index + 1 :])
            if each.frozen:
                return ("thaws", each.member), self._with(state, others, each._replace(frozen=False))
            if not isinstance(self.core.next_step(each.state), core.Await) or state.routed == state.epoch:
                return next(self._advance(state, others, each))
        if state.told:
            return ("the router runs",), _routed(state)._replace(told=False)
        if state.owed or state.routed < state.epoch:
            return ("tick",), _routed(state)._replace(owed=False)
        return next(self._watch(state), None)

    def told(self, steps: list[tuple[State, Move, State]]) -> list[str]:
        return [
            f"{' '.join([str(move[1]) if len(move) > 1 else '', move[0], *map(str, move[2:])]).strip():50} | primary "
            f"{after.primary}, newest {after.epoch} of {after.holder or 'nobody'}, led to {after.leads_to or 'nobody'}"
            for _, move, after in steps
        ]


def _held(state: State, epoch: int, member: str) -> dict[str, Any]:
    unseen = state.unseen or (member != state.primary and not state.trusted)
    return {"epoch": epoch, "holder": member, "unseen": unseen}


def _routed(state: State) -> State:
    return state._replace(routed=state.epoch, leads_to=state.holder)
