"""Checks of what AWS says of the region: images, quotas, capacity, endpoints, certificates, parameters, secrets, roles."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .member_checks import until
from .result import FAILED, OK, UNKNOWN, WARNING, Result, worst

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from .hosts import Member
    from .settings import Settings

#: Quotas of vCPUs of running On-Demand instances, by the families of types that they count.
#: Source: EC2 User Guide, "Amazon EC2 instance type quotas"; the codes are Service Quotas' own.
_QUOTAS = {
    "Standard (A, C, D, H, I, M, R, T, Z)": ("L-1216C47A", re.compile(r"(a|c|d|h|im|is|i|m|r|t|z)[0-9]")),
    "X": ("L-7295265B", re.compile(r"x[0-9]")),
    "High Memory": ("L-43DA4232", re.compile(r"u-|u[0-9]")),
}
#: Regions that were deployed so far apart may have different hosts.
_APART = timedelta(days=14)


def images(here: Any, there: Any | None, own: Sequence[Member], other: Sequence[Member]) -> Result:
    """Whether the members' images are there, and of the same name in both regions.

    Args:
        here: A client of EC2 in the DR region.
        there: The same in the primary region. None: it is on premises.
        own: The members here.
        other: The members there.
    """
    wanted = sorted({member.image for member in own})
    if not wanted:
        return Result(UNKNOWN, "no member's instance was found, and so no image")
    found = {each["ImageId"]: each for each in here.describe_images(ImageIds=wanted)["Images"]}
    lacking = [image for image in wanted if found.get(image, {}).get("State") != "available"]
    if lacking:
        return Result(FAILED, f"image {', '.join(lacking)} isn't available: a lost member could not be made anew; copy it here")
    if there is None or not other:
        return Result(OK, f"{', '.join(wanted)} are available")
    names = {each.get("Name", "") for each in found.values()}
    theirs = {each.get("Name", "") for each in there.describe_images(ImageIds=sorted({each.image for each in other}))["Images"]}
    if names != theirs:
        return Result(
            WARNING, f"the regions' images differ: {', '.join(sorted(names))} here, {', '.join(sorted(theirs))} there; copy one"
        )
    return Result(OK, f"{', '.join(wanted)} are available and named as in the primary region")


def quotas(ec2: Any, service_quotas: Any, settings: Settings) -> Result:
    """Whether the quotas of vCPUs are enough for the region at its full size.

    Args:
        ec2: A client of EC2.
        service_quotas: A client of Service Quotas.
        settings: The function's settings.
    """
    if not settings.instances:
        return Result(UNKNOWN, "the check was not told what the region has at its full size")
    types = ec2.describe_instance_types(InstanceTypes=sorted(settings.instances))["InstanceTypes"]
    needed: dict[str, int] = {}
    for each in types:
        kind = _quota_of(each["InstanceType"])
        if kind is None:
            return Result(UNKNOWN, f"which quota counts {each['InstanceType']} isn't known: look at it by hand")
        needed[kind] = needed.get(kind, 0) + each["VCpuInfo"]["DefaultVCpus"] * settings.instances[each["InstanceType"]]
    return worst(_quota(service_quotas, kind, vcpus) for kind, vcpus in needed.items())


def _quota_of(instance_type: str) -> str | None:
    return next((kind for kind, (_, families) in _QUOTAS.items() if families.match(instance_type)), None)


def _quota(service_quotas: Any, kind: str, vcpus: int) -> Result:
    code = _QUOTAS[kind][0]
    value = service_quotas.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"]
    if value < vcpus:
        return Result(FAILED, f"quota {code} (On-Demand {kind}) is {value:.0f} vCPUs, {vcpus} are needed: have it raised")
    return Result(OK, f"quotas are enough, {kind}: {value:.0f} vCPUs of which {vcpus} are needed")


def capacity(ec2: Any, settings: Settings, own: Sequence[Member]) -> Result:
    """Whether members can be had at their full size.

    Args:
        ec2: A client of EC2.
        settings: The function's settings.
        own: The members here.
    """
    small = [member for member in own if member.instance_type != settings.full_type]
    if not own:
        return Result(UNKNOWN, "no member's instance was found")
    if not small:
        return Result(OK, f"members have their full size, {settings.full_type}")
    wanted = (settings.full_type, *settings.fallback_types)
    zones = sorted({member.zone for member in small})
    filters = [{"Name": "instance-type", "Values": list(wanted)}, {"Name": "location", "Values": zones}]
    offers = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=filters)["InstanceTypeOfferings"]
    offered = {(each["InstanceType"], each["Location"]) for each in offers}
    without = [zone for zone in zones if not any((each, zone) in offered for each in wanted)]
    if without:
        return Result(FAILED, f"none of {', '.join(wanted)} is offered in {', '.join(without)}: choose other types")
    reserved = _reserved(ec2, settings.full_type, zones)
    unreserved = [zone for zone in zones if reserved.get(zone, 0) < sum(member.zone == zone for member in small)]
    if unreserved:
        return Result(
            WARNING,
            f"no capacity of {settings.full_type} is reserved in {', '.join(unreserved)}: a promotion takes what there is, "
            f"then {', '.join(settings.fallback_types) or 'none of fallback_types, as there is none'}",
        )
    return Result(OK, f"capacity of {settings.full_type} is reserved")


def _reserved(ec2: Any, instance_type: str, zones: Sequence[str]) -> dict[str, int]:
    filters = [
        {"Name": "instance-type", "Values": [instance_type]},
        {"Name": "availability-zone", "Values": list(zones)},
        {"Name": "state", "Values": ["active"]},
    ]
    found: dict[str, int] = {}
    for each in ec2.describe_capacity_reservations(Filters=filters)["CapacityReservations"]:
        zone = each["AvailabilityZone"]
        found[zone] = found.get(zone, 0) + int(each["AvailableInstanceCount"])
    return found


def endpoints(ec2: Any, settings: Settings, region: str) -> Result:
    """Whether the VPC has the endpoints that a promotion needs.

    Args:
        ec2: A client of EC2.
        settings: The function's settings.
        region: The DR region.
    """
    if not settings.endpoints:
        return Result(OK, "AWS is reached through the Internet, by design of the deployment")
    filters = [{"Name": "vpc-id", "Values": [settings.vpc]}]
    states: dict[str, str] = {}
    for page in ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=filters):
        for each in page["VpcEndpoints"]:
            states[each["ServiceName"].rpartition(f".{region}.")[2]] = each["State"].lower()
    lacking = [service for service in settings.endpoints if states.get(service) != "available"]
    if lacking:
        return Result(
            FAILED, f"the VPC has no available endpoint of {', '.join(lacking)}: deploy the DR region's network again"
        )
    return Result(OK, f"{len(settings.endpoints)} endpoints are available")


def tier_certificates(acm: Any, settings: Settings, now: datetime) -> Result:
    """Whether the certificates of the region's tiers are issued, and last.

    Args:
        acm: A client of Certificate Manager.
        settings: The function's settings.
        now: The time.
    """
    if not settings.certificates:
        return Result(OK, "no tier has a certificate of its own")
    return worst(_tier_certificate(acm, arn, now) for arn in settings.certificates)


def _tier_certificate(acm: Any, arn: str, now: datetime) -> Result:
    found = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    name = f"certificate {found.get('DomainName', arn)}"
    if found["Status"] != "ISSUED":
        return Result(FAILED, f"{name} is {found['Status']}: have it issued in this region")
    return until(name, found["NotAfter"], now)


def bundles(here: Any, there: Any | None, settings: Settings) -> Result:
    """Whether hosts of the region would find what they run, and the regions were deployed about the same time.

    Args:
        here: A client of Systems Manager in the DR region.
        there: The same in the primary region. None: it is on premises.
        settings: The function's settings.
    """
    if not settings.parameters:
        return Result(UNKNOWN, "the check was not told the region's groups of hosts")
    return worst(_bundle(here, there, name) for name in settings.parameters)


def _bundle(here: Any, there: Any | None, name: str) -> Result:
    try:
        own = here.get_parameter(Name=name)["Parameter"]["LastModifiedDate"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return Result(FAILED, f"the parameter {name} isn't there, and no host could start: deploy the DR region again")
    if there is None:
        return Result(OK, "hosts find their bundles")
    try:
        other = there.get_parameter(Name=name)["Parameter"]["LastModifiedDate"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return Result(WARNING, f"the primary region has no parameter {name}: the regions have different groups")
    apart = abs(other - own)
    if apart > _APART:
        return Result(WARNING, f"{name} was deployed {apart.days} days apart in the two regions: deploy the one that is behind")
    return Result(OK, "hosts find their bundles, deployed about the same time in both regions")


def secrets(manager: Any, settings: Settings) -> Result:
    """Whether the region's secrets have a value, and are not about to be deleted.

    Args:
        manager: A client of Secrets Manager.
        settings: The function's settings.
    """
    if not settings.secrets:
        return Result(UNKNOWN, "the check was not told the region's secrets")
    return worst(_secret(manager, arn) for arn in settings.secrets)


def _secret(manager: Any, arn: str) -> Result:
    name = arn.rpartition(":secret:")[2] or arn
    try:
        found = manager.describe_secret(SecretId=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return Result(FAILED, f"secret {name} isn't there: make it, or restore it")
    if found.get("DeletedDate"):
        return Result(FAILED, f"secret {name} is about to be deleted: restore it")
    if not any("AWSCURRENT" in stages for stages in found.get("VersionIdsToStages", {}).values()):
        return Result(FAILED, f"secret {name} has no value: put one there")
    return Result(OK, "secrets have values")


def approvers(iam: Any, settings: Settings) -> Result:
    """Whether the roles that request and approve are there, and one that approves isn't the only one that requests.

    Args:
        iam: A client of IAM.
        settings: The function's settings.
    """
    if not settings.approvers or not settings.requesters:
        return Result(FAILED, "nobody may request or approve a promotion: set promotion.requesters and promotion.approvers")
    lacking = [arn for arn in sorted({*settings.approvers, *settings.requesters}) if not _is_role(iam, arn)]
    if lacking:
        return Result(FAILED, f"role {', '.join(lacking)} isn't there: make it, or change promotion in the YAML")
    return Result(OK, f"{len(settings.approvers)} roles may approve, {len(settings.requesters)} may request")


def _is_role(iam: Any, arn: str) -> bool:
    try:
        return bool(iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]["Arn"] == arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        return False
