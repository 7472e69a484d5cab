"""From a deployment to what a prediction depends on."""

from typing import get_args

from cdk_intersystems.configuration import Deployment, MirrorSetConfig
from cdk_intersystems.configuration.plan import subnet_cidrs
from cdk_intersystems.model.addresses import TierName
from cdk_intersystems.prediction import Settings

#: The default of `takeover_wait_seconds`.
_WAIT = 1.0


def settings_of(deployment: Deployment, mirror_set: MirrorSetConfig, *, propagation: bool) -> Settings:
    """What the prediction of one mirror set depends on.

    Args:
        deployment: The deployment.
        mirror_set: One of its mirror sets.
        propagation: Whether AWS's own propagation is part of it.
    """
    region = deployment.regions.primary
    tables = sum(len(subnet_cidrs(region, tier)) for tier in get_args(TierName))
    wait = float(getattr(mirror_set.endpoint, "takeover_wait_seconds", _WAIT))
    return Settings(wait=wait, route_tables=max(tables, 1), propagation=propagation)


def strategies_of(mirror_set: MirrorSetConfig) -> tuple[str, ...]:
    """The strategies that a mirror set has configured."""
    return tuple(str(strategy) for strategy in mirror_set.endpoint.strategies)
