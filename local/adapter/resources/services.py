"""Types that ministack has an API for but no CloudFormation: alarms, health checks, backup, WAF, DNS, profiles."""

from __future__ import annotations

from typing import Any

from local.adapter import api, emulator, record
from local.adapter.errors import AwsError
from local.adapter.resources.handler import Handler, Made, Properties, ReplacementError, Resource, unchanged

_COMPOSITE = (
    "AlarmName",
    "AlarmRule",
    "AlarmDescription",
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
    "ActionsEnabled",
    "ActionsSuppressor",
    "ActionsSuppressorExtensionPeriod",
    "ActionsSuppressorWaitPeriod",
)


def put_composite(resource: Resource) -> Made:
    """Put a composite alarm."""
    name = resource.properties.get("AlarmName") or resource.name()
    return _put_composite(name, resource.properties)


def _put_composite(name: str, given: Properties) -> Made:
    """Put a composite alarm under a name."""
    request = {key: given[key] for key in _COMPOSITE if key in given}
    api.call("cloudwatch", "PutCompositeAlarm", **{**request, "AlarmName": name})
    return name, {"Arn": f"arn:aws:cloudwatch:{emulator.region()}:{emulator.account()}:alarm:{name}"}


def update_composite(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Put the alarm again under its name."""
    return _put_composite(physical_id, resource.properties)


def delete_alarm(physical_id: str, properties: Properties) -> None:
    """Delete an alarm."""
    api.call("cloudwatch", "DeleteAlarms", AlarmNames=[physical_id])


def create_health_check(resource: Resource) -> Made:
    """Create a Route 53 health check; whether it would pass is not emulated."""
    config = resource.properties["HealthCheckConfig"]
    answer = api.call("route53", "CreateHealthCheck", CallerReference=resource.name(64), HealthCheckConfig=config)
    identifier = answer["HealthCheck"]["Id"]
    _correct_health_check(identifier, config)
    _tag_health_check(identifier, {}, resource.properties)
    return identifier, {"HealthCheckId": identifier}


def _correct_health_check(identifier: str, config: Properties) -> None:
    """Keep what a calculated check is made of, whose ids ministack reads as empty, and booleans as it has to write them.

    Refused where one that a check is made of isn't there.
    """
    checks = emulator.service("route53")._health_checks
    kept = checks[identifier]["config"]
    kept.update({name: str(value).lower() for name, value in kept.items() if isinstance(value, bool)})
    children = config.get("ChildHealthChecks")
    if children is None:
        return
    if missing := [child for child in children if child not in checks]:
        raise AwsError("InvalidInput", f"Child health check doesn't exist: {', '.join(missing)}")
    kept["ChildHealthChecks"] = list(children)


def _tag_health_check(identifier: str, old: Properties, new: Properties) -> None:
    """Bring a health check's tags to what the template says."""
    before = {entry["Key"] for entry in old.get("HealthCheckTags") or []}
    after = new.get("HealthCheckTags") or []
    gone = sorted(before - {entry["Key"] for entry in after})
    if after or gone:
        request: dict[str, Any] = {"AddTags": after} if after else {}
        if gone:
            request["RemoveTagKeys"] = gone
        kind = "healthcheck"
        api.call("route53", "ChangeTagsForResource", ResourceType=kind, ResourceId=identifier, **request)


def update_health_check(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change a health check in place, unless its type, interval or latency measurement changes."""
    before, after = old["HealthCheckConfig"], resource.properties["HealthCheckConfig"]
    fixed = ("Type", "MeasureLatency", "RequestInterval")
    if any(before.get(name) != after.get(name) for name in fixed):
        raise ReplacementError
    if before != after:
        config = {name: value for name, value in after.items() if name not in fixed}
        api.call("route53", "UpdateHealthCheck", HealthCheckId=physical_id, **config)
        _correct_health_check(physical_id, after)
    _tag_health_check(physical_id, old, resource.properties)
    return physical_id, {"HealthCheckId": physical_id}


def delete_health_check(physical_id: str, properties: Properties) -> None:
    """Delete a health check."""
    api.call("route53", "DeleteHealthCheck", HealthCheckId=physical_id)


def create_record_set(resource: Resource) -> Made:
    """Create a record set; a hosted zone named by id that is not there is assumed to be the account's own."""
    zone = emulator.provisioners._r53_normalize_hosted_zone_id(resource.properties.get("HostedZoneId", ""))
    zones = emulator.service("route53")._zones
    if zone and zone not in zones:
        name = _domain(resource.properties["Name"])
        zones[zone] = {"id": zone, "name": name, "caller_reference": zone, "comment": "", "private": False, "vpcs": []}
        emulator.service("route53")._records[zone] = []
        record.assume("hosted zone", zone, resource.stack)
    made: Made = emulator.provisioners._r53_record_set_create(resource.logical_id, resource.properties, resource.stack)
    return made


def _domain(name: str) -> str:
    """The zone a record is in, as far as its name tells: everything after the first label."""
    return name.rstrip(".").partition(".")[2] + "."


def update_record_set(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change a record set; another name or zone replaces it."""
    made: Made = emulator.provisioners._r53_record_set_update(physical_id, old, resource.properties, resource.stack)
    return made


def delete_record_set(physical_id: str, properties: Properties) -> None:
    """Delete a record set."""
    emulator.provisioners._r53_record_set_delete(physical_id, properties)


def create_selection(resource: Resource) -> Made:
    """Create a backup selection; no backup is ever taken."""
    plan, selection = resource.properties["BackupPlanId"], dict(resource.properties["BackupSelection"])
    conditions = selection.get("Conditions")
    if conditions is not None:
        selection["Conditions"] = conditions
    answer = api.call("backup", "CreateBackupSelection", BackupPlanId=plan, BackupSelection=selection)
    identifier = f"{answer['SelectionId']}_{plan}"
    return identifier, {"Id": identifier, "SelectionId": answer["SelectionId"], "BackupPlanId": plan}


def delete_selection(physical_id: str, properties: Properties) -> None:
    """Delete a backup selection."""
    selection, _, plan = physical_id.partition("_")
    api.call("backup", "DeleteBackupSelection", BackupPlanId=plan, SelectionId=selection)


def associate_acl(resource: Resource) -> Made:
    """Put a web ACL before a load balancer or another resource."""
    given = resource.properties
    arns = {"WebACLArn": given["WebACLArn"], "ResourceArn": given["ResourceArn"]}
    if ":loadbalancer/" in arns["ResourceArn"] and arns["ResourceArn"] not in emulator.elbv2._lbs:
        message = "AWS WAF couldn't perform the operation because your resource doesn't exist."
        raise AwsError("WAFNonexistentItemException", message)
    api.call("wafv2", "AssociateWebACL", **arns)
    return f"{arns['WebACLArn']}|{arns['ResourceArn']}", {}


def disassociate_acl(physical_id: str, properties: Properties) -> None:
    """Take a web ACL away."""
    api.call("wafv2", "DisassociateWebACL", ResourceArn=properties["ResourceArn"])


def create_profile(resource: Resource) -> Made:
    """Create an instance profile. `Ref` is its name; ministack would return the ARN."""
    made = emulator.provisioners._iam_ip_create(resource.logical_id, resource.properties, resource.stack)
    return _profile(made)


def _profile(made: Made) -> Made:
    """Turn the ARN into the name."""
    arn = made[1]["Arn"]
    return arn.rpartition("/")[2], {"Arn": arn}


def update_profile(physical_id: str, old: Properties, resource: Resource) -> Made:
    """Change the profile's role."""
    arn = _profile_arn(physical_id, old)
    return _profile(emulator.provisioners._iam_ip_update(arn, old, resource.properties, resource.stack, resource.logical_id))


def _profile_arn(name: str, given: Properties) -> str:
    """An instance profile's ARN."""
    return f"arn:aws:iam::{emulator.account()}:instance-profile{given.get('Path', '/')}{name}"


def delete_profile(physical_id: str, properties: Properties) -> None:
    """Delete the profile."""
    emulator.provisioners._iam_ip_delete(_profile_arn(physical_id, properties), properties)


HANDLERS = {
    "AWS::CloudWatch::CompositeAlarm": Handler(
        create=put_composite,
        update=update_composite,
        delete=delete_alarm,
        known=_COMPOSITE,
        replacing=("AlarmName",),
    ),
    "AWS::Route53::HealthCheck": Handler(
        create=create_health_check,
        update=update_health_check,
        delete=delete_health_check,
        known=("HealthCheckConfig", "HealthCheckTags"),
    ),
    "AWS::Route53::RecordSet": Handler(
        create=create_record_set,
        update=update_record_set,
        delete=delete_record_set,
        known=(
            "AliasTarget",
            "Failover",
            "HealthCheckId",
            "HostedZoneId",
            "HostedZoneName",
            "MultiValueAnswer",
            "Name",
            "Region",
            "ResourceRecords",
            "SetIdentifier",
            "TTL",
            "Type",
            "Weight",
        ),
        replacing=("HostedZoneId", "HostedZoneName"),
    ),
    "AWS::Backup::BackupSelection": Handler(
        create=create_selection,
        update=unchanged,
        delete=delete_selection,
        known=("BackupPlanId", "BackupSelection"),
        replacing=("BackupPlanId", "BackupSelection"),
    ),
    "AWS::WAFv2::WebACLAssociation": Handler(
        create=associate_acl,
        update=unchanged,
        delete=disassociate_acl,
        known=("WebACLArn", "ResourceArn"),
        replacing=("WebACLArn", "ResourceArn"),
    ),
    "AWS::IAM::InstanceProfile": Handler(
        create=create_profile,
        update=update_profile,
        delete=delete_profile,
        known=("InstanceProfileName", "Path", "Roles"),
        replacing=("InstanceProfileName", "Path"),
    ),
}
