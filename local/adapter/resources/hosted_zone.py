"""AWS::Route53::HostedZone: ministack's, with the VPCs that make it private, and its tags."""

from __future__ import annotations

from typing import Any

from local.adapter import api, emulator
from local.adapter.resources.handler import Handler, Made, Properties, Resource


def create(resource: Resource) -> Made:
    """Create the zone."""
    made: Made = emulator.provisioners._r53_hosted_zone_create(resource.logical_id, resource.properties, resource.stack)
    _keep(made[0], {}, resource.properties)
    return made


def _keep(identifier: str, old: Properties, new: Properties) -> None:
    """Keep the zone's VPCs and tags."""
    zone = emulator.service("route53")._zones[identifier]
    zone["vpcs"] = [{"VPCRegion": vpc["VPCRegion"], "VPCId": vpc["VPCId"]} for vpc in new.get("VPCs") or []]
    zone["private"] = bool(zone["vpcs"])
    after = new.get("HostedZoneTags") or []
    gone = sorted({entry["Key"] for entry in old.get("HostedZoneTags") or []} - {entry["Key"] for entry in after})
    if after or gone:
        request: dict[str, Any] = {"AddTags": after} if after else {}
        if gone:
            request["RemoveTagKeys"] = gone
        api.call("route53", "ChangeTagsForResource", ResourceType="hostedzone", ResourceId=identifier, **request)


def update(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the zone in place."""
    made: Made = emulator.provisioners._r53_hosted_zone_update(
        physical_id, old, resource.properties, resource.stack, resource.logical_id
    )
    _keep(made[0], old if made[0] == physical_id else {}, resource.properties)
    return made


def delete(physical_id: str, properties: Properties) -> None:
    """Delete the zone."""
    emulator.provisioners._r53_hosted_zone_delete(physical_id, properties)


HANDLERS = {
    "AWS::Route53::HostedZone": Handler(
        create=create,
        update=update,
        delete=delete,
        known=("HostedZoneConfig", "HostedZoneTags", "Name", "VPCs"),
        replacing=("Name",),
    ),
}
