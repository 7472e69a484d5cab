"""Checks of what EC2, Service Quotas, Systems Manager and S3 say of a region."""

from collections.abc import Iterable, Iterator
from typing import Any

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.region import RegionBase

from . import needs
from .finding import Finding, failed, ok, unknown, warning

#: What the templates of aws-cdk-lib's default synthesizer ask for. Source: CDK Developer Guide, "Bootstrap template versions".
LEAST_BOOTSTRAP = 6

_UNITS = {needs.GP3_STORAGE: "TiB of gp3", needs.IO2_STORAGE: "TiB of io2", needs.IO2_IOPS: "IOPS of io2"}


def bootstrap(ssm: Any, qualifier: str) -> Iterator[Finding]:
    """Whether the region is bootstrapped for the CDK.

    Args:
        ssm: A client of Systems Manager.
        qualifier: The bootstrap qualifier of cdk.json.
    """
    name = f"/cdk-bootstrap/{qualifier}/version"
    try:
        version = int(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        place = f"aws://ACCOUNT/{ssm.meta.region_name}"
        yield failed(f"it is not bootstrapped ({name} is missing): npx cdk bootstrap {place}")
        return
    if version < LEAST_BOOTSTRAP:
        yield failed(f"its bootstrap stack is version {version}, {LEAST_BOOTSTRAP} is needed: npx cdk bootstrap again")
    else:
        yield ok(f"bootstrap stack version {version}")


def images(ec2: Any, deployment: Deployment, region: RegionBase) -> Iterator[Finding]:
    """Whether the AMIs are there, for the platform, and have the root device that templates name.

    Args:
        ec2: A client of EC2.
        deployment: The deployment.
        region: The region.
    """
    wanted = dict.fromkeys([region.ami, *region.amis.values()])
    found = {
        each["ImageId"]: each for each in ec2.describe_images(Filters=[{"Name": "image-id", "Values": list(wanted)}])["Images"]
    }
    for image in wanted:
        yield _image(image, found.get(image), deployment)


def _image(image: str, found: dict[str, Any] | None, deployment: Deployment) -> Finding:
    if found is None:
        return failed(f"{image} is not there, or this account may not use it: share or copy it, or pin another")
    if found["State"] != "available":
        return failed(f"{image} is {found['State']}: wait, or pin another")
    if found.get("Architecture") != deployment.platform.architecture:
        return failed(
            f"{image} is for {found.get('Architecture')}, platform.architecture is {deployment.platform.architecture}"
        )
    if found.get("RootDeviceName") != "/dev/sda1":
        return failed(f"{image} has its root device on {found.get('RootDeviceName')}, and it has to be /dev/sda1")
    billed = found.get("PlatformDetails")
    if billed != deployment.platform.capacity_platform:
        return warning(
            f"{image} is billed as {billed}, platform.capacity_platform says {deployment.platform.capacity_platform}: "
            "capacity reservations would not match"
        )
    return ok(f"{image} ({found.get('Name', 'without a name')})")


def offered(ec2: Any, types: Iterable[str], zones: Iterable[str]) -> Iterator[Finding]:
    """Whether each instance type is offered in each Availability Zone.

    Args:
        ec2: A client of EC2.
        types: The instance types.
        zones: Names of the zones.
    """
    wanted, places = sorted(types), list(zones)
    filters = [{"Name": "instance-type", "Values": wanted}, {"Name": "location", "Values": places}]
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(LocationType="availability-zone", Filters=filters)
    found = {(each["InstanceType"], each["Location"]) for page in pages for each in page["InstanceTypeOfferings"]}
    lacking = {name: [zone for zone in places if (name, zone) not in found] for name in wanted}
    for name, without in lacking.items():
        if without:
            yield failed(f"{name} is not offered in {', '.join(without)}: choose other zones or another type")
    if not any(lacking.values()):
        yield ok(f"{', '.join(wanted)} are offered in all three zones")


def quotas(service_quotas: Any, deployment: Deployment, role: str) -> Iterator[Finding]:
    """Whether the quotas are enough for a region at its full size; what else the account has there isn't counted.

    Args:
        service_quotas: A client of Service Quotas.
        deployment: The deployment.
        role: The region's role.
    """
    uncounted = sorted(
        name
        for name in needs.instance_types(deployment, role)
        if not any(families.match(name) for families in needs.VCPU_QUOTAS.values())
    )
    if uncounted:
        yield unknown(f"which quota counts {', '.join(uncounted)} isn't known here: look at Service Quotas by hand")
    for code, vcpus in needs.vcpus(deployment, role).items():
        yield _quota(service_quotas, "ec2", code, vcpus, "vCPUs")
    for code, amount in needs.storage(deployment, role).items():
        if amount:
            yield _quota(service_quotas, "ebs", code, amount, _UNITS[code])
    if addresses := needs.elastic_addresses(deployment, role):
        yield _quota(service_quotas, "ec2", needs.ADDRESSES, addresses, "Elastic IP addresses")
    if deployment.regions.of(role).existing is None:
        yield _quota(service_quotas, "vpc", needs.VPCS, 1, "VPCs")


def _quota(service_quotas: Any, service: str, code: str, needed: float, unit: str) -> Finding:
    try:
        value = service_quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"]
    except service_quotas.exceptions.NoSuchResourceException:
        # A quota that nobody ever had changed may be known by its default alone.
        value = service_quotas.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"]
    if value < needed:
        return failed(f"quota {code} is {value:g} {unit}, {needed:g} are needed: have it raised in Service Quotas")
    return ok(f"{needed:g} of {value:g} {unit} are needed")


def network(ec2: Any, region: RegionBase) -> Iterator[Finding]:
    """Whether the zones and the existing VPC are as the configuration says.

    Args:
        ec2: A client of EC2.
        region: The region.
    """
    zones = {each["ZoneName"]: each["State"] for each in ec2.describe_availability_zones()["AvailabilityZones"]}
    lacking = [zone for zone in region.availability_zones if zones.get(zone) != "available"]
    if lacking:
        yield failed(f"{', '.join(lacking)} cannot be used by this account; there are: {', '.join(sorted(zones))}")
    else:
        yield ok("the availability zones are there")
    if region.existing is None:
        return
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": [region.existing.vpc_id]}])["Vpcs"]
    ranges = {each["CidrBlock"] for vpc in vpcs for each in vpc.get("CidrBlockAssociationSet", [vpc])}
    if not vpcs:
        yield failed(f"there is no VPC {region.existing.vpc_id}")
    elif str(region.existing.cidr) not in ranges:
        yield failed(f"{region.existing.vpc_id} has the ranges {', '.join(sorted(ranges))}, not {region.existing.cidr}")
    else:
        yield ok(f"{region.existing.vpc_id} is there")


def kits(s3: Any, deployment: Deployment, role: str) -> Iterator[Finding]:
    """Whether what hosts fetch is there. Hosts have roles of their own: that they may read it isn't known by this.

    Args:
        s3: Gives a client of S3 for a region; without one, of the hosts' region.
        deployment: The deployment.
        role: The region's role.
    """
    from botocore.exceptions import ClientError

    platform = deployment.platform_of(role)
    for name in ("kit", "arbiter_kit", "packages_archive"):
        fetched = getattr(platform, name)
        if fetched is None:
            continue
        place = fetched.model().description()
        try:
            s3(place["region"]).head_object(Bucket=place["bucket"], Key=place["key"])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            missing = code in ("404", "NoSuchKey", "NoSuchBucket")
            yield (
                failed(f"{fetched.uri} ({name}) is not there: put it there")
                if missing
                else unknown(f"{fetched.uri} ({name}) may not be looked at ({code}): see that the hosts' roles may")
            )
        else:
            yield ok(f"{fetched.uri} ({name})")
