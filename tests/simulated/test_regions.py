"""Two regions through months of outages, with Route 53 between them: who is answered, and who never is.

I6: DR is answered only after a committed move has reached its latch. I7: after it the old region is never answered, however
often it comes back, until a fail-back has reached its latch. I5: there is always an answer. I12: once
everything works, the answer follows the latch.
"""

import random

import pytest

from cdk_intersystems.prediction import constants
from cdk_intersystems.prediction.clock import Clock
from cdk_intersystems.prediction.route53 import FailoverRecord
from cdk_intersystems.prediction.two_regions import LATCH_KINDS, Regions, Routing, Users, Watch

#: From a latch that was turned until every resolver answers by it, when everything works.
BUDGET = (
    constants.METRIC_PERIOD * 2
    + constants.METRIC_TO_HEALTH_CHECK.upper
    + constants.HEALTH_TO_ANSWER.upper
    + constants.REGION_NAME_TTL
)
SEEDS = range(12)


class _World:
    def __init__(self, kind: str, seed: int, *, private: bool) -> None:
        self.clock = Clock(seed)
        self.regions = Regions()
        self.watch = Watch(self.clock, self.regions, kind)  # type: ignore[arg-type]
        self.routing = Routing(self.clock, self.watch, None if private else lambda: self.regions.primary_serves)
        self.users = Users(self.clock, self.routing.name_servers, 5)
        #: When the latch was turned last, and to whom.
        self.turned_at, self.holder = 0.0, "primary"
        self.routing.name_servers.changed.tell(self._check)
        self.users.changed.tell(self._check)
        self.answers: list[tuple[float, str]] = []

    def turn(self, serving: str) -> None:
        self.regions.turn(serving)
        self.turned_at, self.holder = self.clock.now, "secondary" if serving == "dr" else "primary"

    def _check(self) -> None:
        now = self.clock.now
        for answer in {self.routing.name_servers.answer, *(each for each, _ in self.users.answers)}:
            assert answer in ("primary", "secondary")
            if answer != self.holder:
                assert now <= self.turned_at + self.slack, f"at {now} {answer} is answered, and {self.holder} has the traffic"
        self.answers.append((now, self.routing.name_servers.answer))

    #: While the watch works, the old answer is gone after this.
    slack = BUDGET

    def settled(self) -> bool:
        return {self.routing.name_servers.answer, *(answer for answer, _ in self.users.answers)} == {self.holder}


@pytest.mark.parametrize("private", [True, False], ids=["private", "internet"])
@pytest.mark.parametrize("kind", LATCH_KINDS)
def test_the_answer_follows_the_latch_alone_through_every_outage(kind: str, private: bool) -> None:
    turned = 0
    for seed in SEEDS:
        chance = random.Random(f"{kind}/{private}/{seed}")
        world = _World(kind, seed, private=private)
        world.clock.run_for(600)
        for _ in range(40):
            what = chance.choice(["primary", "dr", "reach", "turn", "nothing"])
            regions = world.regions
            if what == "primary":
                regions.primary_serves = not regions.primary_serves
            elif what == "dr":
                regions.dr_serves = not regions.dr_serves
            elif what == "reach":
                regions.watch_reaches_primary = not regions.watch_reaches_primary
            elif what == "turn" and world.clock.now > world.turned_at + BUDGET:
                world.turn("primary" if world.regions.dr_holds else "dr")
                turned += 1
            world.clock.run_for(chance.choice([1, 10, 61, 200]))
        world.clock.run_for(BUDGET)
        assert world.settled(), f"seed {seed}"
    assert turned > 2 * len(SEEDS)


@pytest.mark.parametrize("kind", LATCH_KINDS)
def test_while_the_watch_is_dead_nothing_moves_and_then_it_does(kind: str) -> None:
    world = _World(kind, 1, private=True)
    world.slack = float("inf")
    world.clock.run_for(600)
    world.turn("dr")
    world.clock.run_for(BUDGET)
    assert world.settled()
    world.regions.watch_works = False
    world.regions.primary_serves = False
    world.clock.run_for(1200)
    world.regions.primary_serves = True
    world.clock.run_for(1200)
    assert world.settled(), "the last known status holds: the old region gets nothing back"
    world.turn("primary")
    world.clock.run_for(1200)
    assert world.routing.name_servers.answer == "secondary", "nobody has carried it"
    world.regions.watch_works = True
    world.clock.run_for(BUDGET)
    assert world.settled()


def test_without_a_latch_a_region_that_comes_back_takes_its_traffic_back() -> None:
    """The reference architecture's own design, which these records are there to mend."""
    world = _World("metric", 1, private=False)
    plain = FailoverRecord(world.routing.primary, None)
    world.clock.run_for(600)
    world.regions.primary_serves = False
    world.clock.run_for(600)
    assert plain.answer() == "secondary", "and that before anybody has promoted it"
    world.regions.primary_serves = True
    world.clock.run_for(600)
    assert plain.answer() == "primary"
    assert world.settled()


def test_if_dr_s_own_outage_counted_the_old_region_would_be_answered() -> None:
    """Why SECONDARY's health check is the latch alone: with both unhealthy Route 53 answers PRIMARY."""

    class _Serves:
        changed = Watch(Clock(0), Regions(), "metric").published
        healthy = False

    world = _World("metric", 2, private=True)
    world.clock.run_for(600)
    world.turn("dr")
    world.clock.run_for(BUDGET)
    assert FailoverRecord(world.routing.primary, world.routing.secondary).answer() == "secondary"
    assert FailoverRecord(world.routing.primary, _Serves()).answer() == "primary"
