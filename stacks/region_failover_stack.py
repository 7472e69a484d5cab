"""What moves one mirror to its DR region and back, and leads clients to the region that holds the traffic."""

from collections.abc import Iterator, Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.mirror_set import MirrorSetConfig
from cdk_intersystems.configuration.plan import (
    certificate_of,
    fallback_types,
    other_role,
    region_stack_name,
    tier_capacity,
    vip_label,
)
from cdk_intersystems.configuration.region_latch import LatchConfig
from cdk_intersystems.configuration.tiers import ApplicationTierConfig, WebTierConfig
from cdk_intersystems.dr_region.dr_region import DrRegion
from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
from cdk_intersystems.model.region_capacity import TierCapacity
from cdk_intersystems.model.region_latch import ClusterEndpoint, Latch
from stacks.log_retention import log_retention
from stacks.regional_stack import RegionalStack
from stacks.shared import Shared

_ROLE = "dr"


class RegionFailoverStack(RegionalStack):
    """The workflow, the watch, the readiness check and the names of one mirror set; it has no host."""

    def __init__(
        self,
        scope: Construct,
        deployment: Deployment,
        mirror_set: MirrorSetConfig,
        *,
        shared: Shared,
        database: MirroredDatabase,
    ) -> None:
        super().__init__(
            scope,
            deployment,
            _ROLE,
            region_stack_name(mirror_set),
            description=f"Moves mirror {mirror_set.name} of {deployment.name} to this region and back",
            stateful=True,
        )
        settings = self.settings
        network = shared.network(self)
        dr = deployment.regions.dr
        assert dr is not None
        primary = deployment.regions.primary
        applications, webs = _tiers_of(deployment, mirror_set)
        self.dr_region = DrRegion(
            self,
            "Region",
            database=database,
            subnets=network.subnets(network.endpoint_tier),
            approvers=dr.promotion.approvers,
            requesters=dr.promotion.requesters,
            home_role="on_premises" if primary is None else "primary",
            old_region=None if primary is None else primary.region,
            fallback_types=[ec2.InstanceType(name) for name in fallback_types(deployment, _ROLE)],
            tiers=[
                *(_capacity(deployment, tier) for tier in applications),
                *(_capacity(deployment, tier) for tier in webs),
            ],
            certificates=[certificate_of(deployment, _ROLE, tier) for tier in webs],
            lag_limit_seconds=dr.promotion.lag_limit_seconds,
            approval_minutes=dr.promotion.approval_minutes,
            latch=latch_of(dr.latch),
            region_switch=dr.region_switch,
            encryption_key=shared.encryption_key(self),
            service_endpoints=network.endpoints_security_group,
            internet=settings.internet,
            powertools_layer=settings.powertools_layer,
            log_retention=log_retention(deployment.log_retention_days),
            alarm_topic=shared.alarm_topic(self),
        )
        self._define_names(deployment, mirror_set, database, webs)

    def _define_names(
        self,
        deployment: Deployment,
        mirror_set: MirrorSetConfig,
        database: MirroredDatabase,
        webs: Sequence[WebTierConfig],
    ) -> None:
        dns = deployment.dns
        if dns is None:
            return
        for label, is_public in _labels(mirror_set, database, webs):
            self.dr_region.add_name(
                label,
                zone_id=dns.zone_id,
                zone=dns.zone,
                name=dns.name,
                # Route 53's checkers stand in the Internet: they find neither a private zone's names nor private addresses.
                private=dns.private or not is_public or other_role(deployment, _ROLE) == "on_premises",
            )


def latch_of(stated: LatchConfig) -> Latch:
    """The latch of the configuration, as the constructs take it."""
    return Latch(
        kind=stated.kind,
        public=stated.public,
        primary=stated.primary or "",
        dr=stated.dr or "",
        endpoints=tuple(ClusterEndpoint(region=endpoint.region, url=endpoint.url) for endpoint in stated.endpoints),
    )


def _labels(
    mirror_set: MirrorSetConfig, database: MirroredDatabase, webs: Sequence[WebTierConfig]
) -> Iterator[tuple[str, bool]]:
    """What has a name in each region, as stacks/dns.py defines them, and whether the Internet reaches it."""
    if database.endpoint.load_balancer is not None:
        yield mirror_set.name.lower(), False
    if mirror_set.endpoint.vip is not None:
        yield vip_label(mirror_set), False
    for tier in webs:
        yield tier.name, tier.scheme == "internet-facing"


def _tiers_of(deployment: Deployment, mirror_set: MirrorSetConfig) -> tuple[list[ApplicationTierConfig], list[WebTierConfig]]:
    """The tiers that work with a mirror set, web tiers by their application tier too."""
    applications = [tier for tier in deployment.application_tiers if tier.mirror_set == mirror_set.name]
    names = {tier.name for tier in applications}
    webs = [tier for tier in deployment.web_tiers if tier.mirror_set == mirror_set.name or tier.application_tier in names]
    return applications, webs


def _capacity(deployment: Deployment, tier: ApplicationTierConfig | WebTierConfig) -> TierCapacity:
    warm_min, warm_max = tier_capacity(deployment, _ROLE, tier)
    return TierCapacity(
        name=tier.name,
        min=tier.min,
        max=tier.max,
        warm_min=warm_min,
        warm_max=warm_max,
        instance_type=tier.instance_type,
    )
