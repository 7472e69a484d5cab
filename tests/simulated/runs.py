"""Runs of the machine by seed: the same seed gives the same steps, and a failing one is told as the shortest list of steps."""

from collections.abc import Sequence

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import AutomationMachine
from .simulated_world import SimulatedWorld

#: Steps of one world before everything heals.
LENGTH = 50
_TELLING = (Phase.generate, Phase.shrink)


def run(
    seed: int, worlds: int, make: type[SimulatedWorld] = SimulatedWorld, phases: Sequence[Phase] = _TELLING
) -> type[AutomationMachine]:
    """Run the machine on some worlds.

    Args:
        seed: What every choice follows from.
        worlds: How many worlds.
        make: The worlds.
        phases: Hypothesis's phases. Default: what fails is shrunk.

    Returns:
        The machine, with the number of its steps and its trace.
    """
    machine = type("Machine", (AutomationMachine,), {"steps": 0, "trace": [], "happened": {}, "make": make})
    chosen = settings(
        max_examples=worlds,
        stateful_step_count=LENGTH,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=chosen)  # type: ignore[no-untyped-call]
    return machine
