"""The decision code that is deployed, which the simulation runs: the router's core and the call-out's."""

from typing import TYPE_CHECKING

from cdk_intersystems.bootstrap.call_out import core as call_out_core

if TYPE_CHECKING:  # type checkers find the functions where they stand in a checkout
    from mirror_router import core as router_core
    from mirror_router.core import Claim
else:
    from cdk_intersystems.functions.mirror_router import core as router_core

    Claim = router_core.Claim

__all__ = ["Claim", "call_out_core", "router_core"]
