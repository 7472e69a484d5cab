"""All EC2 actions of the adapter, and how the adapter itself calls them."""

from __future__ import annotations

from typing import Any

from local.adapter import wire
from local.adapter.ec2 import (
    capacity,
    endpoints,
    gateways,
    groups,
    images,
    instance_attributes,
    instances,
    interfaces,
    launch_templates,
    peering,
    routes,
    snapshots,
    subnets,
    transit,
    volumes,
)

ACTIONS: dict[str, wire.Action] = {
    **capacity.ACTIONS,
    **endpoints.ACTIONS,
    **gateways.ACTIONS,
    **groups.ACTIONS,
    **images.ACTIONS,
    **instance_attributes.ACTIONS,
    **instances.ACTIONS,
    **interfaces.ACTIONS,
    **launch_templates.ACTIONS,
    **peering.ACTIONS,
    **routes.ACTIONS,
    **snapshots.ACTIONS,
    **subnets.ACTIONS,
    **transit.ACTIONS,
    **volumes.ACTIONS,
}


def call(action: str, **request: Any) -> dict[str, Any]:
    """Do an EC2 action as a client would, with a template's values brought to the action's types.

    Raises:
        AwsError: As the action refuses it.
    """
    return ACTIONS[action](wire.conform(wire.model("ec2").operation_model(action), request))
