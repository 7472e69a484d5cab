"""What `CspWebTier` refuses, in words."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2

from cdk_intersystems.csp_web_tier.load_balancer import ANYWHERE, client_cidr_problem
from cdk_intersystems.ecp_app_tier.ecp_app_tier import EcpAppTier
from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase

# Source: ELB API, TargetGroupAttribute stickiness.lb_cookie.duration_seconds: 1 s to 7 days.
_STICKINESS_SECONDS = range(1, 604_801)


def one_of(application_tier: EcpAppTier | None, database: MirroredDatabase | None) -> EcpAppTier | MirroredDatabase:
    """What the web servers work with: exactly one of the two."""
    behind: list[EcpAppTier | MirroredDatabase] = [each for each in (application_tier, database) if each is not None]
    if len(behind) != 1:
        raise ValueError(
            f"supply either application_tier or database, got {'both' if behind else 'neither'}: "
            "the web servers work with application servers, or with the mirror itself"
        )
    return behind[0]


def clients(name: str, client_cidrs: Sequence[str] | None, *, internet_facing: bool) -> list[str]:
    """The ranges clients may connect from."""
    if client_cidrs is None:
        if not internet_facing:
            raise ValueError(
                f"supply client_cidrs, the ranges from which clients may connect to the internal web tier {name}, got none"
            )
        return [ANYWHERE]
    for cidr in client_cidrs:
        if problem := client_cidr_problem(cidr):
            raise ValueError(f"client_cidrs of web tier {name} needs IPv4 ranges, got {cidr!r}: {problem}")
    return list(client_cidrs)


def checked_stickiness(stickiness: Duration) -> Duration:
    """A stickiness that the load balancer takes."""
    seconds = stickiness.to_seconds()
    if seconds not in _STICKINESS_SECONDS:
        raise ValueError(f"stickiness is 1 second to 7 days, got {seconds:g} seconds")
    return stickiness


def check_zones(load_balancer_subnets: Sequence[ec2.ISubnet]) -> None:
    """Refuse subnets that aren't in three zones."""
    zones = [subnet.availability_zone for subnet in load_balancer_subnets]
    if len(zones) != 3 or len(set(zones)) != 3:
        raise ValueError(f"supply three load balancer subnets, one in each of three availability zones, got {zones}")
