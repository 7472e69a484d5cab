"""One run: a fault strikes a world, and each endpoint's clients come back or don't."""

from dataclasses import dataclass

from . import constants
from .client import Client
from .faults import Fault
from .world import Settings, World

#: When the fault strikes: chance has put health checks and schedules anywhere by then.
_STRIKES = constants.RECONCILE_EVERY
#: Seconds after the fault at which a client that isn't back counts as one that needs a person.
LONGEST = 300.0
#: How long a run goes on after the attentive clients are back, for those that are not.
_GRACE = 60.0
#: How long a fault may take to show: longer than the QoS timeout with its trouble timeout.
_SHOWS = 30.0

STAGES = ("detection", "takeover", "routing", "propagation", "client")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What clients of one endpoint saw.

    Args:
        outage: Seconds from the first failed to the first good write of an attentive client; None: it needs a person.
        stages: The parts of the outage, seconds, in the order of `STAGES`; empty without an outage that ended.
        patient: The same outage of a client that leaves everything to TCP.
        lost_connection: Whether the attentive client lost its connection.
    """

    outage: float | None
    stages: tuple[float, ...]
    patient: float | None
    lost_connection: bool


def run(fault: Fault, settings: Settings, seed: int | str) -> dict[str, Outcome]:
    """Let a fault strike.

    Args:
        fault: The fault.
        settings: The settings.
        seed: What all chance follows from.

    Returns:
        What each endpoint's clients saw, by its name.
    """
    world = World(seed, settings)
    clock = world.clock
    clock.run_until(clock.random("strikes").uniform(0.0, _STRIKES))
    struck = clock.now
    fault.strike(world)
    attentive, patient = list(world.attentive.values()), list(world.patient.values())
    while clock.now < struck + LONGEST:
        clock.run_until(struck + LONGEST, lambda: clock.now >= struck + _SHOWS and not any(each.down for each in attentive))
        if clock.now >= struck + LONGEST:
            break
        until = min(clock.now + _GRACE, struck + LONGEST)
        clock.run_until(until, lambda: not any(each.down for each in patient))
        if not any(each.down for each in attentive):
            break
    return {
        name: Outcome(client.outage(), _stages(world, name, client), world.patient[name].outage(), client.lost_connection)
        for name, client in world.attentive.items()
    }


def _stages(world: World, name: str, client: Client) -> tuple[float, ...]:
    """The parts of an outage, each from where the one before ended."""
    if client.failed_at is None or client.good_at is None:
        return ()
    endpoint = next(each for each in world.endpoints if each.name == name)
    began, ended = client.failed_at, client.good_at
    opened = world.opened_at() or ended
    taken_over = world.taken_over_at()
    marks = [
        opened if taken_over is None or taken_over < began else taken_over,
        opened,
        endpoint.acted_at(),
        world.led_at[name],
    ]
    stages = []
    at = began
    for mark in marks:
        here = min(max(mark, at), ended)
        stages.append(here - at)
        at = here
    return (*stages, ended - at)
