"""Runs of the router, one step of one run at a time. What a run can do next depends on the run and on what it sees alone."""

from typing import Any, NamedTuple

from mirror_router.core import Claim, Confirm, Look, Point, Read

from .router_core import RouterCore

# What a run was begun by if not by a message.
TICK = 0


class Run(NamedTuple):
    """A run.

    Args:
        state: The core's state.
        begun_by: The epoch of the message that began it; `TICK` for the reconciler.
        deleted: Whether its message is deleted.
        doing: The step that has begun and is made of several calls, with how far it has come.
        fresh: Whether it began after the last fault that only a run from the beginning can put right.
    """

    state: Any
    begun_by: int
    deleted: bool
    doing: tuple[Any, ...]
    fresh: bool


class Seen(NamedTuple):
    """What runs see and change: epochs alone, the claims are known. A place leads to the holder of an epoch, or 0: nowhere."""

    claim: int
    routed: int
    places: tuple[int, ...]


class Outcome(NamedTuple):
    """What one step of a run leads to.

    Args:
        move: What happened.
        run: The run afterwards; None if it has died or ended.
        seen: The world afterwards.
        sent: A write that was sent and may arrive at any time: `("point", place, epoch)` or `("confirm", epoch)`.
        deletes: Whether the message is deleted.
        lasting: Whether the run has ended well.
    """

    move: tuple[Any, ...]
    run: Run | None
    seen: Seen
    sent: tuple[Any, ...] = ()
    deletes: bool = False
    lasting: bool = False


class Runs:
    """Steps of runs.

    Args:
        core: The core they run.
        claims: The claim of each epoch, from epoch 1; each names another instance.
        paged: Whether the places are looked at one after the other, and the two records are read one after the other.
        late: Whether a write may arrive late.
    """

    def __init__(self, core: RouterCore, claims: tuple[Claim, ...], *, paged: bool, late: bool) -> None:
        self.core, self.claims, self.paged, self.late = core, claims, paged, late
        self._epochs = {claim.instance_id: claim.epoch for claim in claims} | {"": 0}

    def claim(self, epoch: int) -> Claim | None:
        return self.claims[epoch - 1] if epoch else None

    def begin(self, message: int) -> Run:
        return Run(self.core.begin(self.claim(message)), message, False, (), True)

    def steps(self, run: Run, seen: Seen) -> list[Outcome]:
        """Everything that the next step of a run can lead to, its death included."""
        dies = Outcome(("dies", run.begun_by), None, seen)
        if run.begun_by != TICK and not run.deleted and self.core.done(run.state):
            end = self.core.next_step(run.state) is None
            deleted = None if end else run._replace(deleted=True)
            return [dies, Outcome(("deletes its message",), deleted, seen, deletes=True, lasting=end)]
        step = self.core.next_step(run.state)
        if step is None:
            return [Outcome(("ends",), None, seen, lasting=True)]
        if isinstance(step, Read):
            return [dies, *self._read(run, seen)]
        if isinstance(step, Look):
            return [dies, *self._look(run, seen, step)]
        if isinstance(step, Point):
            return [dies, *self._point(run, seen, step)]
        assert isinstance(step, Confirm)
        return [dies, *self._confirm(run, seen, step)]

    def _read(self, run: Run, seen: Seen) -> list[Outcome]:
        claim, routed = self.claim(seen.claim), self.claim(seen.routed)
        if not self.paged:
            return [Outcome(("reads", seen.claim), run._replace(state=self.core.after_read(claim, routed)), seen)]
        if not run.doing:
            return [
                Outcome(("reads the claim", seen.claim), run._replace(doing=("claim", seen.claim)), seen),
                Outcome(("reads what is routed", seen.routed), run._replace(doing=("routed", seen.routed)), seen),
            ]
        known, epoch = run.doing
        if known == "claim":
            state = self.core.after_read(self.claim(epoch), routed)
            return [Outcome(("reads what is routed", seen.routed), run._replace(state=state, doing=()), seen)]
        state = self.core.after_read(claim, self.claim(epoch))
        return [Outcome(("reads the claim", seen.claim), run._replace(state=state, doing=()), seen)]

    def _look(self, run: Run, seen: Seen, step: Look) -> list[Outcome]:
        epoch = step.claim.epoch
        done = run.doing[1] if run.doing else 0
        wrong = run.doing[2] if run.doing else ()
        until = done + 1 if self.paged else len(seen.places)
        wrong += tuple(str(place) for place in range(done, until) if seen.places[place] != epoch)
        move = ("looks at", tuple(range(done, until)), epoch, seen.places[done:until])
        if until < len(seen.places):
            return [Outcome(move, run._replace(doing=("look", until, wrong)), seen)]
        return [Outcome(move, run._replace(state=self.core.after_look(run.state, wrong), doing=()), seen)]

    def _point(self, run: Run, seen: Seen, step: Point) -> list[Outcome]:
        target = self._epochs[step.claim.instance_id]
        left = run.doing[1] if run.doing else step.places
        outcomes = []
        for name in left:
            place = int(name)
            rest = tuple(each for each in left if each != name)
            after = (
                run._replace(doing=("point", rest)) if rest else run._replace(state=self.core.after_point(run.state), doing=())
            )
            places = (*seen.places[:place], target, *seen.places[place + 1 :])
            outcomes.append(Outcome(("points", place, target), after, seen._replace(places=places)))
            outcomes.append(Outcome(("is refused the write of", place, target), after, seen))
            if self.late:
                outcomes.append(
                    Outcome(("sends the write of", place, target), after, seen, sent=("point", place, target)),
                )
        return outcomes

    def _confirm(self, run: Run, seen: Seen, step: Confirm) -> list[Outcome]:
        epoch = step.claim.epoch
        outcomes = []
        if self.late:
            outcomes.append(Outcome(("sends the confirmation and dies", epoch), None, seen, sent=("confirm", epoch)))
        if seen.claim == epoch or not getattr(step, "conditional", True):
            state = self.core.after_confirm(run.state, None)
            return [*outcomes, Outcome(("confirms", epoch), run._replace(state=state), seen._replace(routed=epoch))]
        state = self.core.after_confirm(run.state, self.claim(seen.claim))
        return [*outcomes, Outcome(("can't confirm", epoch, seen.claim), run._replace(state=state), seen)]
