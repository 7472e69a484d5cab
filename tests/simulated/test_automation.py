"""The whole automation, whatever is done to it and in whatever order: what must hold holds, and in the end it converges.

`SIMULATED_SEED=7 pytest tests/simulated/test_automation.py` runs other steps, `SIMULATED_WORLDS=5000` more of them.
"""

import os

import pytest

from .machine import AutomationMachine
from .runs import run
from .simulated_world import SimulatedWorld, SlowWorld

#: Worlds for each seed; each makes about sixty steps.
WORLDS = int(os.environ.get("SIMULATED_WORLDS", "150"))
SEEDS = [int(os.environ["SIMULATED_SEED"])] if "SIMULATED_SEED" in os.environ else [1, 2]
KINDS = [SimulatedWorld, SlowWorld]
#: In each of two kinds of worlds with two seeds.
LEAST_STEPS = 40 * WORLDS


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_step_keeps_what_must_hold_and_it_converges_in_the_end(seed: int, make: type[SimulatedWorld]) -> None:
    print(f"SIMULATED_SEED={seed} SIMULATED_WORLDS={WORLDS}")
    machine = run(seed, WORLDS, make)
    epochs = max(claim.epoch for _, claim, _, _ in machine.trace)
    print(f"{machine.steps} steps, at most {epochs} epochs in a world, {machine.happened}")
    assert machine.steps >= LEAST_STEPS
    assert epochs >= 5, "the worlds were too quiet"
    # Else nothing was tried: takeovers, runs that failed, messages repeated, updates at rest and in the middle.
    assert all(machine.happened.get(each, 0) >= WORLDS / 10 for each in AutomationMachine.WORTH)


def test_ten_thousand_steps_in_all() -> None:
    asked = bool({"SIMULATED_SEED", "SIMULATED_WORLDS"} & set(os.environ))
    assert asked or len(SEEDS) * len(KINDS) * LEAST_STEPS >= 10_000


def test_a_seed_gives_the_same_steps_again() -> None:
    one, again, other = run(5, 5), run(5, 5), run(6, 5)
    assert one.trace == again.trace
    assert one.trace != other.trace
