"""A move of a world, from its request to its report, and what is to be seen of it."""

import json
from typing import Any

from tests.lambda_.region_workflow import Workflow
from tests.lambda_.region_world import World

#: The steps of a move that meets nothing on its way.
STEPS = {
    "promotion": (
        *("preflight", "approval", "commit", "fence", "resize", "promote", "await_primary", "raise_tiers"),
        *("latch", "await_tiers", "await_health_check", "second_member", "report"),
    ),
    "switchover": (
        *("preflight", "approval", "resize", "prepare", "raise_tiers", "commit", "hand_over", "await_primary"),
        *("latch", "await_tiers", "await_health_check", "second_member", "report"),
    ),
}


def moved(world: World, kind: str = "promotion", *, loss: bool = False, **how: Any) -> Workflow:
    """Asks for a move, and has the workflow do it."""
    status, said = world.request(kind, loss=loss)
    assert status == 202, said
    workflow = Workflow(world, world.approve, **how)
    assert workflow.run() == "completed"
    return workflow


def report_of(world: World) -> dict[str, Any]:
    """The report of the move that was the last."""
    item = world.item("#current")
    assert item is not None
    report: dict[str, Any] = json.loads(item["report"]["S"])
    return report


def serving_of(world: World) -> tuple[str, int, int]:
    """Who holds the traffic, its epoch, and the latch's."""
    item = world.item()
    assert item is not None
    return item["serving"]["S"], int(item["epoch"]["N"]), int(item["latch_epoch"]["N"])
