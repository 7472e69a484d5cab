"""The decision code that is deployed, which the simulation runs: of the router, the call-out, the promotion and the watch."""

from typing import TYPE_CHECKING

from cdk_intersystems.bootstrap.call_out import core as call_out_core

if TYPE_CHECKING:  # type checkers find the functions where they stand in a checkout
    from mirror_router import core as router_core
    from mirror_router.core import Claim
    from region_promotion import core as promotion_core
    from region_promotion import events as promotion_events
    from region_promotion import records as promotion_records
    from region_watch import core as watch_core
    from region_watch import records as watch_records
else:
    from cdk_intersystems.functions.mirror_router import core as router_core
    from cdk_intersystems.functions.region_promotion import core as promotion_core
    from cdk_intersystems.functions.region_promotion import events as promotion_events
    from cdk_intersystems.functions.region_promotion import records as promotion_records
    from cdk_intersystems.functions.region_watch import core as watch_core
    from cdk_intersystems.functions.region_watch import records as watch_records

    Claim = router_core.Claim

__all__ = [
    "Claim",
    "call_out_core",
    "promotion_core",
    "promotion_events",
    "promotion_records",
    "router_core",
    "watch_core",
    "watch_records",
]
