"""A promotion of the DR region, from its approval until each user is served there: one run.

The order of the steps is decided by the promotion's production core; how long a step takes is drawn. What happens is the loss
of the whole primary region: nothing of it answers, so fencing it runs into its time limits.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import constants
from .clock import Clock, Process, Signal, Wait
from .production import promotion_core
from .production import promotion_events as events
from .production import promotion_records as records
from .two_regions import Regions, Routing, Users, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdk_intersystems.model.region_latch import LatchKind

#: Users of one run. Each has a resolver of its own.
USERS = 20
#: The watch, the resolvers and the health checks have run for so long before.
_BEFORE = 400.0
#: A user that isn't back after so long counts as one that needs a person.
LONGEST = 3600.0

STAGES = ("workflow", "capacity", "database", "latch", "cache", "tiers")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionSettings:
    """What the prediction of a promotion depends on.

    Args:
        resize: Whether the member that becomes primary is smaller while it waits, so that it is stopped, changed and started.
        fallback_types: How many instance types there are besides the full size, for want of capacity.
        tiers_wait: Whether servers of the tiers are up while DR waits. Otherwise the first ones are launched.
        private: Whether the name is a private one, whose record follows a metric and not an endpoint.
        ttl: How long resolvers keep an answer.
    """

    resize: bool = False
    fallback_types: int = 0
    tiers_wait: bool = True
    private: bool = True
    ttl: float = constants.REGION_NAME_TTL

    @property
    def elastic(self) -> bool:
        """Whether capacity has to be raised before users can be served."""
        return self.resize or not self.tiers_wait


@dataclass(frozen=True, slots=True)
class Landed:
    """One user.

    Args:
        rto: Seconds from the approval until the user is served; None: not within `LONGEST`.
        stages: Its parts, in the order of `STAGES`.
        sent_to_old: Seconds after DR's database had opened for which the user was still sent to the old region. Had that region
            been cut off and not lost, what the user wrote there meanwhile would be lost.
    """

    rto: float | None
    stages: tuple[float, ...]
    sent_to_old: float


class Promotion:
    """The workflow: it runs whatever step the promotion's core says is next.

    Args:
        clock: The clock.
        regions: The regions.
        watch: The watch.
        settings: The settings.
    """

    def __init__(self, clock: Clock, regions: Regions, watch: Watch, settings: RegionSettings) -> None:
        self.done: dict[str, float] = {}
        self.served_at: float | None = None
        #: The records of the mirror set, as its table has them.
        self.region, self.move = _approved(clock.now)
        self._ended = Signal()
        self._clock = clock
        self._regions = regions
        self._watch = watch
        self._settings = settings
        self._chance = clock.random("promotion")
        #: When the member that becomes primary takes commands, if it was started meanwhile.
        self._takes_commands = 0.0
        self._iris_up = 0.0
        self._steps: dict[str, Callable[[], Process]] = {
            "fence": self._fence,
            "resize": self._resize,
            "promote": self._promote,
            "await_primary": self._await_primary,
            "raise_tiers": self._raise_tiers,
            "latch": self._latch,
        }

    def run(self) -> Process:
        """From the approval on. What comes after the latch makes no user wait, and takes no time here."""
        started: set[str] = set()
        while True:
            names = promotion_core.next_step(self.region, self.move, self._clock.now).names
            if names == ("report",):
                self._tell(events.Complete(self.move.id))
                return
            for name in names:
                if name not in started:
                    started.add(name)
                    self._clock.start(self._step(name))
            yield Wait(self._ended)

    def _tell(self, event: "events.Event") -> None:
        made = promotion_core.apply(event, self.region, self.move, self._clock.now)
        if isinstance(made, events.Refused):
            raise RuntimeError(f"{event} is refused: {made.message}")
        self.region, self.move = made.region or self.region, made.move or self.move

    def _step(self, name: str) -> Process:
        yield from self._invoked(cold=name == "commit")
        if name == "commit":
            self._tell(events.Commit(self.move.id))
        else:
            self._tell(events.StepStarted(self.move.id, name))
            if name in self._steps:
                yield from self._steps[name]()
            self._tell(events.StepDone(self.move.id, name))
        yield constants.DYNAMODB_CALL.draw(self._chance)
        self.done[name] = self._clock.now
        self._clock.call_after(0.0, self._ended.fire)

    def _invoked(self, *, cold: bool = False) -> Process:
        """A transition of the workflow, and the start of the function."""
        yield constants.TRANSITION.draw(self._chance)
        cold = cold or self._chance.random() < constants.COLD_SHARE
        yield (constants.COLD_START if cold else constants.WARM_START).draw(self._chance)
        yield constants.DYNAMODB_CALL.draw(self._chance)

    def _fence(self) -> Process:
        # Nothing of the old region answers.
        yield constants.FENCE_UNREACHABLE.draw(self._chance)

    def _resize(self) -> Process:
        if not self._settings.resize:
            return
        yield constants.EC2_CALL.draw(self._chance)
        yield from self._until_seen(self._clock.now + constants.STOP_INSTANCE.draw(self._chance))
        left = self._settings.fallback_types
        while True:
            yield constants.EC2_CALL.draw(self._chance)  # the type is changed
            if self._chance.random() >= constants.NO_CAPACITY_SHARE:
                break
            yield constants.NO_CAPACITY.draw(self._chance)
            left -= 1
            if left < 0:
                left = self._settings.fallback_types
                yield constants.CAPACITY_AGAIN
        running = self._clock.now + constants.START_INSTANCE.draw(self._chance)
        self._takes_commands = running + constants.BOOT.draw(self._chance)
        self._iris_up = self._takes_commands + constants.START_IRIS.draw(self._chance)
        yield from self._until_seen(running)

    def _until_seen(self, so: float) -> Process:
        """Something of EC2's is so from a time on; the workflow looks again and again."""
        while self._clock.now < so:
            yield constants.EC2_AGAIN
            yield from self._invoked()
            yield constants.EC2_CALL.draw(self._chance)

    def _promote(self) -> Process:
        # Systems Manager takes no command for a host whose agent isn't there yet: the step fails, and is run again.
        again = constants.STEP_RETRY
        while self._clock.now < self._takes_commands:
            yield again
            again = min(again * 2, constants.STEP_RETRY_MOST)
            yield from self._invoked()
        begins = max(self._iris_up, self._clock.now)
        yield from self._answered(begins + constants.PROMOTE.draw(self._chance))

    def _await_primary(self) -> Process:
        takes = constants.TAKEOVER.draw(self._chance) + constants.TAKEOVER_END.draw(self._chance)
        takes += constants.GATE_OPENS.draw(self._chance)
        self._clock.call_after(takes, self._open)
        yield from self._answered(self._clock.now + takes)

    def _answered(self, so: float) -> Process:
        """A host answers a command when something is so; runs of the step wait for it one after the other."""
        answers = max(so, self._clock.now) + constants.RUN_COMMAND.draw(self._chance)
        while True:
            waits = min(constants.ANSWER_WAIT, max(0.0, answers - self._clock.now))
            looks = -(-waits // constants.ANSWER_LOOK)
            yield looks * constants.ANSWER_LOOK
            if self._clock.now >= answers:
                return
            yield constants.ASK_AGAIN
            yield from self._invoked()

    def _open(self) -> None:
        self._regions.dr_serves = True
        self.done["open"] = self._clock.now
        follows = self._clock.now + constants.TIER_FOLLOWS.draw(self._chance)
        self._clock.call_at(max(follows, self.done.get("tier", 0.0)), self._serve)

    def _raise_tiers(self) -> Process:
        yield constants.EC2_CALL.draw(self._chance)
        if not self._settings.tiers_wait:
            up = self._clock.now + constants.TIER_HOST.draw(self._chance)
            self.done["tier"] = up
            self._clock.call_at(up, self._serve)

    def _serve(self) -> None:
        ready = self.done.get("tier", 0.0)
        if self._regions.dr_serves and self._clock.now >= ready and self.served_at is None:
            self.served_at = self._clock.now

    def _latch(self) -> Process:
        yield constants.DYNAMODB_CALL.draw(self._chance)
        self._tell(events.Latch(self.move.id))
        self._regions.turn(self.region.serving)
        self.done["told"] = self._clock.now
        yield constants.WARM_START.draw(self._chance)
        yield from self._watch.publish()


def _approved(now: float) -> "tuple[records.Region, records.Move]":
    """A promotion that was asked for, checked, and approved just now."""
    asks = records.Principal("arn:aws:sts::1:assumed-role/Operators/anne", "1/Operators", "anne")
    approves = records.Principal("arn:aws:sts::1:assumed-role/Approvers/bob", "1/Approvers", "bob")
    region = records.Region("primary")
    plan = records.Plan(records.PROMOTION, "SIMULATED", records.DR, accept_data_loss=True)
    made = promotion_core.apply(events.Request("m", plan, asks, ("1/Operators",), 1800.0), region, None, now)
    assert isinstance(made, events.Writes)
    assert made.move is not None
    checked = replace(made.move.plan, member="SIMC", partner="none")
    made = promotion_core.apply(events.Checked("m", checked), region, made.move, now)
    assert isinstance(made, events.Writes)
    assert made.move is not None
    approval = events.Approve("m", made.move.plan_hash, made.move.epoch, approves, ("1/Approvers",))
    made = promotion_core.apply(approval, region, made.move, now)
    assert isinstance(made, events.Writes)
    assert made.move is not None
    return region, made.move


def promote_once(kind: "LatchKind", settings: RegionSettings, seed: int | str) -> list[Landed]:
    """Lose the primary region, and promote DR after an approval that comes when it comes.

    Args:
        kind: The kind of latch.
        settings: The settings.
        seed: What all chance follows from.

    Returns:
        What each user saw.
    """
    clock = Clock(seed)
    regions = Regions()
    watch = Watch(clock, regions, kind)
    routing = Routing(clock, watch, None if settings.private else lambda: regions.primary_serves)
    users = Users(clock, routing.name_servers, USERS, settings.ttl)
    clock.run_for(_BEFORE)
    regions.primary_serves = regions.watch_reaches_primary = False
    # People look, decide and approve meanwhile: everything that follows the loss by itself has done so.
    clock.run_for(_BEFORE + clock.random("approval").uniform(0.0, constants.METRIC_PERIOD))
    approved = clock.now
    promotion = Promotion(clock, regions, watch, settings)
    clock.start(promotion.run())
    clock.run_until(
        approved + LONGEST,
        lambda: promotion.served_at is not None and all(answer == "secondary" for answer, _ in users.answers),
    )
    tries = clock.random("tries")
    return [_landed(promotion, routing, user, approved, tries.random()) for user in users.answers]


def _landed(promotion: Promotion, routing: Routing, user: tuple[str, float], approved: float, share: float) -> Landed:
    answer, since = user
    if promotion.served_at is None or answer != "secondary":
        return Landed(None, (), LONGEST)
    again = share * constants.USER_TRIES_AGAIN
    ended = max(promotion.served_at, since) + again
    done = promotion.done
    opened = done["open"]
    answered = next(when for when, name in routing.name_servers.history if name == "secondary")
    # The tiers' part is what users waited for them alone, with their next try.
    marks = (done["fence"], done["resize"], max(opened, min(done["told"], ended)), answered, since)
    stages, at = [], approved
    for mark in marks:
        here = min(max(mark, at), ended)
        stages.append(here - at)
        at = here
    return Landed(ended - approved, (*stages, ended - at), max(0.0, since - opened))
