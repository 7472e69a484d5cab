"""The region's network: a bridge per Availability Zone, each with one cable to the rest, and cuts between any two hosts."""

from collections.abc import Callable

from tests.bootstrap.lab.namespaces import run
from tests.bootstrap.lab.network import Switch

#: What is in no zone, as AWS's own endpoints and routers, which each zone has of its own.
REGION = ""

_CUTS = """
table bridge cuts {
  set pairs { type ipv4_addr . ipv4_addr; }
  chain forward { type filter hook forward priority 0; policy accept; ip saddr . ip daddr @pairs drop; }
}
"""


class Zones(Switch):
    """Bridges of zones `a`, `b` and `c`, plugged into the one of the region.

    A cut drops packets without a word, in both directions, as a network that is broken does.

    Args:
        zone_of: From an address to its zone, or `REGION`.
    """

    def __init__(self, zone_of: Callable[[str], str]) -> None:
        super().__init__()
        self._zone_of = zone_of
        for zone in "abc":
            self._add_bridge(f"zone-{zone}")
            self._on("ip", "link", "add", f"to-{zone}", "type", "veth", "peer", "name", f"up-{zone}")
            self._on("ip", "link", "set", f"to-{zone}", "master", "switch", "up")
            self._on("ip", "link", "set", f"up-{zone}", "master", f"zone-{zone}", "up")
        self._nft(_CUTS)

    def _bridge_of(self, address: str) -> str:
        zone = self._zone_of(address)
        return f"zone-{zone}" if zone else super()._bridge_of(address)

    def cut_zone(self, zone: str) -> None:
        """Separates a zone from the rest of the region; within it all can talk."""
        self._on("ip", "link", "set", f"to-{zone}", "down")

    def cut(self, one: str, other: str) -> None:
        """Separates two addresses, if their zones are different ones."""
        for pair in (f"{one} . {other}", f"{other} . {one}"):
            self._nft(f"add element bridge cuts pairs {{ {pair} }}")

    def heal(self) -> None:
        """Ends all cuts."""
        for zone in "abc":
            self._on("ip", "link", "set", f"to-{zone}", "up")
        self._nft("flush set bridge cuts pairs")

    def _nft(self, rules: str) -> None:
        run([*self._keeper.enter("net"), "nft", "-f", "-"], stdin=rules)
