"""What `MirrorEndpoint` refuses, in words."""

from collections.abc import Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from aws_cdk import Token
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems.model.ports import service_port_problems
from cdk_intersystems.model.strategies import Strategy, strategy_problems

__all__ = ["Strategy", "check_ports", "check_strategies", "check_vip_outside"]


def check_ports(ports: Mapping[str, int]) -> None:
    """Refuse services that can't be offered."""
    if not ports:
        raise ValueError("supply at least one service port for the mirror endpoint, got none")
    if problems := service_port_problems(ports):
        raise ValueError("; ".join(f"port {name}={ports[name]}: {problem}" for name, problem in problems))


def check_strategies(strategies: Sequence[str], *, vip: str | None, client_cidrs: Sequence[str]) -> None:
    """Refuse strategies that don't go together, or not with the rest."""
    try:
        address = None if vip is None else IPv4Address(vip)
    except AddressValueError as error:
        raise ValueError(f"a vip is an IPv4 address, such as 10.255.0.1, got {vip!r}") from error
    problems = [
        f"{place}: {message}" for place, message in strategy_problems(strategies, vip=address, from_outside=bool(client_cidrs))
    ]
    if problems:
        raise ValueError(f"{'; '.join(problems)}; got {', '.join(strategies) or 'none'} with vip {vip}")


def check_vip_outside(vip: str, vpc: ec2.IVpc) -> None:
    """Refuse a VIP inside the range of the VPC, where that is known: its own route to there comes before any other."""
    given = _range_of(vpc)
    if given is not None and IPv4Address(vip) in IPv4Network(given):
        raise ValueError(f"a vip is outside the range of the VPC, got {vip}, which is in {given}")


def _range_of(vpc: ec2.IVpc) -> str | None:
    defined = vpc.node.default_child
    if isinstance(defined, ec2.CfnVPC):
        return defined.cidr_block
    try:
        given = vpc.vpc_cidr_block
    except RuntimeError:
        # Imported without it.
        return None
    return None if Token.is_unresolved(given) else given
