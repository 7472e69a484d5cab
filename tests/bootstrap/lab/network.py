"""The lab's network: one switch that hosts and AWS are plugged into. There is no way out of it."""

from tests.bootstrap.lab.namespaces import Keeper, run

#: The network of the lab. AWS's link-local addresses are on the same wire.
NETWORK = "10.20.0.0/16"
LINK_LOCAL = "169.254.169.0/24"


class Switch:
    """A bridge in a namespace of its own."""

    def __init__(self) -> None:
        self._keeper = Keeper()
        self._ports = 0
        self._add_bridge("switch")

    def _on(self, *command: str) -> None:
        run([*self._keeper.enter("net"), *command])

    def _add_bridge(self, name: str) -> None:
        self._on("ip", "link", "add", name, "type", "bridge", "forward_delay", "0")
        self._on("ip", "link", "set", name, "up")

    def _bridge_of(self, address: str) -> str:
        """The bridge that an address is plugged into."""
        return "switch"

    def plug(self, keeper: Keeper, *addresses: str) -> str:
        """Gives a namespace an eth0 on this switch.

        Args:
            keeper: The namespace.
            addresses: Its addresses; the first one is what others see it as.

        Returns:
            The name of its port.
        """
        self._ports += 1
        port = f"port{self._ports}"
        peer = ("peer", "name", "eth0", "netns", str(keeper.pid))
        self._on("ip", "link", "add", port, "type", "veth", *peer)
        self._on("ip", "link", "set", port, "master", self._bridge_of(addresses[0]))
        self._on("ip", "link", "set", port, "up")
        inside = keeper.enter("net")
        run([*inside, "ip", "link", "set", "lo", "up"])
        for address in addresses:
            length = NETWORK.rpartition("/")[2] if address.startswith("10.") else "32"
            run([*inside, "ip", "address", "add", f"{address}/{length}", "dev", "eth0"])
        run([*inside, "ip", "link", "set", "eth0", "up"])
        run([*inside, "ip", "route", "add", LINK_LOCAL, "dev", "eth0", "src", addresses[0]])
        return port

    def connected(self, port: str, yes: bool) -> None:
        """Pulls the cable of a port, or plugs it in again."""
        self._on("ip", "link", "set", port, "up" if yes else "down")

    def remove(self) -> None:
        self._keeper.stop()
