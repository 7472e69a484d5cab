"""Two regions' networks, joined by one cable each: a region that is lost has its cable pulled."""

from collections.abc import Mapping

from tests.bootstrap.lab.namespaces import Keeper, run
from tests.bootstrap.lab.network import Switch

#: Everything that has an address here.
_ALL = "10.0.0.0/8"


class Regions(Switch):
    """A bridge for each region, plugged into the one of the world, where clients and AWS are.

    Args:
        ranges: Region role -> the first two numbers of its addresses, such as `10.20`.
    """

    def __init__(self, ranges: Mapping[str, str]) -> None:
        super().__init__()
        self._ranges = dict(ranges)
        for role in self._ranges:
            self._add_bridge(f"in-{role}")
            self._on("ip", "link", "add", f"to-{role}", "type", "veth", "peer", "name", f"up-{role}")
            self._on("ip", "link", "set", f"to-{role}", "master", "switch", "up")
            self._on("ip", "link", "set", f"up-{role}", "master", f"in-{role}", "up")

    def _bridge_of(self, address: str) -> str:
        # What is of AWS's (its front, its time) has addresses in the first region's range, and is in no region.
        if address.split(".")[2] == "255":
            return super()._bridge_of(address)
        region = next((role for role, begins in self._ranges.items() if address.startswith(f"{begins}.")), "")
        return f"in-{region}" if region else super()._bridge_of(address)

    def plug(self, keeper: Keeper, *addresses: str) -> str:
        """Gives a namespace an eth0 on its region's bridge, from which it reaches the other region's, as by peering."""
        port = super().plug(keeper, *addresses)
        run([*keeper.enter("net"), "ip", "route", "replace", _ALL, "dev", "eth0", "src", addresses[0]])
        return port

    def cut_region(self, role: str) -> None:
        """Separates a region from everything else."""
        self._on("ip", "link", "set", f"to-{role}", "down")

    def join_region(self, role: str) -> None:
        """Joins it again."""
        self._on("ip", "link", "set", f"to-{role}", "up")
