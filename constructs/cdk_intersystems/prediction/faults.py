"""What goes wrong: each fault does something to a world in which everything is well."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .automation import Automation
from .contacts import ARBITER
from .production import router_core
from .world import World

#: How long what is said to heal lasts, seconds.
_FREEZE = 30.0
_UNREACHABLE = 60.0
_QUEUE_DELAY = 20.0
#: An ordinary run takes about so long; some time in it the function dies.
_RUN = 0.6
#: The share of calls that a throttled API refuses.
_THROTTLED = 0.5


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault.

    Args:
        name: What it is called on the command line.
        title: What happens, in words.
        strike: Does it.
    """

    name: str
    title: str
    strike: Callable[[World], None]


def _lose_zone(world: World) -> None:
    world.network.lose_zone(world.network.hosts["a"].zone)
    for automation in world.automations:
        # One environment in three was in that zone.
        if world.clock.random(f"{automation.name}/zone").randrange(3) == 0:
            automation.function.cool_down()


def _freeze(world: World) -> None:
    world.network.freeze("a")
    world.clock.call_after(_FREEZE, lambda: world.network.thaw("a"))


def _kill_function(world: World) -> None:
    world.network.lose("a")
    for automation in world.automations:
        automation.router.watchers.append(_killer(world, automation))


def _killer(world: World, automation: Automation) -> Callable[[router_core.Step], None]:
    struck = False

    def watch(step: router_core.Step) -> None:
        nonlocal struck
        if isinstance(step, router_core.Read) and not struck:
            struck = True
            after = world.clock.random(f"{automation.name}/kill").uniform(0.0, _RUN)
            world.clock.call_after(after, automation.function.kill)

    return watch


def _throttle(world: World) -> None:
    for api in (world.route_vip.api, world.listener.api, *(each.api for each in world.once)):
        api.throttled = _THROTTLED
    world.network.lose("a")


def _cut_off(world: World) -> None:
    """The members reach no API of AWS for a minute; the function does, and so does the load balancer."""

    def reach(unreachable: bool) -> None:
        for automation in world.automations:
            automation.unreachable(unreachable)
        for each in world.once:
            each.api.unreachable = unreachable

    reach(True)
    world.clock.call_after(_UNREACHABLE, partial(reach, False))
    world.network.lose("a")


def _delay_queue(world: World) -> None:
    for automation in world.automations:
        automation.queue.delay = _QUEUE_DELAY
    world.network.lose("a")


FAULTS = (
    Fault("iris-killed", "the primary's IRIS dies, its host goes on", lambda world: world.mirror.kill("a")),
    Fault("host-lost", "the primary's host is lost", lambda world: world.network.lose("a")),
    Fault("host-frozen", "the primary's host stands still for 30 s, and goes on", _freeze),
    Fault("zone-lost", "the primary's Availability Zone is lost", _lose_zone),
    Fault("graceful-stop", "the primary is stopped: iris stop", lambda world: world.mirror.stop("a")),
    Fault(
        "primary-isolated",
        "the primary reaches neither the backup nor the arbiter",
        lambda world: world.network.cut(("a", "b"), ("a", ARBITER)),
    ),
    Fault("member-link", "the members don't reach each other", lambda world: world.network.cut(("a", "b"))),
    Fault("arbiter-link", "the primary doesn't reach the arbiter", lambda world: world.network.cut(("a", ARBITER))),
    Fault("backup-lost", "the backup's host is lost", lambda world: world.network.lose("b")),
    Fault(
        "arbiter-and-backup-lost",
        "the hosts of arbiter and backup are lost at once",
        lambda world: world.network.lose("b", ARBITER),
    ),
    Fault(
        "function-killed", "the primary's host is lost, and the router function dies in the middle of its run", _kill_function
    ),
    Fault("api-throttled", "the primary's host is lost while AWS's APIs refuse every second call", _throttle),
    Fault("api-unreachable", "the primary's host is lost while members reach no API of AWS for 60 s", _cut_off),
    Fault("queue-delayed", "the primary's host is lost while the queue delivers 20 s late", _delay_queue),
)

FAULT_NAMES = tuple(fault.name for fault in FAULTS)
_BY_NAME = {fault.name: fault for fault in FAULTS}


def fault_of(name: str) -> Fault:
    """The fault of a name.

    Raises:
        KeyError: There is none.
    """
    return _BY_NAME[name]
