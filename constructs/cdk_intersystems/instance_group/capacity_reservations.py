"""Reserved places for the servers of a tier."""

from collections.abc import Sequence
from math import ceil

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_intersystems.instance_group.launch_template import Tenancy


def reserve_capacity(
    scope: Construct,
    *,
    subnets: Sequence[ec2.ISubnet],
    instance_type: ec2.InstanceType,
    min_capacity: int,
    tenancy: Tenancy,
    platform: str,
) -> list[ec2.CfnCapacityReservation]:
    """Reserve a tier's minimum, spread evenly over its zones and open to any instance of the type and zone.

    Open, because a group whose launch template names a reservation launches nothing once that one is full: what scaling or
    a replacement adds above the minimum is bought on demand, and so is what a promotion adds to a tier that waited.
    """
    if min_capacity == 0:
        return []
    return [
        ec2.CfnCapacityReservation(
            scope,
            f"CapacityReservation{number}",
            availability_zone=subnet.availability_zone,
            instance_type=instance_type.to_string(),
            instance_platform=platform,
            instance_count=ceil(min_capacity / len(subnets)),
            instance_match_criteria="open",
            ebs_optimized=True,
            tenancy="dedicated" if tenancy == "dedicated-instance" else "default",
            end_date_type="unlimited",
        )
        for number, subnet in enumerate(subnets, start=1)
    ]
