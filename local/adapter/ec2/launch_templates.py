"""Launch templates as they are: ministack leaves parts of their data out of its descriptions."""

from __future__ import annotations

from typing import Any

from local.adapter import emulator, wire
from local.adapter.ec2 import common, filters
from local.adapter.errors import AwsError

_FILTERS: dict[str, str | filters.Getter] = {
    "create-time": "CreateTime",
    "launch-template-name": "LaunchTemplateName",
}


def _chosen(request: dict[str, Any]) -> common.Record:
    """The launch template a request is about."""
    identifier, name = request.get("LaunchTemplateId"), request.get("LaunchTemplateName")
    for template in emulator.ec2._launch_templates.values():
        if identifier == template["LaunchTemplateId"] or (name and name == template["LaunchTemplateName"]):
            found: common.Record = template
            return found
    code = "InvalidLaunchTemplateId.NotFound" if identifier else "InvalidLaunchTemplateName.NotFoundException"
    raise AwsError(code, f"The specified launch template, {identifier or name}, does not exist.")


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeLaunchTemplates."""
    wanted = [{"LaunchTemplateId": identifier} for identifier in request.get("LaunchTemplateIds") or []]
    wanted += [{"LaunchTemplateName": name} for name in request.get("LaunchTemplateNames") or []]
    store = emulator.ec2._launch_templates
    records = [_chosen(entry) for entry in wanted] if wanted else list(store.values())
    found = filters.matching(records, request, "LaunchTemplateId", _FILTERS)
    return {"LaunchTemplates": [{**record, "Tags": common.tags_of(record["LaunchTemplateId"])} for record in found]}


def describe_versions(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeLaunchTemplateVersions, with everything a version holds."""
    template = _chosen(request)
    latest, default = template["LatestVersionNumber"], template["DefaultVersionNumber"]
    names = {"$Latest": str(latest), "$Default": str(default)}
    wanted = [names.get(str(version), str(version)) for version in request.get("Versions") or []]
    found = [entry for entry in template["Versions"] if not wanted or str(entry["VersionNumber"]) in wanted]
    return {
        "LaunchTemplateVersions": [
            {
                **entry,
                "DefaultVersion": entry["VersionNumber"] == default,
                "LaunchTemplateData": data(entry["LaunchTemplateData"]),
            }
            for entry in reversed(found)
        ]
    }


def data(given: dict[str, Any]) -> dict[str, Any]:
    """A version's data in the types of the service: a template may have "true" and "100"."""
    operation = wire.model("ec2").operation_model("CreateLaunchTemplate")
    return dict(wire.conform(operation, {"LaunchTemplateName": "", "LaunchTemplateData": given})["LaunchTemplateData"])


ACTIONS = {"DescribeLaunchTemplates": describe, "DescribeLaunchTemplateVersions": describe_versions}
