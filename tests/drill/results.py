"""What a drill found, as it stands in `build/drill.json`."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

#: The ways to the primary that are measured: those of `MirrorEndpoint`, and what people use today.
STRATEGIES = ("route_vip", "polling", "listener", "polling 10 s x 3", "delete then create")
BASELINES = STRATEGIES[3:]
_SECONDS = ("outage_s", "detection_s", "takeover_s", "admitted_s", "routing_s")


@dataclass
class Run:
    """A fault, as the client of one way to the primary saw it.

    Attributes:
        fault: Which fault.
        strategy: Which way.
        outage_s: From the first failed to the first good write; of several such spans the sum. 0: none failed.
        detection_s: From the fault until the other member had found the primary gone. None: it didn't take over.
        takeover_s: From then until the new primary was open for users.
        admitted_s: From then until its gate admitted the endpoint's clients.
        routing_s: From "open for users" to this client's first good write.
        lost_acknowledged: How many acknowledged records were lost, doubled or out of order.
        two_routed: For how many seconds at rest, that is after the old lease has ended, both members admitted the endpoint's
            clients and said that they were primary.
        overlap_s: The same with the seconds before that, in which an old primary that is cut off may still admit clients, but
            can acknowledge nothing.
        invariants_broken: What did not hold, in words.
        failed_writes: How many attempts failed.
    """

    fault: str
    strategy: str
    outage_s: float
    detection_s: float | None = None
    takeover_s: float | None = None
    admitted_s: float | None = None
    routing_s: float | None = None
    lost_acknowledged: int = 0
    two_routed: float = 0.0
    overlap_s: float = 0.0
    invariants_broken: list[str] = field(default_factory=list)
    failed_writes: int = 0

    def shown(self) -> dict[str, Any]:
        """As JSON; seconds to the millisecond."""
        whole = asdict(self)
        return {
            name: round(value, 3) if name in (*_SECONDS, "two_routed", "overlap_s") and value is not None else value
            for name, value in whole.items()
        }


def summary(runs: Sequence[Run], plain: Sequence[str] = ()) -> dict[str, Any]:
    """Medians per strategy and baseline, over the faults in which the other member took over.

    Args:
        runs: All of them.
        plain: The faults that hit the members alone: for these there is a median of their own. Where AWS's own interfaces fail
            too, that is what is measured.
    """
    found: dict[str, Any] = {}
    for strategy in STRATEGIES:
        mine = [run for run in runs if run.strategy == strategy and run.detection_s is not None]
        if not mine:
            continue
        found[strategy] = {"takeovers": len(mine), **{name: _median(mine, name) for name in _SECONDS}}
        simple = [run for run in mine if run.fault in plain]
        if simple:
            found[strategy]["members_only"] = {"takeovers": len(simple), **{name: _median(simple, name) for name in _SECONDS}}
    return found


def _median(runs: Sequence[Run], name: str) -> float | None:
    values = [value for run in runs if (value := getattr(run, name)) is not None]
    return round(statistics.median(values), 3) if values else None
