"""A mirror to be tested."""

from cdk_intersystems.prediction.clock import Clock
from cdk_intersystems.prediction.hosts import Network
from cdk_intersystems.prediction.mirror import Mirror


class Lab:
    """A mirror in which all is well."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = Clock(seed)
        self.network = Network(self.clock)
        for name, zone in (("a", "first"), ("b", "second"), ("arbiter", "third")):
            self.network.add(name, zone)
        self.mirror = Mirror(self.clock, self.network)

    def when(self, what: str) -> float:
        return next(when for when, _, said in self.mirror.log if said == what)
