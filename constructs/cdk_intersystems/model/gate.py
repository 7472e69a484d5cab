"""The gate on a member: the nftables rules by which a member that is not primary refuses the clients of the endpoint."""

from collections.abc import Collection
from ipaddress import IPv4Address
from typing import Final

from cdk_intersystems.model.ports import HIGHEST_SERVICE_PORT, target_port

#: The bit that marks connections of the endpoint, so that `ss --kill` finds exactly these. Apart from the bits that
#: Kubernetes (0x4000, 0x8000), the Amazon VPC CNI (0x80) and Tailscale (0xff0000) use; `iris-gate` has the same.
ENDPOINT_MARK: Final = 0x01000000

_SETS: Final = """\
# The gate: which connections of the mirror endpoint this member takes. Loaded by `iris-gate load`, as often as you like:
# what is in the sets and in the chain window, that is a lease somebody holds, stays as it is.
add table inet iris_gate
# Holds tcp while a lease runs. Its element expires by the kernel's own clock, which no process can stop.
add set inet iris_gate lease { type inet_proto; flags timeout; }
# Who has asked for the role of the instance and not heard yet. Closing the gate empties it: an answer from before is void.
add set inet iris_gate asking { type mark; flags timeout; }
# Holds tcp from the first lease to the closing of the gate: without a lease, that is a lease that ran out.
add set inet iris_gate opened { type inet_proto; }
# Holds tcp while the gate stays closed because a lease has run out.
add set inet iris_gate quarantine { type inet_proto; flags timeout; }
# The rule of the lease, with the first and last second it is good for by the wall clock, is written by `iris-gate open`.
add chain inet iris_gate window
add chain inet iris_gate entrance
flush chain inet iris_gate entrance
add chain inet iris_gate exit
flush chain inet iris_gate exit
# After connection tracking, before the ports are changed.
add chain inet iris_gate arriving { type filter hook prerouting priority mangle; policy accept; }
flush chain inet iris_gate arriving
add chain inet iris_gate redirecting { type nat hook prerouting priority dstnat; policy accept; }
flush chain inet iris_gate redirecting
add chain inet iris_gate leaving { type filter hook output priority filter; policy accept; }
flush chain inet iris_gate leaving
"""

_CHAINS: Final = """\
table inet iris_gate {{
  chain entrance {{
    jump window
    # One end tells the other that it has given up.
    tcp flags & rst == rst accept
    meta l4proto tcp reject with tcp reset
    drop
  }}
  chain exit {{
    jump window
    tcp flags & rst == rst accept
    # The first packet becomes a reset, so that a client which only waits for an answer is told. The next one, at the latest the
    # repetition 0.2 s later, is answered with a reset, so that the server is told.
    ct mark & {mark} == 0 ct mark set ct mark | {mark} tcp flags set rst | ack accept
    reject with tcp reset
  }}
"""


def gate_ruleset(service_ports: Collection[int], overlay_addresses: Collection[str] = ()) -> str:
    """Renders the gate of a failover member for `nft -f`.

    A connection of the endpoint is told from mirror, ECP and mirror-aware ones by its destination: a target port of its own
    (service port + 10000), or an overlay address at the service port. It is led to the service port of the member. Every
    packet of it, in both directions, needs a running lease; without one both ends get a reset. No other packet is touched.

    Args:
        service_ports: The ports the endpoint offers.
        overlay_addresses: The addresses outside the VPC's range that routes lead to the primary. They are on no interface:
            without these rules the member doesn't answer for them. Default: none.

    Returns:
        The rules. Loading them again keeps the lease that is held.

    Raises:
        ValueError: If there is no port, or a port has no target port.
    """
    ports = sorted(set(service_ports))
    if not ports or not all(1 <= port <= HIGHEST_SERVICE_PORT for port in ports):
        raise ValueError(f"service ports {ports}: give at least one, each from 1 to {HIGHEST_SERVICE_PORT}")
    services = ", ".join(str(port) for port in ports)
    targets = ", ".join(str(target_port(port)) for port in ports)
    redirects = ", ".join(f"{target_port(port)} : {port}" for port in ports)
    mark = f"{ENDPOINT_MARK:#010x}"
    arriving = [f"ct direction original tcp dport {{ {targets} }} meta mark set meta mark | {mark} jump entrance"]
    redirecting = [f"meta l4proto tcp redirect to :tcp dport map {{ {redirects} }}"]
    leaving = [f"meta l4proto tcp ct direction reply ct original proto-dst {{ {targets} }} jump exit"]
    if overlay_addresses:
        overlay = ", ".join(str(address) for address in sorted(IPv4Address(address) for address in overlay_addresses))
        # Nothing but TCP is meant for these addresses, and a host that forwards would send the rest in circles.
        arriving.append(f"ip daddr {{ {overlay} }} meta mark set meta mark | {mark} jump entrance")
        redirecting.append(f"ip daddr {{ {overlay} }} tcp dport {{ {services} }} redirect")
        leaving.append(f"meta l4proto tcp ct direction reply ct original ip daddr {{ {overlay} }} jump exit")
    chains = {"arriving": arriving, "redirecting": redirecting, "leaving": leaving}
    body = "".join(f"  chain {name} {{\n    " + "\n    ".join(rules) + "\n  }\n" for name, rules in chains.items())
    return f"{_SETS}{_CHAINS.format(mark=mark)}{body}}}\n"
