"""How the servers of a tier are launched."""

from typing import Literal

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

Tenancy = Literal["default", "dedicated-instance"]
Purchase = Literal["on-demand", "capacity-reservation", "spot"]

# RHEL and Ubuntu images have their root volume there.
_ROOT_DEVICE = "/dev/sda1"


def define_launch_template(
    scope: Construct,
    *,
    machine_image: ec2.IMachineImage,
    instance_type: ec2.InstanceType,
    security_group: ec2.ISecurityGroup,
    role: iam.IRole,
    encryption_key: kms.IKey,
    root_volume_gib: int,
    tenancy: Tenancy,
    purchase: Purchase,
    user_data: ec2.UserData | None,
) -> ec2.LaunchTemplate:
    """Define the launch template of a tier: private, IMDSv2 only, encrypted, no key pair."""
    template = ec2.LaunchTemplate(
        scope,
        "LaunchTemplate",
        machine_image=machine_image,
        instance_type=instance_type,
        security_group=security_group,
        role=role,
        user_data=user_data,
        associate_public_ip_address=False,
        http_endpoint=True,
        http_tokens=ec2.LaunchTemplateHttpTokens.REQUIRED,
        http_put_response_hop_limit=1,
        instance_metadata_tags=True,
        ebs_optimized=True,
        detailed_monitoring=True,
        block_devices=[
            ec2.BlockDevice(
                device_name=_ROOT_DEVICE,
                volume=ec2.BlockDeviceVolume.ebs(
                    root_volume_gib,
                    encrypted=True,
                    kms_key=encryption_key,
                    volume_type=ec2.EbsDeviceVolumeType.GP3,
                    # Nothing on a server of a tier outlives it.
                    delete_on_termination=True,
                ),
            )
        ],
        spot_options=(
            # The only kind of request a launch template of an Auto Scaling group may make.
            ec2.LaunchTemplateSpotOptions(request_type=ec2.SpotRequestType.ONE_TIME) if purchase == "spot" else None
        ),
    )
    if tenancy == "dedicated-instance":
        resource = template.node.default_child
        assert isinstance(resource, ec2.CfnLaunchTemplate)
        # The L2 has no argument for it.
        resource.add_property_override("LaunchTemplateData.Placement.Tenancy", "dedicated")
    return template
