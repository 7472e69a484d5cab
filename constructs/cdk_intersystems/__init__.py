"""AWS CDK constructs that run InterSystems data platforms (IRIS and the products built on it) on AWS.

The names below are the public API. Each is imported on first use, so that `import cdk_intersystems` costs next to nothing
and a stack pays only for the AWS service modules of the constructs it uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdk_intersystems.csp_web_tier.csp_web_tier import CspWebTier
    from cdk_intersystems.dr_region.dr_region import DrRegion
    from cdk_intersystems.ecp_app_tier.ecp_app_tier import EcpAppTier
    from cdk_intersystems.failover_automation.failover_automation import FailoverAutomation
    from cdk_intersystems.golden_image.golden_image import GoldenImage
    from cdk_intersystems.mirror_endpoint.mirror_endpoint import MirrorEndpoint
    from cdk_intersystems.mirrored_database.mirrored_database import MirroredDatabase
    from cdk_intersystems.model.host_description import RegionStateAt
    from cdk_intersystems.model.platform import Platform, S3Object
    from cdk_intersystems.model.region_capacity import TierCapacity
    from cdk_intersystems.model.region_latch import ClusterEndpoint, Latch
    from cdk_intersystems.model.storage import MemberVolumes, VolumeSpec
    from cdk_intersystems.network.connectivity import SiteToSiteVpn
    from cdk_intersystems.network.direct_connect import DirectConnect
    from cdk_intersystems.network.network import Network
    from cdk_intersystems.network.region_peering import RegionPeering
    from cdk_intersystems.network.transit import TransitGatewayAttachment
    from cdk_intersystems.policy.iris_checks import IrisChecks
    from cdk_intersystems.region_failover.region_failover import RegionFailover
    from cdk_intersystems.region_routing.region_readiness import RegionReadiness
    from cdk_intersystems.region_routing.region_routing import RegionRouting
    from cdk_intersystems.region_routing.region_watch import RegionWatch
    from cdk_intersystems.rolling_change.rolling_change import RollingChange

_HOMES = {
    "ClusterEndpoint": "cdk_intersystems.model.region_latch",
    "CspWebTier": "cdk_intersystems.csp_web_tier.csp_web_tier",
    "DirectConnect": "cdk_intersystems.network.direct_connect",
    "DrRegion": "cdk_intersystems.dr_region.dr_region",
    "EcpAppTier": "cdk_intersystems.ecp_app_tier.ecp_app_tier",
    "FailoverAutomation": "cdk_intersystems.failover_automation.failover_automation",
    "GoldenImage": "cdk_intersystems.golden_image.golden_image",
    "IrisChecks": "cdk_intersystems.policy.iris_checks",
    "Latch": "cdk_intersystems.model.region_latch",
    "MemberVolumes": "cdk_intersystems.model.storage",
    "MirrorEndpoint": "cdk_intersystems.mirror_endpoint.mirror_endpoint",
    "MirroredDatabase": "cdk_intersystems.mirrored_database.mirrored_database",
    "Network": "cdk_intersystems.network.network",
    "Platform": "cdk_intersystems.model.platform",
    "RegionFailover": "cdk_intersystems.region_failover.region_failover",
    "RegionPeering": "cdk_intersystems.network.region_peering",
    "RegionReadiness": "cdk_intersystems.region_routing.region_readiness",
    "RegionRouting": "cdk_intersystems.region_routing.region_routing",
    "RegionStateAt": "cdk_intersystems.model.host_description",
    "RegionWatch": "cdk_intersystems.region_routing.region_watch",
    "RollingChange": "cdk_intersystems.rolling_change.rolling_change",
    "S3Object": "cdk_intersystems.model.platform",
    "SiteToSiteVpn": "cdk_intersystems.network.connectivity",
    "TierCapacity": "cdk_intersystems.model.region_capacity",
    "TransitGatewayAttachment": "cdk_intersystems.network.transit",
    "VolumeSpec": "cdk_intersystems.model.storage",
}

__all__ = [
    "ClusterEndpoint",
    "CspWebTier",
    "DirectConnect",
    "DrRegion",
    "EcpAppTier",
    "FailoverAutomation",
    "GoldenImage",
    "IrisChecks",
    "Latch",
    "MemberVolumes",
    "MirrorEndpoint",
    "MirroredDatabase",
    "Network",
    "Platform",
    "RegionFailover",
    "RegionPeering",
    "RegionReadiness",
    "RegionRouting",
    "RegionStateAt",
    "RegionWatch",
    "RollingChange",
    "S3Object",
    "SiteToSiteVpn",
    "TierCapacity",
    "TransitGatewayAttachment",
    "VolumeSpec",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOMES[name]), name)
    except AttributeError as error:
        # Python would report it as "cannot import name" and hide where it comes from.
        raise ImportError(f"{_HOMES[name]} cannot be imported: {error}") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
