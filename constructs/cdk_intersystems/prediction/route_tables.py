"""Route tables with the route of a virtual address, and how the router writes them."""

from collections.abc import Generator, Sequence
from functools import partial

from . import constants
from .aws_api import Api, ApiError
from .clock import Clock, Signal, Task, Wait
from .production import Claim


class RouteTables:
    """The route of one address in each of several route tables.

    Args:
        clock: The clock.
        api: How the router reaches EC2.
        names: The route tables, clients' first.
        member: Where the routes lead at first; None: there are none yet.
        client: The route table of the client that is looked at. Default: the first.
        propagates: Whether a route takes time to be in force.
    """

    def __init__(
        self,
        clock: Clock,
        api: Api,
        names: Sequence[str],
        member: str | None = "a",
        *,
        client: str | None = None,
        propagates: bool = True,
        name: str = "routes",
    ) -> None:
        api.bucket("ReplaceRoute", *constants.EC2_MUTATING)
        api.bucket("DescribeRouteTables", *constants.EC2_NON_MUTATING)
        self.names = tuple(names)
        self.client = client or self.names[0]
        #: What the API says.
        self.written: dict[str, str | None] = dict.fromkeys(self.names, member)
        #: Where packets go.
        self.in_force: dict[str, str | None] = dict.fromkeys(self.names, member)
        self.changed = Signal()
        #: When the client's route was last written.
        self.written_at = 0.0
        self._clock = clock
        self._api = api
        self._propagates = propagates
        self._chance = clock.random(name)

    def wrong(self, claim: Claim) -> Generator[float | Wait, bool, tuple[str, ...]]:
        """DescribeRouteTables: the tables that don't lead to the claim's member; of hundreds those of the next round."""

        def look() -> tuple[str, ...]:
            wrong = [name for name in self._in_order() if self.written[name] != claim.member]
            return tuple(wrong[: constants.ROUTE_ROUND])

        return (yield from self._api.call_again("DescribeRouteTables", look))

    def _in_order(self) -> Sequence[str]:
        """Clients' tables first, three of five; of hundreds each run takes those of a kind in an order of its own."""
        if len(self.names) <= constants.ROUTE_ROUND:
            return self.names
        clients = len(self.names) * 3 // 5
        first, rest = list(self.names[:clients]), list(self.names[clients:])
        self._chance.shuffle(first)
        self._chance.shuffle(rest)
        return first + rest

    def point(self, claim: Claim, places: tuple[str, ...]) -> Generator[float | Wait, bool, None]:
        """ReplaceRoute of each place, a few at a time. Each again while there is time; one that fails fails the run."""
        left = list(places)
        failed: list[ApiError] = []
        tasks: list[Task] = []

        def work() -> Generator[float | Wait, bool, None]:
            while left:
                name = left.pop(0)
                try:
                    yield from self._api.call_again("ReplaceRoute", partial(self.replace, name, claim.member))
                except ApiError as error:
                    failed.append(error)

        try:
            tasks += [self._clock.start(work()) for _ in range(min(constants.ROUTE_THREADS, len(places)))]
            for task in tasks:
                if not task.done:
                    yield Wait(task.ended)
        finally:
            for task in tasks:  # the threads die with the function
                task.kill()
        if failed:
            raise failed[0]

    def replace(self, name: str, member: str | None) -> None:
        """What ReplaceRoute does, and with None DeleteRoute: written at once, in force after it has propagated."""
        self.written[name] = member
        if name == self.client:
            self.written_at = self._clock.now
        delay = constants.ROUTE_PROPAGATION.draw(self._chance) if self._propagates else 0.0

        def arrive() -> None:
            # Of two writes under way the later one lasts.
            if self.written[name] == member and self.in_force[name] != member:
                self.in_force[name] = member
                self.changed.fire()

        self._clock.call_after(delay, arrive)
