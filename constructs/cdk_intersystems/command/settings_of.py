"""From a deployment to what a prediction depends on."""

from typing import get_args

from cdk_intersystems.configuration import Deployment, MirrorSetConfig
from cdk_intersystems.configuration.plan import subnet_cidrs
from cdk_intersystems.model.addresses import TierName
from cdk_intersystems.prediction import RegionSettings, Settings

#: The default of `takeover_wait_seconds`.
_WAIT = 1.0


def settings_of(deployment: Deployment, mirror_set: MirrorSetConfig, *, propagation: bool) -> Settings:
    """What the prediction of one mirror set depends on.

    Args:
        deployment: The deployment.
        mirror_set: One of its mirror sets.
        propagation: Whether AWS's own propagation is part of it.
    """
    region = deployment.regions.serving()
    tables = sum(len(subnet_cidrs(region, tier)) for tier in get_args(TierName))
    wait = float(getattr(mirror_set.endpoint, "takeover_wait_seconds", _WAIT))
    return Settings(wait=wait, route_tables=max(tables, 1), propagation=propagation)


def region_settings_of(deployment: Deployment, mirror_set: MirrorSetConfig) -> RegionSettings:
    """What the prediction of a promotion of one mirror set depends on.

    Args:
        deployment: The deployment; it has a DR region.
        mirror_set: One of its mirror sets.

    Raises:
        ValueError: There is no DR region.
    """
    region = deployment.regions.dr
    if region is None:
        raise ValueError(f"{deployment.name} has no region that could be promoted: add regions.dr")
    database = region.capacity.database
    waits_as = database.instance_type or mirror_set.instance_type
    return RegionSettings(
        resize=waits_as != mirror_set.instance_type,
        fallback_types=len(database.fallback_types),
        tiers_wait=region.capacity.tiers > 0,
    )


def strategies_of(mirror_set: MirrorSetConfig) -> tuple[str, ...]:
    """The strategies that a mirror set has configured."""
    return tuple(str(strategy) for strategy in mirror_set.endpoint.strategies)
