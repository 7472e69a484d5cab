"""The router function, as it is deployed: its decision core is the production one, and the services around it are simulated."""

from collections.abc import Callable, Generator
from typing import Any, Protocol

from . import constants
from .aws_api import Api
from .clock import Clock, Process, Wait
from .epoch_table import EpochTable
from .production import Claim
from .production import router_core as core


class Gateway(Protocol):
    """What leads clients, and is written by the router. Its steps may raise `ApiError`."""

    def wrong(self, claim: Claim) -> Generator[float | Wait, bool, tuple[str, ...]]:
        """The places that don't lead to the claim's member, clients' first."""
        ...

    def point(self, claim: Claim, places: tuple[str, ...]) -> Generator[float | Wait, bool, None]:
        """Lead places to the claim's member."""
        ...


class Router:
    """Runs of the router.

    Args:
        table: The epoch table.
        api: How the function reaches DynamoDB.
        gateway: What it writes. None: nothing, as with `polling`.
    """

    def __init__(self, table: EpochTable, api: Api, gateway: Gateway | None) -> None:
        #: Called with each step of the core before it is done.
        self.watchers: list[Callable[[core.Step], None]] = []
        self._table = table
        self._api = api
        self._gateway = gateway

    def run(self, event: Any = None) -> Process:
        """One run: it ends when what is routed is the newest claim. Fails by `ApiError`, and then the message stays."""
        state = core.State()
        while (step := core.next_step(state)) is not None:
            for watch in self.watchers:
                watch(step)
            state = yield from self._do(state, step)
        return None

    def _do(self, state: core.State, step: core.Step) -> Generator[float | Wait, bool, core.State]:
        if isinstance(step, core.Read):
            claim, routed = yield from self._table.read(self._api)
            return core.after_read(claim, routed)
        if isinstance(step, core.Look):
            wrong = () if self._gateway is None else (yield from self._gateway.wrong(step.claim))
            return core.after_look(state, wrong)
        if isinstance(step, core.Point):
            if self._gateway is not None:
                yield from self._gateway.point(step.claim, step.places)
            return core.after_point(state)
        newer = yield from self._table.confirm(self._api, step.claim)
        return core.after_confirm(state, newer)


def each_minute(clock: Clock, invoke: Callable[[], object], name: str) -> Process:
    """The schedule: the same code without a message, each minute from some second on that nobody chose."""
    yield clock.random(name).uniform(0.0, constants.RECONCILE_EVERY)
    while True:
        invoke()
        yield constants.RECONCILE_EVERY
