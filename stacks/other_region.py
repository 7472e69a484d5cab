"""What a region knows of the other place of a mirror: from the configuration alone, never by a reference."""

from typing import TypedDict

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.mirror_set import MirrorSetConfig
from cdk_intersystems.configuration.plan import other_arbiter, other_members, other_role, other_subjects, subnet_cidrs
from cdk_intersystems.configuration.region import RegionBase
from cdk_intersystems.model.addresses import TierName
from cdk_intersystems.model.host_description import RegionStateAt
from cdk_intersystems.model.names import region_state_table_name

# As `Network.endpoint_tier`: the first of these that a network has.
_ENDPOINT_TIERS: tuple[TierName, ...] = ("application", "web", "data")


class Elsewhere(TypedDict, total=False):
    """What `MirroredDatabase` is told of the mirror's other place; nothing in a deployment of one region."""

    others: dict[str, str]
    other_subjects: dict[str, str]
    other_arbiter: str
    other_region: str
    region_state: RegionStateAt
    probe_cidrs: list[str]


def other_place(deployment: Deployment, role: str, mirror_set: MirrorSetConfig) -> Elsewhere:
    """What the members of a mirror set in one region are told of those in the other region, or on premises."""
    regions = deployment.regions
    other = other_role(deployment, role)
    if other is None or regions.dr is None:
        return {}
    return {
        "others": other_members(deployment, role, mirror_set),
        "other_subjects": other_subjects(deployment, role, mirror_set),
        "other_arbiter": other_arbiter(deployment, role, mirror_set),
        "other_region": regions.of(other).region if other in regions.roles() else "",
        "region_state": RegionStateAt(
            table=region_state_table_name(deployment.name, mirror_set.name), region=regions.dr.region
        ),
        # The watch stands in the DR region, where a security group lets it ask that region's own members.
        "probe_cidrs": endpoint_cidrs(regions.dr) if other == "dr" else [],
    }


def subnets_by_tier(region: RegionBase) -> dict[str, list[str]]:
    """The ranges of a region's subnets that another region's routes may lead to, as `RegionPeering` wants them."""
    return {
        "application": endpoint_cidrs(region),
        **{tier: [str(cidr) for cidr in subnet_cidrs(region, tier)] for tier in ("data", "arbiter")},
    }


def endpoint_cidrs(region: RegionBase) -> list[str]:
    """The ranges of the subnets in which a region's functions stand."""
    found = (subnet_cidrs(region, tier) for tier in _ENDPOINT_TIERS)
    return [str(cidr) for cidr in next(filter(None, found))]
