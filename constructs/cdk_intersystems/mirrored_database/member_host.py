"""The EC2 instance of a member: what a failover member's and an arbiter's host have in common."""

from typing import Literal

from aws_cdk import CfnResource, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_intersystems.policy.acknowledge import acknowledge

Tenancy = Literal["default", "dedicated-instance", "dedicated-host"]
Purchase = Literal["on-demand", "capacity-reservation"]

# RHEL and Ubuntu images have their root volume there.
_ROOT_DEVICE = "/dev/sda1"
_ROOT_SIZE_GIB = 30


def define_member_host(
    scope: Construct,
    *,
    vpc: ec2.IVpc,
    subnet: ec2.ISubnet,
    address: str,
    machine_image: ec2.IMachineImage,
    instance_type: ec2.InstanceType,
    security_group: ec2.ISecurityGroup,
    role: iam.IRole,
    encryption_key: kms.IKey,
    tenancy: Tenancy,
    purchase: Purchase,
    capacity_platform: str,
    user_data: ec2.UserData | None,
    termination_protection: bool,
    takes_routes: bool = False,
) -> ec2.Instance:
    """Define a member's instance, and what it needs to be sure of a place to run.

    Everything that would replace the instance if it were changed later (metadata options by launch template, a public
    address) is set from the first day. Its fixed address makes a replacement behind anyone's back fail: CloudFormation makes
    the new instance first, whose address is taken.
    """
    instance = ec2.Instance(
        scope,
        "Instance",
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnets=[subnet]),
        private_ip_address=address,
        machine_image=machine_image,
        instance_type=instance_type,
        security_group=security_group,
        role=role,
        user_data=user_data,
        user_data_causes_replacement=False,
        associate_public_ip_address=False,
        http_tokens=ec2.HttpTokens.REQUIRED,
        http_put_response_hop_limit=1,
        instance_metadata_tags=True,
        ebs_optimized=True,
        detailed_monitoring=True,
        disable_api_termination=termination_protection,
        # EC2 drops what is for an address that isn't the instance's own, such as a VIP that a route leads to it.
        source_dest_check=False if takes_routes else None,
        block_devices=[
            ec2.BlockDevice(
                device_name=_ROOT_DEVICE,
                volume=ec2.BlockDeviceVolume.ebs(
                    _ROOT_SIZE_GIB,
                    encrypted=True,
                    kms_key=encryption_key,
                    volume_type=ec2.EbsDeviceVolumeType.GP3,
                ),
            )
        ],
    )
    acknowledge(instance, {"HIPAA.Security-EC2InstancesInVPC": _IN_VPC, "NIST.800.53.R5-EC2InstancesInVPC": _IN_VPC})
    if tenancy == "dedicated-instance":
        instance.instance.tenancy = "dedicated"
    elif tenancy == "dedicated-host":
        host = _define_host(scope, subnet.availability_zone, instance_type)
        instance.instance.tenancy = "host"
        instance.instance.host_id = host.attr_host_id
    if purchase == "capacity-reservation":
        reservation = _define_reservation(scope, subnet.availability_zone, instance_type, capacity_platform, tenancy)
        instance.node.add_dependency(reservation)
    return instance


def _define_host(scope: Construct, availability_zone: str, instance_type: ec2.InstanceType) -> ec2.CfnHost:
    return ec2.CfnHost(
        scope,
        "Host",
        availability_zone=availability_zone,
        instance_type=instance_type.to_string(),
        # Nothing else may land on it, and the member comes back to it or to another after a hardware failure.
        auto_placement="off",
        host_recovery="on",
    )


def _define_reservation(
    scope: Construct, availability_zone: str, instance_type: ec2.InstanceType, platform: str, tenancy: Tenancy
) -> CfnResource:
    """A reservation of one instance, open to any instance of this type and zone: an instance can't name one itself."""
    if tenancy == "dedicated-host":
        raise ValueError("a dedicated host holds its capacity already; leave out purchase='capacity-reservation'")
    return ec2.CfnCapacityReservation(
        scope,
        "CapacityReservation",
        availability_zone=availability_zone,
        instance_type=instance_type.to_string(),
        instance_platform=platform,
        instance_count=1,
        instance_match_criteria="open",
        ebs_optimized=True,
        tenancy="dedicated" if tenancy == "dedicated-instance" else "default",
        end_date_type="unlimited",
    )


def require_pinned(machine_image: ec2.IMachineImage, scope: Construct) -> None:
    """Refuse an image whose id isn't a literal.

    Raises:
        ValueError: If the image's id is only known at deployment, such as that of the newest Amazon Linux.
    """
    image_id = machine_image.get_image(scope).image_id
    if Token.is_unresolved(image_id) or not image_id.startswith("ami-"):
        raise ValueError(
            "pin the machine image by its id, e.g. MachineImage.generic_linux({'eu-west-2': 'ami-...'}): "
            "an image looked up at deployment replaces a database host when a newer one appears"
        )


_IN_VPC = (
    "the instance's network interface states the subnet, together with the fixed address and that there is no public one; "
    "the rule looks for the subnet at the instance only"
)
