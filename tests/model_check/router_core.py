"""The router's core as functions, so that a changed one can take its place."""

from dataclasses import dataclass, field
from typing import Any

from mirror_router import core


def _begin(_: core.Claim) -> core.State:
    return core.State()


def _done(state: core.State) -> bool:
    return state.ended


@dataclass(frozen=True)
class RouterCore:
    """The functions of `mirror_router.core`, and the two rules of the handler that belong to it.

    Args:
        begin: The state a run begins with, given what the message says: the router doesn't listen to it.
        done: Whether the run's message may be deleted.
    """

    begin: Any = field(default=_begin)
    next_step: Any = field(default=core.next_step)
    after_read: Any = field(default=core.after_read)
    after_look: Any = field(default=core.after_look)
    after_point: Any = field(default=core.after_point)
    after_confirm: Any = field(default=core.after_confirm)
    done: Any = field(default=_done)


PRODUCTION = RouterCore()
