"""How the endpoint of a mirror leads clients to the primary, and what doesn't go together."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Final, Literal, get_args

Strategy = Literal["polling", "route_vip", "listener"]
"""How an endpoint leads clients to the primary."""

#: What routes of a VPC can't lead, or what hosts keep for themselves. Source: RFC 6890.
_NO_VIP: Final = tuple(IPv4Network(cidr) for cidr in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))


def strategy_problems(
    strategies: Sequence[str], *, vip: IPv4Address | None, from_outside: bool
) -> Iterator[tuple[Literal["strategies", "vip"], str]]:
    """Says what is wrong with the strategies of an endpoint, and with which of its settings.

    Args:
        strategies: The strategies.
        vip: The virtual IP, if there is one.
        from_outside: Whether clients come from networks outside AWS.
    """
    known = get_args(Strategy)
    if not strategies or len(set(strategies)) != len(strategies) or set(strategies) - set(known):
        yield "strategies", f"needs one or two of {', '.join(known)}, each once"
        return
    if {"polling", "listener"} <= set(strategies):
        yield "strategies", "polling and listener both decide where the load balancer's listeners lead: take one of them"
    if "route_vip" not in strategies:
        if vip is not None:
            yield "vip", "only the strategy route_vip leads a virtual IP: add it, or leave this out"
        return
    if vip is None:
        yield "vip", "missing; the strategy route_vip needs an address outside the range of the VPC, like 10.255.0.1"
    elif any(vip in network for network in _NO_VIP):
        yield "vip", "no route leads a loopback, link-local, multicast or reserved address"
    if list(strategies) == ["route_vip"] and from_outside:
        message = (
            "a virtual IP is not reached over VPN, Direct Connect or peering, and clients come so (client_cidrs, "
            "connectivity): put polling or listener beside it"
        )
        yield "strategies", message
