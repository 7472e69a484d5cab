"""What a deployment needs of a region at its full size. Pure."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.plan import region_members, volumes_of, waiting_type

#: Quotas of vCPUs of running On-Demand instances, by the families they count.
#: Source: EC2 User Guide, "Amazon EC2 instance type quotas"; the codes are Service Quotas' own.
VCPU_QUOTAS: Final[Mapping[str, re.Pattern[str]]] = {
    "L-1216C47A": re.compile(r"(a|c|d|h|im|is|i|m|r|t|z)[0-9]"),
    "L-7295265B": re.compile(r"x[0-9]"),
    "L-43DA4232": re.compile(r"u-|u[0-9]"),
}

#: Source: Amazon EBS User Guide, "Quotas for Amazon EBS". Storage in TiB, IOPS as a number.
GP3_STORAGE, IO2_STORAGE, IO2_IOPS = "L-7A658B76", "L-09BD8365", "L-8D977E7E"

#: Source: Amazon VPC User Guide, quotas: VPCs per Region, and Elastic IP addresses per Region.
VPCS, ADDRESSES = "L-F678F1CE", "L-0263D0A3"


def instance_types(deployment: Deployment, role: str) -> Counter[str]:
    """Instance type -> how many of it there are in a region at its full size.

    Args:
        deployment: The deployment.
        role: The region's role.
    """
    needed: Counter[str] = Counter()
    for mirror_set in deployment.mirror_sets:
        needed[mirror_set.instance_type] += len(region_members(deployment, role))
        needed[mirror_set.arbiter.instance_type] += 1
    for tier in deployment.application_tiers:
        needed[tier.instance_type] += tier.max
    for web in deployment.web_tiers:
        needed[web.instance_type] += web.max
    return needed


def every_type(deployment: Deployment, role: str) -> set[str]:
    """Every instance type that a region may have at some time."""
    dr = deployment.regions.dr
    fallbacks = dr.capacity.database.fallback_types if role == "dr" and dr is not None else ()
    waiting = {waiting_type(deployment, role, mirror_set) for mirror_set in deployment.mirror_sets}
    return {*instance_types(deployment, role), *waiting, *fallbacks}


def vcpus(deployment: Deployment, role: str) -> dict[str, int]:
    """Quota code -> vCPUs that a region needs of it; types that no known quota counts are left out."""
    needed: dict[str, int] = {}
    for name, count in instance_types(deployment, role).items():
        code = next((code for code, families in VCPU_QUOTAS.items() if families.match(name)), None)
        if code is not None:
            needed[code] = needed.get(code, 0) + deployment.instance_type(name).vcpus * count
    return needed


def storage(deployment: Deployment, role: str) -> dict[str, float]:
    """Quota code of EBS -> what a region's members need of it."""
    needed = {GP3_STORAGE: 0.0, IO2_STORAGE: 0.0, IO2_IOPS: 0.0}
    members = len(region_members(deployment, role))
    for mirror_set in deployment.mirror_sets:
        for spec in volumes_of(deployment, role, mirror_set).by_role().values():
            tib = spec.size_gib * spec.count * members / 1024
            if spec.type == "gp3":
                needed[GP3_STORAGE] += tib
            else:
                needed[IO2_STORAGE] += tib
                needed[IO2_IOPS] += spec.iops * spec.count * members
    return needed


def elastic_addresses(deployment: Deployment, role: str) -> int:
    """Elastic IP addresses that a region's new VPC needs, one for each NAT gateway."""
    region = deployment.regions.of(role)
    return len(region.availability_zones) if region.internet and region.existing is None else 0
