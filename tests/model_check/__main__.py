"""Explores larger worlds than the tests do, and says how large: `python -m tests.model_check`."""

import sys
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "constructs"), str(ROOT / "lambda")]


def main() -> int:
    from .configurations import DEEP, WITH_TICKS, WITHOUT_TICKS
    from .exploration import World, explore, never_at_rest
    from .member_world import MemberWorld
    from .promotion_world import PromotionWorld
    from .router_world import RouterWorld
    from .watch_carriers import Controls, LatchObject, Metric
    from .watch_world import WatchWorld

    worlds: dict[str, World] = {name: RouterWorld(**size) for name, size in (WITHOUT_TICKS | WITH_TICKS | DEEP).items()}
    worlds["members, any two faults"] = MemberWorld(faults=2, misled=True)
    worlds["members, three call-outs"] = MemberWorld(faults=1, misled=True, running=3)
    for carrier in (Metric(), LatchObject(), Controls()):
        worlds[f"watch, {type(carrier).__name__}, three moves, two faults"] = WatchWorld(2, carrier=carrier, moves=3, faults=2)
    worlds["promotion, two moves, three faults"] = PromotionWorld(moves=2, faults=3, flights=3, losses=True)
    worlds["promotion, three moves, two faults, late writes"] = PromotionWorld(moves=3, faults=2, late=True)
    failed = 0
    for name, world in worlds.items():
        began = monotonic()
        found = explore(world, most=20_000_000)
        stuck = "" if found.broken else never_at_rest(world, found)
        failed += bool(found.broken or stuck)
        print(f"{name}: {found}, {monotonic() - began:.0f} s {stuck}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
